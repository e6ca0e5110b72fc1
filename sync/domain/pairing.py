"""Which document is which movement's: each side of a document stands for one movement at most. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """An executed movement on a mapped wallet; or the rest of one that became a payment and a rest, which is no movement
    more. `says`: a digest, of one without a number. `days`: the days on which other settings would book it. `in_doubt`: the
    source contradicts itself about whether it was executed."""

    fingerprint: str
    source_id: str
    account_id: str
    booking_date: date
    amount: Decimal
    currency: str
    is_rest: bool = False
    says: str = ""
    days: frozenset[date] = frozenset()
    in_doubt: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Undated:
    """A movement without a document that the source calls executed and gives no readable day: it is held, on no day of its
    account."""

    fingerprint: str
    source_id: str
    account_id: str
    amount: Decimal
    currency: str
    is_rest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What we say about one row: its state, why it is held (if it is), the document we posted (if any)."""

    state: str
    reason: str
    document_id: str
    marker: str
    other_document_id: str = ""  # a linked transfer that somebody typed as two documents
    record: int | None = None
    moving: bool = False  # it changed while the vendors were read: what was read may be older than what we say
    day: date | None = None  # of the document: another than the booking date where a lock date moved it on purpose
    halfway: bool = False  # taken out of the books while the other document of its movement stands there
    share: Decimal | None = None  # of a movement that became a payment and a rest: what the payment takes
    booked: date | None = None  # the booking date under which it was posted
    source_id: str = ""
    account_id: str = ""
    kind: str = ""  # of the document
    former: tuple[str, ...] = ()  # documents that were linked to it and markers under which it was posted, before these
    offered: tuple[str, ...] = ()  # documents of others that a person is asked about
    in_parts: tuple[str, ...] = ()  # the same of several that make it together, also once it was put aside for them
    offer_fits: bool = True  # can they stand for the whole movement, and for nothing else?

    @property
    def documents(self) -> tuple[str, ...]:
        return tuple(one for one in (self.document_id, self.other_document_id) if one)

    @property
    def is_linked(self) -> bool:
        """Its document is one that somebody else made."""
        return self.state == "duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One document's effect on one bank account, signed from the account's view."""

    document_id: str
    account_id: str
    day: date
    amount: Decimal
    marker: str
    reference: str
    kind: str
    reconciled: bool = False
    contact_id: str = ""
    pays: str = ""  # payments: the numbers of the invoices or bills that they pay, one a line

    @property
    def side(self) -> tuple[str, str]:
        return self.document_id, self.account_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The days that are proved; open at an end that is None."""

    since: date | None = None
    until: date | None = None

    def __contains__(self, day: date) -> bool:
        return (self.since is None or day >= self.since) and (self.until is None or day <= self.until)


EVER = Span()


def pair(
    rows: Sequence[SourceRow], ours: Mapping[str, Ours], books: Iterable[Leg], bank_of: Mapping[str, str]
) -> list[Leg | None]:
    """For each row the side of a document that is its own. No side is two rows' own: one whose amount it has comes first."""
    standing = {leg.side: leg for leg in books}
    by_marker = {(leg.marker, leg.account_id): leg for leg in standing.values() if leg.marker}
    found = [
        document_of(ours.get(row.fingerprint), standing, by_marker, bank_of[row.account_id], amount=row.amount)
        for row in rows
    ]
    taken: set[tuple[str, str]] = set()
    for exact in (True, False):
        for number, (row, leg) in enumerate(zip(rows, found, strict=True)):
            if leg is None or (leg.amount == row.amount) is not exact:
                continue
            if leg.side in taken:
                found[number] = None
            taken.add(leg.side)
    return found


def document_of(
    mine: Ours | None,
    standing: Mapping[tuple[str, str], Leg],
    by_marker: Mapping[tuple[str, str], Leg],
    bank: str,
    *,
    amount: Decimal,
) -> Leg | None:
    """What stands in the books for a row: the document we know, or the one that carries its marker (sent, and its answer
    lost or still on the way)."""
    if mine is None:
        return None
    known = [leg for one in mine.documents if (leg := standing.get((one, bank))) is not None]
    if known or mine.documents:
        return next((leg for leg in known if leg.amount == amount), known[0] if known else None)
    if mine.state == "undone":  # its document was seen to be gone: what carries its marker is somebody's copy
        return None
    return by_marker.get((mine.marker, bank)) if mine.marker else None


def own_day(row: SourceRow, mine: Ours | None) -> date:
    """The movement's day: the one it was posted under, where the settings of today would choose another."""
    return mine.booked if mine is not None and mine.booked in row.days and mine.booked else row.booking_date


def planned_day(row: SourceRow, mine: Ours) -> date:
    """On which day its document should stand. Where Amnis has moved the movement since, it is wanted on that day."""
    own = own_day(row, mine)
    is_moved = mine.booked is not None and own != mine.booked
    return own if is_moved or mine.day is None else mine.day


def is_gone(mine: Ours | None, found: Leg | None) -> bool:
    """Posted, and nothing of it stands in the books."""
    return found is None and mine is not None and mine.document_id != "" and not mine.moving


def day_of(row: SourceRow, mine: Ours | None, found: Leg | None) -> date:
    """On which day it counts."""
    if found is not None:
        return found.day
    return planned_day(row, mine) if mine is not None and is_gone(mine, found) else row.booking_date


def wholes(
    rows: Sequence[SourceRow], pairs: Sequence[Leg | None], ours: Mapping[str, Ours]
) -> Iterator[tuple[SourceRow, Ours | None, Leg | None]]:
    """Movements that became a payment and a rest, which follow each other, as the one that somebody may have entered whole.
    With what we say of it, and one of its documents that stands."""
    for place, rest in enumerate(rows):
        if rest.is_rest and rest.amount:
            paid = rows[place - 1]
            whole = replace(paid, amount=paid.amount + rest.amount)
            yield whole, ours.get(paid.fingerprint), pairs[place - 1] or pairs[place]


def known_of(legs: Iterable[Leg], ours: Mapping[str, Ours]) -> dict[str, list[tuple[str, Ours]]]:
    """By document id and marker of these legs: the movements of ours that we say are behind them, or were, with fingerprints."""
    wanted = {name for leg in legs for name in (leg.document_id, leg.marker) if name}
    found: dict[str, list[tuple[str, Ours]]] = {}
    for fingerprint, mine in ours.items() if wanted else ():
        for name in {*mine.documents, mine.marker, *mine.former} & wanted:
            found.setdefault(name, []).append((fingerprint, mine))
    return found
