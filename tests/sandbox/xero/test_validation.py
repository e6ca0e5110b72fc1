"""What a bank transaction is refused for, in Xero's words (reference/xero.md, 6.2)."""

import re
from datetime import date
from typing import Any

import httpx
import pytest

from sandbox.xero.seed import PROPERTY
from tests.sandbox.xero.conftest import Office, line, messages, put, put_one, spend

CASES: list[tuple[dict[str, Any], str]] = [
    ({"LineItems": [line(account="999")]}, "Account code '999' is not a valid code for this document."),
    ({"LineItems": [line(account="090")]}, "Account code '090' is not a valid code for this document."),
    ({"LineItems": [line(account="610")]}, "Account code '610' is not a valid code for this document."),
    ({"LineItems": [line(account="820")]}, "Account code '820' is not a valid code for this document."),
    (
        {"LineItems": [line(account="470")]},
        "Account code '470' has been archived, or has been deleted. Each line item must reference a valid account.",
    ),
    ({"LineItems": [line(account=None)]}, "Account must be valid."),
    ({"BankAccount": {"Code": "400"}}, "Account must be valid."),
    ({"BankAccount": None}, "Account must be valid."),
    ({"LineItems": [line(TaxType="TAX003")]}, "The TaxType code 'TAX003' cannot be used with account code '400'."),
    ({"LineItems": [line(TaxType="TAX005")]}, "Tax rate must be valid."),
    ({"LineItems": [line(TaxType="INPUT2")]}, "Tax rate must be valid."),
    ({"LineItems": [line(TaxAmount="8.05")]}, "Tax amount 8.05 is incorrect for TAX001 tax type, should be 8.10"),
    ({"SubTotal": "99.00"}, "The document sub total does not equal the sub total of the lines"),
    ({"Total": "99.00"}, "The document total does not equal the total of the lines"),
    ({"LineItems": [line("-5.00")]}, "The Total for this document must be greater than zero"),
    (
        {"Contact": {}},
        "The Contact must contain at least 1 of the following elements to identify the contact: "
        "Name, ContactID, ContactNumber",
    ),
    (
        {"Contact": {"Name": "Alt & Vergessen AG"}},
        "The contact with the specified contact details has been archived. "
        "The contact must be un-archived before creating new invoices or credit notes",
    ),
    ({"CurrencyCode": "SEK"}, "Organisation is not subscribed to currency SEK"),
    ({"Url": "https://books.example:8443/t/1"}, "Custom ports are not allowed in invoice url"),
    (
        {"Url": "https://192.0.2.7/t/1"},
        "Url host cannot be an IP address, and must be a publicly addressable top level domain",
    ),
    (
        {"Url": "http://localhost/t/1"},
        "Url host cannot be an IP address, and must be a publicly addressable top level domain",
    ),
]


@pytest.mark.parametrize(("changes", "message"), CASES)
def test_the_message_is_xeros(client: httpx.Client, changes: dict[str, Any], message: str) -> None:
    document = put_one(client, **changes)
    assert document["StatusAttributeString"] == "ERROR"
    assert messages(document) == [message]


@pytest.mark.parametrize(
    "changes",
    [
        {"Reference": "x" * 256},
        {"Url": "books.example/t/1"},
        {"Url": "https://xero-books.example/t/1"},
        {"LineItems": []},
        {"LineItems": [line(Description="")]},
        {"LineItems": [line("0.00")]},
        {"LineItems": [line(Quantity=0)]},
        {"LineItems": [line(LineAmount="99.00")]},
        {"Type": "SPEND-TRANSFER"},
        {"CurrencyCode": "EUR"},
        {"BankAccount": {"Code": "092"}, "CurrencyRate": 0},
    ],
)
def test_also_refused_where_the_words_are_not_documented(client: httpx.Client, changes: dict[str, Any]) -> None:
    document = put_one(client, **changes)
    assert document["StatusAttributeString"] == "ERROR"
    assert messages(document)


@pytest.mark.parametrize(
    "changes",
    [
        {"Reference": "x" * 255},
        {"Url": "https://books.example/t/1"},
        {"CurrencyCode": "CHF"},
        {"Total": "108.10", "SubTotal": 100},
        {"LineItems": [line(TaxAmount="8.10")]},
        {"LineItems": [line("10.00"), line("-2.00", "860", TaxType="NONE")]},
        {"LineItems": [line(account=None, AccountID="{400}")]},
        {"LineItems": [line(UnitAmount=None, LineAmount="12.00")]},
    ],
)
def test_accepted(office: Office, client: httpx.Client, changes: dict[str, Any]) -> None:
    for row in changes.get("LineItems", []):
        if row.get("AccountID") == "{400}":
            row["AccountID"] = office.account("400")
    document = put_one(client, **changes)
    assert document["StatusAttributeString"] == "OK", document


def test_all_errors_of_a_document_are_told_at_once(client: httpx.Client) -> None:
    document = put_one(client, Contact={}, Url="https://a.example:1/", LineItems=[line(account="999")])
    assert len(messages(document)) == 3


def test_an_id_where_a_code_belongs(office: Office, client: httpx.Client) -> None:
    known = office.account("400")
    document = put_one(client, LineItems=[line(account=known)])
    assert messages(document) == [f"Account code '{known}' is not a valid code for this document."]


def test_an_archived_bank_account(office: Office, client: httpx.Client) -> None:
    office.xero.people().archive_account("093")
    document = put_one(client, BankAccount={"Code": "093"})
    assert messages(document)[0].startswith("Account code '093' has been archived")


def test_a_date_that_is_none_refuses_the_whole_call(office: Office, client: httpx.Client) -> None:
    answer = put(client, spend(), spend(Date="20100510"))
    body = answer.json()
    assert (answer.status_code, body["ErrorNumber"]) == (400, 14)
    assert body["Message"] == "The string '20100510' is not a valid AllXsd value."
    assert office.xero.ledger().bank_transactions() == []


def test_an_unknown_kind_of_line_amounts_refuses_the_whole_call(client: httpx.Client) -> None:
    body = put(client, spend(LineAmountTypes="NO_TAX")).json()
    assert (body["ErrorNumber"], body["Type"]) == (14, "PostDataInvalidException")
    assert '"NO_TAX"' in body["Message"]


def test_the_period_lock_date(office: Office, client: httpx.Client) -> None:
    office.xero.people().set_lock_dates(period=date(2026, 10, 31))
    locked = put_one(client, Date="2026-10-31")
    assert messages(locked) == ["The document date cannot be before the period lock date, currently set at 31-Oct-2026"]
    assert put_one(client, Date="2026-11-01")["StatusAttributeString"] == "OK"
    assert client.get("Organisation").json()["Organisations"][0]["PeriodLockDate"] == "/Date(1793404800000+0000)/"


def test_the_end_of_year_lock_date_binds_advisers_too(office: Office, client: httpx.Client) -> None:
    people = office.xero.people()
    people.set_lock_dates(period=date(2026, 10, 31), end_of_year=date(2025, 12, 31))
    people.set_adviser(may_post_before_lock=True)
    assert put_one(client, Date="2026-10-01")["StatusAttributeString"] == "OK"
    locked = put_one(client, Date="2025-12-31")
    assert messages(locked) == [
        "The document date cannot be before the end of year lock date, currently set at 31-Dec-2025"
    ]


def test_a_document_in_a_locked_period_can_neither_be_changed_nor_deleted(office: Office, client: httpx.Client) -> None:
    known = put_one(client)["BankTransactionID"]
    office.xero.people().set_lock_dates(period=date(2026, 11, 15))
    answer = client.post(f"BankTransactions/{known}", json={"Status": "DELETED"})
    assert "period lock date" in messages(answer.json()["Elements"][0])[0]


def tracking(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Option": option} for name, option in pairs]


def test_two_tracking_options_by_name_come_back_with_their_ids(client: httpx.Client) -> None:
    document = put_one(client, LineItems=[line(Tracking=tracking(("Region", "Zürich"), ("Project", "Alpha")))])
    found = document["LineItems"][0]["Tracking"]
    assert [row["Option"] for row in found] == ["Zürich", "Alpha"]
    again = [{key: row[key] for key in ("TrackingCategoryID", "TrackingOptionID")} for row in found]
    assert put_one(client, LineItems=[line(Tracking=again)])["LineItems"][0]["Tracking"] == found


def test_more_than_two_are_refused(client: httpx.Client) -> None:
    three = tracking(("Region", "Zürich"), ("Project", "Alpha"), ("Region", "Basel"))
    assert put_one(client, LineItems=[line(Tracking=three)])["StatusAttributeString"] == "ERROR"


@pytest.mark.parametrize("option", ["Lugano", "Bern"])
def test_an_archived_or_unknown_option_vanishes_silently_or_is_refused_by_switch(
    office: Office, client: httpx.Client, option: str
) -> None:
    document = put_one(client, LineItems=[line(Tracking=tracking(("Region", option)))])
    assert (document["StatusAttributeString"], document["LineItems"][0]["Tracking"]) == ("OK", [])
    office.xero.switches.reject_unknown_tracking = True
    refused = put_one(client, LineItems=[line(Tracking=tracking(("Region", option)))])
    assert refused["StatusAttributeString"] == "ERROR"


def test_another_currency_code_can_be_ignored_by_switch(office: Office, client: httpx.Client) -> None:
    office.xero.switches.reject_foreign_currency_code = False
    assert put_one(client, CurrencyCode="EUR")["CurrencyCode"] == "CHF"


def test_an_organisation_with_one_currency_says_so(office: Office) -> None:
    client = office.client(PROPERTY)
    actions = {row["Name"]: row["Status"] for row in client.get("Organisation/Actions").json()["Actions"]}
    assert actions["UseMulticurrency"] == "NOT-ALLOWED"
    bank = {"Name": "EUR", "Code": "099", "Type": "BANK", "BankAccountNumber": "1", "CurrencyCode": "EUR"}
    refused = client.put("Accounts", json=bank)
    assert messages(refused.json()["Elements"][0]) == ["The current organisation is not subscribed to currency 'EUR'."]


def test_the_shape_of_a_wrong_token_error_has_an_instance(office: Office) -> None:
    body = office.browser().get("/api.xro/2.0/Accounts", headers={"Accept": "application/json"}).json()
    assert re.fullmatch(r"[0-9a-f-]{36}", body["Instance"])
