"""What there is to see: for the page, and for tools that judge a client from outside."""

from collections import Counter
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.amnis import balances
from sandbox.panel.world_acts import fault_list
from sandbox.xero.books import BANK_TRANSACTION, BANK_TRANSFER

if TYPE_CHECKING:
    from sandbox.app import Sandbox

Shown = dict[str, Any]


def overview(sandbox: "Sandbox") -> Shown:
    """Clock, faults, switches, balances and call counts of both vendors."""
    return {
        "now": sandbox.clock.now().isoformat(),
        "faults": faults(sandbox),
        "amnis": {
            "switches": sandbox.amnis.switches.as_json(),
            "calls": dict(amnis_calls(sandbox)),
            "companies": {key: company(sandbox, key) for key in sandbox.amnis.companies},
        },
        "xero": {
            "switches": asdict(sandbox.xero.switches),
            "webhooks": {"active": sandbox.xero.webhooks.is_active, "waiting": sandbox.xero.webhooks.waiting},
            "calls": dict(sandbox.xero.calls()),
            "organisations": {body["OrganisationID"]: organisation(sandbox, body) for body in organisations(sandbox)},
        },
    }


def faults(sandbox: "Sandbox") -> Shown:
    hits = [{**asdict(hit), "at": hit.at.isoformat()} for hit in sandbox.faults.hits()[-200:]]
    struck = Counter(f"{hit.vendor} {hit.effect}" for hit in sandbox.faults.hits())
    return {"planned": fault_list(sandbox), "held": sandbox.faults.held(), "hits": hits, "struck": dict(struck)} | {
        "over_limit": dict(sandbox.xero.limiter.refused)
    }


def amnis_calls(sandbox: "Sandbox") -> "Counter[str]":
    """How often each list or object was asked for: {"GET /api/transactions": 3}."""
    return Counter(f"{call.method} {_pattern(call.path)}" for call in sandbox.amnis.calls)


def _pattern(path: str) -> str:
    head, _, last = path.rpartition("/")
    return f"{head}/{{id}}" if last.isdecimal() else path


def company(sandbox: "Sandbox", client_id: str) -> Shown:
    """Accounts with balances, how many rows there are, living tokens."""
    with sandbox.amnis.company(client_id).ledger() as ledger:
        counted = ledger.store.execute(
            "SELECT count(*), sum(executed) FROM amnis_transaction WHERE company = ? AND visible <= ?",
            (client_id, ledger.now_micros),
        )
        return {
            "name": sandbox.amnis.companies[client_id],
            "accounts": balances.accounts(ledger, client_id),
            "rows": counted[0][0],
            "executed": counted[0][1] or 0,
            "tokens": sandbox.amnis.tokens.alive(client_id),
        }


def amnis_export(sandbox: "Sandbox", client_id: str) -> Shown:
    """Every row with its detail, and the sum of the executed ones per account: the truth to compare books with."""
    with sandbox.amnis.company(client_id).ledger() as ledger:
        rows = [row.body for row in ledger.rows(client_id)]
        details = ledger.details_of(rows)
    sums: dict[str, Decimal] = {}
    for row in rows:
        if row.get("executed"):
            key = str(row.get("account"))
            sums[key] = sums.get(key, Decimal(0)) + Decimal(str(row.get("amount") or 0))
    shown = [{**row, "transactionDetail": detail} for row, detail in zip(rows, details, strict=True)]
    return {"company": client_id, "rows": shown, "executed_sums": {key: str(value) for key, value in sums.items()}}


def organisations(sandbox: "Sandbox") -> list[Shown]:
    return sandbox.xero.organisations()


def organisation(sandbox: "Sandbox", body: Shown) -> Shown:
    """Bank accounts with balances, how many documents there are."""
    org, store = body["OrganisationID"], sandbox.store
    return {
        "name": body["Name"],
        "base_currency": body["BaseCurrency"],
        "bank_accounts": bank_accounts(sandbox, org),
        "bank_transactions": store.count(BANK_TRANSACTION, org, where="status <> 'DELETED'"),
        "bank_transfers": store.count(BANK_TRANSFER, org, where="status <> 'DELETED'"),
        "calls": dict(sandbox.xero.calls(org)),
        "balanced": sandbox.xero.ledger(org).is_balanced(),
    }


def bank_accounts(sandbox: "Sandbox", org: str) -> list[Shown]:
    ledger = sandbox.xero.ledger(org)
    return [
        {
            "id": account["AccountID"],
            "code": account.get("Code") or "",
            "name": account["Name"],
            "currency": account["CurrencyCode"],
            "balance": str(ledger.balance(account["AccountID"])),
        }
        for account in ledger.accounts()
        if account["Type"] == "BANK"
    ]


def xero_export(sandbox: "Sandbox", org: str) -> Shown:
    """All documents, deleted ones too, the markers of the live ones, every account's balance."""
    ledger = sandbox.xero.ledger(org)
    return {
        "org": org,
        "markers": ledger.markers(),
        "bank_transactions": ledger.bank_transactions(live=False),
        "bank_transfers": ledger.bank_transfers(live=False),
        "payments": ledger.payments(live=False),
        "batch_payments": ledger.batch_payments(live=False),
        "invoices": ledger.invoices(live=False),
        "contacts": ledger.contacts(),
        "balances": {
            account["AccountID"]: {
                "code": account.get("Code") or "",
                "name": account["Name"],
                "own": str(ledger.balance(account["AccountID"])),
                "base": str(ledger.base_balance(account["AccountID"])),
            }
            for account in ledger.accounts()
        },
        "balanced": ledger.is_balanced(),
        "calls": dict(ledger.calls()),
    }
