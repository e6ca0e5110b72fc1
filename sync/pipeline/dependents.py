"""Releases what waits: the second leg of a deal in two foreign currencies, once the first leg's rate is known, and the
overpaid rest of a payment, once that was read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync import store, store_deals, store_returns
from sync.domain import documents, plan
from sync.models import ContactLink, EntryState, Record
from sync.models.entry import BOOKED
from sync.pipeline import findings, halves, pairs, returned
from sync.pipeline.coded import CodedRecord, coded
from sync.pipeline.contact_links import Who, links_for
from sync.pipeline.context import Context, Progress
from sync.pipeline.transform import part_of, planning_rules

GAVE_WAY = (EntryState.REVIEW, EntryState.FAILED, EntryState.SKIPPED, EntryState.DUPLICATE, EntryState.UNDONE)


def release(ctx: Context) -> Progress:
    """Build the second documents whose first ones were read back; hold those whose first one will not come by itself.

    What came back is decided anew once its original is at rest. Three statements when nothing waits.
    """
    with ctx.commit():
        back = store_returns.released(flow_id=ctx.flow_id)
        returned.decide_by_itself(back)
        woken = store.wake_waiting(flow_id=ctx.flow_id) + len(back)
        waiting = [] if woken else store_deals.second_legs(flow_id=ctx.flow_id)
        ready = [row for row in waiting if _is_booked(row["first"])]
        stuck = [row for row in waiting if row["first"]["state"] in GAVE_WAY and row not in ready]
        if not ready and not stuck:
            return Progress(moved=woken)
        ctx.begin_run()
        legs = [row for row in ready if row["leg"] != plan.REST]
        rows = _rows(ctx, [row["record_id"] for row in legs])
        links = links_for(ctx, (Who(name=row.coding.contact_name) for row in rows.values()))
        moves = [_move(ctx, row, rows[row["record_id"]], links) for row in legs]
        moves += [_freed(row) for row in ready if row["leg"] == plan.REST]
        moves += [pairs.held(row["id"], other=row["first"]) for row in stuck]
        return Progress(moved=store.move_entries(moves, run_id=ctx.run_id))


def _is_booked(first: Mapping[str, Any]) -> bool:
    """Read back, so that its rate is Xero's last word."""
    return first["state"] in BOOKED and (first["posted_rate"] is not None or first["leg"] == plan.MAIN)


def _freed(rest: Mapping[str, Any]) -> dict[str, Any]:
    """Checked once more: the books, the lock date and the contact may have changed since."""
    return {"id": rest["id"], "state": EntryState.FETCHED, "wait": 0, "note": {"step": "transform", "paid": True}}


def _rows(ctx: Context, record_ids: list[int]) -> dict[int, CodedRecord]:
    records = Record.objects.filter(pk__in=record_ids).values(
        "id", "account_id", "source_id", "payload", "unit", "revision", "source_updated_at"
    )
    return {record["id"]: coded(ctx, record) for record in records}


def _move(ctx: Context, entry: Mapping[str, Any], row: CodedRecord, links: Mapping[Who, ContactLink]) -> dict[str, Any]:
    first = halves.booked_of(entry["first"], base_currency=ctx.books.base_currency)
    assert first is not None
    planned = plan.second_leg(
        part_of(ctx, row),
        first=first,
        day=entry["booking_date"],
        markers={(entry["record_id"], entry["leg"]): entry["marker"]},
        rules=planning_rules(ctx),
    )
    assert planned.document is not None
    link = links.get(Who(name=row.coding.contact_name))
    return {
        "id": entry["id"],
        "state": EntryState.FETCHED,
        "document": documents.to_json(planned.document),
        "findings": findings.as_json(planned.findings),
        "contact_id": link.pk if link else None,
        "note": {"step": "transform", "first_rate": str(first.rate)},
    }
