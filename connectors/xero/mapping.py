"""Our ledger entries as Xero's JSON: the one place where a document gets the words and digits that leave. Pure.

Never sent: CurrencyCode (the bank account's currency applies), IsReconciled, tax amounts and totals (Xero computes
them), a contact by name (Xero would create one), account codes (bank accounts may have none).
https://developer.xero.com/documentation/api/accounting/banktransactions
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from connectors.contract import wire
from connectors.contract.money import ZERO, MoneyError, round_half_up
from connectors.contract.records import (
    Allocation,
    BankTransaction,
    BankTransfer,
    BatchPayment,
    Change,
    ContactDraft,
    Endpoint,
    LineItem,
    OptionDraft,
    Payment,
    Prepared,
    Removal,
    Writable,
)
from connectors.xero import amending
from connectors.xero.text import MAX_DESCRIPTION, clean, contact_name, cut, is_public_url, reference_with_marker

API = "/api.xro/2.0"
MAX_BODY = 3_500_000  # bytes; the older of the two limits that Xero's pages name
BATCH_SIZES = {
    Endpoint.BANK_TRANSACTIONS: 50,
    Endpoint.BANK_TRANSFERS: 1,
    Endpoint.CONTACTS: 50,
    Endpoint.TRACKING_OPTIONS: 1,  # all of a call or none, and the operation documents one object
    Endpoint.PAYMENTS: 50,
    Endpoint.BATCH_PAYMENTS: 1,  # an answer whose reference Xero left out must still find its one row
}
RATE_DIGITS = 6
_QUERIES = {
    Endpoint.BANK_TRANSACTIONS: "?summarizeErrors=false&unitdp=4",
    Endpoint.BANK_TRANSFERS: "",  # the operation knows no parameter, so a refusal is a 400
    Endpoint.CONTACTS: "?summarizeErrors=false",
    Endpoint.TRACKING_OPTIONS: "",
    Endpoint.PAYMENTS: "?summarizeErrors=false",
    Endpoint.BATCH_PAYMENTS: "?summarizeErrors=false",
}
_ENDPOINT_OF: dict[type[Writable], Endpoint] = {
    BankTransaction: Endpoint.BANK_TRANSACTIONS,
    BankTransfer: Endpoint.BANK_TRANSFERS,
    ContactDraft: Endpoint.CONTACTS,
    OptionDraft: Endpoint.TRACKING_OPTIONS,
    Payment: Endpoint.PAYMENTS,
    BatchPayment: Endpoint.BATCH_PAYMENTS,
}
# A line's text may shrink before a batch may fail for its size.
_DESCRIPTION_LIMITS = (MAX_DESCRIPTION, 500, 100)


def prepare(endpoint: Endpoint, items: Sequence[Writable]) -> Prepared:
    """The exact request that creates all of `items`, in their order, or that changes and removes documents of ours.

    Raises ValueError for what must never be sent: no marker (MarkerError), lines that do not add up or more digits than
    Xero keeps (MoneyError), items of another endpoint, none, or more than one call carries.
    """
    amends = any(amending.is_amending(item) for item in items)
    if not 0 < len(items) <= batch_size(endpoint, amends=amends):
        raise ValueError(f"{len(items)} items do not fit one call to {endpoint}")
    if any(_endpoint_of(item) is not endpoint or amending.is_amending(item) is not amends for item in items):
        raise ValueError(f"not every item belongs to {endpoint}")
    if amends:
        return Prepared(
            endpoint=endpoint,
            method="POST",
            path=f"{API}/{amending.path_of(endpoint, items)}",
            body=wire.encode(to_wire(items[0])) if endpoint in amending.AT_OWN_ADDRESS else _body(endpoint, items),
            markers=tuple(marker_of(item) for item in items),
        )
    one = items[0]
    return Prepared(
        endpoint=endpoint,
        method="PUT",  # PUT creates and never updates
        path=f"{API}/{_address(one)}{endpoint}{_QUERIES[endpoint]}",
        body=wire.encode(to_wire(one)) if isinstance(one, OptionDraft) else _body(endpoint, items),
        markers=tuple(marker_of(item) for item in items),
    )


def batch_size(endpoint: Endpoint, *, amends: bool = False) -> int:
    return (amending.BATCH_SIZES if amends else BATCH_SIZES)[endpoint]


def _endpoint_of(item: Writable) -> Endpoint:
    return amending.endpoint_of(item) if amending.is_amending(item) else _ENDPOINT_OF[type(item)]


def _address(item: Writable) -> str:
    return f"TrackingCategories/{quote(item.category_id, safe='')}/" if isinstance(item, OptionDraft) else ""


def marker_of(item: Writable) -> str:
    """What an answer is recognised by."""
    if isinstance(item, OptionDraft):
        return clean(item.name)
    return item.number if isinstance(item, ContactDraft) else item.marker


def reports_each_element(prepared: Prepared) -> bool:
    """Was the call sent so that Xero judges each element by itself and a 400 saves none?"""
    return "summarizeErrors=false" in prepared.path


def to_wire(item: Writable, *, max_description: int = MAX_DESCRIPTION) -> dict[str, Any]:
    """One item as an element of the request. Raises ValueError, see `prepare`."""
    match item:
        case BankTransaction():
            return _bank_transaction(item, max_description)
        case BankTransfer():
            return _bank_transfer(item)
        case Payment():
            return _payment(item)
        case BatchPayment():
            return _batch_payment(item)
        case Change():
            return {"BankTransactionID": item.document_id, **_bank_transaction(item.entry, max_description)}
        case Removal():
            return dict(amending.removal(item))
        case ContactDraft():
            return {"Name": contact_name(item.name) or item.number, "ContactNumber": item.number}
        case OptionDraft():
            return {"Name": clean(item.name)}


def _body(endpoint: Endpoint, items: Sequence[Writable]) -> bytes:
    for limit in _DESCRIPTION_LIMITS:
        body = wire.encode({endpoint.value: [to_wire(item, max_description=limit) for item in items]})
        if len(body) <= MAX_BODY:
            return body
    raise ValueError(f"{len(items)} documents exceed {MAX_BODY} bytes")


def _bank_transaction(entry: BankTransaction, max_description: int) -> dict[str, Any]:
    if sum((line.amount for line in entry.lines), ZERO) != entry.total.amount or entry.total.amount <= 0:
        raise MoneyError(f"{entry.marker}: the lines do not add up to a positive total")
    return {
        "Type": entry.kind.value,
        "Contact": {"ContactID": entry.contact_id},
        "BankAccount": {"AccountID": entry.bank_account_id},
        "Date": entry.date.isoformat(),
        "Reference": reference_with_marker(entry.reference, entry.marker),
        **({} if entry.rate is None else {"CurrencyRate": _rate(entry.rate)}),
        **({"Url": entry.url} if is_public_url(entry.url) else {}),
        "LineAmountTypes": entry.tax_mode.value,
        "LineItems": [_line(line, entry, max_description) for line in entry.lines],
    }


def _line(line: LineItem, entry: BankTransaction, max_description: int) -> dict[str, Any]:
    description = cut(clean(line.description), max_description) or clean(entry.contact_name) or entry.marker
    tracking = [
        {"TrackingCategoryID": choice.category_id, "TrackingOptionID": choice.option_id} for choice in line.tracking
    ]
    return {
        "Description": description,
        "Quantity": 1,
        "UnitAmount": _amount(line.amount, digits=4),
        "AccountID": line.account_id,
        **({"TaxType": line.tax_type} if line.tax_type else {}),
        **({"Tracking": tracking} if tracking else {}),
    }


def _bank_transfer(entry: BankTransfer) -> dict[str, Any]:
    if entry.total.amount <= 0:
        raise MoneyError(f"{entry.marker}: a transfer needs a positive amount")
    return {
        "FromBankAccount": {"AccountID": entry.from_account_id},
        "ToBankAccount": {"AccountID": entry.to_account_id},
        "Amount": _amount(entry.total.amount, digits=2),
        "Date": entry.date.isoformat(),
        "Reference": reference_with_marker(entry.reference, entry.marker),
    }


def _payment(entry: Payment) -> dict[str, Any]:
    part = entry.allocation
    if entry.total.amount <= 0 or part.amount <= 0:
        raise MoneyError(f"{entry.marker}: a payment needs a positive amount")
    if part.currency == entry.total.currency:
        if part.amount != entry.total.amount:
            raise MoneyError(f"{entry.marker}: the payment and its part for {part.number} differ")
        moved: dict[str, Any] = _rate_of(entry.rate)
    else:
        moved = {"BankAmount": _amount(entry.total.amount, digits=2)}
    return {
        **_allocated(part),
        "Account": {"AccountID": entry.bank_account_id},
        "Date": entry.date.isoformat(),
        **moved,
        "Reference": reference_with_marker(entry.reference, entry.marker),
    }


def _batch_payment(entry: BatchPayment) -> dict[str, Any]:
    """The marker goes along twice: Xero's pages say that not every country's edition keeps a batch's Reference."""
    if any(part.currency != entry.total.currency or part.amount <= 0 for part in entry.allocations):
        raise MoneyError(f"{entry.marker}: every part of a batch is a positive amount in the account's currency")
    if sum((part.amount for part in entry.allocations), ZERO) != entry.total.amount:
        raise MoneyError(f"{entry.marker}: the parts do not add up to the total")
    return {
        "Account": {"AccountID": entry.bank_account_id},
        "Date": entry.date.isoformat(),
        "Reference": reference_with_marker(entry.reference, entry.marker),
        "Details": entry.marker,
        "Payments": [{**_allocated(part), **_rate_of(entry.rate)} for part in entry.allocations],
    }


def _allocated(part: Allocation) -> dict[str, Any]:
    return {"Invoice": {"InvoiceID": part.invoice_id}, "Amount": _amount(part.amount, digits=2)}


def _rate_of(rate: Decimal | None) -> dict[str, Any]:
    return {} if rate is None else {"CurrencyRate": _rate(rate)}


def _amount(amount: Decimal, *, digits: int) -> Decimal:
    """Two digits behind the point, more (up to `digits`) only where the amount has them; never rounded."""
    for places in (2, digits):
        shown = round_half_up(amount, places)
        if shown == amount:
            return shown
    raise MoneyError(f"{amount} has more digits than Xero keeps")


def _rate(rate: Decimal) -> Decimal:
    shown = round_half_up(rate, RATE_DIGITS)
    if shown <= 0:
        raise MoneyError(f"{rate} is too small for a rate in Xero")
    return shown
