"""A movement over which the program itself fails: it alone is held, its neighbours go on, and people are told of the defect.

Nothing is swallowed: each failure is in the log with its traceback and opens an incident, and more than a few in one go are no
odd movement but a defect that concerns all, which ends the run as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from django.db import DataError, IntegrityError
from django.db.models import Q

from connectors.contract.money import ZERO
from connectors.contract.records import Movement
from sync import incidents, store
from sync.domain.fingerprint import marker
from sync.domain.plan import BOUGHT, MAIN, REST, SOLD
from sync.models import Entry, EntryState, Record, RecordState
from sync.pipeline import findings, linked
from sync.pipeline.context import Context, Progress

# What odd data raises. What comes of a vendor, the database's own state or the process is none of it.
FAILS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError, DataError, IntegrityError,
)  # fmt: skip
MOST = 3  # in one slice of work
TRIES = 20  # to halve a slice, with some to spare
CODE = findings.NOT_DECIDED
logger = structlog.get_logger(__name__)
_POSTED = (EntryState.CONFIRMED, EntryState.REVIEW)
_UNSENT = (
    EntryState.FETCHED, EntryState.WAITING, EntryState.READY, EntryState.REVIEW, EntryState.SKIPPED, EntryState.FAILED,
)  # fmt: skip


def around(
    ctx: Context, decide: Callable[[int], Progress], hold: Callable[[str], Sequence[int]], *, limit: int
) -> Progress:
    """Up to `limit` of what is due, decided together. Where that fails, less and less of it, so that what is sound goes on,
    until what fails is alone. `decide`: so many of the next, in one commit. `hold`: the next one, for a person; inside
    `commit`, and returns its records."""
    size, moved, failure = limit, 0, None
    for _ in range(TRIES):
        try:
            done = decide(size)
        except FAILS as defect:
            failure = defect
            if size == 1:
                _hold(ctx, hold, defect)
                return Progress(moved=moved + 1, more=True)
        else:
            moved += done.moved
            if failure is None or not done.moved:
                return Progress(moved=moved, more=done.more)
        size = (size + 1) // 2  # it is among these
    if failure is not None and not moved:
        raise failure
    return Progress(moved=moved, more=True)


def _hold(ctx: Context, hold: Callable[[str], Sequence[int]], defect: Exception) -> None:
    """Raises the defect itself where there were too many already."""
    if ctx.undecided >= MOST:
        raise defect
    kind = type(defect).__name__
    with ctx.commit():
        ctx.begin_run()
        records = hold(kind)
        incidents.open(
            tenant_id=ctx.tenant_id,
            flow=ctx.flow,
            cause=f"undecided:{kind}",
            severity="critical",
            error_class="system",
            title="A movement could not be decided",
            body=f"{kind}: the program failed over one movement, which is held in the review; all others go on. Tell the "
            "operators.",
            action="review",
        )
    ctx.undecided += 1
    ctx.counts.update(review=1, undecided=1)
    logger.error("undecided", flow_id=ctx.flow_id, records=list(records), exc_info=defect)


def told(kind: str, *, posted: bool = False) -> list[dict[str, Any]]:
    stands = "Its document stands in Xero as it was" if posted else "Nothing of it was posted"
    message = (
        f"The program failed over this movement by an error of its own ({kind}), and the operators were told. {stands}. Try "
        "again once that is mended, or book it by hand."
    )
    return findings.review(CODE, message)


def hold_next_record(ctx: Context, kind: str) -> list[int]:
    """The next fetched record with its partners: its entries are for a person. Inside `commit`."""
    due = store.records_to_transform(flow_id=ctx.flow_id, limit=1)
    ids = [row["id"] for row in due]
    entries = list(Entry.objects.filter(Q(record__in=ids) | Q(other_record__in=ids)).exclude(leg=REST))
    unsent = {entry.record_id: entry for entry in entries if entry.destination_id is None and not entry.held_back}
    known = {pk for entry in entries for pk in (entry.record_id, entry.other_record_id)}
    revision = sum(row["revision"] for row in due)
    fresh = [
        _entry(ctx, record, kind, old=unsent.get(record.pk), revision=revision)
        for record in Record.objects.filter(pk__in=ids)
        if record.pk not in known or (record.pk in unsent and unsent[record.pk].state in _UNSENT)
    ]
    if fresh:
        store.write_entries(
            tenant_id=ctx.tenant_id,
            flow_id=ctx.flow_id,
            organisation_id=ctx.connection.external_id,
            run_id=ctx.run_id,
            entries=fresh,
        )
    note = {"step": "transform"}
    posted = [entry for entry in entries if entry.destination_id is not None and entry.state in _POSTED]
    moves = [
        {
            "id": entry.pk,
            "state": EntryState.REVIEW,
            "findings": [*told(kind, posted=True), *(it for it in entry.findings if it["code"] != CODE)],
            "note": note,
        }
        for entry in posted
    ]
    store.move_entries(moves, run_id=ctx.run_id)
    store.settle_records([(pk, RecordState.ENTERED.value, "") for pk in ids])
    return ids


def _entry(ctx: Context, record: Record, kind: str, *, old: Entry | None, revision: int) -> dict[str, Any]:
    """Without a document, so that it is held when it is validated."""
    wallet, amount = ctx.books.wallets.get(record.account_id), record.amount or ZERO
    leg = MAIN if record.movement != Movement.FX.value else SOLD if amount < 0 else BOUGHT
    mark = marker(
        record.payload["key"],
        leg=leg,
        organisation_id=ctx.connection.external_id,
        generation=old.generation if old else 1,
    )
    return {
        "record_id": record.pk,
        "leg": leg,
        "unit": record.unit,
        "movement": record.movement,
        "state": EntryState.FETCHED,
        "wait": 0,
        "destination_type": "SPEND" if amount < 0 else "RECEIVE",
        "bank_account_id": wallet.bank_account_id if wallet else "",
        "option_ids": [],
        "decisions": {},
        "findings": [*told(kind), *(_put_aside(old) if old else [])],
        "note": {"step": "transform"},
        "booking_date": record.booking_date.isoformat() if record.booking_date else None,
        "amount": str(amount),
        "currency": record.currency,
        "record_revision": revision,
        "marker": mark,
        "accepted": [],  # a yes was to what the source said then
    }


def _put_aside(old: Entry) -> Sequence[Mapping[str, Any]]:
    """What is still to be asked of a movement that a person had put aside."""
    asked = findings.of_put_aside(old.findings)
    seen = {"state": old.state, "findings": old.findings, "note": old.note, "accepted": old.accepted}
    return asked or (linked.asked_again() if linked.is_put_aside(seen) else [])
