"""How far an amount goes towards what is due in another currency, between the base currency and one other. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from connectors.contract.money import ZERO, Money, round_half_up

TOLERANCE = Decimal("0.05")  # of what is due: rates of one day differ by their source


class Reach(StrEnum):
    ALL = "all"
    PART = "part"
    MORE = "more"
    UNKNOWN = "unknown"  # no rate is known: the amount is no evidence at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """`pays`: of what is due, in its currency; all of it where nobody can tell. `words` say so with the rate."""

    reach: Reach
    pays: Decimal
    words: str


def worth(paid: Money, due: Money, *, base: str, rates: Mapping[str, Decimal], own: Decimal | None) -> Worth | None:
    """None where neither is in the base currency. `rates`: foreign units for one base unit, by currency; `own`: the rate that
    the invoice itself stands at."""
    if base not in (paid.currency, due.currency):
        return None
    foreign = due.currency if paid.currency == base else paid.currency
    rate = rates.get(foreign) or (own if foreign == due.currency else None)
    asked = _in_other(due.amount, rate, to_base=paid.currency == base) if rate else ZERO
    if not rate or not asked:
        return Worth(reach=Reach.UNKNOWN, pays=due.amount, words=_unknown(paid, due))
    at = f"at {foreign} {rate:f} for {base} 1"
    if abs(paid.amount - asked) <= asked * TOLERANCE:
        said = f"{paid} is worth about the {due} that are due, {at}"
        return Worth(reach=Reach.ALL, pays=due.amount, words=said)
    if paid.amount > asked:
        over = Money(amount=paid.amount - asked, currency=paid.currency)
        return Worth(reach=Reach.MORE, pays=due.amount, words=f"{at} about {over} more than the {due} that are due")
    share = Money(amount=round_half_up(due.amount * paid.amount / asked, 2), currency=due.currency)
    stays = Money(amount=due.amount - share.amount, currency=due.currency)
    said = f"{paid} is worth about {share} of the {due} that are due, {at}; {stays} stays open"
    return Worth(reach=Reach.PART, pays=share.amount, words=said)


def _in_other(amount: Decimal, rate: Decimal, *, to_base: bool) -> Decimal:
    return round_half_up(amount / rate if to_base else amount * rate, 2)


def _unknown(paid: Money, due: Money) -> str:
    return (
        f"no rate is known to compare {paid} with the {due} that are due, so the amount proves nothing: paid with it, all of "
        f"the {due} counts as paid and {due.currency} 0.00 stays open"
    )
