"""What a visitor or a test tool may do to the sandbox's Xero: mostly what a person with a browser does there."""

from dataclasses import fields as fields_of
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.panel.fields import Fields, Mistake
from sandbox.xero.problems import Invalid
from sandbox.xero.switches import Switches

if TYPE_CHECKING:
    from sandbox.app import Sandbox


def org_of(sandbox: "Sandbox", fields: Fields) -> str:
    """The id of the organisation, asked for by id or name; the first one by default."""
    try:
        return sandbox.xero.books(fields.given("org")).org
    except LookupError as error:
        raise Mistake(str(error)) from None


def set_lock_dates(sandbox: "Sandbox", fields: Fields) -> str:
    """{org, period, end_of_year}: both dates as given; an empty one is removed."""
    period, end = fields.day("period"), fields.day("end_of_year")
    sandbox.xero.people(org_of(sandbox, fields)).set_lock_dates(period=period, end_of_year=end)
    return f"Lock date: {period or 'none'}; year end: {end or 'none'}."


def touch_document(sandbox: "Sandbox", fields: Fields) -> str:
    """{org, document, deed, ...}: a person reconciles, deletes, or edits (reference, amount) a bank transaction."""
    people, document, deed = sandbox.xero.people(org_of(sandbox, fields)), fields.text("document"), fields.text("deed")
    try:
        match deed:
            case "reconcile":
                people.reconcile(document)
            case "unreconcile":
                people.unreconcile(document)
            case "delete":
                people.delete(document)
            case "void":
                people.void(document)
            case "edit":
                people.edit(document, **_edit(sandbox, fields, document))
            case _:
                raise Mistake("deed is reconcile, unreconcile, delete, void or edit")
    except Invalid as error:
        raise Mistake(str(error)) from None
    return f"A person did: {deed}."


def _edit(sandbox: "Sandbox", fields: Fields, document: str) -> dict[str, Any]:
    if isinstance(changes := fields.given("fields"), dict):
        return changes
    edited: dict[str, Any] = {"Reference": fields.text("reference")} if fields.given("reference") else {}
    if fields.given("amount"):
        edited["LineItems"] = _one_line(sandbox, fields, document)
    if not edited:
        raise Mistake("reference or amount is missing")
    return edited


def _one_line(sandbox: "Sandbox", fields: Fields, document: str) -> list[dict[str, Any]]:
    """The first line with another amount, without the others."""
    for body in sandbox.xero.ledger(org_of(sandbox, fields)).bank_transactions():
        if body["BankTransactionID"] == document:
            kept = {key: body["LineItems"][0].get(key) for key in ("Description", "AccountCode", "TaxType")}
            return [{**kept, "LineAmount": Decimal(fields.text("amount"))}]
    raise Mistake("no such bank transaction")


def type_document(sandbox: "Sandbox", fields: Fields) -> str:
    """{org, type, account, amount, contact, code, day, reference}: a bank transaction entered by hand."""
    org = org_of(sandbox, fields)
    bank = sandbox.xero.ledger(org).account(fields.text("account"))
    try:
        made = sandbox.xero.people(org).type_bank_transaction(
            Type=fields.text("type", "SPEND"),
            BankAccount={"AccountID": bank["AccountID"]},
            Contact={"Name": fields.text("contact", "Von Hand AG")},
            Date=(fields.day("day") or sandbox.xero.books(org).today()).isoformat(),
            Reference=fields.text("reference", ""),
            LineItems=[{
                "Description": "Typed by hand", "LineAmount": Decimal(fields.text("amount")),
                "AccountCode": fields.text("code", "400"), "TaxType": "NONE",
            }],
        )  # fmt: skip
    except Invalid as error:
        raise Mistake(str(error)) from None
    return f"Typed by hand: {made['BankTransactionID']}."


def people(sandbox: "Sandbox", fields: Fields) -> Any:
    """{org, act, arguments}: any act of sandbox.xero.people by its name, for tools."""
    act, arguments = fields.text("act"), fields.given("arguments") or {}
    found = sandbox.xero.people(org_of(sandbox, fields))
    if act.startswith("_") or not hasattr(found, act) or not isinstance(arguments, dict):
        raise Mistake(f"a person cannot {act}")
    try:
        return getattr(found, act)(**{name: _read(name, value) for name, value in arguments.items()})
    except (TypeError, Invalid) as error:
        raise Mistake(str(error)) from None


def _read(name: str, value: Any) -> Any:
    if name in {"day", "period", "end_of_year"} and isinstance(value, str):
        return date.fromisoformat(value)
    return Decimal(value) if name == "rate" else value


def disconnect(sandbox: "Sandbox", fields: Fields) -> str:
    """{org}: a person removes the connected apps in Xero."""
    return f"{sandbox.xero.people(org_of(sandbox, fields)).disconnect()} connections removed in Xero."


def issue_tokens(sandbox: "Sandbox", fields: Fields) -> Any:
    """{organisations}: tokens as after a consent in the browser just now."""
    chosen = fields.given("organisations") or []
    if not isinstance(chosen, list):
        raise Mistake("organisations is a list of names or ids")
    try:
        return sandbox.xero.issue_tokens(*chosen)
    except LookupError as error:
        raise Mistake(str(error)) from None


def turn_switches(sandbox: "Sandbox", fields: Fields) -> str:
    """{name: true or false}: where Xero's behaviour is not documented."""
    known = {field.name for field in fields_of(Switches)}
    changes = {name: fields.flag(name) for name in fields.values if name in known}
    unknown = set(fields.values) - known - {"csrf", "org", "company"}
    if unknown:
        raise Mistake(f"unknown switch {sorted(unknown)[0]!r}")
    sandbox.xero.switches = replace(sandbox.xero.switches, **changes)
    return "Xero: switches are set."


def set_webhook(sandbox: "Sandbox", fields: Fields) -> str:
    """{url, key}: where changes of contacts and invoices are told, and what signs them; without an address nobody is told."""
    sandbox.xero.webhooks.subscribe(fields.text("url", ""), fields.text("key", ""))
    return "Webhooks go there from now on." if fields.given("url") else "No webhooks go out any more."
