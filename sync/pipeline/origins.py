"""What a payment or purchase that came back reads in the books by now, where that is not what we posted.

A document of somebody else that is linked to it, and one of ours that the accountant coded otherwise, are read by their id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from connectors.contract.records import DocumentKind, MirrorDocument
from connectors.models import Reference
from sync.domain.returns import GIVES_BACK
from sync.models import Entry, EntryState, Record, RecordState
from sync.models import MirrorDocument as MirrorRow
from sync.pipeline import returned, undecided
from sync.pipeline.coded import coded
from sync.pipeline.context import Context

DEAD = ("DELETED", "VOIDED")
NEXT = 1200  # of the rows that are due; a slice takes fewer, and may pass over some
_RECORD = ("id", "account_id", "source_id", "fingerprint", "content_hash", "payload", "source_updated_at")


def read(ctx: Context, posted: Sequence[Entry]) -> dict[int, returned.Reading]:
    """By record: which of these (`posted_before`) stand otherwise than they were posted. The books were read. No transaction is
    open; raises what a reading raises."""
    if not posted:
        return {}
    with ctx.commit():
        otherwise = _otherwise(ctx, posted)
    found = [
        (entry, ctx.destination.document(DocumentKind(entry.destination_type), entry.destination_id or ""))
        for entry in otherwise
    ]
    with ctx.commit():
        names = _names(ctx, [document for _, document in found if document is not None])
    return {
        entry.record_id: returned.Reading(
            document=document, contact_name=names.get(document.contact_id, "") if document is not None else ""
        )
        for entry, document in found
    }


def posted_before(ctx: Context) -> list[Entry]:
    """The entries with a document of what something that is due may give back. One statement where nothing that came back is
    due, inside `commit`."""
    due = Record.objects.filter(flow=ctx.flow, state=RecordState.FETCHED).order_by("id").values("id")[:NEXT]
    backs = Record.objects.filter(pk__in=due, movement__in=[it.value for it in GIVES_BACK])
    rows = []
    for record in backs.order_by("id").values(*_RECORD):
        with suppress(*undecided.FAILS):  # what cannot be coded is told when it is decided
            rows.append(coded(ctx, record))
    wanted = returned.looked_for(ctx, rows)
    if not wanted:
        return []
    return list(Entry.objects.filter(record__in=wanted, destination_id__isnull=False, document__isnull=False))


def _otherwise(ctx: Context, posted: Iterable[Entry]) -> list[Entry]:
    """Those that somebody else made, or that read otherwise than when we read them back, or stand there no longer."""
    ids = [entry.destination_id for entry in posted]
    known = MirrorRow.objects.filter(connection=ctx.connection, document_id__in=ids)
    shown: dict[str, dict[str, Any]] = {
        row["document_id"]: dict(row) for row in known.values("document_id", "lines_hash", "contact_id", "status")
    }
    return [
        entry
        for entry in posted
        if entry.state == EntryState.DUPLICATE
        or shown.get(entry.destination_id or "", {}).get("status") in DEAD
        or any(
            value and value != shown.get(entry.destination_id or "", {}).get(name, value)
            for name, value in (entry.read_back or {}).items()
            if name in ("lines_hash", "contact_id")
        )
    ]


def _names(ctx: Context, found: Iterable[MirrorDocument]) -> dict[str, str]:
    ids = {document.contact_id for document in found} - {""}
    if not ids:
        return {}
    known = Reference.objects.filter(connection=ctx.connection, kind=Reference.Kind.CONTACT, external_id__in=ids)
    return dict(known.values_list("external_id", "name"))
