"""What people did to our documents in Xero: noticed once an hour, told, never fought."""

from __future__ import annotations

from datetime import timedelta

from sync import store
from sync.models import EntryState
from sync.pipeline import findings, mirror
from sync.pipeline.confirm import from_mirror, verdict
from sync.pipeline.context import Context

HOURLY = timedelta(minutes=55)


def look(ctx: Context) -> int:
    """Read the changes if the last look is an hour old, then compare what changed with what we posted."""
    now = ctx.now()
    with ctx.commit():
        if ctx.flow.mirror_read_at is None or not store.has_confirmed(ctx.flow_id):
            return 0
    if now - ctx.flow.mirror_read_at > HOURLY and not ctx.mirror_fresh:
        mirror.read_changes(ctx)
    if not ctx.mirror_fresh:
        return 0
    with ctx.commit():
        rows = store.touched_since_confirmed(flow_id=ctx.flow_id, connection_id=ctx.connection.pk)
        moves = [move for move in (_verdict(row) for row in rows) if move is not None]
        if moves:
            ctx.begin_run()
        return store.move_entries(moves, run_id=ctx.run_id)


def _verdict(row: dict[str, object]) -> dict[str, object] | None:
    found = from_mirror(row["found"])  # type: ignore[arg-type]
    if not found.is_live:
        message = (
            "Somebody deleted this document in Xero. Millrace never posts it again by itself: post it anew or leave it."
        )
        problem = findings.review("deleted_in_xero", message)
        return {"id": row["id"], "state": EntryState.REVIEW, "findings": problem, "note": {"step": "confirm"}}
    judged = verdict(row, found)
    return None if judged["state"] == EntryState.CONFIRMED else judged
