"""Changing and removing documents of ours: the requests. Pure.

Removing is a POST that sets the status to DELETED; the document stays visible. Bank transactions are judged one by one in
a call, so that fifty travel together; payments and their batches are addressed one by one.
https://developer.xero.com/documentation/api/accounting/banktransactions
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from connectors.contract.records import Amending, Change, DocumentKind, Endpoint, Removal, Writable

BATCH_SIZES = {
    Endpoint.BANK_TRANSACTIONS: 50,
    Endpoint.BANK_TRANSFERS: 1,
    Endpoint.PAYMENTS: 1,
    Endpoint.BATCH_PAYMENTS: 1,
}
ENDPOINT_OF = {
    DocumentKind.SPEND: Endpoint.BANK_TRANSACTIONS,
    DocumentKind.RECEIVE: Endpoint.BANK_TRANSACTIONS,
    DocumentKind.BANK_TRANSFER: Endpoint.BANK_TRANSFERS,
    DocumentKind.PAYMENT: Endpoint.PAYMENTS,
    DocumentKind.BATCH_PAYMENT: Endpoint.BATCH_PAYMENTS,
}
ID_KEYS = {
    Endpoint.BANK_TRANSACTIONS: "BankTransactionID",
    Endpoint.BANK_TRANSFERS: "BankTransferID",
    Endpoint.PAYMENTS: "PaymentID",
    Endpoint.BATCH_PAYMENTS: "BatchPaymentID",
}
# Payments are removed at their own address, with nothing but the new status in the body.
AT_OWN_ADDRESS = frozenset({Endpoint.PAYMENTS, Endpoint.BATCH_PAYMENTS})
_QUERIES = {
    Endpoint.BANK_TRANSACTIONS: "?summarizeErrors=false&unitdp=4",
    Endpoint.BANK_TRANSFERS: "?summarizeErrors=false",
}


def is_amending(item: Writable) -> TypeGuard[Amending]:
    return isinstance(item, Change | Removal)


def endpoint_of(item: Amending) -> Endpoint:
    return Endpoint.BANK_TRANSACTIONS if isinstance(item, Change) else ENDPOINT_OF[item.document_kind]


def path_of(endpoint: Endpoint, items: Sequence[Writable]) -> str:
    """Below the API's root, with the query."""
    [first] = items[:1]
    if endpoint in AT_OWN_ADDRESS and is_amending(first):
        return f"{endpoint}/{first.document_id}"
    return f"{endpoint}{_QUERIES[endpoint]}"


def removal(item: Removal) -> dict[str, str]:
    endpoint = endpoint_of(item)
    named = {} if endpoint in AT_OWN_ADDRESS else {ID_KEYS[endpoint]: item.document_id}
    return {**named, "Status": "DELETED"}
