"""A document that somebody entered after its movement had been posted, on a day further away: which movement does it
repeat, and what is to be done? Pure; a hint for a person, never a decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

from connectors.contract.records import BankTransaction, BatchPayment, LedgerEntry, Payment
from sync.domain.alike import PAYMENTS
from sync.domain.lookalikes import REFERENCE_DAYS, long_references
from sync.domain.pairing import Leg
from sync.domain.payment_references import number_of, windows
from sync.domain.returns import SHORTEST_TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A movement that is in the books: its document as it was posted, whose money it is, the days on which it counts."""

    record: int
    source_id: str
    days: tuple[date, ...]
    entry: LedgerEntry
    contact_id: str = ""

    def distance(self, day: date) -> int:
        return min(abs((own - day).days) for own in (self.entry.date, *self.days))


class Sign(IntEnum):
    """Why a document may repeat a movement, the surest first."""

    BILL = 0
    REFERENCE = 1
    CONTACT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    posted: Posted
    sign: Sign
    bill: str = ""


def repeated_by(leg: Leg, posted: Iterable[Posted]) -> Repeated | None:
    """Of these movements, all on the document's account and of its amount, the one that it probably repeats: it pays what the
    movement names or pays, it has its reference or its contact; within three weeks."""
    near = [it for it in posted if it.distance(leg.day) <= REFERENCE_DAYS]
    found = [one for it in near if (one := _repeated(leg, it)) is not None]
    return min(found, key=lambda one: (one.sign, one.posted.distance(leg.day)), default=None)


def _repeated(leg: Leg, one: Posted) -> Repeated | None:
    known = bool(leg.contact_id) and leg.contact_id == one.contact_id
    bill = _bill(leg, one.entry, known=known)
    if bill:
        return Repeated(posted=one, sign=Sign.BILL, bill=bill)
    if _same_reference(leg.reference, one.entry.reference):
        return Repeated(posted=one, sign=Sign.REFERENCE)
    return Repeated(posted=one, sign=Sign.CONTACT) if known else None


def _bill(leg: Leg, entry: LedgerEntry, *, known: bool) -> str:
    """The number of what the document pays and the movement names or pays; "" where it is none, or one of another company: two
    suppliers may have a bill of one number."""
    if not leg.pays or (isinstance(entry, Payment | BatchPayment) and not _may_be_of(leg.contact_id, entry)):
        return ""
    lines = entry.lines if isinstance(entry, BankTransaction) else ()
    said = [word for text in (entry.reference, *(line.description for line in lines)) for word in windows(text)]
    paid = {part.number for part in entry.allocations} if isinstance(entry, Payment | BatchPayment) else set()
    for number in leg.pays.split("\n"):
        if number in paid or any(number_of(number).is_meant_by(word, known=known) for word in said):
            return number
    return ""


def _may_be_of(contact_id: str, entry: Payment | BatchPayment) -> bool:
    paid = {part.contact_id for part in entry.allocations}
    return not contact_id or "" in paid or contact_id in paid


def _same_reference(typed: str, ours: str) -> bool:
    if long_references(typed) & long_references(ours):
        return True
    one, other = (" ".join(text.casefold().split()) for text in (typed, ours))
    return one == other and len(one) >= SHORTEST_TEXT


def told(leg: Leg, found: Repeated) -> tuple[str, str, str]:
    """(cause, explanation, next step) of a document that repeats a movement."""
    movement = f"movement {found.posted.source_id} of {found.posted.entry.date:%-d %b %Y}"
    match found.sign:
        case Sign.BILL:
            said = f"It pays {found.bill}, and so does {movement}"
        case Sign.REFERENCE:
            said = f"It has the amount and the reference of {movement}"
        case Sign.CONTACT:
            said = f"It has the amount and the contact of {movement}"
    return "double", f"{said}, which is posted already: probably the same money a second time.", _step(leg, found)


def _step(leg: Leg, found: Repeated) -> str:
    twice = "Accept it only if the money really moved twice."
    if leg.reconciled:
        return (
            "It is reconciled, so keep this one: open the movement, undo it and say that it is handled by hand; then accept this "
            "one with a reason."
        )
    step = "Delete this one in Xero: it is the twin of that movement's document."
    if leg.kind in PAYMENTS and not isinstance(found.posted.entry, Payment | BatchPayment):
        step += (
            " What it paid is open again then: undo the movement and post it again, so that it is matched with that."
        )
    return f"{step} {twice}"
