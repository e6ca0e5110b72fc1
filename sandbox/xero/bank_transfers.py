"""Transfers between two bank accounts of one currency.

https://developer.xero.com/documentation/api/accounting/banktransfers
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sandbox.store import Json, Row
from sandbox.web import Response
from sandbox.xero import journal, problems
from sandbox.xero.bank_transactions import keep
from sandbox.xero.books import BANK_TRANSACTION, BANK_TRANSFER, Books
from sandbox.xero.call import Batch, Call, Saved
from sandbox.xero.checks import bank_account, reference_messages
from sandbox.xero.journal import Leg, to_base
from sandbox.xero.lines import read_tracking
from sandbox.xero.listing import Listing, answer_list
from sandbox.xero.problems import Invalid, NotFound
from sandbox.xero.wire import cents, date_string, ms_date, ms_time, new_id, read_date, read_decimal

LISTING = Listing(
    kind=BANK_TRANSFER,
    plural="BankTransfers",
    id_field="BankTransferID",
    type_name="BankTransfer",
    fields={
        "BankTransferID": "id",
        "Status": "status",
        "Date": "@date:date",
        "Reference": "name",
        "CreatedDateUTC": "@time:updated",
        "FromBankAccount.AccountID": "account",
        "ToBankAccount.AccountID": "contact",
        "Amount": "",
    },
    paged=False,
)


def list_bank_transfers(call: Call) -> Response:
    """GET: If-Modified-Since looks at the creation; deleted ones only on request."""
    wanted: list[tuple[str, list[object]]] = []
    if not call.flag("includeDeleted", default=False):
        wanted.append(("status='AUTHORISED'", []))
    return answer_list(call, LISTING, wanted)


def get_bank_transfer(call: Call, transfer: str) -> Response:
    found = _find(call.books, transfer)
    if found is None:
        raise NotFound
    return call.answer("BankTransfers", [found])


def _find(books: Books, transfer: str) -> Json | None:
    return books.store.get(BANK_TRANSFER, books.org, transfer.lower())


def put_bank_transfers(call: Call) -> Response:
    """PUT: create; the operation has no summarizeErrors, so it is all or nothing."""
    batch = Batch(
        plural="BankTransfers",
        id_field="BankTransferID",
        save=lambda element: create(call, element),
        may_tell_each=False,
    )
    return batch.run(call)


def post_bank_transfers(call: Call, transfer: str | None = None) -> Response:
    """POST: delete is the only change there is."""

    def save(element: Json) -> Saved:
        found = _find(call.books, str(transfer or element.get("BankTransferID") or ""))
        if found is None:
            raise Invalid(problems.ID_UNKNOWN)
        if element.get("Status") != "DELETED":
            raise Invalid("A bank transfer can only be deleted.")
        return Saved(body=delete(call.books, found))

    return Batch(plural="BankTransfers", id_field="BankTransferID", save=save).run(call)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Transfer:
    source: Json
    target: Json
    amount: Decimal
    day: date
    reference: str


def create(call: Call, element: Json) -> Saved:
    """Judge and keep one transfer and the two bank transactions it consists of."""
    books = call.books
    messages: list[str] = []
    transfer = _read(books, element, messages)
    tracking = {
        field: read_tracking(
            books, element.get(field) or [], messages, reject_unknown=call.switches.reject_unknown_tracking
        )
        for field in ("FromTracking", "ToTracking")
    }
    if any(len(element.get(field) or []) > 2 for field in tracking):
        messages.append("A bank transfer can have a maximum of 2 tracking categories per account")
    if messages or transfer is None:
        raise Invalid(*dict.fromkeys(messages))
    body = _body(books, element, transfer) | tracking
    for side in ("From", "To"):
        _keep_side(books, body, transfer, side)
    _keep(books, body)
    _write_journal(books, body, transfer)
    return Saved(body=body)


def _read(books: Books, element: Json, messages: list[str]) -> _Transfer | None:
    source = bank_account(books, element.get("FromBankAccount"), messages)
    target = bank_account(books, element.get("ToBankAccount"), messages)
    day = read_date(element["Date"]) if element.get("Date") else books.today()
    amount = cents(read_decimal(element.get("Amount", 0), path="BankTransfers.Amount"))
    reference = str(element.get("Reference") or "")
    if locked := books.lock_message(day):
        messages.append(locked)
    if amount <= 0:
        messages.append("The amount of a transfer must be greater than zero")
    messages += reference_messages(element)
    if source is None or target is None:
        return None
    if source["AccountID"] == target["AccountID"]:
        messages.append("You cannot transfer from an account to itself")
    elif source["CurrencyCode"] != target["CurrencyCode"]:
        messages.append("You cannot transfer between accounts in different currencies.")
    return _Transfer(source=source, target=target, amount=amount, day=day, reference=reference)


def _body(books: Books, element: Json, transfer: _Transfer) -> Json:
    now = books.clock.milliseconds()
    return {
        "BankTransferID": new_id(),
        "CreatedDateUTC": ms_time(now),
        "_created": now,
        "DateString": date_string(transfer.day),
        "Date": ms_date(transfer.day),
        "FromBankAccount": _reference(transfer.source),
        "ToBankAccount": _reference(transfer.target),
        "Amount": transfer.amount,
        "FromBankTransactionID": new_id(),
        "ToBankTransactionID": new_id(),
        "FromIsReconciled": element.get("FromIsReconciled") in (True, "true"),
        "ToIsReconciled": element.get("ToIsReconciled") in (True, "true"),
        "Reference": transfer.reference,
        "CurrencyRate": books.day_rate(transfer.source["CurrencyCode"], transfer.day),
        "HasAttachments": False,
        "Status": "AUTHORISED",
    }


def _reference(account: Json) -> Json:
    return {"AccountID": account["AccountID"], "Code": account.get("Code", ""), "Name": account["Name"]}


def _keep_side(books: Books, body: Json, transfer: _Transfer, side: str) -> None:
    """The SPEND-TRANSFER or RECEIVE-TRANSFER of one account."""
    account = transfer.source if side == "From" else transfer.target
    transaction = {
        "BankTransactionID": body[f"{side}BankTransactionID"],
        "BankAccount": _reference(account),
        "Type": "SPEND-TRANSFER" if side == "From" else "RECEIVE-TRANSFER",
        "Reference": transfer.reference,
        "IsReconciled": body[f"{side}IsReconciled"],
        "HasAttachments": False,
        "CurrencyRate": body["CurrencyRate"],
        "DateString": body["DateString"],
        "Date": body["Date"],
        "Status": "AUTHORISED",
        "LineAmountTypes": "NoTax",
        "LineItems": [],
        "SubTotal": transfer.amount,
        "TotalTax": Decimal("0.00"),
        "Total": transfer.amount,
        "CurrencyCode": account["CurrencyCode"],
        "_transfer": body["BankTransferID"],
    }
    keep(books, transaction)


def _keep(books: Books, body: Json) -> None:
    """The stamp of a transfer is its creation: a deletion does not move it."""
    books.store.put(
        Row(
            kind=BANK_TRANSFER,
            org=books.org,
            id=body["BankTransferID"],
            body=body,
            updated=body["_created"],
            name=body["Reference"],
            status=body["Status"],
            date=body["DateString"][:10],
            account=body["FromBankAccount"]["AccountID"],
            contact=body["ToBankAccount"]["AccountID"],
        )
    )


def _write_journal(books: Books, body: Json, transfer: _Transfer) -> None:
    base = to_base(transfer.amount, body["CurrencyRate"])
    legs = [
        Leg(account=transfer.source["AccountID"], amount=-transfer.amount, base=-base),
        Leg(account=transfer.target["AccountID"], amount=transfer.amount, base=base),
    ]
    journal.write(books, source=body["BankTransferID"], date=body["DateString"][:10], legs=legs)


def delete(books: Books, body: Json) -> Json:
    """Both sides go with it; a reconciled side or a locked day forbids it."""
    if body["Status"] != "AUTHORISED":
        raise Invalid("The bank transfer has been deleted already.")
    if locked := books.lock_message(read_date(body["Date"])):
        raise Invalid(locked)
    sides = [books.store.get(BANK_TRANSACTION, books.org, body[f"{side}BankTransactionID"]) for side in ("From", "To")]
    if any(side and side["IsReconciled"] for side in sides):
        raise Invalid(problems.RECONCILED)
    for side in sides:
        if side:
            keep(books, side | {"Status": "DELETED"})
    deleted = body | {"Status": "DELETED"}
    _keep(books, deleted)
    journal.erase(books, source=body["BankTransferID"])
    return deleted
