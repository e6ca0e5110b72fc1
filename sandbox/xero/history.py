"""History and notes: what happened to a document, and what people and apps wrote to it.

https://developer.xero.com/documentation/api/accounting/historyandnotes
"""

from datetime import UTC, datetime

from sandbox.store import Json, Row
from sandbox.web import Response
from sandbox.xero import books as kinds
from sandbox.xero.call import Call
from sandbox.xero.problems import NotFound, ValidationFailed
from sandbox.xero.wire import ms_time, new_id

LONGEST_NOTE = 2500
KINDS = {
    "BankTransactions": kinds.BANK_TRANSACTION,
    "BankTransfers": kinds.BANK_TRANSFER,
    "Contacts": kinds.CONTACT,
    "Invoices": kinds.INVOICE,
    "Payments": kinds.PAYMENT,
    "BatchPayments": kinds.BATCH_PAYMENT,
}


def get_history(call: Call, resource: str, document: str) -> Response:
    _check(call, resource, document)
    records = call.books.store.find(kinds.HISTORY, call.books.org, where="name=?", parameters=(document.lower(),))
    return call.answer("HistoryRecords", records)


def put_history(call: Call, resource: str, document: str) -> Response:
    """PUT: add notes; they can never be changed, and the same text twice makes two notes."""
    _check(call, resource, document)
    notes = [_note(call, element) for element in call.elements("HistoryRecords")]
    with call.books.store.transaction():
        for note in notes:
            row = Row(
                kind=kinds.HISTORY, org=call.books.org, id=new_id(), body=note, updated=call.now, name=document.lower()
            )
            call.books.store.put(row)
    return call.answer("HistoryRecords", notes)


def _check(call: Call, resource: str, document: str) -> None:
    if resource not in KINDS or call.books.store.get(KINDS[resource], call.books.org, document.lower()) is None:
        raise NotFound


def _note(call: Call, element: Json) -> Json:
    details = str(element.get("Details") or "")
    if not details or len(details) > LONGEST_NOTE:
        message = f"Details must have 1 to {LONGEST_NOTE} characters."
        raise ValidationFailed([element | {"ValidationErrors": [{"Message": message}]}])
    moment = datetime.fromtimestamp(call.now / 1000, UTC)
    return {
        "Changes": "Note",
        "User": "System Generated",
        "Details": details,
        "DateUTCString": moment.strftime("%Y-%m-%dT%H:%M:%S"),
        "DateUTC": ms_time(call.now),
    }
