"""Keeps the local copy of the destination's side: delta reads to the last page, and what they prove.

Presence is proof at any time: an entry without an id whose marker stands in the books is adopted at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import partial
from itertools import groupby
from typing import Any

from connectors.contract.money import Money
from connectors.contract.ports import Shown
from connectors.contract.records import DocumentKind, Endpoint, MirrorDocument
from sync import store, store_intents, store_mirror
from sync.domain import deleted
from sync.models import EntryState, MirrorInvoice
from sync.pipeline import findings
from sync.pipeline.again import renew
from sync.pipeline.context import STALE_MIRROR, Context

ENDPOINTS = (Endpoint.BANK_TRANSACTIONS, Endpoint.BANK_TRANSFERS)
PAYMENTS = (Endpoint.PAYMENTS, Endpoint.BATCH_PAYMENTS)
ALL_ENDPOINTS = (*ENDPOINTS, *PAYMENTS)
FIRST_LOAD = timedelta(days=35)
WIDE_EVERY = timedelta(minutes=5)
SHORT_EVERY = timedelta(minutes=1)  # as often as a company is usually looked at
SHORT_MARGIN = SHORT_EVERY + timedelta(minutes=2)  # clocks of one vendor's servers; what becomes readable a little late
LEAST_MARGIN = timedelta(seconds=10)  # what shows later than that waits for the next short reading
SENT_MARGIN = timedelta(seconds=2)  # a reading asks by whole seconds
WIDE_AT, SHORT_AT = "wide_at", "short_at"  # among the flow's watermarks: when all was last read with that overlap
SEEN = "seen:"  # with the endpoint behind it: the newest stamp that any reading saw


class Overlap(StrEnum):
    """How far a reading goes back before what is known."""

    WIDE = "wide"
    SHORT = "short"
    LEAST = "least"

    @property
    def marks(self) -> tuple[str, ...]:
        """The watermarks that say when all was last read so widely."""
        return {Overlap.WIDE: (WIDE_AT, SHORT_AT), Overlap.SHORT: (SHORT_AT,), Overlap.LEAST: ()}[self]


def uses_payments(ctx: Context) -> bool:
    """Has this company invoices or bills that were read? One without is sent no payment, and no statement asks what one
    pays. Remembered once it has."""
    if not ctx.uses_payments:
        with ctx.commit():
            ctx.uses_payments = MirrorInvoice.objects.filter(connection=ctx.connection).exists()
    return ctx.uses_payments


def read_changes(
    ctx: Context, *, endpoints: Sequence[Endpoint] | None = None, since: datetime | None = None
) -> datetime:
    """Read every change since the watermark (or `since`) to the end, store it, adopt what it proves.

    Without `endpoints` all of them: a bill is paid by hand whether or not we match any, and what we make of its movement
    would be the same money twice. Returns the database's time from before the reading. A read that fails raises and proves
    nothing.

    With the whole overlap every few minutes, and always where `since` asks for a proof of absence; in between from some
    minutes before what was seen last, and within a minute of that from seconds before it. Else a long first sync would read
    its last quarter of an hour again in each slice.
    """
    started = ctx.now()
    overlap = Overlap.WIDE if since is not None else _overlap_due(ctx, started)
    if is_stale(ctx, started):
        with ctx.commit():
            ctx.store_flow(held_until=started + ctx.timing.quarantine)
    read_now = ALL_ENDPOINTS if endpoints is None else tuple(endpoints)
    for endpoint in read_now:
        _read_and_keep(ctx, endpoint, since, overlap=overlap)
    seen = [endpoint for endpoint in read_now if endpoint in ctx.newest_seen] if overlap is Overlap.WIDE else []
    moved = {endpoint.value: ctx.newest_seen[endpoint] for endpoint in seen}
    if endpoints is None:
        moved |= {name: started.isoformat() for name in overlap.marks}
    with ctx.commit():
        adopt(ctx)
        ctx.store_flow(mirror_read_at=started, mirror_watermarks=_marks(ctx, moved))
    if endpoints is None:  # of a look for a lost request nothing follows for what stands in the other lists
        ctx.mirror_read, ctx.mirror_fresh, ctx.sent_since_read = True, True, False
        ctx.sent_from.clear()
    return started


def read_on(ctx: Context, endpoints: Sequence[Endpoint] | None = None) -> None:
    """What was written since this slice's last reading, and little else: from where that ended, because what others typed since
    then lies before our own, or from the first stamp that the answers told, if that is earlier. It proves no absence and moves
    no watermark. The first time in a slice, and once a minute, all changes are read."""
    if not ctx.mirror_read or _overlap_due(ctx, ctx.now()) is not Overlap.LEAST:
        read_changes(ctx)
        return
    for endpoint in ALL_ENDPOINTS if endpoints is None else endpoints:
        since, seen = ctx.sent_from.get(endpoint), _seen(ctx, endpoint)
        if since and seen:
            start = min(since, datetime.fromisoformat(seen)) - SENT_MARGIN
            _keep(ctx, endpoint, ctx.destination.changes(endpoint, since=start))
        else:
            _read_and_keep(ctx, endpoint, overlap=Overlap.LEAST)
    with ctx.commit():
        ctx.renew_lease()  # whoever stood still over that reading and lost it decides nothing by it
        adopt(ctx)
        if (marks := _marks(ctx, {})) != ctx.flow.mirror_watermarks:
            ctx.store_flow(mirror_watermarks=marks)
    ctx.mirror_fresh, ctx.sent_since_read = ctx.mirror_fresh or endpoints is None, False
    ctx.sent_from.clear()


def read_sent(ctx: Context) -> None:
    """What was sent since the last reading, and what others typed in those lists."""
    read_on(ctx, ALL_ENDPOINTS if ctx.pays else ENDPOINTS)


def _overlap_due(ctx: Context, now: datetime) -> Overlap:
    if _is_over(ctx, WIDE_AT, now - WIDE_EVERY):
        return Overlap.WIDE
    return Overlap.SHORT if _is_over(ctx, SHORT_AT, now - min(SHORT_EVERY, ctx.timing.margin)) else Overlap.LEAST


def _is_over(ctx: Context, mark: str, moment: datetime) -> bool:
    read_at = ctx.flow.mirror_watermarks.get(mark)
    return read_at is None or datetime.fromisoformat(read_at) < moment


def _marks(ctx: Context, moved: Mapping[str, str]) -> dict[str, str]:
    """The flow's watermarks after a reading."""
    seen = {SEEN + endpoint.value: at for endpoint, at in ctx.newest_seen.items()}
    return {**ctx.flow.mirror_watermarks, **seen, **moved}


def _seen(ctx: Context, endpoint: Endpoint) -> str | None:
    """The largest change stamp that this slice or an earlier one saw."""
    marks = ctx.flow.mirror_watermarks
    return ctx.newest_seen.get(endpoint) or marks.get(SEEN + endpoint.value) or marks.get(endpoint.value)


def _read_and_keep(ctx: Context, endpoint: Endpoint, since: datetime | None = None, *, overlap: Overlap) -> None:
    known: list[datetime] = []
    _keep(ctx, endpoint, read(ctx, endpoint, since, overlap=overlap, known=known), known)


def _keep(
    ctx: Context, endpoint: Endpoint, pages: Iterable[tuple[MirrorDocument, ...]], known: Sequence[datetime] = ()
) -> None:
    """Store page by page, so that a long history needs little memory, and note the largest change stamp once all was read:
    also of what was `known`, because a reading that was cut off kept its pages and noted nothing."""
    read_now = [stamp for stamp in map(partial(_keep_page, ctx), pages) if stamp is not None]
    seen = _seen(ctx, endpoint)
    before = [datetime.fromisoformat(seen)] if seen else []
    if stamps := [*read_now, *known, *before]:
        ctx.newest_seen[endpoint] = max(stamps).isoformat()


def _keep_page(ctx: Context, page: Sequence[MirrorDocument]) -> datetime | None:
    """The largest change stamp on it."""
    if page:
        with ctx.commit():
            keep_documents(ctx, page)
    return _largest(page)


def _largest(documents: Iterable[MirrorDocument | Shown]) -> datetime | None:
    return max((it.updated_at for it in documents if it.updated_at), default=None)


def is_stale(ctx: Context, now: datetime) -> bool:
    """After a restore or a long pause, what a lost database once sent must show itself before anything is pushed."""
    read_at = ctx.flow.mirror_read_at
    return read_at is not None and now - read_at > STALE_MIRROR


def read(
    ctx: Context,
    endpoint: Endpoint,
    since: datetime | None = None,
    *,
    overlap: Overlap,
    known: list[datetime] | None = None,
) -> Iterator[tuple[MirrorDocument, ...]]:
    """Every page of changes since the watermark (or `since`, if that is earlier) with the whole overlap, or since the newest
    stamp that was seen; all of the first time where none is known. What the mirror has just so is left out; its stamps are
    appended to `known`."""
    stamps = [] if known is None else known

    def left_out(page: Sequence[Shown]) -> frozenset[str]:
        stamps.extend(filter(None, [_largest(page)]))
        with ctx.commit():
            return store_mirror.already_read(connection_id=ctx.connection.pk, shown=page)

    stored, seen = ctx.flow.mirror_watermarks.get(endpoint.value), _seen(ctx, endpoint)
    mark = stored if overlap is Overlap.WIDE else seen
    if not mark:
        first = ctx.flow.cutoff - FIRST_LOAD
        return ctx.destination.changes(endpoint, since=None, from_date=first, known=left_out)
    start = datetime.fromisoformat(mark) - _margin(ctx, overlap)
    return ctx.destination.changes(endpoint, since=min(start, since or start), known=left_out)


def _margin(ctx: Context, overlap: Overlap) -> timedelta:
    if overlap is Overlap.WIDE:
        return ctx.timing.quarantine + ctx.timing.margin
    return SHORT_MARGIN if overlap is Overlap.SHORT else LEAST_MARGIN


def keep_documents(ctx: Context, documents: Sequence[MirrorDocument]) -> None:
    """Write what was read into the mirror table. Inside `commit`."""
    store_mirror.upsert_mirror(
        tenant_id=ctx.tenant_id, connection_id=ctx.connection.pk, documents=[as_row(document) for document in documents]
    )


def as_row(document: MirrorDocument) -> dict[str, Any]:
    return {
        "kind": document.kind.value,
        "document_id": document.document_id,
        "account_id": document.account_id,
        "other_account_id": document.other_account_id,
        "incoming": document.incoming,
        "contact_id": document.contact_id,
        "date": document.date.isoformat(),
        "total": str(document.total.amount),
        "currency": document.total.currency,
        "rate": None if document.rate is None else str(document.rate),
        "reference": document.reference,
        "marker": document.marker,
        "status": document.status,
        "reconciled": document.reconciled,
        "lines_hash": document.lines_hash,
        "pays": document.pays,
        "by_account": document.by_account and {name: str(net) for name, net in document.by_account.items()},
        "tax_total": None if document.tax_total is None else str(document.tax_total),
        "updated_at": document.updated_at.isoformat() if document.updated_at else None,
    }


def from_row(row: Mapping[str, Any]) -> MirrorDocument:
    """A row of the mirror table, as JSON or as it is, as the record that it was made of (`as_row`); its lines are not kept."""
    by_account, updated_at = row["by_account"], row["updated_at"]
    return MirrorDocument(
        kind=DocumentKind(row["kind"]),
        document_id=row["document_id"],
        account_id=row["account_id"],
        other_account_id=row["other_account_id"],
        incoming=row["incoming"],
        contact_id=row["contact_id"],
        date=date.fromisoformat(str(row["date"])),
        total=Money(amount=Decimal(str(row["total"])), currency=row["currency"]),
        rate=_decimal(row["rate"]),
        reference=row["reference"],
        marker=row["marker"],
        status=row["status"],
        reconciled=row["reconciled"],
        lines_hash=row["lines_hash"],
        pays=row["pays"],
        by_account=None if by_account is None else {name: Decimal(str(net)) for name, net in by_account.items()},
        tax_total=_decimal(row["tax_total"]),
        updated_at=None if updated_at is None else datetime.fromisoformat(str(updated_at)),
    )


def _decimal(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def adopt(ctx: Context) -> int:
    """Entries without an id whose marker stands in the books take that document's id. Inside `commit`."""
    found = store_mirror.entries_in_books(flow_id=ctx.flow_id, connection_id=ctx.connection.pk)
    if not found:
        return 0
    store_mirror.claim_documents([row["document_id"] for row in found], connection_id=ctx.connection.pk)
    if renew(_deleted(found), connection_id=ctx.connection.pk, organisation_id=ctx.connection.external_id):
        return adopt(ctx)
    ctx.begin_run()
    moves = [_adoption(list(documents)) for _, documents in groupby(found, key=lambda row: row["id"])]
    store_intents.close_items_of_entries([move["id"] for move in moves], outcome="found")
    return store.move_entries(moves, run_id=ctx.run_id)


def _deleted(found: list[dict[str, Any]]) -> list[int]:
    """Entries of which nothing but deleted documents was found."""
    live = {row["id"] for row in found if row["status"] not in ("DELETED", "VOIDED")}
    return sorted({row["id"] for row in found} - live)


def _adoption(documents: list[dict[str, Any]]) -> dict[str, Any]:
    live = [document for document in documents if document["status"] not in ("DELETED", "VOIDED")]
    chosen = live[0] if live else documents[0]
    move = {"id": chosen["id"], "destination_id": chosen["document_id"], "posted_rate": _text(chosen["rate"])}
    if not live:
        return {
            **move,
            "state": EntryState.REVIEW,
            "findings": findings.as_json([deleted.gone(chosen["status"])]),
            "note": {"step": "reconcile", "found": "deleted"},
        }
    return {
        **move,
        "state": EntryState.UNCONFIRMED,
        "wait": 0,
        "note": {"step": "reconcile", "found": chosen["document_id"], "copies": len(live)},
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)
