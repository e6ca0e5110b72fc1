"""The pages behind deep links: what a bookkeeper sees who follows one to a document or a contact. Read only.

https://developer.xero.com/documentation/guides/how-to-guides/deep-link-xero/
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from sandbox.panel.html import plain
from sandbox.store import Json, Store, from_json
from sandbox.web import Markup, Request, Response, page, redirect
from sandbox.xero.books import BANK_TRANSACTION, BANK_TRANSFER, BATCH_PAYMENT, CONTACT, INVOICE, ORGANISATION, PAYMENT

_DOCUMENTS = (BANK_TRANSACTION, BANK_TRANSFER, PAYMENT, BATCH_PAYMENT, INVOICE)
_TITLES = {
    "SPEND": "Spend money",
    "RECEIVE": "Receive money",
    BANK_TRANSFER: "Bank transfer",
    PAYMENT: "Payment",
    BATCH_PAYMENT: "Batch payment",
    INVOICE: "Invoice",
}
_FIELDS = (
    "Status", "IsReconciled", "DateString", "Reference", "InvoiceNumber", "CurrencyCode", "CurrencyRate",
    "LineAmountTypes", "SubTotal", "TotalTax", "Total", "AmountPaid", "AmountDue", "Amount", "BankAmount", "TotalAmount",
)  # fmt: skip
_ID_NAMES = ("bankTransactionID", "bankTransferID", "InvoiceID")
_OWN_PAGES = ("/Bank/", "/AccountsReceivable/", "/AccountsPayable/")
_TABLE = Markup("<table>{}</table>")
_LINE_HEADS = ("Description", "Account", "Tax", "Tax amount", "Tracking", "Amount")


class DocumentPages:
    """Documents by the addresses that Xero's own web pages have."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[tuple[str, str, Callable[..., Response]]]:
        return [
            ("GET", "/organisationlogin/default.aspx", self.enter),
            ("GET", "/Bank/ViewTransaction.aspx", self.document),
            ("GET", "/Bank/ViewTransfer.aspx", self.document),
            ("GET", "/AccountsReceivable/View.aspx", self.document),
            ("GET", "/AccountsPayable/View.aspx", self.document),
            ("GET", "/app/<organisation>/contacts/contact/<contact>", self.contact),
        ]

    def enter(self, request: Request) -> Response:
        """Switch to the organisation, then go on to one of our own pages; nowhere else."""
        target = request.args.get("redirecturl", "")
        if not target.startswith(_OWN_PAGES):
            return _missing()
        return redirect(target)

    def document(self, request: Request) -> Response:
        wanted = next((text for name in _ID_NAMES if (text := request.args.get(name))), "")
        marks = ", ".join("?" * len(_DOCUMENTS))
        query = f"SELECT kind, org, body FROM document WHERE id = ? AND kind IN ({marks})"
        found = self._store.execute(query, (wanted.lower(), *_DOCUMENTS))
        if not found:
            return _missing()
        kind, org, body = found[0][0], found[0][1], from_json(found[0][2])
        title = _TITLES.get(body.get("Type", kind), _TITLES.get(kind, "Document"))
        return _shown(title, self._name(org), Markup("").join([_head(body), _lines(body)]))

    def contact(self, request: Request, organisation: str, contact: str) -> Response:
        query = "SELECT org, body FROM document WHERE id = ? AND kind = ?"
        found = self._store.execute(query, (contact.lower(), CONTACT))
        if not found:
            return _missing()
        body = from_json(found[0][1])
        rows = [(name, body.get(name)) for name in ("ContactStatus", "ContactNumber", "EmailAddress", "ContactID")]
        return _shown(plain(body.get("Name")), self._name(found[0][0]), _pairs(rows))

    def _name(self, org: str) -> str:
        found = self._store.get(ORGANISATION, org, org)
        return str(found["Name"]) if found else ""


def _head(body: Json) -> Markup:
    accounts = [("Bank account", body.get("BankAccount") or body.get("Account"))]
    accounts += [("From", body.get("FromBankAccount")), ("To", body.get("ToBankAccount"))]
    rows: list[tuple[str, Any]] = [("Contact", (body.get("Contact") or {}).get("Name"))]
    rows += [(label, account.get("Name") or account.get("Code")) for label, account in accounts if account]
    return _pairs([*rows, *((name, body.get(name)) for name in _FIELDS)])


def _text(label: str, value: Any) -> str:
    """Amounts with two decimals, rates as they are."""
    if isinstance(value, Decimal) and label != "CurrencyRate":
        return f"{value:.2f}"
    return plain("" if value is None else value)


def _pairs(rows: Iterable[tuple[str, Any]]) -> Markup:
    cells = (
        Markup("<tr><th>{}</th><td>{}</td></tr>").format(label, _text(label, value))
        for label, value in rows
        if value not in (None, "")
    )
    return _TABLE.format(Markup("").join(cells))


def _lines(body: Json) -> Markup:
    lines = body.get("LineItems") or []
    if not lines:
        return Markup("")
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in _LINE_HEADS)
    rows = Markup("").join(_line(line) for line in lines)
    return Markup("<h2>Lines</h2>") + _TABLE.format(Markup("<tr>{}</tr>{}").format(head, rows))


def _line(line: Json) -> Markup:
    tracking = ", ".join(f"{item.get('Name')}: {item.get('Option')}" for item in line.get("Tracking") or [])
    names = ("Description", "AccountCode", "TaxType", "TaxAmount")
    values = [*(line.get(name) for name in names), tracking, line.get("LineAmount")]
    return Markup("<tr>{}</tr>").format(
        Markup("").join(Markup("<td>{}</td>").format(_text("", value)) for value in values)
    )


def _shown(title: str, organisation: str, body: Markup) -> Response:
    note = Markup("<p>{}, in the sandbox's Xero</p>").format(organisation)
    response = page(title, note + body)
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return response


def _missing() -> Response:
    return page("Not found", Markup("<p>There is no such document in the sandbox's Xero.</p>"), status=404)
