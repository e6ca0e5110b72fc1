"""One bank movement that pays several invoices or several bills.

https://developer.xero.com/documentation/api/accounting/batchpayments
"""

from decimal import Decimal

from sandbox.store import Json, Row
from sandbox.web import Response
from sandbox.xero import problems
from sandbox.xero.books import BATCH_PAYMENT, PAYMENT, Books
from sandbox.xero.call import Batch, Call, Saved
from sandbox.xero.checks import LONGEST_REFERENCE
from sandbox.xero.listing import answer_list
from sandbox.xero.payments import BATCHES, create, payment_account, reverse
from sandbox.xero.problems import Invalid, NotFound
from sandbox.xero.wire import date_string, ms_date, ms_time, new_id, read_date

_TEXT_LIMITS = {"Reference": LONGEST_REFERENCE, "Particulars": 12, "Code": 12, "Details": 18, "Narrative": 18}


def list_batch_payments(call: Call) -> Response:
    return answer_list(call, BATCHES)


def get_batch_payment(call: Call, batch: str) -> Response:
    found = call.books.store.get(BATCH_PAYMENT, call.books.org, batch.lower())
    if found is None:
        raise NotFound
    return call.answer("BatchPayments", [found])


def put_batch_payments(call: Call) -> Response:
    def save(element: Json) -> Saved:
        return Saved(body=create_batch(call.books, element))

    return Batch(plural="BatchPayments", id_field="BatchPaymentID", save=save).run(call)


def post_batch_payments(call: Call, batch: str | None = None) -> Response:
    """POST: delete is the only change there is; all payments of the batch go with it."""

    def save(element: Json) -> Saved:
        wanted = str(batch or element.get("BatchPaymentID") or "").lower()
        found = call.books.store.get(BATCH_PAYMENT, call.books.org, wanted)
        if found is None:
            raise Invalid(problems.ID_UNKNOWN)
        if element.get("Status") != "DELETED" or found["Status"] != "AUTHORISED":
            raise Invalid("A batch payment can only be deleted, and only once.")
        return Saved(body=delete_batch(call.books, found))

    return Batch(plural="BatchPayments", id_field="BatchPaymentID", save=save, may_tell_each=False).run(call)


def create_batch(books: Books, element: Json) -> Json:
    """Judge and keep a batch and all its payments, or raise Invalid and keep none."""
    messages = [
        f"{name} must be {limit} characters or fewer."
        for name, limit in _TEXT_LIMITS.items()
        if len(str(element.get(name) or "")) > limit
    ]
    account = payment_account(books, element, messages)
    wanted = element.get("Payments")
    if not isinstance(wanted, list) or not wanted:
        messages.append("A batch payment must have at least one payment")
    if messages or account is None or not isinstance(wanted, list):
        raise Invalid(*messages)
    day = read_date(element["Date"]) if element.get("Date") else books.today()
    head: Json = {
        "Account": {"AccountID": account["AccountID"], "Code": account.get("Code", ""), "Name": account["Name"]},
        "BatchPaymentID": new_id(),
        "DateString": date_string(day),
        "Date": ms_date(day),
        "Status": "AUTHORISED",
        "IsReconciled": False,
        "Reference": str(element.get("Reference") or ""),
    }
    head |= {name: str(element[name]) for name in _TEXT_LIMITS if element.get(name)}
    body = head | _paid(books, head, wanted)
    _keep(books, body)
    return body


def _paid(books: Books, head: Json, wanted: list[Json]) -> Json:
    """The payments, all of one direction."""
    made: list[Json] = []
    with books.store.savepoint():
        for payment in wanted:
            element = {**payment, "Account": head["Account"], "Date": head["DateString"][:10]}
            element.setdefault("Reference", head["Reference"])
            made.append(create(books, element, batch=_as_reference(head)).body)
        if len({payment["PaymentType"] for payment in made}) > 1:
            raise Invalid("All payments of a batch must be of the same type")
    return {
        "Type": "RECBATCH" if made[0]["PaymentType"].startswith("ACCREC") else "PAYBATCH",
        "TotalAmount": sum((payment["BankAmount"] for payment in made), Decimal("0.00")),
        "Payments": [
            {"PaymentID": p["PaymentID"], "Amount": p["Amount"], "BankAmount": p["BankAmount"], "Invoice": p["Invoice"]}
            for p in made
        ],
    }


def _as_reference(head: Json) -> Json:
    return {key: head[key] for key in ("BatchPaymentID", "Account", "Date", "DateString", "Status", "Reference")}


def _keep(books: Books, body: Json) -> None:
    now = books.clock.milliseconds()
    body["UpdatedDateUTC"] = ms_time(now)
    books.store.put(
        Row(
            kind=BATCH_PAYMENT,
            org=books.org,
            id=body["BatchPaymentID"],
            body=body,
            updated=now,
            name=body["Reference"],
            status=body["Status"],
            type=body["Type"],
            date=body["DateString"][:10],
            account=body["Account"]["AccountID"],
        )
    )


def delete_batch(books: Books, body: Json) -> Json:
    """Reverse every payment of the batch."""
    with books.store.savepoint():
        for part in body["Payments"]:
            payment = books.store.get(PAYMENT, books.org, part["PaymentID"])
            if payment and payment["Status"] == "AUTHORISED":
                reverse(books, payment)
    deleted = body | {"Status": "DELETED"}
    _keep(books, deleted)
    return deleted


def take_out(books: Books, payment: Json) -> Json:
    """What only people can do, by editing the batch: one payment is removed, and the batch is smaller by it.

    https://help.xero.com/us/DeleteBatch
    """
    batch = books.store.get(BATCH_PAYMENT, books.org, payment["BatchPaymentID"])
    if batch is None:
        raise NotFound
    left = [part for part in batch["Payments"] if part["PaymentID"] != payment["PaymentID"]]
    if not left:
        return delete_batch(books, batch)
    with books.store.savepoint():
        removed = reverse(books, payment)
        _keep(books, batch | {"Payments": left, "TotalAmount": batch["TotalAmount"] - payment["BankAmount"]})
    return removed
