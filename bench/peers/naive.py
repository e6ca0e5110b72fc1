"""Peer (a): a loop with the official xero-python SDK and no memory. One call for each transaction, or BENCH_BATCH a call.

A call that fails is tried again at once, three times, as the usual retry decorator does.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import date
from itertools import islice
from typing import Any

from xero_python.accounting import (
    Account,
    AccountingApi,
    BankTransaction,
    BankTransactions,
    Contact,
    LineAmountTypes,
    LineItem,
)
from xero_python.api_client import ApiClient
from xero_python.api_client.configuration import Configuration
from xero_python.api_client.oauth2 import OAuth2Token

from bench.peers.source import document, rows

TRIES = 3


def main() -> int:
    accounts, size = json.loads(os.environ["BENCH_ACCOUNTS"]), int(os.environ.get("BENCH_BATCH", "1"))
    api = _api()
    found = (_model(made) for row in rows() if (made := document(row, accounts)) is not None)
    while batch := list(islice(found, size)):
        _push(api, batch)
    return 0


def _api() -> AccountingApi:
    client = ApiClient(Configuration(oauth2_token=OAuth2Token(client_id="sandbox-xero", client_secret="s")))
    client.configuration.host = os.environ["XERO_API_URL"]
    token = {"access_token": os.environ["BENCH_XERO_ACCESS"], "expires_in": 1800, "token_type": "Bearer",
             "expires_at": 4102444800, "scope": ["accounting.banktransactions"], "refresh_token": "none"}  # fmt: skip
    client.oauth2_token_getter(lambda: token)
    client.oauth2_token_saver(lambda fresh: None)
    api = AccountingApi(client)
    api.base_url = f"{os.environ['XERO_API_URL']}/api.xro/2.0"
    return api


def _push(api: AccountingApi, batch: list[Any]) -> None:
    for attempt in range(1, TRIES + 1):
        try:
            api.create_bank_transactions(
                os.environ["BENCH_XERO_ORGANISATION"],
                bank_transactions=BankTransactions(bank_transactions=batch),
                summarize_errors=False,
            )
            return
        except Exception:
            if attempt == TRIES:
                raise


def _model(made: dict[str, Any]) -> Any:
    lines = list(_lines(made))
    return BankTransaction(
        type=made["Type"],
        contact=Contact(name=made["Contact"]["Name"]),
        bank_account=Account(account_id=made["BankAccount"]["AccountID"]),
        date=date.fromisoformat(made["Date"]),
        reference=made["Reference"],
        line_amount_types=LineAmountTypes.NOTAX,
        line_items=lines,
    )


def _lines(made: dict[str, Any]) -> Iterator[Any]:
    for line in made["LineItems"]:
        yield LineItem(
            description=line["Description"],
            quantity=1,
            unit_amount=float(line["UnitAmount"]),
            account_code=line["AccountCode"],
        )


if __name__ == "__main__":
    sys.exit(main())
