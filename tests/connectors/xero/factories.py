"""Entries, answers and a wiring for the tests of the Xero connector."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import httpx

from connectors.contract.money import Money
from connectors.contract.records import (
    Answer,
    BankTransaction,
    BankTransfer,
    ContactDraft,
    DocumentKind,
    LineItem,
    TaxMode,
    TrackingChoice,
    Transport,
)
from connectors.contract.spec import Wiring

BANK = "6f7594f2-f059-4d56-9e67-47ac9733bfe9"
OTHER_BANK = "7e5e243b-9fcd-4aef-8e3a-c70be1e39bfa"
ACCOUNT = "ebd06280-af70-4bed-97c6-7451a454ad85"
CONTACT = "5cc8cf28-567e-4d43-b287-687cfcaec47c"
CATEGORY = "e2f2f732-e92a-4f3a-9c4d-ee4da0182a13"
OPTION = "cd0a4b7e-3c6b-4b3c-8e2a-1f2d3c4b5a69"
ORGANISATION = "b2c885a9-4bb9-4a00-9b6e-6c2bf60b1a2b"
NO_ID = "00000000-0000-0000-0000-000000000000"


def marker(number: int) -> str:
    return f"MR-{number:013}"


def document_id(number: int) -> str:
    return f"1289c190-e46d-434b-9628-{number:012}"


def line(amount: str, **changes: Any) -> LineItem:
    found = {"description": "Taxi", "amount": Decimal(amount), "account_id": ACCOUNT, "tax_type": "INPUT2", **changes}
    return LineItem(**found)


def spend(number: int = 1, *, amount: str = "23.40", currency: str = "CHF", **changes: Any) -> BankTransaction:
    found: dict[str, Any] = {
        "kind": DocumentKind.SPEND,
        "bank_account_id": BANK,
        "contact_id": CONTACT,
        "contact_name": "Taxi Muster",
        "date": date(2026, 11, 20),
        "total": Money.of(amount, currency),
        "reference": "Fahrt zum Bahnhof",
        "marker": marker(number),
        "lines": (line(amount, tracking=(TrackingChoice(category_id=CATEGORY, option_id=OPTION),)),),
        "tax_mode": TaxMode.INCLUSIVE,
        **changes,
    }
    return BankTransaction(**found)


def transfer(number: int = 1, *, amount: str = "50.00", **changes: Any) -> BankTransfer:
    found: dict[str, Any] = {
        "from_account_id": BANK,
        "to_account_id": OTHER_BANK,
        "date": date(2026, 11, 20),
        "total": Money.of(amount, "CHF"),
        "reference": "Umbuchung",
        "marker": marker(number),
        **changes,
    }
    return BankTransfer(**found)


def draft(number: int = 1, *, name: str = "Taxi Muster") -> ContactDraft:
    return ContactDraft(name=name, number=marker(number))


def echo(entry: BankTransaction, *, number: int = 1, **changes: Any) -> dict[str, Any]:
    """What Xero answers for one stored bank transaction, in the form of its official example."""
    found = {
        "BankTransactionID": document_id(number),
        "BankAccount": {"AccountID": entry.bank_account_id, "Code": "090", "Name": "Wallet"},
        "Type": entry.kind.value,
        "Reference": f"{entry.reference} {entry.marker}",
        "IsReconciled": False,
        "Contact": {"ContactID": entry.contact_id, "Name": entry.contact_name},
        "DateString": f"{entry.date}T00:00:00",
        "Date": "/Date(1795132800000+0000)/",  # 2026-11-20T00:00:00Z
        "Status": "AUTHORISED",
        "LineAmountTypes": "Inclusive",
        "LineItems": [],
        "TotalTax": 1.67,
        "Total": float(entry.total.amount),
        "UpdatedDateUTC": "/Date(1795168800000+0000)/",
        "CurrencyCode": entry.total.currency,
        "StatusAttributeString": "OK",
    }
    return {**found, **changes}


def refusal(entry: BankTransaction, *messages: str, **changes: Any) -> dict[str, Any]:
    errors = [{"Message": message} for message in messages]
    return echo(entry, BankTransactionID=NO_ID, StatusAttributeString="ERROR", ValidationErrors=errors, **changes)


def transfer_echo(entry: BankTransfer, *, number: int = 1, **changes: Any) -> dict[str, Any]:
    found = {
        "BankTransferID": document_id(number),
        "Date": "/Date(1795132800000+0000)/",
        "Status": "AUTHORISED",
        "FromBankAccount": {"AccountID": entry.from_account_id, "Name": "Wallet"},
        "ToBankAccount": {"AccountID": entry.to_account_id, "Name": "Savings"},
        "Amount": float(entry.total.amount),
        "Reference": f"{entry.reference} {entry.marker}",
        "FromIsReconciled": False,
        "ToIsReconciled": False,
    }
    return {**found, **changes}


def envelope(plural: str, elements: Sequence[Any]) -> bytes:
    return json.dumps({"Id": ORGANISATION, "Status": "OK", plural: list(elements)}).encode()


def answered(status: int, body: bytes = b"", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(transport=Transport.ANSWERED, status=status, headers=named, body=body)


class StaticToken:
    """A token that never expires."""

    def token(self) -> str:
        return "token"

    def renew(self, stale: str) -> str:
        return stale


class OpenThrottle:
    """A budget that never ends."""

    def acquire(self, *, cost: int = 1, background: bool = False) -> float:
        return 0.0

    def release(self) -> None: ...

    def observe(self, headers: dict[str, str], status: int) -> None: ...


def wiring(transport: httpx.BaseTransport | None = None, **changes: Any) -> Wiring:
    found: dict[str, Any] = {
        "base_url": "https://api.xero.com",
        "tokens": StaticToken(),
        "throttle": OpenThrottle(),
        "record_call": lambda call: None,
        "organisation_id": ORGANISATION,
        "transport": transport,
        **changes,
    }
    return Wiring(**found)
