"""Step 5: success is said only after the destination's own record was read back and shows what we sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from connectors import faults
from connectors.contract.errors import Severity
from connectors.contract.records import MirrorDocument
from sync import store, store_evidence
from sync.domain import amending, deleted, documents, match
from sync.domain.tax_amounts import tax_difference
from sync.models import EntryState
from sync.pipeline import findings, mirror
from sync.pipeline.context import Context, Progress

SLICE = 500
ASK_SINGLY_AFTER = timedelta(seconds=30)  # a delta read should have shown it by then
SINGLE_READS = 10
LOOK_AGAIN_SECONDS = 10


def confirm(ctx: Context) -> Progress:
    """Compare the first sent entries with their documents as they stand in the books. These are read where this slice has not
    yet, so that what a person did before is seen, and where the first of them was sent after its last reading.

    What else was sent after that stays as it is until its turn comes: a long first sync reads once for thousands.
    """
    with ctx.commit():
        rows = store.entries_to_confirm(flow_id=ctx.flow_id, connection_id=ctx.connection.pk, limit=SLICE)
        seen = [row for row in rows if row["found"] is not None]
        unseen = [row for row in rows if row["found"] is None]
        is_behind = bool(rows) and (not ctx.mirror_read or (ctx.sent_since_read and rows[0]["found"] is None))
        moves = [] if is_behind else [verdict(row, mirror.from_row(row["found"])) for row in seen]
        moved = _move(ctx, moves)
        if not ctx.sent_since_read and not is_behind:
            _look_again(unseen)
    if is_behind:
        mirror.read_sent(ctx)
        return confirm(ctx)
    ctx.counts["confirmed"] += sum(move["state"] == EntryState.CONFIRMED for move in moves)
    if unseen and ctx.sent_since_read:
        return Progress(moved=moved, more=True)
    return Progress(moved=moved + _ask_singly(ctx, unseen), more=len(rows) >= SLICE and not unseen)


def _move(ctx: Context, moves: Sequence[dict[str, Any]]) -> int:
    if not moves:
        return 0
    ctx.begin_run()
    faults.point("before_confirm_commit")
    return store.move_entries(moves, run_id=ctx.run_id)


def _look_again(unseen: Sequence[dict[str, Any]]) -> None:
    """A reading may lag behind the writing: soon, but not at once. Inside `commit`: nobody else has moved them."""
    again = [{"id": row["id"], "state": EntryState.UNCONFIRMED, "wait": LOOK_AGAIN_SECONDS} for row in unseen]
    store.move_entries(again, run_id=None)


def is_overdue(ctx: Context) -> bool:
    """Does a document wait longer for its confirmation than it should?"""
    with ctx.commit():
        return store_evidence.waits_to_confirm(flow_id=ctx.flow_id, since=ctx.timing.read_back)


def verdict(row: dict[str, Any], found: MirrorDocument, *, compare_tax: bool = True) -> dict[str, Any]:
    """Confirmed where the document is live and `match.differences` finds none; otherwise a person compares.

    `compare_tax`: not for documents that a person may have coded anew, which is their right.
    """
    wanted = documents.from_json(row["document"])
    note: dict[str, Any] = {"step": "confirm", "document": found.document_id}
    if not found.is_live:
        return {
            "id": row["id"],
            "state": EntryState.REVIEW,
            "findings": findings.as_json([deleted.gone(found.status)]),
            "note": note,
        }
    answered = row["posted_rate"]
    different = match.differences(wanted, found, answered_rate=None if answered is None else Decimal(answered))
    taxed = tax_difference(wanted, found) if compare_tax else None
    if taxed is not None and taxed.severity is Severity.REVIEW:
        different = (*different, taxed)
    if different:
        return {"id": row["id"], "state": EntryState.REVIEW, "findings": findings.as_json(different), "note": note}
    move = {
        "id": row["id"],
        "state": EntryState.CONFIRMED,
        "posted_rate": None if found.rate is None else str(found.rate),
        "read_back": amending.read_back_of(found),
    }
    if taxed is not None:
        others = [finding for finding in row["findings"] if finding["code"] != taxed.code]
        move["findings"] = [*others, *findings.as_json([taxed])]
    if found.marker != row["marker"]:
        note["finding"] = "The reference in Xero no longer carries our marker; everything else agrees."
    return {**move, "note": note}


def _ask_singly(ctx: Context, rows: Sequence[dict[str, Any]]) -> int:
    """Documents that no delta read has shown although time enough has passed: ask for each by its id, a few a run."""
    now = ctx.now()
    late = [row for row in rows if now - row["changed_at"] > ASK_SINGLY_AFTER][:SINGLE_READS]
    for row in late:
        wanted = documents.from_json(row["document"])
        found = ctx.destination.document(wanted.kind, row["destination_id"])
        with ctx.commit():
            ctx.renew_lease()  # whoever stood still over that call has lost it, and says nothing about the entry any more
            if found is None:
                move = {
                    "id": row["id"],
                    "state": EntryState.REVIEW,
                    "note": {"step": "confirm"},
                    "findings": _vanished(),
                }
            else:
                mirror.keep_documents(ctx, [found])
                move = verdict(row, found)
            store.move_entries([move], run_id=ctx.run_id)
    return len(late)


def _vanished() -> list[dict[str, Any]]:
    return findings.review(
        "not_readable_in_xero",
        "Xero answered that it stored this document but does not show it. Look for it in Xero before doing anything else.",
    )
