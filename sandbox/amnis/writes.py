"""The write endpoints: expense data of a transaction, documents, payments, conversions, expense master data.

Millrace uses none of them; a client that does has to meet the documented rules here too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sandbox.amnis import bodies, wire
from sandbox.amnis.api import Call
from sandbox.amnis.ledger import Row
from sandbox.amnis.problems import ExpenseRefused, Invalid, Problem
from sandbox.amnis.rates import convert
from sandbox.amnis.values import decimal_of, integer_of, money, parse_moment, stamp
from sandbox.amnis.wire import Body

Write = Callable[..., "Body | Accepted"]

_MASTER_FIELDS = {
    "expense_categories": (
        "name",
        "accountingAccountNumber",
        "externalId",
        "allowedTransactionTypes",
        "allowedCardGroups",
    ),
    "expense_cost_centers": ("name", "number", "allowedTransactionTypes", "allowedCardGroups"),
    "expense_vats": ("name", "value", "externalId", "importTax"),
}
# field of the request, field of the transaction, kind, word in error codes, what is shown of it
_REFERENCES = (
    (
        "category", "expenseCategory", "expense_categories", "category",
        ("id", "name", "accountingAccountNumber", "externalId"),
    ),
    ("costCenter", "expenseCostCenter", "expense_cost_centers", "cost_center", ("id", "name", "number")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Accepted:
    """A write that succeeded with another status than 200."""

    status: int
    body: Body


def update_expense(call: Call, number: str) -> Body:
    """PATCH /api/transactions/{id}/expense: category, cost centre, taxes, note."""
    row, asked = _expense_row(call, number), _body(call)
    changes: Body = {}
    for field, shown, kind, word, keys in _REFERENCES:
        if field in asked:
            changes[shown] = _referred(call, asked[field], kind, word, keys)
    if "vats" in asked:
        changes["vats"] = _vats(asked["vats"])
    if "note" in asked:
        changes["comment"] = _note(asked["note"])
    return _changed(call, row, changes)


def toggle_completed(call: Call, number: str) -> Body:
    """PATCH .../toggle-expense-completed."""
    row, mark = _expense_row(call, number), _body(call).get("markAsComplete")
    if mark is not None and not isinstance(mark, bool):
        raise ExpenseRefused("markAsComplete", "input.mark_as_complete.not_valid", "This value is not valid.")
    done = not row.body.get("expenseCompletedAt") if mark is None else mark
    return _changed(call, row, {"expenseCompletedAt": stamp(call.ledger.now) if done else None})


def upload_document(call: Call, number: str) -> Accepted:
    """POST .../expense-upload: one file; the transaction shows it from then on."""
    row, file = _expense_row(call, number), call.request.files.get("file")
    if file is None:
        raise Problem(400, "The `file` parameter is required.")
    known = _documents(row)
    document = {"id": str(row.id * 100 + len(known) + 1), "name": file.filename, "mimeType": file.mimetype}
    _changed(call, row, {"documents": [*known, document]})
    created = call.ledger.now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return Accepted(201, {**document, "transactionId": row.id, "createdAt": created})


def delete_document(call: Call, number: str, document: str) -> Accepted:
    row = _expense_row(call, number)
    if row.body.get("expenseCompletedAt"):
        raise Problem(400, "Document not deletable for completed expense.")
    known = _documents(row)
    kept = [item for item in known if str(item["id"]) != document]
    if len(kept) == len(known):
        raise Problem(404, "Not Found")
    _changed(call, row, {"documents": kept})
    return Accepted(204, {})


def create_payout(call: Call) -> Body:
    """POST /api/payout_transaction_details: an unsigned payment, not executed before somebody signs it."""
    if not call.switches.payment_scope:
        raise Problem(403, "Access Denied: the scope PAYMENT_CREATE is missing.")
    asked = _body(call)
    amount, bank = _amount(asked, "amount"), asked.get("bankAccount")
    reference = str(asked.get("reference") or "")
    if not 3 <= len(reference) <= 140:
        raise Invalid("reference", "This value should have between 3 and 140 characters.")
    if not isinstance(bank, dict) or not (bank.get("iban") or bank.get("accountNumber")):
        raise Invalid("bankAccount", "iban or accountNumber is mandatory.")
    day = parse_moment(str(asked["executionDate"])) if asked.get("executionDate") else None
    row = call.company.payout(
        amount=amount, to=str((asked.get("beneficiary") or {}).get("name") or "Unknown"), reference=reference,
        account=_account_in(call, str(bank.get("currency"))), status="created", executed_on=day,
        fee_schedule=asked.get("feeSchedule"),
    )  # fmt: skip
    found: Body = call.company.detail(row) or {}
    return found


def request_rate(call: Call) -> Accepted:
    """POST /api/deal_request: a quote that binds nobody."""
    sold, bought, value = _conversion(call, both_may_be_empty=True)
    quote = bodies.fx(sold=sold, bought=bought, deal=call.ledger.now, value=value, status="created")
    kept = (
        "currencyFrom",
        "currencyTo",
        "amountFrom",
        "amountTo",
        "valueDate",
        "spotRate",
        "platformRate",
        "forwardPoints",
    )
    return Accepted(201, {"id": f"dr_{call.ledger.now_micros}", **{key: quote[key] for key in kept}})


def create_conversion(call: Call) -> Accepted:
    """POST /api/fx_transaction_details: exactly one of the two amounts; executes on its value date."""
    sold, bought, value = _conversion(call, both_may_be_empty=False)
    deal = call.company.fx(
        sold=(_account_in(call, sold[0]), sold[1]),
        bought=(_account_in(call, bought[0]), bought[1]),
        dealt_on=call.ledger.now,
        value_on=value,
        executed=False,
    )
    return Accepted(201, call.ledger.detail("fx_transaction_details", deal.detail) or {})


def create_master_data(call: Call, kind: str) -> Body:
    """POST of a category, a cost centre or a tax rate: names are unique; answers 200 as documented."""
    _need_accounting(call)
    asked = _body(call)
    if not asked.get("name"):
        raise Invalid("name", "This value should not be blank.")
    if any(item["name"] == asked["name"] for item in call.ledger.resources(kind, call.client_id)):
        raise Problem(400, "The name is used already.")
    number = call.ledger.add_resource(kind, call.client_id, {key: asked.get(key) for key in _MASTER_FIELDS[kind]})
    return call.ledger.resource(kind, number, company=call.client_id) or {}


def routes() -> list[tuple[str, str, Write, dict[str, Any]]]:
    """(method, path, write, fixed arguments)."""
    transaction = "/api/transactions/<number>"
    found: list[tuple[str, str, Write, dict[str, Any]]] = [
        ("PATCH", f"{transaction}/expense", update_expense, {}),
        ("PATCH", f"{transaction}/toggle-expense-completed", toggle_completed, {}),
        ("POST", f"{transaction}/expense-upload", upload_document, {}),
        ("DELETE", f"{transaction}/documents/<document>", delete_document, {}),
        ("POST", "/api/payout_transaction_details", create_payout, {}),
        ("POST", "/api/fx_transaction_details", create_conversion, {}),
        ("POST", "/api/deal_request", request_rate, {}),
    ]
    found += [("POST", f"/api/{kind}", create_master_data, {"kind": kind}) for kind in _MASTER_FIELDS]
    return found


def _body(call: Call) -> Body:
    found = call.request.get_json(silent=True)
    if not isinstance(found, dict):
        raise Problem(400, "The request body must be a JSON object.")
    return found


def _need_accounting(call: Call) -> None:
    if not call.switches.accounting_scope:
        raise Problem(403, "Access Denied: the scope ACCOUNTING is missing.")


def _expense_row(call: Call, number: str) -> Row:
    _need_accounting(call)
    row = call.ledger.row(integer_of(number) or -1, company=call.client_id)
    if row is None:
        raise Problem(404, "Not Found")
    return row


def _changed(call: Call, row: Row, changes: Body) -> Body:
    row.body |= {**changes, "updatedAt": stamp(call.ledger.now)}
    call.ledger.save_row(row)
    return wire.transaction(row.body, call.switches)


def _documents(row: Row) -> list[Body]:
    found = row.body.get("documents")
    if isinstance(found, dict):
        return [found]
    return list(found) if isinstance(found, list) else []


def _referred(call: Call, iri: object, kind: str, word: str, keys: tuple[str, ...]) -> Body | None:
    if iri is None:
        return None
    head, _, number = str(iri).rpartition("/")
    found = call.ledger.resource(kind, integer_of(number) or -1, company=call.client_id)
    if head != f"/api/{kind}" or found is None:
        raise ExpenseRefused(word, f"input.{word}.not_valid", "This value is not valid.")
    return {key: found[key] for key in keys}


def _vats(asked: object) -> list[Body]:
    if not isinstance(asked, list) or not 1 <= len(asked) <= 3 or not all(isinstance(line, dict) for line in asked):
        raise ExpenseRefused("vats", "expense.vat.not_valid", "Between one and three taxes are expected.")
    keys = ("expenseVat", "rate", "amount", "grossAmount", "externalId")
    return [{key: line.get(key) for key in keys} for line in asked]


def _note(note: object) -> str | None:
    if note is not None and not isinstance(note, str):
        raise ExpenseRefused("note", "input.comment.not_valid", "This value is not valid.")
    return note


def _amount(asked: Body, field: str) -> str:
    try:
        amount = decimal_of(str(asked.get(field)))
    except ValueError:
        raise Invalid(field, "This value is not valid.") from None
    if amount <= 0:
        raise Invalid(field, "This value should be positive.")
    return money(amount)


def _account_in(call: Call, currency: str) -> int:
    query = "SELECT id FROM amnis_account WHERE company = ? AND currency = ? AND type = 'normal' ORDER BY id LIMIT 1"
    found = call.ledger.store.execute(query, (call.client_id, currency))
    if not found:
        raise Invalid("currency", "There is no account in this currency.")
    return int(found[0][0])


def _conversion(call: Call, *, both_may_be_empty: bool) -> tuple[tuple[str, str], tuple[str, str], datetime]:
    asked = _body(call)
    source, target = str(asked.get("currencyFrom")), str(asked.get("currencyTo"))
    given = [name for name in ("amountFrom", "amountTo") if asked.get(name) is not None]
    if len(given) != 1 and not (both_may_be_empty and not given):
        raise Invalid("amountFrom", "Exactly one of amountFrom and amountTo is expected.")
    try:
        value = parse_moment(str(asked.get("valueDate")))
    except ValueError:
        raise Invalid("valueDate", "This value is not a valid datetime.") from None
    if given == ["amountTo"]:
        bought = _amount(asked, "amountTo")
        return (source, money(convert(Decimal(bought), target, source))), (target, bought), value
    sold = _amount(asked, "amountFrom") if given else "1000.00"
    return (source, sold), (target, money(convert(Decimal(sold), source, target))), value
