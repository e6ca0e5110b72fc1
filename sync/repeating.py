"""Names the posted movement that a document of somebody else, entered afterwards on a day further away, probably repeats."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from connectors.contract.records import BatchPayment, LedgerEntry, Payment
from sync.domain import deleted, documents
from sync.domain.explaining import BY_NOTHING_ELSE
from sync.domain.lookalikes import REFERENCE_DAYS
from sync.domain.pairing import Leg
from sync.domain.repeated import Posted, repeated_by, told
from sync.models import Entry, EntryState, Flow

MOST_ASKED = 200  # who has more of them has another problem, which the proof tells already
MOST_LIKE_THEM = 2000
_IN_THE_BOOKS = (EntryState.CONFIRMED, EntryState.REVIEW, EntryState.DUPLICATE)
_READ = (
    "record_id", "record__source_id", "amount", "bank_account_id", "booking_date", "document", "findings",
    "contact__contact_id",
)  # fmt: skip


def name_repeated(flow: Flow, unexpected: Sequence[dict[str, Any]], books: Iterable[Leg]) -> None:
    """Say of each of these documents that nothing explains which movement it repeats, where it is one. The movement may lie
    outside the proved days. In the scope; one statement, none where nothing is unexplained."""
    asked = {(item["document"], item["account_id"]): item for item in unexpected if item["cause"] in BY_NOTHING_ELSE}
    legs = [leg for leg in books if leg.side in asked][:MOST_ASKED] if asked else []
    posted = _posted(flow, legs) if legs else {}
    for leg in legs:
        found = repeated_by(leg, posted.get((leg.account_id, leg.amount), ()))
        if found is not None:
            says = dict(zip(("cause", "explanation", "action"), told(leg, found), strict=True))
            asked[leg.side].update(says, record=found.posted.record)


def _posted(flow: Flow, legs: Sequence[Leg]) -> Mapping[tuple[str, Decimal], list[Posted]]:
    """By bank account and amount, around the days of these."""
    days, margin = [leg.day for leg in legs], timedelta(days=REFERENCE_DAYS)
    entries = Entry.objects.filter(
        flow=flow,
        bank_account_id__in={leg.account_id for leg in legs},
        booking_date__range=(min(days) - margin, max(days) + margin),
        amount__in={leg.amount for leg in legs},
        state__in=_IN_THE_BOOKS,
        destination_id__isnull=False,
        document__isnull=False,
    )
    found = defaultdict(list)
    for row in entries.order_by("-booking_date", "-id").values(*_READ)[:MOST_LIKE_THEM]:
        if not deleted.is_told(row["findings"]):
            found[row["bank_account_id"], row["amount"]].append(_as_posted(row))
    return found


def _as_posted(row: Mapping[str, Any]) -> Posted:
    entry = documents.from_json(row["document"])
    day: date = row["booking_date"]
    return Posted(
        record=row["record_id"],
        source_id=row["record__source_id"],
        days=(day,),
        entry=entry,
        contact_id=row["contact__contact_id"] or _contact_paid(entry),
    )


def _contact_paid(entry: LedgerEntry) -> str:
    """Of a payment, which has no contact of its own: that of what it pays, where it is one."""
    found = {part.contact_id for part in entry.allocations} if isinstance(entry, Payment | BatchPayment) else set()
    return found.pop() if len(found) == 1 else ""
