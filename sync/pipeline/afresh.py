"""Documents of ours as they stand in the books at this moment: what every change and every removal is judged by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from connectors.contract.ports import Destination
from connectors.contract.records import DocumentKind, Endpoint, MirrorDocument
from sync.models import Flow
from sync.models import MirrorDocument as MirrorRow
from sync.pipeline.mirror import from_row
from tenants.scoping import tenant_scope

SINGLY = 10  # so many documents are read by id, with their lines; more of them by what changed since the last reading
MARGIN = timedelta(minutes=5)
_ENDPOINTS = {
    DocumentKind.SPEND: Endpoint.BANK_TRANSACTIONS,
    DocumentKind.RECEIVE: Endpoint.BANK_TRANSACTIONS,
    DocumentKind.PAYMENT: Endpoint.PAYMENTS,
    DocumentKind.BATCH_PAYMENT: Endpoint.BATCH_PAYMENTS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    kind: DocumentKind
    document_id: str


def read_afresh(
    destination: Destination, flow: Flow, wanted: Sequence[Wanted], *, singly: bool = False
) -> dict[str, MirrorDocument]:
    """Each document as the destination shows it now, by id; one that it does not show is missing. Calls the vendor.

    Few documents are read by id. Many: what was read before, with every change since laid over it. A transfer's deletion
    shows in no list of changes, so transfers are always read by id.
    """
    by_id = [it for it in wanted if singly or len(wanted) <= SINGLY or it.kind not in _ENDPOINTS]
    listed = [it for it in wanted if it not in by_id]
    found = _laid_over(destination, flow, listed) if listed else {}
    missing = [it for it in listed if it.document_id not in found]
    for it in (*by_id, *missing):
        document = destination.document(it.kind, it.document_id)
        if document is not None:
            found[it.document_id] = document
    return found


def _laid_over(destination: Destination, flow: Flow, wanted: Sequence[Wanted]) -> dict[str, MirrorDocument]:
    ids = {it.document_id for it in wanted}
    found = _known(flow, ids)
    for endpoint in sorted({_ENDPOINTS[it.kind] for it in wanted}):
        since = _since(flow, endpoint)
        if since is None:
            return {}  # never read to its end: nothing to lay the changes over
        found |= _changed(destination, endpoint, since, ids)
    return found


def _known(flow: Flow, ids: Iterable[str]) -> dict[str, MirrorDocument]:
    with tenant_scope(flow.tenant_id):
        rows = MirrorRow.objects.filter(connection_id=flow.destination_id or 0, document_id__in=list(ids)).values()
        return {row["document_id"]: from_row(dict(row)) for row in rows}


def _changed(destination: Destination, endpoint: Endpoint, since: datetime, ids: set[str]) -> dict[str, MirrorDocument]:
    return {
        document.document_id: document
        for page in destination.changes(endpoint, since=since)
        for document in page
        if document.document_id in ids
    }


def _since(flow: Flow, endpoint: Endpoint) -> datetime | None:
    """The watermark, less the time for which a document may be readable later than its stamp says."""
    stored = flow.mirror_watermarks.get(endpoint.value)
    quarantine = timedelta(seconds=settings.ENV.quarantine_seconds)
    return datetime.fromisoformat(stored) - quarantine - MARGIN if stored else None
