"""A part of step 1: a range of days that a person asked for is read afresh, a month at a time, beside the fresh movements.

Rows of one page and their count go into one commit; the month counts as read when its last page is. A process that dies
reads its month again, which changes nothing. Rows that are there already, whatever became of them, stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.contract.records import Page
from sync import store
from sync.domain.backfill import DAY, Window, bounded, next_window
from sync.models import Backfill
from sync.pipeline import fetch, locks
from sync.pipeline.context import Context, Progress
from sync.pipeline.known import Reading, keyed


def backfill(ctx: Context) -> Progress:
    """Read the next month of the back-fill that is asked for. One statement a pass where there is none."""
    if ctx.nothing_to_fill:
        return Progress.nothing()
    with ctx.commit():
        asked = Backfill.objects.filter(flow=ctx.flow, state=Backfill.State.RUNNING).first()
    if asked is None:
        ctx.nothing_to_fill = True
        return Progress.nothing()
    ctx.left = None
    locks.refresh(ctx)  # the lock may have moved since it was asked for
    if _stands_back(ctx, asked):
        return Progress(moved=1)
    window = next_window(reached=asked.reached, until=asked.until)
    moved, reading = 0, Reading(began=ctx.now())
    for page in ctx.source.read_executed(since=window.since, until=window.until):
        moved += _keep(ctx, asked, window, page, reading)
        ctx.renew_lease()
    with ctx.commit():
        _advance(asked, window)
    return Progress(moved=1 + moved, more=window.until < asked.until)


def _stands_back(ctx: Context, asked: Backfill) -> bool:
    """Days that were locked meanwhile are left out, in words. True where that leaves nothing to read now."""
    left = bounded(
        Window(since=asked.reached, until=asked.until),
        cutoff=ctx.flow.cutoff,
        lock_date=ctx.connection.lock_date,
        today=ctx.now().astimezone(ctx.books.zone).date(),
    )
    if not left.notes:
        return False
    asked.notes = list(dict.fromkeys([*asked.notes, *left.notes]))
    asked.reached = min(left.window.since, asked.until + DAY)
    with ctx.commit():
        Backfill.objects.filter(pk=asked.pk).update(notes=asked.notes, reached=asked.reached)
        if not left.window.days:
            _end(asked)
    return not left.window.days


def _keep(ctx: Context, asked: Backfill, window: Window, page: Page, reading: Reading) -> int:
    read = [(fetch.row_of(ctx, row), row.transaction) for row in keyed(ctx, page, reading)]
    kept = [(row, transaction) for row, transaction in read if inside(row, window)]
    if not kept:
        return 0
    rows = [row for row, _ in kept]
    with ctx.commit():
        ctx.begin_run()
        found = fetch.keep(ctx, rows, reading)
        fetch.keep_deals(ctx, [transaction for _, transaction in kept])
        store.count_backfill(asked.pk, read=len(rows), new=found.new, changed=found.changed)
    ctx.counts.update(fetched=len(rows), new=found.new, changed=found.changed)
    return found.new + found.changed


def inside(row: Mapping[str, Any], window: Window) -> bool:
    """Is the movement booked on one of these days? One without a day never is."""
    day: str | None = row["booking_date"]
    return day is not None and window.since.isoformat() <= day <= window.until.isoformat()


def _advance(asked: Backfill, window: Window) -> None:
    """Where a person stopped it meanwhile, it stays stopped."""
    Backfill.objects.filter(pk=asked.pk, state=Backfill.State.RUNNING).update(reached=window.until + DAY)
    if window.until >= asked.until:
        _end(asked)


def _end(asked: Backfill) -> None:
    Backfill.objects.filter(pk=asked.pk, state=Backfill.State.RUNNING).update(
        state=Backfill.State.DONE, ended_at=store.now()
    )
