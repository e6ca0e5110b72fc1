"""Balances that always agree with the rows (A16)."""

import json
from decimal import Decimal

from sandbox.amnis.ledger import Ledger
from sandbox.amnis.rates import convert
from sandbox.amnis.values import UNITS, money
from sandbox.amnis.wire import Body

_SUMS = """
SELECT executed, type = 'card' AND units < 0, sum(units) FROM amnis_transaction
WHERE account = ? AND dead = 0 AND visible <= ? GROUP BY 1, 2
"""


def accounts(ledger: Ledger, company: str, *, account_id: int | None = None, kind: str | None = None) -> list[Body]:
    """Account objects by id: available = opening + executed - card reservations; forecasted adds all pending."""
    query = "SELECT id, type, currency, opening, ibans FROM amnis_account WHERE company = ? ORDER BY id"
    base = profile(ledger, company)["baseCurrency"]
    return [
        _account(ledger, found, base)
        for found in ledger.store.execute(query, (company,))
        if account_id in (None, found[0]) and kind in (None, found[1])
    ]


def _account(ledger: Ledger, found: tuple[int, str, str, int, str], base: str) -> Body:
    account_id, kind, currency, opening, ibans = found
    available = forecasted = Decimal(opening) / UNITS
    for executed, reserved, units in ledger.store.execute(_SUMS, (account_id, ledger.now_micros)):
        amount = Decimal(units) / UNITS
        forecasted += amount
        available += amount if executed or reserved else 0
    return {
        "id": account_id,
        "type": kind,
        "currency": currency,
        "baseCurrency": base,
        "availableBalance": money(available),
        "baseCurrencyBalance": money(convert(available, currency, base)),
        "forecastedBalance": money(forecasted),
        **json.loads(ibans),
    }


def profile(ledger: Ledger, company: str) -> Body:
    found = ledger.store.execute("SELECT body FROM amnis_company WHERE client_id = ?", (company,))
    body: Body = json.loads(found[0][0])
    return body


def overall(ledger: Ledger, company: str) -> Body:
    """The sum of all accounts in the company's base currency."""
    total = sum((Decimal(item["baseCurrencyBalance"]) for item in accounts(ledger, company)), Decimal(0))
    return {"amount": money(total), "currency": profile(ledger, company)["baseCurrency"]}
