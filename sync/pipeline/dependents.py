"""Releases what waits: the second leg of a deal in two foreign currencies, once the first leg's rate is known."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sync import store
from sync.domain import documents, plan
from sync.domain.contacts import contact_key
from sync.models import ContactLink, Entry, EntryState, Record
from sync.pipeline import contacts, findings
from sync.pipeline.coded import CodedRecord, coded
from sync.pipeline.context import Context, Progress
from sync.pipeline.transform import part_of, planning_rules

BOOKED = (EntryState.UNCONFIRMED, EntryState.CONFIRMED)


def release(ctx: Context) -> Progress:
    """Build the second documents whose first ones are booked. One statement when nothing waits."""
    with ctx.commit():
        woken = store.wake_waiting(flow_id=ctx.flow_id)
        waiting = list(
            Entry.objects.filter(flow=ctx.flow, state=EntryState.WAITING)
            .exclude(unit="")
            .values("id", "unit", "leg", "marker", "record_id")
        )
        if not waiting or woken:
            return Progress(moved=woken)
        first = {
            row["unit"]: row
            for row in Entry.objects.filter(
                flow=ctx.flow,
                unit__in=[row["unit"] for row in waiting],
                state__in=BOOKED,
                posted_rate__isnull=False,
                destination_id__isnull=False,
            ).values("unit", "amount", "posted_rate")
        }
        ready = [row for row in waiting if row["unit"] in first]
        if not ready:
            return Progress.nothing()
        ctx.begin_run()
        rows = _rows(ctx, [row["record_id"] for row in ready])
        links = contacts.links_for(ctx, {row.coding.contact_name: False for row in rows.values()})
        moves = [_move(ctx, dict(row), dict(first[row["unit"]]), rows[row["record_id"]], links) for row in ready]
        return Progress(moved=store.move_entries(moves, run_id=ctx.run_id))


def _rows(ctx: Context, record_ids: list[int]) -> dict[int, CodedRecord]:
    records = Record.objects.filter(pk__in=record_ids).values(
        "id", "account_id", "source_id", "payload", "unit", "revision", "source_updated_at", "fetched_at"
    )
    return {record["id"]: coded(ctx, record) for record in records}


def _move(
    ctx: Context,
    entry: dict[str, Any],
    first: dict[str, Any],
    row: CodedRecord,
    links: Mapping[str, ContactLink],
) -> dict[str, Any]:
    planned = plan.second_leg(
        part_of(ctx, row),
        first_total=abs(Decimal(first["amount"])),
        first_rate=first["posted_rate"],
        markers={(entry["record_id"], entry["leg"]): entry["marker"]},
        rules=planning_rules(ctx),
    )
    assert planned.document is not None
    link = links.get(contact_key(row.coding.contact_name))
    return {
        "id": entry["id"],
        "state": EntryState.FETCHED,
        "document": documents.to_json(planned.document),
        "findings": findings.as_json(planned.findings),
        "contact_id": link.pk if link else None,
        "note": {"step": "transform", "first_rate": str(first["posted_rate"])},
    }
