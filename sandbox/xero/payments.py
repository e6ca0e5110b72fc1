"""Payments of invoices and bills, single and in batches.

https://developer.xero.com/documentation/api/accounting/payments
"""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from sandbox.store import Json, Row
from sandbox.web import Response
from sandbox.xero import journal, problems
from sandbox.xero.books import BATCH_PAYMENT, INVOICE, PAYMENT, Books
from sandbox.xero.call import Batch, Call, Saved
from sandbox.xero.checks import SIX_DECIMALS, rate_of, reference_messages
from sandbox.xero.invoices import control_account, find_invoice, keep_invoice
from sandbox.xero.journal import Leg, to_base
from sandbox.xero.listing import Listing, answer_list
from sandbox.xero.problems import Invalid, NotFound
from sandbox.xero.wire import cents, date_string, ms_date, ms_time, new_id, read_date, read_decimal

PAYMENTS = Listing(
    kind=PAYMENT,
    plural="Payments",
    id_field="PaymentID",
    type_name="Payment",
    fields={
        "PaymentID": "id",
        "Status": "status",
        "PaymentType": "type",
        "Date": "@date:date",
        "Reference": "name",
        "UpdatedDateUTC": "@time:updated",
        "Account.AccountID": "account",
        "Invoice.InvoiceID": "contact",
        "Amount": "",
        "IsReconciled": "@bool",
    },
    paged=True,
)
BATCHES = Listing(
    kind=BATCH_PAYMENT,
    plural="BatchPayments",
    id_field="BatchPaymentID",
    type_name="BatchPayment",
    fields={
        "BatchPaymentID": "id",
        "Status": "status",
        "Type": "type",
        "Date": "@date:date",
        "Reference": "name",
        "UpdatedDateUTC": "@time:updated",
        "Account.AccountID": "account",
        "TotalAmount": "",
    },
    paged=False,
)


def list_payments(call: Call) -> Response:
    return answer_list(call, PAYMENTS)


def get_payment(call: Call, payment: str) -> Response:
    found = call.books.store.get(PAYMENT, call.books.org, payment.lower())
    if found is None:
        raise NotFound
    return call.answer("Payments", [found])


def put_payments(call: Call) -> Response:
    return Batch(plural="Payments", id_field="PaymentID", save=lambda element: create(call.books, element)).run(call)


def post_payment(call: Call) -> Response:
    """POST /Payments: one payment, bare or in the envelope."""
    batch = Batch(
        plural="Payments", id_field="PaymentID", save=lambda element: create(call.books, element), may_tell_each=False
    )
    return batch.run(call)


def delete_payment(call: Call, payment: str) -> Response:
    """POST /Payments/{id} with Status DELETED: the invoice is due again."""

    def save(element: Json) -> Saved:
        found = call.books.store.get(PAYMENT, call.books.org, payment.lower())
        if found is None:
            raise Invalid(problems.ID_UNKNOWN)
        if element.get("Status") != "DELETED":
            raise Invalid("A payment can only be deleted.")
        if found.get("BatchPaymentID"):
            raise Invalid("A payment that belongs to a batch cannot be deleted.")
        return Saved(body=reverse(call.books, found))

    return Batch(plural="Payments", id_field="PaymentID", save=save, may_tell_each=False).run(call)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A payment that holds; `rate` is invoice currency per base unit, `bank_amount` in the account's currency."""

    invoice: Json
    account: Json
    day: date
    amount: Decimal
    rate: Decimal
    bank_amount: Decimal


def create(books: Books, element: Json, *, batch: Json | None = None) -> Saved:
    """Judge and keep one payment; the invoice's amounts and status follow."""
    messages: list[str] = []
    warnings: list[str] = []
    draft = _read(books, element, messages, warnings)
    if messages or draft is None:
        raise Invalid(*dict.fromkeys(messages))
    body = _body(element, draft)
    if batch:
        body |= {"BatchPaymentID": batch["BatchPaymentID"], "BatchPayment": batch}
    _apply(books, draft.invoice, body, draft.amount)
    keep_payment(books, body)
    _write_journal(books, body, draft)
    return Saved(body=body, warnings=warnings)


def _read(books: Books, element: Json, messages: list[str], warnings: list[str]) -> _Draft | None:
    day = read_date(element["Date"]) if element.get("Date") else books.today()
    if locked := books.lock_message(day):
        messages.append(locked)
    messages += reference_messages(element)
    account = payment_account(books, element, messages)
    invoice = _payable(books, element, messages)
    amount = cents(read_decimal(element.get("Amount", 0), path="Payments.Amount"))
    if amount <= 0:
        messages.append("The payment amount must be greater than zero")
    if account is None or invoice is None:
        return None
    if amount > invoice["AmountDue"]:
        messages.append(problems.OVERPAID)
    asked = element.get("CurrencyRate")
    rate, found = rate_of(books, asked, currency=invoice["CurrencyCode"], day=day)
    warnings += found
    bank_amount = _bank_amount(books, element, account, invoice, amount=amount, rate=rate, day=day)
    if element.get("BankAmount") and account.get("CurrencyCode", books.base_currency) == books.base_currency:
        rate = (amount / bank_amount).quantize(SIX_DECIMALS, ROUND_HALF_UP) if bank_amount else rate
    return _Draft(invoice=invoice, account=account, day=day, amount=amount, rate=rate, bank_amount=bank_amount)


def payment_account(books: Books, element: Json, messages: list[str]) -> Json | None:
    """A bank account, or one that payments are enabled to."""
    asked = element.get("Account")
    asked = asked if isinstance(asked, dict) else {"Code": element.get("Code")}
    account = books.account(account_id=asked.get("AccountID"), code=asked.get("Code"))
    if account is None or account["Status"] != "ACTIVE":
        messages.append(problems.ACCOUNT_INVALID)
        return None
    if account["Type"] != "BANK" and not account.get("EnablePaymentsToAccount"):
        messages.append(f"Account code '{account.get('Code', '')}' is not a valid payment account.")
        return None
    return account


def _payable(books: Books, element: Json, messages: list[str]) -> Json | None:
    wish = element.get("Invoice")
    wish = wish if isinstance(wish, dict) else {"InvoiceNumber": element.get("InvoiceNumber")}
    invoice = find_invoice(books, wish)
    if invoice is None:
        messages.append("Invoice could not be found")
        return None
    if invoice["Status"] not in ("AUTHORISED", "PAID"):
        messages.append("Payments can only be made against Authorised documents")
        return None
    return invoice


def _bank_amount(
    books: Books, element: Json, account: Json, invoice: Json, *, amount: Decimal, rate: Decimal, day: date
) -> Decimal:
    """What moves on the bank account: as told, else by the rates."""
    if element.get("BankAmount") is not None:
        return cents(read_decimal(element["BankAmount"], path="Payments.BankAmount"))
    currency = account.get("CurrencyCode", books.base_currency)
    if currency == invoice["CurrencyCode"]:
        return amount
    return cents(amount / rate * books.day_rate(currency, day))


def _body(element: Json, draft: _Draft) -> Json:
    invoice, account = draft.invoice, draft.account
    return {
        "PaymentID": new_id(),
        "Date": ms_date(draft.day),
        "DateString": date_string(draft.day),
        "BankAmount": draft.bank_amount,
        "Amount": draft.amount,
        "Reference": str(element.get("Reference") or ""),
        "CurrencyRate": draft.rate,
        "PaymentType": f"{invoice['Type']}PAYMENT",
        "Status": "AUTHORISED",
        "HasAccount": True,
        "IsReconciled": element.get("IsReconciled") in (True, "true"),
        "Account": {"AccountID": account["AccountID"], "Code": account.get("Code", ""), "Name": account["Name"]},
        "Invoice": {
            "InvoiceID": invoice["InvoiceID"],
            "InvoiceNumber": invoice["InvoiceNumber"],
            "Type": invoice["Type"],
            "CurrencyCode": invoice["CurrencyCode"],
            "Contact": {"ContactID": invoice["Contact"]["ContactID"], "Name": invoice["Contact"]["Name"]},
            "HasErrors": False,
        },
        "HasValidationErrors": False,
    }


def _apply(books: Books, invoice: Json, payment: Json, amount: Decimal) -> None:
    """Move the invoice's amounts by a payment (negative: taken back)."""
    due = invoice["AmountDue"] - amount
    payments = [p for p in invoice["Payments"] if p["PaymentID"] != payment["PaymentID"]]
    if amount > 0:
        shown = ("PaymentID", "Date", "Amount", "Reference", "CurrencyRate")
        payments.append({key: payment[key] for key in shown} | {"HasAccount": False, "HasValidationErrors": False})
    changed = invoice | {
        "AmountDue": due,
        "AmountPaid": invoice["AmountPaid"] + amount,
        "Status": "AUTHORISED" if due else "PAID",
        "Payments": payments,
    }
    if due:
        changed.pop("FullyPaidOnDate", None)
    else:
        changed["FullyPaidOnDate"] = payment["Date"]
    keep_invoice(books, changed)


def keep_payment(books: Books, body: Json) -> None:
    now = books.clock.milliseconds()
    body["UpdatedDateUTC"] = ms_time(now)
    books.store.put(
        Row(
            kind=PAYMENT,
            org=books.org,
            id=body["PaymentID"],
            body=body,
            updated=now,
            name=body["Reference"],
            status=body["Status"],
            type=body["PaymentType"],
            date=body["DateString"][:10],
            account=body["Account"]["AccountID"],
            contact=body["Invoice"]["InvoiceID"],
        )
    )


def _write_journal(books: Books, body: Json, draft: _Draft) -> None:
    """Bank against receivable or payable at the invoice's rate; the difference is a realised currency gain."""
    sign = 1 if draft.invoice["Type"] == "ACCREC" else -1
    owed = to_base(draft.amount, Decimal(draft.invoice["CurrencyRate"]))
    moved = to_base(draft.amount, draft.rate)
    control = control_account(books, draft.invoice["Type"])["AccountID"]
    gain = books.system_account("REALISEDCURRENCYGAIN")["AccountID"]
    in_base = draft.account.get("CurrencyCode", books.base_currency) == books.base_currency
    bank = moved if in_base else draft.bank_amount
    legs = [
        Leg(account=draft.account["AccountID"], amount=sign * bank, base=sign * moved),
        Leg(account=control, amount=-sign * owed, base=-sign * owed),
    ]
    if moved != owed:
        legs.append(Leg(account=gain, amount=sign * (owed - moved), base=sign * (owed - moved)))
    journal.write(books, source=body["PaymentID"], date=body["DateString"][:10], legs=legs)


def reverse(books: Books, payment: Json) -> Json:
    """Delete a payment: it stays visible as DELETED, the invoice is due again."""
    if payment["Status"] != "AUTHORISED":
        raise Invalid("The payment has been deleted already.")
    if payment["IsReconciled"]:
        raise Invalid("This payment cannot be deleted as it has been reconciled with a Bank Statement.")
    if locked := books.lock_message(read_date(payment["Date"])):
        raise Invalid(locked)
    invoice = books.store.get(INVOICE, books.org, payment["Invoice"]["InvoiceID"])
    if invoice:
        _apply(books, invoice, payment, -payment["Amount"])
    deleted = payment | {"Status": "DELETED"}
    keep_payment(books, deleted)
    journal.erase(books, source=payment["PaymentID"])
    return deleted
