"""Transfers between bank accounts of one currency."""

from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.sandbox.xero.conftest import Office, messages


@pytest.fixture
def second_franc_account(client: httpx.Client) -> str:
    account = {"Name": "CHF Reserve", "Code": "097", "Type": "BANK", "BankAccountNumber": "CH97"}
    answer = client.put("Accounts", json=account)
    assert answer.json()["Accounts"][0]["CurrencyCode"] == "CHF"
    return str(answer.json()["Accounts"][0]["AccountID"])


def transfer(target: str, **changes: Any) -> dict[str, Any]:
    return {
        "FromBankAccount": {"Code": "090"},
        "ToBankAccount": {"AccountID": target},
        "Amount": "250.00",
        "Date": "2026-11-12",
        "Reference": "Top-up MR-7QK3P9ZD4WXYZ",
        **changes,
    }


def put(client: httpx.Client, *elements: dict[str, Any]) -> httpx.Response:
    return client.put("BankTransfers", json={"BankTransfers": list(elements)})


def test_a_transfer_moves_the_money_and_makes_two_transactions(
    office: Office, client: httpx.Client, second_franc_account: str
) -> None:
    [made] = put(client, transfer(second_franc_account)).json()["BankTransfers"]
    assert (made["Status"], made["Amount"], made["DateString"]) == ("AUTHORISED", 250.0, "2026-11-12T00:00:00")
    for side, kind in (("From", "SPEND-TRANSFER"), ("To", "RECEIVE-TRANSFER")):
        found = client.get(f"BankTransactions/{made[f'{side}BankTransactionID']}").json()["BankTransactions"][0]
        assert (found["Type"], found["Total"]) == (kind, 250.0)
    ledger = office.xero.ledger()
    assert (ledger.balance("090"), ledger.balance("097")) == (Decimal("-250.00"), Decimal("250.00"))
    assert ledger.markers() == ["MR-7QK3P9ZD4WXYZ"]


def test_the_halves_can_be_hidden_from_the_list_by_switch(
    office: Office, client: httpx.Client, second_franc_account: str
) -> None:
    put(client, transfer(second_franc_account))
    assert len(client.get("BankTransactions", params={"page": 1}).json()["BankTransactions"]) == 2
    office.xero.switches.list_transfers_among_transactions = False
    assert client.get("BankTransactions", params={"page": 1}).json()["BankTransactions"] == []


def test_two_currencies_are_refused(client: httpx.Client, office: Office) -> None:
    answer = put(client, transfer(office.account("EUR Amnis")))
    assert answer.status_code == 400
    assert messages(answer.json()["Elements"][0]) == ["You cannot transfer between accounts in different currencies."]


def test_one_wrong_transfer_refuses_all_whatever_is_asked(
    office: Office, client: httpx.Client, second_franc_account: str
) -> None:
    body = {"BankTransfers": [transfer(second_franc_account), transfer(second_franc_account, Amount=0)]}
    answer = client.put("BankTransfers", params={"summarizeErrors": "false"}, json=body)
    assert answer.status_code == 400
    assert office.xero.ledger().bank_transfers() == []


def test_a_deleted_transfer_is_listed_on_request_and_its_halves_are_deleted(
    office: Office, client: httpx.Client, second_franc_account: str
) -> None:
    made = put(client, transfer(second_franc_account)).json()["BankTransfers"][0]
    wish = {"BankTransfers": [{"BankTransferID": made["BankTransferID"], "Status": "DELETED"}]}
    assert client.post("BankTransfers", json=wish).status_code == 200
    assert client.get("BankTransfers").json()["BankTransfers"] == []
    listed = client.get("BankTransfers", params={"includeDeleted": "true"}).json()["BankTransfers"]
    assert [row["Status"] for row in listed] == ["DELETED"]
    half = client.get(f"BankTransactions/{made['FromBankTransactionID']}").json()["BankTransactions"][0]
    assert half["Status"] == "DELETED"
    assert office.xero.ledger().balance("090") == Decimal("0.00")


def test_deleting_by_address(client: httpx.Client, second_franc_account: str) -> None:
    made = put(client, transfer(second_franc_account)).json()["BankTransfers"][0]
    path = f"BankTransfers/{made['BankTransferID']}"
    assert client.post(path, json={"Status": "DELETED"}).json()["BankTransfers"][0]["Status"] == "DELETED"
    assert client.post(path, json={"Status": "DELETED"}).status_code == 400


def test_the_delta_is_on_creation_so_a_deletion_does_not_show(
    office: Office, client: httpx.Client, second_franc_account: str
) -> None:
    made = put(client, transfer(second_franc_account)).json()["BankTransfers"][0]
    office.clock.advance(minutes=10)
    client.post(f"BankTransfers/{made['BankTransferID']}", json={"Status": "DELETED"})
    headers = {"If-Modified-Since": "2026-11-20T09:05:00"}
    found = client.get("BankTransfers", params={"includeDeleted": "true"}, headers=headers)
    assert found.json()["BankTransfers"] == []


def test_locked_days_and_long_references_are_refused(
    office: Office, client: httpx.Client, second_franc_account: str
) -> None:
    assert put(client, transfer(second_franc_account, Reference="x" * 256)).status_code == 400
    office.xero.people().set_lock_dates(period=date(2026, 11, 12))
    locked = put(client, transfer(second_franc_account)).json()["Elements"][0]
    assert messages(locked) == ["The document date cannot be before the period lock date, currently set at 12-Nov-2026"]
