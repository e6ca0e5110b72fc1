"""What a visitor or a test tool may do to the sandbox's Amnis."""

import re
from typing import TYPE_CHECKING, Any

from sandbox import scenarios
from sandbox.amnis.company import Company, Pair
from sandbox.panel.fields import Fields, Mistake, moment

if TYPE_CHECKING:
    from sandbox.app import Sandbox

MOVEMENTS = ("pay_in", "payout", "card", "fee", "fx", "own_transfer", "peer_in", "peer_out")
_TUPLES = ("sold", "bought", "original")
_ROW_DEEDS = ("execute", "cancel", "fail", "expire", "remove")
_AMOUNT = re.compile(r"[+-]?\d{1,12}(\.\d{1,3})?", re.ASCII)  # three decimals are a thing that vendors send


def company_of(sandbox: "Sandbox", fields: Fields) -> Company:
    client_id = fields.text("company", "ck_1")
    if client_id not in sandbox.amnis.companies:
        raise Mistake(f"no company {client_id}")
    return sandbox.amnis.company(client_id)


def add_movement(sandbox: "Sandbox", fields: Fields) -> Any:
    """{company, kind, arguments}: one call of the builder, dates and moments as ISO texts. Returns the row id or ids."""
    kind, arguments = fields.text("kind"), fields.given("arguments") or {}
    if kind not in MOVEMENTS or not isinstance(arguments, dict):
        raise Mistake(f"kind is one of {', '.join(MOVEMENTS)}, arguments is an object")
    try:
        made = getattr(company_of(sandbox, fields), kind)(**{key: _read(key, arguments[key]) for key in arguments})
    except TypeError as error:
        raise Mistake(str(error)) from None
    return {"paid": made.paid, "received": made.received, "detail": made.detail} if isinstance(made, Pair) else made


def _read(name: str, value: Any) -> Any:
    if name in _TUPLES and isinstance(value, list):
        return tuple(value)
    if name == "vats" and isinstance(value, list):
        return [tuple(line) for line in value]
    if isinstance(value, str) and name.endswith(("_on", "_at")):
        return moment(value)
    return value


def add_from_form(sandbox: "Sandbox", fields: Fields) -> str:
    """The plain form: kind, account, amount, name, text, day; for conversions and transfers the other account too."""
    kind, amount, account = fields.text("kind"), fields.text("amount"), fields.number("account", 1)
    name, text = fields.text("name", ""), fields.text("text", "")
    arguments: dict[str, Any] = {"amount": amount, "account": account, "executed_on": fields.text("day", "") or None}
    match kind:
        case "pay_in":
            arguments |= {"payer": name or None, "reference": text or None}
        case "payout" | "peer_out":
            arguments |= {"to": name or "Beispiel AG", "reference" if kind == "payout" else "comment": text or None}
        case "peer_in":
            arguments |= {"sender": name or "Beispiel AG", "comment": text or None}
        case "card":
            arguments |= {"merchant": name or "Café Beispiel", "comment": text or None}
        case "fee":
            arguments |= {"comment": text or None}
        case "fx":
            other = (fields.number("other_account"), fields.text("other_amount"))
            arguments = {"sold": [account, amount], "bought": list(other), "value_on": arguments["executed_on"]}
        case "own_transfer":
            arguments |= {"source": arguments.pop("account"), "target": fields.number("other_account")}
    asked = {"company": fields.text("company", "ck_1"), "kind": kind, "arguments": arguments}
    return f"Added: {kind.replace('_', ' ')}, row {_shown(add_movement(sandbox, Fields(asked)))}."


def _shown(made: Any) -> str:
    if isinstance(made, dict):
        return " and ".join(str(made[key]) for key in ("paid", "received") if made[key])
    return str(made)


def add_random(sandbox: "Sandbox", fields: Fields) -> str:
    """{company, count, seed, history}: many plausible rows at once."""
    company, count = company_of(sandbox, fields), fields.number("count", 10)
    if not 1 <= count <= 200_000:
        raise Mistake("count is between 1 and 200000")
    made = scenarios.add_random_movements(
        sandbox, company.client_id, count, seed=fields.number("seed", 0), history=fields.flag("history")
    )
    return f"Added {made} rows."


def add_raw(sandbox: "Sandbox", fields: Fields) -> int:
    """{company, row, detail}: a ledger row exactly as given."""
    row = fields.given("row")
    if not isinstance(row, dict):
        raise Mistake("row is an object")
    return company_of(sandbox, fields).raw(row, detail=fields.given("detail"))


def move_row(sandbox: "Sandbox", fields: Fields) -> str:
    """{company, row, deed, amount}: execute, cancel, fail, expire or remove one row."""
    company, row, deed = company_of(sandbox, fields), fields.number("row"), fields.text("deed")
    if deed not in _ROW_DEEDS:
        raise Mistake(f"deed is one of {', '.join(_ROW_DEEDS)}")
    if deed == "execute":
        return f"Row {company.execute(row, amount=fields.given('amount'))} is executed."
    getattr(company, deed)(row)
    return f"Done: {deed} row {row}."


def change_row(sandbox: "Sandbox", fields: Fields) -> str:
    """{company, row, fields, detail}: set fields of a row, and of its detail, by their names in the API."""
    company, row = company_of(sandbox, fields), fields.number("row")
    changes = fields.given("fields") or {}
    if amount := fields.given("amount"):
        changes = {**changes, "amount": amount}
    company.change(row, **changes)
    if detail := fields.given("detail"):
        company.change_detail(row, **detail)
    return f"Row {row} has changed."


def correct_amount(sandbox: "Sandbox", fields: Fields) -> str:
    """{company, row, amount}: Amnis corrects what an old row moved; the row's sign stays unless one is typed."""
    company, row, typed = company_of(sandbox, fields), fields.number("row"), fields.text("amount")
    if not _AMOUNT.fullmatch(typed):
        raise Mistake(f"amount is a number such as 12.50, not {typed!r}")
    was = str(company.row(row)["amount"])
    amount = f"-{typed}" if was.startswith("-") and typed[0] not in "+-" else typed.removeprefix("+")
    company.change(row, amount=amount)
    return f"Row {row} reads {amount} now, not {was}."


def add_cost_center(sandbox: "Sandbox", fields: Fields) -> str:
    """{company, name}: one more cost centre that card rows may name."""
    name = fields.text("name")
    company_of(sandbox, fields).cost_center(name)
    return f"Cost centre {name} is there."


def execute_pending(sandbox: "Sandbox", fields: Fields) -> str:
    """{company}: everything that waits executes now, whatever its date."""
    company, count = company_of(sandbox, fields), 0
    with company.ledger() as ledger:
        waiting = [row.id for row in ledger.rows(company.client_id, executed=False) if not row.dead]
    for row in waiting:
        if not company.row(row)["executed"]:
            company.execute(row)
            count += 1
    return f"{count} pending movements executed."


def turn_switches(sandbox: "Sandbox", fields: Fields) -> str:
    """{name: value}: the vendor's open questions."""
    changes = {name: value for name, value in fields.values.items() if name not in {"csrf", "company", "org"}}
    sandbox.amnis.switch(**changes)
    return "Amnis: switches are set."


def tokens(sandbox: "Sandbox", fields: Fields) -> str:
    """{company, deed, secret}: expire the access tokens, disconnect, or renew the API key's secret."""
    company, found = company_of(sandbox, fields), sandbox.amnis.tokens
    match fields.text("deed"):
        case "expire":
            return f"{found.expire(company.client_id)} access tokens of {company.name} have expired."
        case "disconnect":
            return f"{found.disconnect(company.client_id)} tokens of {company.name} are gone."
        case "secret":
            found.change_secret(company.client_id, fields.text("secret", "") or None)
            found.disconnect(company.client_id)
            return f"The API key of {company.name} has {'a new' if fields.given('secret') else 'its first'} secret."
    raise Mistake("deed is expire, disconnect or secret")
