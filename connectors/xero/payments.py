"""Xero's payments, batches of them, and the invoices and bills they pay, as our records. Pure; raises ContractBroken.

https://developer.xero.com/documentation/api/accounting/payments
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from connectors.contract.allocations import allocations_hash
from connectors.contract.errors import ContractBroken
from connectors.contract.money import MINOR_UNITS, ZERO, Money
from connectors.contract.records import DocumentKind, MirrorDocument, OpenItem
from connectors.xero.dates import calendar_day, instant_or_none
from connectors.xero.reading import Wire, decimal_or_none, identifier, money, part, parts, required, text
from connectors.xero.text import find_marker

CurrencyOf = Callable[[str], str]
# What brings money in: a customer pays, or a supplier gives back. The refunds of the other side take it out.
_INCOMING = frozenset({"ACCRECPAYMENT", "APCREDITPAYMENT", "APOVERPAYMENTPAYMENT", "APPREPAYMENTPAYMENT"})
_OUTGOING = frozenset({"ACCPAYPAYMENT", "ARCREDITPAYMENT", "AROVERPAYMENTPAYMENT", "ARPREPAYMENTPAYMENT"})
_BATCHES = {"RECBATCH": True, "PAYBATCH": False}
_SALES = {"ACCREC": True, "ACCPAY": False}


def belongs_to_batch(element: Wire) -> bool:
    """A part of a batch: the bank account moves once for the whole batch, which is read elsewhere."""
    return identifier(element, "BatchPaymentID") != "" or bool(part(element, "BatchPayment"))


def account_of(element: Wire) -> str:
    return identifier(part(element, "Account"), "AccountID")


def payment(element: Wire, *, currency_of: CurrencyOf) -> MirrorDocument:
    """A payment, also one that gives a credit back; `currency_of` tells a bank account's currency, Xero does not."""
    account = required(part(element, "Account"), "AccountID")
    invoice = part(element, "Invoice")
    moved = element.get("BankAmount")
    return MirrorDocument(
        kind=DocumentKind.PAYMENT,
        document_id=required(element, "PaymentID"),
        account_id=account,
        incoming=_is_incoming(text(element, "PaymentType")),
        contact_id=identifier(part(invoice, "Contact"), "ContactID"),
        date=calendar_day(element.get("Date")),
        total=money(element.get("Amount") if moved is None else moved, currency_of(account)),
        rate=decimal_or_none(element.get("CurrencyRate")),
        reference=text(element, "Reference"),
        marker=find_marker(text(element, "Reference")),
        status=text(element, "Status") or "AUTHORISED",
        reconciled=_is_true(element, "IsReconciled"),
        lines_hash=_parts_hash([element]),
        pays=_numbers([element]),
        updated_at=instant_or_none(element.get("UpdatedDateUTC")),
    )


def batch_payment(element: Wire, *, currency_of: CurrencyOf) -> MirrorDocument:
    account = required(part(element, "Account"), "AccountID")
    kind = text(element, "Type")
    if kind not in _BATCHES:
        raise ContractBroken(f"Xero sent a batch payment of the unknown type {kind[:40]!r}.")
    return MirrorDocument(
        kind=DocumentKind.BATCH_PAYMENT,
        document_id=required(element, "BatchPaymentID"),
        account_id=account,
        incoming=_BATCHES[kind],
        date=calendar_day(element.get("Date") or element.get("DateString")),
        total=money(element.get("TotalAmount"), currency_of(account)),
        reference=text(element, "Reference") or text(element, "Details"),
        marker=marker_of(element),
        status=text(element, "Status") or "AUTHORISED",
        reconciled=_is_true(element, "IsReconciled"),
        lines_hash=_parts_hash(parts(element, "Payments")),
        pays=_numbers(parts(element, "Payments")),
        updated_at=instant_or_none(element.get("UpdatedDateUTC")),
    )


def marker_of(batch: Wire) -> str:
    """Our marker on a batch, in whichever of its texts the organisation's edition of Xero keeps."""
    texts = (text(batch, name) for name in ("Reference", "Details", "Narrative"))
    return next((found for found in map(find_marker, texts) if found), "")


def open_item(element: Wire) -> OpenItem | None:
    """An invoice or bill; None for one in a withdrawn or made-up currency, which nothing of ours can pay."""
    kind, currency = text(element, "Type"), text(element, "CurrencyCode")
    if kind not in _SALES:
        raise ContractBroken(f"Xero sent an invoice of the unknown type {kind[:40]!r}.")
    if currency not in MINOR_UNITS:
        return None
    contact = part(element, "Contact")
    due = element.get("DueDate") or element.get("DueDateString")
    return OpenItem(
        invoice_id=required(element, "InvoiceID"),
        sales=_SALES[kind],
        number=text(element, "InvoiceNumber"),
        reference=text(element, "Reference"),
        contact_id=identifier(contact, "ContactID"),
        contact_name=text(contact, "Name"),
        total=money(element.get("Total") or 0, currency),
        due=_amount_due(element, currency),
        date=calendar_day(element.get("Date") or element.get("DateString")),
        due_date=calendar_day(due) if due else None,
        rate=decimal_or_none(element.get("CurrencyRate")),
        status=text(element, "Status") or "DRAFT",
        paid_by=tuple(filter(None, (find_marker(text(paid, "Reference")) for paid in parts(element, "Payments")))),
        updated_at=instant_or_none(element.get("UpdatedDateUTC")),
    )


def _numbers(elements: Iterable[Wire]) -> str:
    return "\n".join(filter(None, (text(part(it, "Invoice"), "InvoiceNumber") for it in elements)))


def _parts_hash(elements: Iterable[Wire]) -> str:
    found = (
        (identifier(part(it, "Invoice"), "InvoiceID"), decimal_or_none(it.get("Amount")) or ZERO) for it in elements
    )
    return allocations_hash(found)


def _amount_due(element: Wire, currency: str) -> Decimal:
    found: Money = money(element.get("AmountDue") or 0, currency)
    return found.amount


def _is_incoming(kind: str) -> bool:
    if kind not in _INCOMING | _OUTGOING:
        raise ContractBroken(f"Xero sent a payment of the unknown type {kind[:40]!r}.")
    return kind in _INCOMING


def _is_true(element: Wire, key: str) -> bool:
    return element.get(key) is True or text(element, key).lower() == "true"
