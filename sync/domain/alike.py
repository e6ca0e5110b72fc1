"""Which movement a document of others may be: by amount and day, or by a sum. Pure; a hint for a person, never a decision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple, TypeVar

from connectors.contract.records import DocumentKind
from sync.domain.invoice_sets import sets_worth
from sync.domain.lookalikes import LOOKALIKE_DAYS
from sync.domain.pairing import Leg, SourceRow

MOST_NEAR = 10  # 1,024 sets at the most: who has more around one day is told nothing rather than a coincidence
PAYMENTS = frozenset({DocumentKind.PAYMENT.value, DocumentKind.BATCH_PAYMENT.value})
Side = tuple[str, str]  # document, bank account
Part = TypeVar("Part")


class Alike(NamedTuple):
    """A movement, the day on which it counts, and our record of it. It took place on that day or any other of its own."""

    day: date
    row: SourceRow
    record: int | None

    def distance(self, day: date) -> int:
        return min(abs((own - day).days) for own in (self.day, *self.row.days))

    @property
    def source_id(self) -> str:
        return self.row.source_id


Movements = Mapping[tuple[str, Decimal], Sequence[Alike]]  # by bank account and amount


def nearest(found: Iterable[Alike], day: date) -> Alike | None:
    close = [it for it in found if it.distance(day) <= LOOKALIKE_DAYS]
    return min(close, key=lambda it: it.distance(day), default=None)


def adding_up(legs: Iterable[Leg], movements: Movements) -> dict[Side, tuple[Alike, int]]:
    """By side of a document: the movement whose amount it makes with others of these days, and with how many others.

    At least one of them is a payment, as where a receipt was entered invoice by invoice. A movement that two sets make is
    left out.
    """
    around: dict[tuple[str, bool, date], list[Leg]] = defaultdict(list)
    paid: set[tuple[str, bool, date]] = set()
    for leg in legs:
        places = [(leg.account_id, leg.amount > 0, day) for day in _around(leg.day)]
        paid.update(places if leg.kind in PAYMENTS else ())
        for place in places:
            around[place].append(leg)
    found: dict[Side, tuple[Alike, int]] = {}
    for (account, amount), alike in movements.items() if paid else ():
        for one in alike:
            places = [(account, amount > 0, day) for day in {one.day, *one.row.days}]
            if not paid.isdisjoint(places):
                near = {leg.side: leg for place in places for leg in around.get(place, ()) if leg.side not in found}
                parts = the_only_set(amount, list(near.values()), lambda leg: leg.amount)
                if any(leg.kind in PAYMENTS for leg in parts):
                    found |= {leg.side: (one, len(parts) - 1) for leg in parts}
    return found


def made_of(legs: Iterable[Leg], movements: Movements) -> dict[Side, list[Alike]]:
    """By side of a payment: the movements of these days whose amounts it is the sum of. One that two sets make is left out."""
    paid = [leg for leg in legs if leg.kind in PAYMENTS]
    near: dict[Side, list[Alike]] = {leg.side: [] for leg in paid}
    around: dict[tuple[str, bool, date], list[Leg]] = defaultdict(list)
    for leg in paid:
        for day in _around(leg.day):
            around[leg.account_id, leg.amount > 0, day].append(leg)
    for (account, amount), alike in movements.items() if paid else ():
        for one in alike:
            places = [(account, amount > 0, day) for day in {one.day, *one.row.days}]
            for side in {leg.side for place in places for leg in around.get(place, ())}:
                near[side].append(one)
    made = {leg.side: the_only_set(leg.amount, near[leg.side], lambda one: one.row.amount) for leg in paid}
    return {side: parts for side, parts in made.items() if parts}


def the_only_set(amount: Decimal, near: Sequence[Part], worth: Callable[[Part], Decimal]) -> list[Part]:
    """The only set of two or more that makes the amount; empty where there is none, another one, or too much around it."""
    smaller = [part for part in near if abs(worth(part)) < abs(amount)]
    if not 2 <= len(smaller) <= MOST_NEAR:
        return []
    sets = sets_worth(abs(amount), [(str(place), abs(worth(part))) for place, part in enumerate(smaller)])
    return [smaller[int(place)] for place in sets[0]] if len(sets) == 1 else []


def _around(day: date) -> list[date]:
    return [day + timedelta(days=days) for days in range(-LOOKALIKE_DAYS, LOOKALIKE_DAYS + 1)]
