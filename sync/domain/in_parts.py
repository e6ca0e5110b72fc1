"""Which documents that somebody else made may be one movement in several: entered invoice by invoice, or a payment and a rest.

Pure, and bounded: of one contact, account and direction, near in time, and at most a handful. Where more documents stand
around a movement, or two sets make its amount, nothing is said: that would be coincidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from connectors.contract.records import MirrorDocument
from sync.domain.alike import the_only_set
from sync.domain.match import signed

MOST_PARTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A movement that no single document is. `amount` signed, from the view of the account; `days`: all of its own;
    `declined`: the documents of which a person has said that they are something else."""

    key: int
    account_id: str
    contact_id: str
    amount: Decimal
    days: tuple[date, ...]
    declined: frozenset[str] = frozenset()


_Place = tuple[str, str, bool, date]


def in_parts(
    wholes: Sequence[Whole], documents: Iterable[MirrorDocument], *, days: int
) -> dict[int, tuple[MirrorDocument, ...]]:
    """By key: the only two to five documents that make its amount to the cent. Each document is part of one movement."""
    index: dict[_Place, list[MirrorDocument]] = defaultdict(list)
    for document in documents:
        if document.contact_id:
            index[document.account_id, document.contact_id, signed(document) > 0, document.date].append(document)
    found: dict[int, tuple[MirrorDocument, ...]] = {}
    taken: set[str] = set()
    for whole in wholes if index else ():
        parts = _parts(whole, [it for it in _near(whole, index, days) if it.document_id not in taken | whole.declined])
        if parts:
            found[whole.key] = parts
            taken.update(it.document_id for it in parts)
    return found


def _near(whole: Whole, index: Mapping[_Place, Sequence[MirrorDocument]], days: int) -> list[MirrorDocument]:
    around = {day + timedelta(days=away) for day in whole.days for away in range(-days, days + 1)}
    places = [(whole.account_id, whole.contact_id, whole.amount > 0, day) for day in sorted(around)]
    return [it for place in places for it in index.get(place, ())]


def _parts(whole: Whole, near: Sequence[MirrorDocument]) -> tuple[MirrorDocument, ...]:
    found = the_only_set(whole.amount, near, lambda it: it.total.amount)
    return tuple(found) if len(found) <= MOST_PARTS else ()
