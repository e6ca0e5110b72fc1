"""What a conversion cost: the rate that was executed against the spot rate of the moment. Pure; never a guessed spot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from connectors.contract.money import ZERO, round_half_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """Amounts unsigned. `spot`: units bought for one unit sold, None where the platform said none. `bought_per_base`:
    what the books value the bought currency at, needed only where neither side is the base currency."""

    sold: str
    bought: str
    amount_sold: Decimal
    amount_bought: Decimal
    spot: Decimal | None = None
    bought_per_base: Decimal | None = None

    @property
    def rate(self) -> Decimal:
        """Units bought for one unit sold, as executed."""
        return self.amount_bought / self.amount_sold

    @property
    def percent(self) -> Decimal | None:
        """What the deal lost against the spot rate, in percent of what was sold; negative where it gained."""
        return None if not self.spot else (1 - self.rate / self.spot) * 100

    def cost(self, base: str) -> Decimal | None:
        """The loss against the spot rate in base currency, to the cent; None where a rate for it is not known."""
        if not self.spot:
            return None
        lost = self.amount_sold * self.spot - self.amount_bought  # in the bought currency
        if self.bought == base:
            return round_half_up(lost, 2)
        if self.sold == base:
            return round_half_up(lost / self.spot, 2)
        return round_half_up(lost / self.bought_per_base, 2) if self.bought_per_base else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTotal:
    """Of several deals: their cost in base currency, and how many of them are not in it for want of a rate."""

    deals: int
    cost: Decimal
    unknown: int


def total_cost(deals: Iterable[Deal], *, base: str) -> CostTotal:
    costs = [deal.cost(base) for deal in deals]
    known = [cost for cost in costs if cost is not None]
    return CostTotal(deals=len(costs), cost=sum(known, ZERO), unknown=len(costs) - len(known))


def by_pair(deals: Iterable[Deal], *, base: str) -> Mapping[tuple[str, str], CostTotal]:
    """Totals by (sold, bought), in the order of the currencies' names."""
    pairs: dict[tuple[str, str], list[Deal]] = {}
    for deal in deals:
        pairs.setdefault((deal.sold, deal.bought), []).append(deal)
    return {pair: total_cost(pairs[pair], base=base) for pair in sorted(pairs)}
