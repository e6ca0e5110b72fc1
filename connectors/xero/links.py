"""Where a person looks at a document in Xero. Pure.

The organisation's ShortCode makes Xero switch to the right company first; without it the link opens the one used last.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from connectors.contract.records import DocumentKind

WEB = "https://go.xero.com"
_PAGES = {DocumentKind.BANK_TRANSFER: "/Bank/ViewTransfer.aspx?bankTransferID="}
_INVOICE = "/AccountsReceivable/View.aspx?InvoiceID="
_BILL = "/AccountsPayable/View.aspx?InvoiceID="
_BANK_TRANSACTION = "/Bank/ViewTransaction.aspx?bankTransactionID="


def web_address(api_url: str) -> str:
    """Xero's own web address, or the API's where that is not Xero's: a sandbox shows its books itself."""
    parts = urlsplit(api_url)
    host = parts.hostname or ""
    return WEB if host == "xero.com" or host.endswith(".xero.com") else f"{parts.scheme}://{parts.netloc}"


def document_link(kind: DocumentKind, document_id: str, *, short_code: str, web: str = WEB) -> str:
    return _within(_PAGES.get(kind, _BANK_TRANSACTION) + quote(document_id, safe="-"), short_code=short_code, web=web)


def invoice_link(invoice_id: str, *, sales: bool, short_code: str, web: str = WEB) -> str:
    page = _INVOICE if sales else _BILL
    return _within(page + quote(invoice_id, safe="-"), short_code=short_code, web=web)


def _within(page: str, *, short_code: str, web: str) -> str:
    if not short_code:
        return f"{web}{page}"
    return f"{web}/organisationlogin/default.aspx?shortcode={quote(short_code, safe='!')}&redirecturl={page}"


def contact_link(contact_id: str, *, short_code: str, web: str = WEB) -> str:
    return f"{web}/app/{quote(short_code, safe='!')}/contacts/contact/{quote(contact_id, safe='-')}"
