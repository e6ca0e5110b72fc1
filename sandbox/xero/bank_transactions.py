"""Spend and receive money.

https://developer.xero.com/documentation/api/accounting/banktransactions
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sandbox.store import Json, Row
from sandbox.web import Response
from sandbox.xero import journal, problems
from sandbox.xero.books import BANK_TRANSACTION, Books
from sandbox.xero.call import Batch, Call, Saved
from sandbox.xero.checks import bank_account, rate_of, reference_messages, url_messages
from sandbox.xero.contacts import as_reference, contact_of_document
from sandbox.xero.journal import Leg, to_base
from sandbox.xero.lines import (
    LineRules,
    check_totals,
    net_of,
    read_line_amount_types,
    read_lines,
    totals_of,
)
from sandbox.xero.listing import Listing, answer_list, shown
from sandbox.xero.problems import Invalid, NotFound
from sandbox.xero.wire import cents, date_string, ms_date, ms_time, new_id, read_date, read_decimal

PLAIN = ("SPEND", "RECEIVE")
CREATABLE = {*PLAIN, "SPEND-OVERPAYMENT", "RECEIVE-OVERPAYMENT", "SPEND-PREPAYMENT", "RECEIVE-PREPAYMENT"}

LISTING = Listing(
    kind=BANK_TRANSACTION,
    plural="BankTransactions",
    id_field="BankTransactionID",
    type_name="BankTransaction",
    fields={
        "BankTransactionID": "id",
        "Type": "type",
        "Status": "status",
        "Date": "@date:date",
        "Reference": "name",
        "UpdatedDateUTC": "@time:updated",
        "Contact.ContactID": "contact",
        "BankAccount.AccountID": "account",
        "Contact.Name": "",
        "BankAccount.Code": "",
        "BankAccount.Name": "",
        "Total": "",
        "SubTotal": "",
        "TotalTax": "",
        "CurrencyCode": "",
        "CurrencyRate": "",
        "Url": "",
        "IsReconciled": "@bool",
    },
    paged=True,
    optimised=frozenset({"Type", "Status", "Date", "Contact.ContactID"}),
    dropped_unpaged=frozenset({"LineItems"}),
)


def list_bank_transactions(call: Call) -> Response:
    conditions: list[tuple[str, list[object]]] = []
    if not call.switches.list_transfers_among_transactions:
        conditions.append(("type NOT LIKE '%-TRANSFER'", []))
    return answer_list(call, LISTING, conditions)


def get_bank_transaction(call: Call, transaction: str) -> Response:
    found = call.books.store.get(BANK_TRANSACTION, call.books.org, transaction.lower())
    if found is None:
        raise NotFound
    return call.answer("BankTransactions", [shown(call, found)])


def put_bank_transactions(call: Call) -> Response:
    """PUT: create each element."""
    return _batch(call, lambda element: create(call, element))


def post_bank_transactions(call: Call, transaction: str | None = None) -> Response:
    """POST: change the document whose id is in the element or the address, delete it, or create one."""

    def save(element: Json) -> Saved:
        known = transaction or element.get("BankTransactionID")
        return change(call, str(known), element) if known else create(call, element)

    return _batch(call, save)


def _batch(call: Call, save: Callable[[Json], Saved]) -> Response:
    def save_and_show(element: Json) -> Saved:
        saved = save(element)
        return Saved(body=shown(call, saved.body), warnings=saved.warnings)

    return Batch(plural="BankTransactions", id_field="BankTransactionID", save=save_and_show).run(call)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Everything about a document but its lines."""

    type: str
    account: Json
    day: date
    rate: Decimal
    warnings: list[str]


def create(call: Call, element: Json) -> Saved:
    """Judge one new document and keep it; raises Invalid with every message."""
    if str(element.get("Type")) not in CREATABLE:
        raise Invalid("The bank transaction type is not valid")
    return _judge_and_keep(
        call, element, {"BankTransactionID": new_id(), "IsReconciled": False, "HasAttachments": False}
    )


def change(call: Call, transaction: str, element: Json) -> Saved:
    """Change or delete one document: given fields replace, lines follow their LineItemID."""
    existing = call.books.store.get(BANK_TRANSACTION, call.books.org, transaction.lower())
    if existing is None:
        raise Invalid(problems.ID_UNKNOWN)
    _check_changeable(call.books, existing)
    if element.get("Status") == "DELETED":
        return Saved(body=delete(call.books, existing))
    kept = {
        "Type": existing["Type"],
        "Contact": {"ContactID": existing["Contact"]["ContactID"]},
        "BankAccount": {"AccountID": existing["BankAccount"]["AccountID"]},
        "Date": existing["DateString"][:10],
        "Reference": existing.get("Reference"),
        "LineAmountTypes": existing["LineAmountTypes"],
        "CurrencyRate": existing["CurrencyRate"],
        "Url": existing.get("Url"),
        "LineItems": existing["LineItems"],
    }
    return _judge_and_keep(call, kept | element, existing)


def _check_changeable(books: Books, existing: Json) -> None:
    if existing["Status"] != "AUTHORISED":
        raise Invalid("This Bank Transaction cannot be edited as it has been deleted.")
    if existing["IsReconciled"]:
        raise Invalid(problems.RECONCILED)
    if existing["Type"] not in PLAIN:
        raise Invalid("This Bank Transaction cannot be edited because of its type.")
    if locked := books.lock_message(read_date(existing["Date"])):
        raise Invalid(locked)


def delete(books: Books, existing: Json) -> Json:
    """The document stays, marked DELETED; its postings go."""
    deleted = existing | {"Status": "DELETED"}
    journal.erase(books, source=existing["BankTransactionID"])
    keep(books, deleted)
    return deleted


def _judge_and_keep(call: Call, element: Json, before: Json) -> Saved:
    books = call.books
    messages: list[str] = []
    draft = _read_head(call, element, messages)
    amounts = read_line_amount_types(element.get("LineAmountTypes"), default="Inclusive")
    lines = _lines(call, element, amounts, messages)
    totals = totals_of(lines, amounts)
    check_totals(element, totals, messages)
    if lines and totals.total <= 0:
        messages.append(problems.TOTAL_NOT_POSITIVE)
    if messages or draft is None:
        raise Invalid(*dict.fromkeys(messages))
    contact = contact_of_document(books, element)
    body = _body(element, before, draft=draft, contact=contact, amounts=amounts)
    body |= {"LineItems": lines, **totals.as_fields()}
    if any(line["UnitAmount"] != cents(line["UnitAmount"]) for line in lines):
        body["_fine"] = True
    if "Status" in before:
        journal.erase(books, source=body["BankTransactionID"])
    keep(books, body)
    write_journal(books, body)
    return Saved(body=body, warnings=draft.warnings)


def _lines(call: Call, element: Json, amounts: str, messages: list[str]) -> list[Json]:
    rules = LineRules(
        amounts=amounts,
        four_decimals=call.four_decimals,
        reject_unknown_tracking=call.switches.reject_unknown_tracking,
    )
    lines = element.get("LineItems")
    try:
        if str(element.get("Type")).endswith("OVERPAYMENT"):
            lines = _overpayment_lines(call.books, element)
            return lines
        return read_lines(call.books, lines, rules)
    except Invalid as error:
        messages += error.messages
        return []


def _overpayment_lines(books: Books, element: Json) -> list[Json]:
    """One line without tax on accounts receivable or payable."""
    asked = element.get("LineItems") or []
    if len(asked) != 1:
        raise Invalid("An overpayment must have exactly one line item")
    system = "DEBTORS" if str(element["Type"]).startswith("RECEIVE") else "CREDITORS"
    account = books.system_account(system)
    amount = cents(read_decimal(asked[0].get("LineAmount", asked[0].get("UnitAmount", 0)), path="LineItems.UnitAmount"))
    return [
        {
            "Description": str(asked[0].get("Description") or "Overpayment"),
            "UnitAmount": amount,
            "TaxType": "NONE",
            "TaxAmount": Decimal("0.00"),
            "LineAmount": amount,
            "AccountCode": account.get("Code", ""),
            "Tracking": [],
            "Quantity": Decimal(1),
            "LineItemID": new_id(),
            "AccountID": account["AccountID"],
            "ValidationErrors": [],
        }
    ]


def _read_head(call: Call, element: Json, messages: list[str]) -> Draft | None:
    books = call.books
    day = read_date(element["Date"]) if element.get("Date") else books.today()
    if locked := books.lock_message(day):
        messages.append(locked)
    messages += reference_messages(element)
    messages += url_messages(element.get("Url"))
    messages += _contact_messages(element)
    account = bank_account(books, element.get("BankAccount"), messages)
    if account is None:
        return None
    messages += _currency_messages(call, element, account)
    rate, warnings = rate_of(books, element.get("CurrencyRate"), currency=account["CurrencyCode"], day=day)
    return Draft(type=str(element["Type"]), account=account, day=day, rate=rate, warnings=warnings)


def _contact_messages(element: Json) -> list[str]:
    """What is wrong with the contact already without looking it up, so that all errors are told at once."""
    wish = element.get("Contact")
    named = isinstance(wish, dict) and any(wish.get(key) for key in ("ContactID", "ContactNumber", "Name"))
    return [] if named else [problems.NO_CONTACT]


def _currency_messages(call: Call, element: Json, account: Json) -> list[str]:
    asked = element.get("CurrencyCode")
    if not asked or asked == account["CurrencyCode"]:
        return []
    if not call.books.is_subscribed(str(asked)):
        return [f"Organisation is not subscribed to currency {asked}"]
    if call.switches.reject_foreign_currency_code:
        return ["The currency of the bank transaction must be the currency of the bank account"]
    return []


def _body(element: Json, before: Json, *, draft: Draft, contact: Json, amounts: str) -> Json:
    account = draft.account
    body = {
        **before,
        "BankAccount": {"AccountID": account["AccountID"], "Code": account.get("Code", ""), "Name": account["Name"]},
        "Type": draft.type,
        "IsReconciled": element.get("IsReconciled") in (True, "true") or before["IsReconciled"],
        "CurrencyRate": draft.rate,
        "Contact": as_reference(contact),
        "DateString": date_string(draft.day),
        "Date": ms_date(draft.day),
        "Status": "AUTHORISED",
        "LineAmountTypes": amounts,
        "CurrencyCode": account["CurrencyCode"],
    }
    if draft.type in PLAIN:
        body["Reference"] = str(element.get("Reference") or "")
    if element.get("Url"):
        body["Url"] = str(element["Url"])
    if draft.type not in PLAIN:
        field = "OverpaymentID" if draft.type.endswith("OVERPAYMENT") else "PrepaymentID"
        body.setdefault(field, new_id())
    return body


def keep(books: Books, body: Json) -> None:
    """Store a bank transaction of any type, stamped now."""
    now = books.clock.milliseconds()
    body["UpdatedDateUTC"] = ms_time(now)
    books.store.put(
        Row(
            kind=BANK_TRANSACTION,
            org=books.org,
            id=body["BankTransactionID"],
            body=body,
            updated=now,
            name=body.get("Reference"),
            status=body["Status"],
            type=body["Type"],
            date=body["DateString"][:10],
            account=body["BankAccount"]["AccountID"],
            contact=(body.get("Contact") or {}).get("ContactID"),
        )
    )


def write_journal(books: Books, body: Json) -> None:
    """Bank against the lines and their tax, each rounded to base currency by itself."""
    sign = 1 if body["Type"].startswith("RECEIVE") else -1
    rate = Decimal(body["CurrencyRate"])
    total: Decimal = body["Total"]
    legs = [
        Leg(account=body["BankAccount"]["AccountID"], amount=sign * total, base=sign * to_base(total, rate)),
        *line_legs(books, body, sign=-sign),
    ]
    journal.write(books, source=body["BankTransactionID"], date=body["DateString"][:10], legs=legs)


def line_legs(books: Books, body: Json, *, sign: int) -> list[Leg]:
    """The lines' side of a document: net on each account, tax on the tax account; all in base currency."""
    rate = Decimal(body["CurrencyRate"])
    legs = []
    for line in body["LineItems"]:
        net = sign * to_base(net_of(line, body["LineAmountTypes"]), rate)
        legs.append(Leg(account=line["AccountID"], amount=net, base=net))
        if tax := sign * to_base(line["TaxAmount"], rate):
            legs.append(Leg(account=books.system_account("GST")["AccountID"], amount=tax, base=tax))
    return legs
