"""Which percentages of Swiss VAT were law on which day: enough to see that a rate does not fit a supply's date. Pure.

Tax types are the organisation's own; this knows no type, only that 8.1 % did not exist before 2024 and what stood in its
place. https://www.estv.admin.ch/estv/en/home/value-added-tax/vat-rates-switzerland.html
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

SINCE_2024 = date(2024, 1, 1)
SINCE_2018 = date(2018, 1, 1)
# normal, special (accommodation), reduced; each from its day on
_RATES: tuple[tuple[date, tuple[Decimal, ...]], ...] = (
    (SINCE_2018, (Decimal("7.7"), Decimal("3.7"), Decimal("2.5"))),
    (SINCE_2024, (Decimal("8.1"), Decimal("3.8"), Decimal("2.6"))),
)
SWISS_TAX_AREA = frozenset({"CH", "LI"})


def percent_on(percent: Decimal, day: date) -> Decimal:
    """What this rate's kind (normal, special, reduced) was on the day; the percentage itself where it is of no such kind.

    Days before 2018 get the rates of 2018: older supplies are not posted any more.
    """
    for _, rates in _RATES:
        if percent in rates:
            return _law(day)[rates.index(percent)]
    return percent


def _law(day: date) -> tuple[Decimal, ...]:
    in_force = [rates for since, rates in _RATES if since <= day]
    return in_force[-1] if in_force else _RATES[0][1]
