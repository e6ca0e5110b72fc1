"""What people did to our documents in Xero: noticed once an hour, and at once where a proof misses one; told, never fought.

Deleted, voided, or with another amount or day: a person compares. Reconciled or coded otherwise: that is the accountant's
right, so it is a note. (Merged contacts are followed by `contact_changes`, linked documents looked at by `linked`.)
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Coalesce, Now

from connectors.contract.errors import Finding, Severity
from connectors.contract.records import MirrorDocument
from sync import store
from sync.domain import deleted
from sync.models import EntryState, Flow, Record, RecordState
from sync.pipeline import deals, findings, gone, linked, mirror
from sync.pipeline.confirm import verdict
from sync.pipeline.context import Context
from sync.pipeline.mirror import from_row

HOURLY = timedelta(minutes=55)
RECONCILED = "reconciled_in_xero"
RECODED = "recoded_in_xero"
NOTES = (RECONCILED, RECODED)


def look(ctx: Context) -> int:
    """Read the changes if the last look is an hour old, or the last reading is, then compare what changed with what we
    posted."""
    now = ctx.now()
    is_hourly = _is_old(ctx, now)
    if not ctx.mirror_read and _is_due(ctx, now):
        mirror.read_changes(ctx)
        is_hourly = True
    if not ctx.mirror_read:
        return 0
    with ctx.commit():
        rows = store.touched_since_confirmed(
            flow_id=ctx.flow_id,
            connection_id=ctx.connection.pk,
            organisation_id=ctx.connection.external_id,
            looked_at=ctx.flow.drift_looked_at,
        )
        moves = [
            _still_asked(row) if row["state"] == EntryState.REVIEW and _stands(row) else _verdict(row) for row in rows
        ]
        differ = {
            move["id"] for move in moves if move["state"] == EntryState.REVIEW and not deleted.is_told(move["findings"])
        }
        lost = linked.lost(ctx) if is_hourly else []  # a statement that a busy run does not spend
        moves += lost + (linked.dead_offers(ctx) if is_hourly else [])
        if any(move["state"] == EntryState.REVIEW for move in moves):
            ctx.begin_run()
        if max(len(rows), len(lost)) < store.MOST_TOUCHED and _is_old(ctx, now):
            ctx.store_flow(drift_looked_at=now)
        gone.withdraw_proposals(moves)
        moved = store.move_entries(moves, run_id=ctx.run_id)
        _decide_anew([row["record_id"] for row in rows if row["id"] in differ])
        if is_hourly:
            deals.look_at_clearing(ctx)
        return moved


def ask(flow_id: int) -> None:
    """Have the next slice look, and let it be due now: the last look counts as one from an hour before. In a scope."""
    earlier = Coalesce("drift_looked_at", "created_at") - timedelta(hours=1)
    Flow.objects.filter(pk=flow_id).update(drift_looked_at=earlier, next_at=Now())


def _is_due(ctx: Context, now: datetime) -> bool:
    read_at = ctx.flow.mirror_read_at
    if read_at is None or (now - read_at <= HOURLY and not _is_old(ctx, now)):
        return False
    with ctx.commit():
        return store.has_standing(ctx.flow_id)


def _is_old(ctx: Context, now: datetime) -> bool:
    """Written down once an hour: looking at an hour's documents again costs less than a write in each run."""
    return now - (ctx.flow.drift_looked_at or ctx.flow.created_at) > HOURLY


def _verdict(row: dict[str, Any]) -> dict[str, Any]:
    found = from_row(row["found"])
    if not found.is_live:
        return gone.move(row, status=found.status)
    judged = verdict(row, found, compare_tax=False)  # another coding is a note below
    if judged["state"] != EntryState.CONFIRMED:
        return {**judged, "read_back": _seen(row)}
    kept = [finding for finding in row["findings"] if finding["code"] not in NOTES]
    return {
        "id": row["id"],
        "state": EntryState.CONFIRMED,
        "findings": kept + findings.as_json(_notes(row, found)),
        "read_back": _seen(row),
    }


def _seen(row: dict[str, Any]) -> dict[str, Any]:
    """How it was first read back, and at which of Xero's stamps we looked last."""
    return {**(row["read_back"] or {}), "seen": row["stamp"]}


def _stands(row: dict[str, Any]) -> bool:
    return from_row(row["found"]).is_live


def _still_asked(row: dict[str, Any]) -> dict[str, Any]:
    """A person is asked about it, and somebody worked on it in Xero: whether both agree now is decided with the source's word."""
    told = {name: row[name] for name in ("id", "state", "findings", "note")}
    return {**told, "read_back": _seen(row)}


def _decide_anew(record_ids: list[int]) -> None:
    if record_ids:
        Record.objects.filter(pk__in=record_ids, state=RecordState.ENTERED).update(state=RecordState.FETCHED)


def _notes(row: dict[str, Any], found: MirrorDocument) -> list[Finding]:
    """What somebody did that is theirs to do."""
    told = []
    if found.reconciled:
        message = "Reconciled with a statement line in Xero. It can be undone only once that is taken back there."
        told.append(Finding(code=RECONCILED, message=message, severity=Severity.NOTE))
    first = (row["read_back"] or {}).get("lines_hash")
    if first and first != found.lines_hash:
        message = "Somebody coded this document otherwise in Xero. That is their right: it stays as it is there."
        told.append(Finding(code=RECODED, message=message, severity=Severity.NOTE))
    return told
