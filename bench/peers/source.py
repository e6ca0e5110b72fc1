"""What every peer shares: reading Amnis page by page, and a row as a simple document. Plain httpx, nothing of ours.

Kinder than the truth: contacts are named and never looked up, conversions are two documents through the clearing account
at Xero's day rate, own transfers are two documents, and a row has one line.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import httpx

PAGE_SIZE = 50
NAME_OF = {"payin": "payerName", "payout": "beneficiaryName"}
ACCOUNT_OF = {"payin": "200", "payout": "400", "card": "400", "fee": "404", "fx": "850", "peer": "880"}


class Patient(httpx.HTTPTransport):
    """Waits as long as a 429 asks, and tries again."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        while (answer := super().handle_request(request)).status_code == 429:
            answer.close()
            time.sleep(float(answer.headers.get("Retry-After", "1")))
        return answer


def rows() -> Iterator[dict[str, Any]]:
    """Every executed row, with its detail."""
    client = httpx.Client(base_url=os.environ["AMNIS_BASE_URL"], timeout=60.0, trust_env=False)
    key = {"grant_type": "client_credentials", "client_id": "ck_1", "client_secret": "cs_demo"}
    token = client.post("/api/token", json=key).raise_for_status().json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    number = 1
    while True:
        query: dict[str, str | int] = {
            "page": number,
            "itemsPerPage": PAGE_SIZE,
            "order[id]": "ASC",
            "includeTransactionDetail": "true",
        }
        found = client.get("/api/transactions", params=query, headers=headers).raise_for_status().json()
        yield from (row for row in found if row["executed"])
        if len(found) < PAGE_SIZE:
            return
        number += 1


def document(row: dict[str, Any], accounts: dict[str, str]) -> dict[str, Any] | None:
    """The row as Xero's JSON; None for a wallet without an account."""
    wallet = str(row["account"])
    if wallet not in accounts:
        return None
    detail = row.get("transactionDetail") or {}
    amount = str(row["amount"])
    return {
        "Type": "SPEND" if amount.startswith("-") else "RECEIVE",
        "Contact": {"Name": contact_of(row["type"], detail)},
        "BankAccount": {"AccountID": accounts[wallet]},
        "Date": row["executionDate"][:10],
        "Reference": f"AMNIS-{row['id']}",
        "LineAmountTypes": "NoTax",
        "LineItems": [
            {
                "Description": detail.get("comment") or row["type"],
                "Quantity": 1,
                "UnitAmount": amount.lstrip("-"),
                "AccountCode": ACCOUNT_OF[row["type"]],
            }
        ],
    }


def contact_of(kind: str, detail: dict[str, Any]) -> str:
    merchant = detail.get("merchant") or {}
    beneficiary = detail.get("beneficiary") or {}
    return str(detail.get(NAME_OF.get(kind, ""), "") or merchant.get("name") or beneficiary.get("name") or "Amnis")


def xero_headers() -> dict[str, str]:
    return {
        "Authorization": f"Bearer {os.environ['BENCH_XERO_ACCESS']}",
        "xero-tenant-id": os.environ["BENCH_XERO_ORGANISATION"],
        "Accept": "application/json",
        "Content-Type": "application/json",
    }
