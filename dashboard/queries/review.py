"""What waits for a person, grouped by its root cause: fix one thing and all that it blocks flows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q

from dashboard.queries.transactions import TransactionRow, with_entries
from sync.domain import deleted
from sync.models import Entry, EntryState, Flow, Record
from sync.pipeline.findings import blocks

MAX_GROUPED = 20_000
SHOWN_IN_GROUP = 50
GAVE_UP = "gave_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What a finding complains about, and about which thing."""

    code: str
    detail: str = ""
    message: str = ""


@dataclass(slots=True, kw_only=True)
class ReviewGroup:
    """Entries with the same first obstacle. `key` names the group in an address. `posted`: how many of them stand in the
    books, so that nothing is to be posted for them; `deleted`: how many did, until somebody deleted their document.
    `is_mixed`: their sentences differ, and `cause` has the newest one's."""

    cause: Cause
    is_mixed: bool = False
    entry_ids: list[int] = field(default_factory=list)
    posted: int = 0
    deleted: int = 0
    complete: int = 0  # of the others have a document, so accepting them posts something
    values: dict[str, Decimal] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.cause.code}:{self.cause.detail}".encode()).hexdigest()[:20]

    @property
    def count(self) -> int:
        return len(self.entry_ids)

    @property
    def sums(self) -> list[tuple[str, Decimal]]:
        return sorted(self.values.items())


def review_groups(*, flow: Flow) -> list[ReviewGroup]:
    """Every obstacle with all that it blocks, the largest first. One query."""
    rows = (
        Entry.objects.filter(flow=flow, state__in=(EntryState.REVIEW, EntryState.FAILED))
        .order_by("-id")
        .annotate(
            posted=_is(Q(destination_id__isnull=False)),
            complete=_is(Q(document__isnull=False, destination_id__isnull=True)),
        )
        .values_list("id", "state", "findings", "accepted", "amount", "currency", "posted", "complete")
    )
    groups: dict[tuple[str, str], ReviewGroup] = {}
    for entry_id, state, findings, accepted, amount, currency, posted, complete in rows[:MAX_GROUPED]:
        cause = root_cause(findings, accepted=accepted, failed=state == EntryState.FAILED)
        group = groups.setdefault((cause.code, cause.detail), ReviewGroup(cause=cause))
        group.entry_ids.append(entry_id)
        group.is_mixed |= cause.message != group.cause.message
        is_deleted = posted and deleted.is_told(findings)
        group.deleted += is_deleted
        group.posted += posted and not is_deleted
        group.complete += complete
        if amount is not None:
            group.values[currency] = group.values.get(currency, Decimal(0)) + abs(amount)
    return sorted(groups.values(), key=lambda group: (-group.count, group.cause.code, group.cause.detail))


def _is(condition: Q) -> ExpressionWrapper[Any]:
    return ExpressionWrapper(condition, output_field=BooleanField())


def root_cause(findings: Sequence[Mapping[str, Any]], *, accepted: Sequence[str], failed: bool) -> Cause:
    """The first finding that blocks."""
    if failed:
        return Cause(code=GAVE_UP)
    blocking = [it for it in findings if blocks(it, accepted=accepted)]
    chosen = (blocking or list(findings) or [{}])[0]
    code, detail, message = (str(chosen.get(name, "")) for name in ("code", "detail", "message"))
    return Cause(code=code, detail=detail, message=message)


def group_rows(*, flow: Flow, group: ReviewGroup) -> list[TransactionRow]:
    """The newest movements of one group. Two queries."""
    ids = group.entry_ids[:SHOWN_IN_GROUP]
    records = Record.objects.filter(flow=flow, entries__in=ids).defer("payload").order_by("-booking_date", "-id")
    return with_entries(flow=flow, records=records)
