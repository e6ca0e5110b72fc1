"""A dry run reads both vendors and decides everything, then takes all of it back but the run: nothing is posted or kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Q

from sync import store
from sync.domain.backfill import Window, windows
from sync.models import ContactLink, Entry, EntryState, Leg, Run, TrackingLink
from sync.pipeline import contacts, fetch, invoices, mirror
from sync.pipeline.backfill import inside
from sync.pipeline.context import Context
from sync.pipeline.dependents import release
from sync.pipeline.known import Reading
from sync.pipeline.run import hold_lease, opened
from sync.pipeline.transform import transform
from sync.pipeline.validate import validate


def dry_run(
    *, tenant_id: int, flow_id: int, actor: str, window: Window | None = None, cutoff: date | None = None
) -> dict[str, Any]:
    """What the next run would post: counts, findings, and `documents`. Raises LeaseHeld, NotConnected.

    `window`: what a back-fill of these days would. `cutoff`: as if this were the first day.
    """
    ctx = opened(tenant_id=tenant_id, flow_id=flow_id, trigger="dry_run", actor=actor, seconds=None)
    with hold_lease(ctx):
        if cutoff is not None:
            ctx.flow.cutoff, ctx.flow.mirror_watermarks = cutoff, {}  # of this look alone: the row stays as it is
        pages = _read_source(ctx) if window is None else _read_window(ctx, window)
        items = [] if ctx.books.policy("match_invoices") == "off" else list(invoices.pages(ctx))
        changes = [
            page
            for endpoint in mirror.ALL_ENDPOINTS
            for page in mirror.read(ctx, endpoint, overlap=mirror.Overlap.WIDE)
        ]
        known = list(ctx.destination.contacts(since=None))
        with ctx.commit(), _taken_back():
            run = Run.objects.create(
                tenant_id=ctx.tenant_id, flow=ctx.flow, trigger="dry_run", actor=actor, dry_run=True
            )
            ctx.run = run
            rows = [row for page in pages for row in page]
            found = store.upsert_records(tenant_id=tenant_id, flow_id=flow_id, run_id=run.pk, records=rows)
            for open_items in items:
                invoices.keep(ctx, open_items)
            for page in changes:
                mirror.keep_documents(ctx, page)
            for listed in known:
                contacts.keep(ctx, listed)
            mirror.adopt(ctx)
            ctx.mirror_read = ctx.mirror_fresh = ctx.items_fresh = True
            if window is not None:
                store.wake_before_cutoff(flow_id=flow_id, since=window.since, until=window.until)
            while transform(ctx) or release(ctx) or validate(ctx):
                pass
            answer = {"fetched": len(rows), "new": found.new, "changed": found.changed, **_summary(ctx, window)}
        with ctx.commit():
            kept = Run.objects.create(
                tenant_id=ctx.tenant_id, flow=ctx.flow, trigger="dry_run", actor=actor, dry_run=True,
                state=Run.State.DONE, ended_at=store.now(),
                counts={name: value for name, value in answer.items() if isinstance(value, int)},
            )  # fmt: skip
    return {"run": kept.pk, **answer}


@contextmanager
def _taken_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _read_source(ctx: Context) -> list[list[dict[str, Any]]]:
    pages, cursor, at_end = [], fetch.cursor_of(ctx), False
    reading = Reading(began=ctx.now(), since=cursor.since)
    while not at_end:
        page = ctx.source.read(cursor, pages=fetch.PAGES)
        pages.append(fetch.rows_of(ctx, page, reading))
        cursor, at_end = page.cursor, page.at_end
    return pages


def _read_window(ctx: Context, window: Window) -> list[list[dict[str, Any]]]:
    reading = Reading(began=ctx.now())
    return [
        [row for row in fetch.rows_of(ctx, page, reading) if inside(row, part)]
        for part in windows(window)
        for page in ctx.source.read_executed(since=part.since, until=part.until)
    ]


def _summary(ctx: Context, window: Window | None) -> dict[str, Any]:
    made = Entry.objects.filter(flow=ctx.flow)
    if window is not None:
        made = made.filter(booking_date__range=(window.since, window.until))
    follows = Q(state=EntryState.WAITING, leg=Leg.REST)  # as soon as its payment stands in the books
    ready = made.filter(Q(state=EntryState.READY) | follows).order_by("booking_date", "id")
    held = made.filter(state__in=[EntryState.REVIEW, EntryState.WAITING]).exclude(follows)
    return {
        "review": held.filter(state=EntryState.REVIEW).count(),
        "waiting": held.filter(state=EntryState.WAITING).count(),
        "contacts": _contacts(ctx),
        "new_contacts": ContactLink.objects.filter(flow=ctx.flow, state=ContactLink.State.READY).count(),
        "tracking_options": list(_options_to_come(ctx)),
        "documents": [entry.document for entry in ready],
        "held": [
            {"marker": entry.marker, "findings": [finding["message"] for finding in entry.findings]}
            for entry in held.order_by("booking_date", "id")
        ],
    }


def _options_to_come(ctx: Context) -> Any:
    """Tracking options that would be created, as "Category: Option"."""
    links = TrackingLink.objects.filter(flow=ctx.flow, state=TrackingLink.State.READY)
    return links.order_by("label").values_list("label", flat=True)


def _contacts(ctx: Context) -> list[dict[str, Any]]:
    """Contacts that would be created, and counterparties that wait for a choice, with whom they might be."""
    links = ContactLink.objects.filter(flow=ctx.flow, state__in=[ContactLink.State.READY, ContactLink.State.REVIEW])
    return [
        {"name": link.name, "created": link.state == ContactLink.State.READY, "proposals": link.proposals}
        for link in links.order_by("key")
    ]
