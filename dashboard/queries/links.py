"""Deep links into the books."""

from __future__ import annotations

from django.conf import settings

from connectors.contract.records import DocumentKind
from connectors.xero import links
from sync.models import Entry, Flow


def invoice_link(*, flow: Flow, invoice_id: str, sales: bool) -> str:
    """Where a person sees this invoice or bill in Xero."""
    short_code = flow.destination.short_code if flow.destination else ""
    web = links.web_address(settings.ENV.xero_api_url)
    return links.invoice_link(invoice_id, sales=sales, short_code=short_code, web=web)


def document_link(*, flow: Flow, entry: Entry) -> str:
    """Where a person sees this document in Xero; "" before it is there."""
    if not entry.destination_id or entry.destination_type not in set(DocumentKind):
        return ""
    short_code = flow.destination.short_code if flow.destination else ""
    web = links.web_address(settings.ENV.xero_api_url)
    return links.document_link(
        DocumentKind(entry.destination_type), entry.destination_id, short_code=short_code, web=web
    )
