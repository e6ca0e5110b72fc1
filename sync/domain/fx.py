"""The arithmetic of a conversion: two documents through a clearing account that returns to exactly 0.00.

Xero echoes no base amount, so `base_value` is our account of what it will book. Rates are foreign units for one unit of
the organisation's base currency, six decimals. What a six-decimal rate cannot express goes to a declared rounding line.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from connectors.contract.money import ZERO, round_half_up

RATE_DIGITS = 6
MOST_DIGITS = 2  # the destination keeps cents, also of currencies that have finer units


def base_value(total: Decimal, rate: Decimal) -> Decimal:
    """What `total` foreign units are worth in base currency at `rate`, to the cent, as Xero books it."""
    return round_half_up(total / rate, 2)


def rate_for(foreign: Decimal, base: Decimal) -> Decimal:
    """The six-decimal rate that comes closest to booking `foreign` as `base`."""
    return (foreign / base).quantize(Decimal(1).scaleb(-RATE_DIGITS), rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegPlan:
    """Lines of one document of the pair, unsigned, in the document's currency: `clearing` + `rounding` = the total.

    `rate` is None on a base-currency document, and where the destination's own rate of the day is to be used.
    """

    total: Decimal
    clearing: Decimal
    rounding: Decimal = ZERO
    rate: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPlan:
    """Both documents, and what stays on the clearing account in base currency (0.00 but for two rates below one)."""

    first: LegPlan
    second: LegPlan
    rest: Decimal = ZERO


def base_and_foreign(*, foreign: Decimal, base: Decimal) -> PairPlan:
    """`first` is the foreign document, `second` the one in base currency. All amounts unsigned."""
    rate = rate_for(foreign, base)
    cleared = base_value(foreign, rate)
    return PairPlan(
        first=LegPlan(total=foreign, clearing=foreign, rate=rate),
        second=LegPlan(total=base, clearing=cleared, rounding=base - cleared),
    )


def second_foreign(*, first: Decimal, first_rate: Decimal, second: Decimal, digits: int = MOST_DIGITS) -> PairPlan:
    """Two foreign currencies: `first` was booked at `first_rate`; the second document follows so that clearing closes.

    `digits` are those of the second currency: its lines are whole yen where whole yen can close the deal.
    """
    cleared = base_value(first, first_rate)
    worth = cleared or first / first_rate  # less than half a base cent: the true ratio keeps the second at 0.00 too
    rate = rate_for(second, worth)
    clearing = _amount_worth(cleared, rate, near=second, digits=min(digits, MOST_DIGITS))
    if digits < MOST_DIGITS and base_value(clearing, rate) != cleared:
        clearing = _amount_worth(cleared, rate, near=second, digits=MOST_DIGITS)
    return PairPlan(
        first=LegPlan(total=first, clearing=first),
        second=LegPlan(total=second, clearing=clearing, rounding=second - clearing, rate=rate),
        rest=cleared - base_value(clearing, rate),
    )


def _amount_worth(base: Decimal, rate: Decimal, *, near: Decimal, digits: int) -> Decimal:
    """The amount closest to `near` that `rate` books as exactly `base`, in steps of `digits`; the closest miss if none."""
    if base_value(near, rate) == base:
        return near
    step, exact = Decimal(1).scaleb(-digits), round_half_up(base * rate, digits)
    reach = int(rate) + 2  # base cents are `rate` foreign cents wide, so a hit lies within this many
    candidates = [exact + step * place for place in range(-reach, reach + 1)]
    hits = [amount for amount in candidates if base_value(amount, rate) == base]
    if hits:
        return min(hits, key=lambda amount: (abs(amount - near), amount))
    return min(candidates, key=lambda amount: (abs(base_value(amount, rate) - base), abs(amount - near)))
