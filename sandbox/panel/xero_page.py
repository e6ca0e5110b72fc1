"""The Xero half of the control page."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox.panel import html, state
from sandbox.panel.html import Frame
from sandbox.web import Markup
from sandbox.xero.books import BANK_TRANSACTION
from sandbox.xero.events import subscription

if TYPE_CHECKING:
    from sandbox.app import Sandbox

_LATEST = 20


def body(sandbox: "Sandbox", frame: Frame, org: str) -> Markup:
    organisation = sandbox.xero.books(org).organisation
    return Markup("").join(
        [
            html.section(organisation["Name"], _head(sandbox, org, organisation), hint=organisation["BaseCurrency"]),
            html.section(
                "Latest bank transactions", _documents(sandbox, frame, org), hint="what a person may do to them"
            ),
            html.section("Typed by hand", _typed(sandbox, frame, org), hint="somebody enters a document"),
            html.section("Switches", _switches(sandbox, frame), hint="what Xero's documents leave open"),
            html.columns(
                html.section("Lock dates", _locks(frame, org, organisation)),
                html.section("Connection", _connection(frame, org)),
                html.section("Webhooks", _webhooks(sandbox, frame)),
                html.section("Calls", _calls(sandbox, org)),
            ),
        ]
    )


def _head(sandbox: "Sandbox", org: str, organisation: dict[str, Any]) -> Markup:
    links = Markup(" · ").join(
        Markup('<a href="/xero?org={}">{}</a>').format(found["OrganisationID"], found["Name"])
        if found["OrganisationID"] != org
        else Markup("<b>{}</b>").format(found["Name"])
        for found in state.organisations(sandbox)
    )
    rows = (
        [account["code"] or "none", account["name"], account["currency"], html.money(account["balance"])]
        for account in state.bank_accounts(sandbox, org)
    )
    return Markup("<p>{}</p>{}").format(
        links, html.table(["Code", "Bank account", "Currency", "Balance#"], rows, empty="")
    )


def _documents(sandbox: "Sandbox", frame: Frame, org: str) -> Markup:
    found = sandbox.store.find(BANK_TRANSACTION, org, order="seq DESC", limit=_LATEST)
    rows = [_document(frame, org, document) for document in found]
    heads = ["Day", "Type", "Account", "Contact", "Reference", "Total#", "State", ""]
    return html.table(heads, rows, empty="No documents yet: run a sync.")


def _document(frame: Frame, org: str, document: dict[str, Any]) -> list[Markup | str]:
    condition = "reconciled" if document.get("IsReconciled") else str(document.get("Status", "")).lower()
    return [
        str(document.get("DateString", ""))[:10],
        html.badge(document.get("Type")),
        str(document.get("BankAccount", {}).get("Name", "")),
        html.name(document.get("Contact", {}).get("Name")),
        html.name(document.get("Reference")),
        html.money(document.get("Total")),
        html.badge(condition),
        _deeds(frame, org, document),
    ]


def _deeds(frame: Frame, org: str, document: dict[str, Any]) -> Markup:
    kept = {"org": org, "document": document["BankTransactionID"]}
    if document.get("Status") == "DELETED" or str(document.get("Type", "")).endswith("-TRANSFER"):
        return html.cell()
    matched = "unreconcile" if document.get("IsReconciled") else "reconcile"
    buttons = html.button(matched, style="plain", field="deed", value=matched)
    buttons += html.button("delete", style="grave", field="deed", value="delete")
    edit = html.bare("new amount", "amount") + html.button("edit", style="plain", field="deed", value="edit")
    return html.cell(
        html.form(frame, "xero/document", buttons, kept=kept), html.form(frame, "xero/document", edit, kept=kept)
    )


def _typed(sandbox: "Sandbox", frame: Frame, org: str) -> Markup:
    accounts = [(account["id"], account["name"]) for account in state.bank_accounts(sandbox, org)]
    entries = Markup("").join(
        [
            html.choice("Type", "type", [("SPEND", "spend"), ("RECEIVE", "receive")]),
            html.choice("Bank account", "account", accounts),
            html.entry("Amount", "amount", value="100.00"),
            html.entry("Contact", "contact", value="Von Hand AG"),
            html.entry("Account code", "code", value="400"),
            html.entry("Reference", "reference"),
            html.entry("Day (today if empty)", "day", kind="date"),
            html.button("Enter"),
        ]
    )
    return html.form(frame, "xero/typed", entries, kept={"org": org}, style="grid")


def _locks(frame: Frame, org: str, organisation: dict[str, Any]) -> Markup:
    entries = html.entry("Locked up to", "period", value=_day(organisation.get("PeriodLockDate")), kind="date")
    entries += html.entry(
        "Year end lock", "end_of_year", value=_day(organisation.get("EndOfYearLockDate")), kind="date"
    )
    return html.form(frame, "xero/lock", entries + html.button("Set"), kept={"org": org}, style="grid")


def _day(value: object) -> str:
    """`/Date(1767225600000+0000)/` as 2026-01-01; empty where nothing is set."""
    digits = str(value or "").removeprefix("/Date(").partition("+")[0].rstrip(")/")
    return datetime.fromtimestamp(int(digits) / 1000, UTC).date().isoformat() if digits.isdecimal() else ""


def _connection(frame: Frame, org: str) -> Markup:
    text = Markup("<p>A person removes the connected apps in Xero; their tokens still refresh, calls get 403.</p>")
    return text + html.form(frame, "xero/disconnect", html.button("Disconnect", style="grave"), kept={"org": org})


def _webhooks(sandbox: "Sandbox", frame: Frame) -> Markup:
    found, hooks = subscription(sandbox.store), sandbox.xero.webhooks
    condition = (
        "nobody listens" if found is None else "active" if hooks.is_active else "waits for the intent to receive"
    )
    text = Markup("<p>Changes of contacts and invoices: {}, {} not heard yet.</p>").format(condition, hooks.waiting)
    entries = html.entry("Address", "url", value=found.url if found else "", hint="http://localhost:8000/webhooks/xero")
    entries += html.entry("Key", "key", kind="password")
    return text + html.form(frame, "xero/webhook", entries + html.button("Set"), style="grid")


def _switches(sandbox: "Sandbox", frame: Frame) -> Markup:
    entries = Markup("").join(
        html.choice(name.replace("_", " "), name, [("true", "on"), ("false", "off")], chosen=str(value).lower())
        for name, value in asdict(sandbox.xero.switches).items()
    )
    return html.form(frame, "xero/switches", entries + html.button("Set"), style="grid")


def _calls(sandbox: "Sandbox", org: str) -> Markup:
    found = sandbox.xero.calls(org).most_common(12)
    return html.table(["Call", "Times#"], [[key, html.count(times)] for key, times in found], empty="No calls yet.")
