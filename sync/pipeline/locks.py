"""Lock dates: read with the first push of a run, at most every ten minutes; a refusal reads them again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from connectors.contract.records import LedgerEntry
from sync import store
from sync.domain import documents
from sync.domain.booking import LockPolicy, open_day
from sync.models import Entry, EntryState
from sync.pipeline import awaited, findings
from sync.pipeline.context import Context

FRESH = timedelta(minutes=10)
_TOLD = re.compile(r"\(booked \d\d\.\d\d\.\d{4}\)$")
REFERENCE_ROOM = 83  # of 100, beside the marker: the original date must not be what is cut off


def refresh(ctx: Context, *, force: bool = False) -> None:
    """Know the organisation's lock date, and hold (or re-date, by policy) ready entries that fall behind it."""
    read_at, now = ctx.flow.lock_read_at, ctx.now()
    if not force and read_at is not None and now - read_at < FRESH:
        return
    organisation = ctx.destination.organisation()
    with ctx.commit():
        ctx.store_flow(lock_read_at=now)
        if organisation.lock_date != ctx.connection.lock_date:
            ctx.connection.lock_date = organisation.lock_date
            ctx.connection.save(update_fields=["lock_date"])
        if organisation.lock_date is not None:
            hold_locked(ctx, organisation.lock_date)


def refresh_for_held(ctx: Context) -> None:
    """Before an entry is held by the lock as we know it: the period may have been opened since."""
    lock_date = ctx.connection.lock_date
    if lock_date is None:
        return
    with ctx.commit():
        behind = Entry.objects.filter(flow=ctx.flow, state=EntryState.FETCHED, booking_date__lte=lock_date).exists()
    if behind:
        refresh(ctx)


def hold_locked(ctx: Context, lock_date: date) -> int:
    """Ready entries on or before the lock date, and what gives back one that is held. Inside `commit`."""
    behind = Entry.objects.filter(flow=ctx.flow, state=EntryState.READY, booking_date__lte=lock_date)
    moves = [
        locked(entry_id, document, lock_date=lock_date, policy=ctx.books.policy("lock_date"))
        for entry_id, document in behind.values_list("id", "document")
        if document is not None and date.fromisoformat(document["date"]) <= lock_date
    ]
    moves = awaited.with_what_follows(ctx, moves)
    if moves:
        ctx.begin_run()
    return store.move_entries(moves, run_id=ctx.run_id)


def locked(entry_id: int, document: dict[str, Any], *, lock_date: date, policy: str) -> dict[str, Any]:
    """What becomes of a ready entry behind the lock: held for review, or moved to the first open day with its own date
    in the text. Never silently."""
    day = date.fromisoformat(document["date"])
    if policy == LockPolicy.NEXT_OPEN_DAY:
        moved = open_day(day, lock_date=lock_date)
        return {
            "id": entry_id,
            "state": EntryState.FETCHED,
            "document": redated(document, moved),
            "note": {"step": "validate", "redated_from": day.isoformat(), "to": moved.isoformat()},
        }
    return {
        "id": entry_id,
        "state": EntryState.REVIEW,
        "findings": findings.review(
            "period_locked",
            f"The booking date {day:%-d %b %Y} lies in a period that is locked in Xero up to {lock_date:%-d %b %Y}. "
            "Open the period in Xero and retry, or leave this movement out.",
            detail=lock_date.isoformat(),
        ),
        "note": {"step": "validate", "locked_until": lock_date.isoformat()},
    }


def redated(document: dict[str, Any], day: date) -> dict[str, Any]:
    """The document on another day, its original date told in the reference: once, and the first one."""
    before = _TOLD.search(document["reference"])
    told = before[0] if before else f"(booked {date.fromisoformat(document['date']):%d.%m.%Y})"
    return {**document, "date": day.isoformat(), "reference": _telling(document["reference"], told)}


def _telling(reference: str, told: str) -> str:
    kept = _TOLD.sub("", reference)[: REFERENCE_ROOM - len(told) - 1].strip()
    return f"{kept} {told}".strip()


def on_its_own_day(document: dict[str, Any]) -> dict[str, Any]:
    """Without the date that a lock had told."""
    return {**document, "reference": _TOLD.sub("", document["reference"]).strip()}


def where_it_stands(document: dict[str, Any], *, posted: Mapping[str, Any]) -> dict[str, Any]:
    """The document on the day of the posted one. What a lock moved there still tells its own date; a lock that came or went
    since moves nothing."""
    told = _TOLD.search(posted["reference"])
    kept = {**document, "date": posted["date"]}
    return {**kept, "reference": _telling(document["reference"], told[0])} if told else kept


def on_open_day(ctx: Context, entry: LedgerEntry) -> LedgerEntry:
    """The document on the day on which the tenant's policy has it posted now."""
    if ctx.books.policy("lock_date") != LockPolicy.NEXT_OPEN_DAY:
        return entry
    return _on(entry, open_day(entry.date, lock_date=ctx.connection.lock_date))


def _on(entry: LedgerEntry, day: date) -> LedgerEntry:
    return entry if entry.date == day else documents.from_json(redated(documents.to_json(entry), day))
