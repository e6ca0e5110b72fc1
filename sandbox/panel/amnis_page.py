"""The Amnis half of the control page."""

from dataclasses import fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sandbox.amnis.ledger import Row
from sandbox.amnis.switches import Switches
from sandbox.panel import html, state
from sandbox.panel.amnis_acts import MOVEMENTS
from sandbox.panel.html import Frame
from sandbox.web import Markup

if TYPE_CHECKING:
    from sandbox.app import Sandbox

_LATEST = 15
_PENDING = 25


def body(sandbox: "Sandbox", frame: Frame, client_id: str) -> Markup:
    shown = state.company(sandbox, client_id)
    return Markup("").join(
        [
            html.section(shown["name"], _head(sandbox, frame, client_id, shown), hint=client_id),
            html.section("Add a movement", _add(frame, client_id, shown), hint="it happens now", anchor="add"),
            html.section("Waiting", _pending(sandbox, frame, client_id), hint="planned, reserved, not executed"),
            html.section("Latest rows", _latest(sandbox, frame, client_id), hint=f"{shown['rows']} in all"),
            html.section("Switches", _switches(sandbox, frame), hint="what the vendor's documents leave open"),
            html.columns(
                html.section("Credentials", _tokens(frame, client_id, shown)),
                html.section("Calls", _calls(sandbox)),
            ),
        ]
    )


def _head(sandbox: "Sandbox", frame: Frame, client_id: str, shown: dict[str, Any]) -> Markup:
    links = Markup(" · ").join(
        Markup('<a href="/?company={}">{}</a>').format(key, name)
        if key != client_id
        else Markup("<b>{}</b>").format(name)
        for key, name in sandbox.amnis.companies.items()
    )
    rows = (
        [
            str(account["id"]),
            html.badge(account["type"]),
            account["currency"],
            html.money(account["availableBalance"]),
            html.money(account["forecastedBalance"]),
            html.name(", ".join(iban["value"] for iban in account["ibans"])),
        ]
        for account in shown["accounts"]
    )
    accounts = html.table(["Account", "Kind", "Currency", "Available#", "Forecast#", "Number"], rows, empty="none")
    return Markup("<p>{}</p>{}").format(links, accounts)


def _add(frame: Frame, client_id: str, shown: dict[str, Any]) -> Markup:
    accounts = [(account["id"], f"{account['id']} {account['currency']}") for account in shown["accounts"]]
    single = Markup("").join(
        [
            html.choice("Kind", "kind", [(kind, kind.replace("_", " ")) for kind in MOVEMENTS]),
            html.choice("Account", "account", accounts),
            html.entry("Amount", "amount", value="100.00"),
            html.entry("Payer, beneficiary, merchant", "name", hint="Beispiel AG"),
            html.entry("Text", "text", hint="Rechnung 4711"),
            html.entry("Day (today if empty)", "day", kind="date"),
            html.choice("Other account (fx, own transfer)", "other_account", [("", "none"), *accounts]),
            html.entry("Amount bought (fx)", "other_amount"),
            html.button("Add"),
        ]
    )
    many = (
        html.entry("Rows", "count", value="20") + html.entry("Seed", "seed", value="1") + html.button("Add at random")
    )
    kept = {"company": client_id}
    return Markup("{}{}").format(
        html.form(frame, "amnis/add", single, kept=kept, style="grid"),
        html.form(frame, "amnis/random", many, kept=kept, style="grid"),
    )


def _pending(sandbox: "Sandbox", frame: Frame, client_id: str) -> Markup:
    company = sandbox.amnis.company(client_id)
    with company.ledger() as ledger:
        waiting = [row for row in ledger.rows(client_id, executed=False) if not row.dead][-_PENDING:]
        details = ledger.details_of([row.body for row in waiting])
    rows = [[*_row_cells(row.body, detail), _deeds(frame, row)] for row, detail in zip(waiting, details, strict=True)]
    heads = ["Row", "Type", "Account", "Amount#", "Day", "Who", "Status", ""]
    everything = html.form(frame, "amnis/pending", html.button("Execute all"), kept={"company": client_id})
    found = html.table(heads, rows, empty="Nothing waits.")
    return Markup("{}{}").format(found, everything) if rows else found


def _deeds(frame: Frame, row: Row) -> Markup:
    deeds = ["execute", "expire" if row.body.get("type") == "card" else "cancel"]
    buttons = Markup("").join(html.button(deed, style="plain", field="deed", value=deed) for deed in deeds)
    return html.cell(html.form(frame, "amnis/row", buttons, kept={"company": row.company, "row": row.id}))


def _row_cells(row: dict[str, Any], detail: dict[str, Any] | None) -> list[Markup | str]:
    found = detail or {}
    return [
        str(row.get("id")),
        html.badge(row.get("type")),
        f"{row.get('account')} {row.get('currency')}",
        html.money(row.get("amount")),
        str(row.get("executionDate"))[:10],
        html.name(_who(found)),
        html.badge(found.get("status") or found.get("subType") or "none"),
    ]


def _who(detail: dict[str, Any]) -> str:
    for source in (detail, detail.get("beneficiary") or {}, detail.get("merchant") or {}):
        for key in ("payerName", "name"):
            if source.get(key):
                return str(source[key])
    if "currencyTo" in detail:
        return f"{detail['currencyFrom']} {detail['amountFrom']} → {detail['currencyTo']} {detail['amountTo']}"
    other = "receiverCompanyName" if detail.get("side") == "sender" else "senderCompanyName"
    return str(detail.get(other) or detail.get("comment") or "")


def _latest(sandbox: "Sandbox", frame: Frame, client_id: str) -> Markup:
    with sandbox.amnis.company(client_id).ledger() as ledger:
        bodies = ledger.latest_rows(client_id, _LATEST)
        details = ledger.details_of(bodies)
    rows = [
        [
            *_row_cells(body, detail),
            "executed" if body.get("executed") else "not executed",
            _another_amount(frame, client_id, body),
        ]
        for body, detail in zip(bodies, details, strict=True)
    ]
    heads = ["Row", "Type", "Account", "Amount#", "Day", "Who", "Status", "", ""]
    return html.table(heads, rows, empty="No rows yet.")


def _another_amount(frame: Frame, client_id: str, body: dict[str, Any]) -> Markup:
    edit = html.bare("new amount", "amount") + html.button("change", style="plain")
    return html.cell(html.form(frame, "amnis/amount", edit, kept={"company": client_id, "row": body.get("id")}))


def _switches(sandbox: "Sandbox", frame: Frame) -> Markup:
    current = sandbox.amnis.switches
    entries = Markup("").join(_switch(field.name, getattr(current, field.name)) for field in fields(Switches))
    return html.form(frame, "amnis/switches", entries + html.button("Set"), style="grid")


def _switch(name: str, value: Any) -> Markup:
    label = name.replace("_", " ")
    if isinstance(value, bool):
        return html.choice(label, name, [("true", "on"), ("false", "off")], chosen=str(value).lower())
    if isinstance(value, StrEnum):
        return html.choice(label, name, [(word, word) for word in type(value)], chosen=value)
    return html.entry(label, name, value=value, kind="number")


def _tokens(frame: Frame, client_id: str, shown: dict[str, Any]) -> Markup:
    alive = ", ".join(f"{count} {kind}" for kind, count in sorted(shown["tokens"].items())) or "none"
    deeds = Markup("").join(
        html.form(frame, "amnis/tokens", html.button(text, style=style), kept={"company": client_id, "deed": deed})
        for text, deed, style in (
            ("Expire access tokens", "expire", "plain"),
            ("Remove all tokens", "disconnect", "grave"),
        )
    )
    secret = html.entry("New secret (empty: the first one)", "secret") + html.button("Renew the API key", style="plain")
    return Markup('<p>Living tokens: {}</p><div class="inline">{}</div>{}').format(
        alive, deeds, html.form(frame, "amnis/tokens", secret, kept={"company": client_id, "deed": "secret"})
    )


def _calls(sandbox: "Sandbox") -> Markup:
    found = state.amnis_calls(sandbox).most_common(12)
    return html.table(["Call", "Times#"], [[key, html.count(times)] for key, times in found], empty="No calls yet.")
