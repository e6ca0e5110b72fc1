"""The arithmetic of a conversion: two documents through a clearing account that returns to exactly 0.00.

Xero echoes no base amount, so `base_value` is our account of what it will book. Rates are foreign units for one unit of
the organisation's base currency, six decimals. What a six-decimal rate cannot express goes to a declared rounding line.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from connectors.contract.money import ZERO, round_half_up

RATE_DIGITS = 6
RATES_TRIED = 10
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


def against(*, base: Decimal, cleared: Decimal) -> LegPlan:
    """The document in base currency beside a foreign one that stands in the books at `cleared`."""
    return LegPlan(total=base, clearing=cleared, rounding=base - cleared)


def foreign_against(*, total: Decimal, cleared: Decimal, digits: int = MOST_DIGITS) -> LegPlan | None:
    """The foreign document beside a half that stands in the books at `cleared` in base currency, so that clearing closes.

    Of the rates next to the true one the nearest at which some cent is worth exactly `cleared` (below 1 not each has one).
    None where no rate of six decimals can express it.
    """
    if not cleared or not rate_for(total, cleared):
        return None
    legs = [_at_rate(total, cleared, rate, digits) for rate in _near_rates(rate_for(total, cleared))]
    return next((leg for leg in legs if worth_of(leg) == cleared), legs[0])


def worth_of(leg: LegPlan) -> Decimal:
    """What a planned document leaves on the clearing account, in base currency."""
    return base_value(leg.clearing, leg.rate) if leg.rate else leg.clearing


def _near_rates(rate: Decimal) -> list[Decimal]:
    step = Decimal(1).scaleb(-RATE_DIGITS)
    near = sorted(range(-RATES_TRIED, RATES_TRIED + 1), key=abs)
    return [rate + step * place for place in near if rate + step * place > 0]


def _at_rate(total: Decimal, cleared: Decimal, rate: Decimal, digits: int) -> LegPlan:
    clearing = _closing(total, cleared, rate, digits)
    return LegPlan(total=total, clearing=clearing, rounding=total - clearing, rate=rate)


def most_rounding(*, base: Decimal, rate: Decimal) -> Decimal:
    """How far two halves may lie apart in base currency and still be one deal: one unit of the rate's last decimal, and a
    cent for each of the two."""
    last_digit = Decimal(1).scaleb(-RATE_DIGITS)
    return round_half_up(base * last_digit / rate, 2) + Decimal("0.02")


def second_foreign(*, first: Decimal, first_rate: Decimal, second: Decimal, digits: int = MOST_DIGITS) -> PairPlan:
    """Two foreign currencies: `first` was booked at `first_rate`; the second document follows so that clearing closes.

    `digits` are those of the second currency: its lines are whole yen where whole yen can close the deal.
    """
    cleared = base_value(first, first_rate)
    worth = cleared or first / first_rate  # less than half a base cent: the true ratio keeps the second at 0.00 too
    rate = rate_for(second, worth)
    clearing = _closing(second, cleared, rate, digits)
    return PairPlan(
        first=LegPlan(total=first, clearing=first),
        second=LegPlan(total=second, clearing=clearing, rounding=second - clearing, rate=rate),
        rest=cleared - base_value(clearing, rate),
    )


def _closing(total: Decimal, cleared: Decimal, rate: Decimal, digits: int) -> Decimal:
    """The part of `total` that clears exactly `cleared`: in the currency's own units where they can, else in cents."""
    clearing = _amount_worth(cleared, rate, near=total, digits=min(digits, MOST_DIGITS))
    if digits < MOST_DIGITS and base_value(clearing, rate) != cleared:
        clearing = _amount_worth(cleared, rate, near=total, digits=MOST_DIGITS)
    return clearing


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
