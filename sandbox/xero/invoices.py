"""Sales invoices and bills.

https://developer.xero.com/documentation/api/accounting/invoices
"""

from collections.abc import Callable
from decimal import Decimal

from sandbox.store import Json, Row
from sandbox.web import Response
from sandbox.xero import journal, problems
from sandbox.xero.bank_transactions import line_legs
from sandbox.xero.books import INVOICE, Books
from sandbox.xero.call import Batch, Call, Saved
from sandbox.xero.checks import rate_of, url_messages
from sandbox.xero.contacts import as_reference, contact_of_document
from sandbox.xero.journal import Leg, to_base
from sandbox.xero.lines import LineRules, read_line_amount_types, read_lines, totals_of
from sandbox.xero.listing import Listing, answer_list, shown
from sandbox.xero.problems import Invalid, NotFound
from sandbox.xero.wire import cents, date_string, ms_date, ms_time, new_id, read_date

TYPES = ("ACCREC", "ACCPAY")
_NEXT = {
    "DRAFT": {"DRAFT", "SUBMITTED", "AUTHORISED", "DELETED"},
    "SUBMITTED": {"SUBMITTED", "DRAFT", "AUTHORISED", "DELETED"},
    "AUTHORISED": {"AUTHORISED", "VOIDED"},
}

LISTING = Listing(
    kind=INVOICE,
    plural="Invoices",
    id_field="InvoiceID",
    type_name="Invoice",
    fields={
        "InvoiceID": "id",
        "Type": "type",
        "Status": "status",
        "Date": "@date:date",
        "InvoiceNumber": "name",
        "UpdatedDateUTC": "@time:updated",
        "Contact.ContactID": "contact",
        "DueDate": "@date:substr(json_extract(body,'$.DueDateString'),1,10)",
        "Contact.Name": "",
        "Reference": "",
        "CurrencyCode": "",
        "AmountDue": "",
        "AmountPaid": "",
        "Total": "",
        "SubTotal": "",
    },
    paged=True,
    dropped_unpaged=frozenset({"LineItems"}),
)


def list_invoices(call: Call) -> Response:
    """GET with the optimised parameters IDs, InvoiceNumbers, ContactIDs, Statuses, searchTerm, summaryOnly."""
    args = call.request.args
    conditions: list[tuple[str, list[object]]] = []
    for parameter, column in (
        ("IDs", "id"),
        ("InvoiceNumbers", "name"),
        ("ContactIDs", "contact"),
        ("Statuses", "status"),
    ):
        if text := args.get(parameter):
            values = [
                value.strip().lower() if parameter.endswith("IDs") else value.strip() for value in text.split(",")
            ]
            conditions.append((f"{column} IN ({','.join('?' * len(values))})", list(values)))
    if term := args.get("searchTerm"):
        parts = [
            f"instr(lower(coalesce(json_extract(body,'$.{name}'),'')),?)" for name in ("InvoiceNumber", "Reference")
        ]
        conditions.append((" OR ".join(parts), [term.lower()] * len(parts)))
    summary = {"LineItems", "Payments"} if call.flag("summaryOnly", default=False) else set()
    return answer_list(call, LISTING, conditions, drop=summary)


def get_invoice(call: Call, invoice: str) -> Response:
    found = find_invoice(call.books, {"InvoiceID": invoice, "InvoiceNumber": invoice})
    if found is None:
        raise NotFound
    return call.answer("Invoices", [shown(call, found)])


def find_invoice(books: Books, wish: Json) -> Json | None:
    """By InvoiceID, else by InvoiceNumber."""
    if found := books.store.get(INVOICE, books.org, str(wish.get("InvoiceID") or "").lower()):
        return found
    number = wish.get("InvoiceNumber")
    named = books.store.find(INVOICE, books.org, where="name=?", parameters=(number,)) if number else []
    return named[0] if named else None


def put_invoices(call: Call) -> Response:
    return _batch(call, lambda element: Saved(body=create(call, element)))


def post_invoices(call: Call, invoice: str | None = None) -> Response:
    """POST: by InvoiceID, or a sales invoice by its number; else create."""

    def save(element: Json) -> Saved:
        wish = {"InvoiceID": invoice, **element} if invoice else element
        found = find_invoice(call.books, wish) if wish.get("InvoiceID") or element.get("Type") == "ACCREC" else None
        if found is None and wish.get("InvoiceID"):
            raise Invalid(problems.ID_UNKNOWN)
        return Saved(body=_change(call, found, element) if found else create(call, element))

    return _batch(call, save)


def _batch(call: Call, save: Callable[[Json], Saved]) -> Response:
    def save_and_show(element: Json) -> Saved:
        return Saved(body=shown(call, save(element).body))

    return Batch(plural="Invoices", id_field="InvoiceID", save=save_and_show).run(call)


def create(call: Call, element: Json) -> Json:
    """Judge and keep a new invoice or bill; returns it as it stands in the books."""
    if element.get("Type") not in TYPES:
        raise Invalid("The invoice type is not valid")
    fresh: Json = {
        "InvoiceID": new_id(),
        "Payments": [],
        "CreditNotes": [],
        "Prepayments": [],
        "Overpayments": [],
        "AmountPaid": Decimal("0.00"),
        "AmountCredited": Decimal("0.00"),
        "HasAttachments": False,
        "HasErrors": False,
        "IsDiscounted": False,
        "Status": "DRAFT",
    }
    return _judge_and_keep(call, element, fresh)


def _change(call: Call, existing: Json, element: Json) -> Json:
    status = str(element.get("Status") or existing["Status"])
    if existing["AmountPaid"] or existing["AmountCredited"]:
        message = "The status VOIDED cannot be applied to the invoice because it has payments or credit notes allocated to it."
        raise Invalid(message if status == "VOIDED" else problems.HAS_PAYMENTS)
    if status not in _NEXT.get(existing["Status"], set()):
        raise Invalid(problems.INVOICE_STATUS)
    if status in ("VOIDED", "DELETED"):
        return void(call.books, existing, status)
    kept = {key: value for key, value in existing.items() if not key.startswith("_")}
    kept |= {"Date": existing["DateString"][:10], "DueDate": existing["DueDateString"][:10]}
    return _judge_and_keep(call, kept | element, existing)


def void(books: Books, existing: Json, status: str = "VOIDED") -> Json:
    """Without payments only; the document stays visible."""
    if existing["AmountPaid"] or existing["AmountCredited"]:
        raise Invalid(problems.HAS_PAYMENTS)
    if locked := books.lock_message(read_date(existing["Date"])):
        raise Invalid(locked)
    voided = existing | {"Status": status, "AmountDue": Decimal("0.00")}
    journal.erase(books, source=existing["InvoiceID"])
    keep_invoice(books, voided)
    return voided


def _judge_and_keep(call: Call, element: Json, before: Json) -> Json:
    books = call.books
    amounts = read_line_amount_types(element.get("LineAmountTypes"), default="Exclusive")
    body, messages = _read_head(call, element, before)
    rules = LineRules(amounts=amounts, four_decimals=call.four_decimals, zero_allowed=True, tax_override=True)
    try:
        lines = read_lines(books, element.get("LineItems"), rules)
    except Invalid as error:
        messages += error.messages
        lines = []
    totals = totals_of(lines, amounts)
    if body["Status"] == "AUTHORISED" and totals.total < 0:
        messages.append(problems.TOTAL_NOT_POSITIVE)
    if messages:
        raise Invalid(*dict.fromkeys(messages))
    body |= {"LineAmountTypes": amounts, "LineItems": lines, **totals.as_fields(), "AmountDue": totals.total}
    body["Contact"] = as_reference(contact_of_document(books, element))
    if any(line["UnitAmount"] != cents(line["UnitAmount"]) for line in lines):
        body["_fine"] = True
    keep_invoice(books, body)
    _write_journal(books, body)
    return body


def _read_head(call: Call, element: Json, before: Json) -> tuple[Json, list[str]]:
    books = call.books
    day = read_date(element["Date"]) if element.get("Date") else books.today()
    due = read_date(element["DueDate"]) if element.get("DueDate") else day
    currency = str(element.get("CurrencyCode") or books.base_currency)
    messages = url_messages(element.get("Url"))
    if locked := books.lock_message(day):
        messages.append(locked)
    if not books.is_subscribed(currency):
        messages.append(f"Organisation is not subscribed to currency {currency}")
        currency = books.base_currency
    status = str(element.get("Status") or "DRAFT")
    if status not in ("DRAFT", "SUBMITTED", "AUTHORISED"):
        messages.append(problems.INVOICE_STATUS)
    number = _number(books, element, before, messages)
    rate, _ = rate_of(books, element.get("CurrencyRate"), currency=currency, day=day)
    head = {
        **before,
        "Type": element["Type"],
        "InvoiceNumber": number,
        "Reference": str(element.get("Reference") or "") if element["Type"] == "ACCREC" else "",
        "DateString": date_string(day),
        "Date": ms_date(day),
        "DueDateString": date_string(due),
        "DueDate": ms_date(due),
        "Status": status,
        "CurrencyCode": currency,
        "CurrencyRate": rate,
    }
    return head | ({"Url": str(element["Url"])} if element.get("Url") else {}), messages


def _number(books: Books, element: Json, before: Json, messages: list[str]) -> str:
    """Unique for sales invoices, and made up where it is missing; free text for bills."""
    number = str(element.get("InvoiceNumber") or before.get("InvoiceNumber") or "")
    if element["Type"] == "ACCPAY":
        return number
    if not number:
        made = int(books.store.setting(f"xero.invoice.{books.org}", "0")) + 1
        books.store.set_setting(f"xero.invoice.{books.org}", str(made))
        return f"INV-{made:04d}"
    others = books.store.find(INVOICE, books.org, where="name=? AND type='ACCREC'", parameters=(number,))
    if any(other["InvoiceID"] != before["InvoiceID"] and other["Status"] != "DELETED" for other in others):
        messages.append(problems.INVOICE_NUMBER_TAKEN)
    return number


def keep_invoice(books: Books, body: Json) -> None:
    now = books.clock.milliseconds()
    body["UpdatedDateUTC"] = ms_time(now)
    books.note_event(INVOICE, "INVOICE", body["InvoiceID"], at=now)
    books.store.put(
        Row(
            kind=INVOICE,
            org=books.org,
            id=body["InvoiceID"],
            body=body,
            updated=now,
            name=body["InvoiceNumber"],
            status=body["Status"],
            type=body["Type"],
            date=body["DateString"][:10],
            contact=body["Contact"]["ContactID"],
        )
    )


def control_account(books: Books, invoice_type: str) -> Json:
    """Accounts receivable for sales, accounts payable for bills."""
    return books.system_account("DEBTORS" if invoice_type == "ACCREC" else "CREDITORS")


def _write_journal(books: Books, body: Json) -> None:
    journal.erase(books, source=body["InvoiceID"])
    if body["Status"] != "AUTHORISED":
        return
    sign = 1 if body["Type"] == "ACCREC" else -1
    base = sign * to_base(body["Total"], Decimal(body["CurrencyRate"]))
    control = Leg(account=control_account(books, body["Type"])["AccountID"], amount=base, base=base)
    legs = [control, *line_legs(books, body, sign=-sign)]
    journal.write(books, source=body["InvoiceID"], date=body["DateString"][:10], legs=legs)
