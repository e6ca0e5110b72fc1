"""Paging, delta reads, filters and order, and their speed."""

import time
from typing import Any

import httpx
import pytest

from sandbox.store import Row
from sandbox.xero.books import BANK_TRANSACTION
from tests.sandbox.xero.conftest import Office, line, put, put_one, spend


def listed(client: httpx.Client, headers: dict[str, str] | None = None, **query: object) -> dict[str, Any]:
    params = {"page": "1"} | {key: str(value) for key, value in query.items()}
    answer = client.get("BankTransactions", params=params, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def references(body: dict[str, Any]) -> list[str]:
    return [row["Reference"] for row in body["BankTransactions"]]


def test_pages_and_their_description(client: httpx.Client) -> None:
    put(client, *[spend(Reference=str(number)) for number in range(7)])
    first = listed(client, pageSize=3)
    assert first["pagination"] == {"page": 1, "pageSize": 3, "pageCount": 3, "itemCount": 7}
    found = [
        row["BankTransactionID"] for n in (1, 2, 3) for row in listed(client, page=n, pageSize=3)["BankTransactions"]
    ]
    assert len(set(found)) == 7
    assert listed(client, page=4, pageSize=3)["BankTransactions"] == []


@pytest.mark.parametrize(("asked", "given"), [("", 100), ("5000", 1000), ("-1", 1)])
def test_the_page_size_is_clamped(client: httpx.Client, asked: str, given: int) -> None:
    assert listed(client, pageSize=asked)["pagination"]["pageSize"] == given


def test_without_page_the_lines_are_missing_and_there_is_no_pagination(client: httpx.Client) -> None:
    put(client, spend())
    body = client.get("BankTransactions").json()
    assert "pagination" not in body
    assert "LineItems" not in body["BankTransactions"][0]
    assert "LineItems" in listed(client)["BankTransactions"][0]


def test_if_modified_since_gives_what_changed_later(office: Office, client: httpx.Client) -> None:
    old = put_one(client, Reference="old")
    office.clock.advance(minutes=5)
    put_one(client, Reference="new")
    since = {"If-Modified-Since": "2026-11-20T09:04:59"}
    assert references(listed(client, since)) == ["new"]
    assert references(listed(client, {"If-Modified-Since": "Fri, 20 Nov 2026 09:04:59 GMT"})) == ["new"]
    office.clock.advance(minutes=1)
    office.xero.people().edit(old["BankTransactionID"], Reference="old, edited")
    assert references(listed(client, since)) == ["new", "old, edited"]
    later = {"If-Modified-Since": "2026-11-21T00:00:00"}
    assert listed(client, later)["BankTransactions"] == []
    office.xero.switches.nothing_modified_is_304 = True
    assert client.get("BankTransactions", params={"page": "1"}, headers=later).status_code == 304
    assert client.get("BankTransactions", headers={"If-Modified-Since": "yesterday"}).status_code == 412


def test_the_usual_order_is_by_change(office: Office, client: httpx.Client) -> None:
    first = put_one(client, Reference="a", Date="2026-11-10")
    office.clock.advance(seconds=1)
    put_one(client, Reference="b", Date="2026-11-05")
    office.clock.advance(seconds=1)
    office.xero.people().reconcile(first["BankTransactionID"])
    assert references(listed(client)) == ["b", "a"]
    assert references(listed(client, order="Date")) == ["b", "a"]
    assert references(listed(client, order="Date DESC")) == ["a", "b"]


def test_filters(office: Office, client: httpx.Client) -> None:
    put(client, spend(Reference="a", Date="2026-11-01"), spend(Reference="b", Date="2026-11-02", Type="RECEIVE"))
    usd = put_one(client, Reference="c", BankAccount={"Code": "092"}, LineItems=[line("7.00")])
    contact = usd["Contact"]["ContactID"]
    for where, expected in {
        'Type=="SPEND" AND Date=DateTime(2026, 11, 01)': ["a"],
        'Type == "RECEIVE" OR Reference == "c"': ["b", "c"],
        "Date>=DateTime(2026,11,02) && Date<DateTime(2026,11,03)": ["b"],
        f'BankAccount.AccountID==guid("{usd["BankAccount"]["AccountID"]}")': ["c"],
        f'Contact.ContactID==guid("{contact.upper()}") AND Type=="RECEIVE"': ["b"],
        "Total==7.00": ["c"],
        "Total>7.00": ["a", "b"],
        'Reference!=null AND Reference.Contains("a")': ["a"],
        'Reference.ToLower().Contains("A")': [],
        "IsReconciled==true": [],
        "!(IsReconciled==false)": [],
        'Status!="DELETED" AND (Type=="SPEND" AND Reference!="a")': ["c"],
    }.items():
        assert sorted(references(listed(client, where=where))) == expected, where


@pytest.mark.parametrize(
    "where",
    [
        'Nonsense=="x"',
        'Type=="SPEND',
        "Type",
        "Date==DateTime(2026,13,01)",
        'Reference.Contains("x")',
        'Type=="SPEND" AND',
        '(Type=="SPEND"',
        "; DROP TABLE document",
    ],
)
def test_bad_filters_are_parse_errors(client: httpx.Client, where: str) -> None:
    answer = client.get("BankTransactions", params={"where": where})
    assert (answer.status_code, answer.json()["ErrorNumber"], answer.json()["Type"]) == (400, 16, "QueryParseException")


def test_an_unknown_field_is_named(client: httpx.Client) -> None:
    answer = client.get("BankTransactions", params={"where": 'Nonsense=="x"'})
    assert answer.json()["Message"] == "No property or field 'Nonsense' exists in type 'BankTransaction'"


def test_the_rate_may_be_missing_in_lists_by_switch(office: Office, client: httpx.Client) -> None:
    known = put_one(client, BankAccount={"Code": "092"})["BankTransactionID"]
    office.xero.switches.omit_rate_in_lists = True
    assert "CurrencyRate" not in listed(client)["BankTransactions"][0]
    assert "CurrencyRate" in client.get(f"BankTransactions/{known}").json()["BankTransactions"][0]


def test_among_a_hundred_thousand_the_last_page_costs_what_the_first_costs_and_a_filter_without_an_index_is_refused(
    office: Office, client: httpx.Client
) -> None:
    """Also where a day is asked for, which the order does not follow: nothing is sorted, and no body is read in vain."""
    body = put_one(client)
    body.pop("StatusAttributeString")
    org = office.xero.books().org
    office.xero.core.store.put_many(
        Row(
            kind=BANK_TRANSACTION, org=org, id=f"{n:032x}", body=body, updated=n, type="SPEND", status="AUTHORISED",
            date="2026-03-04",
        )
        for n in range(100_000)
    )  # fmt: skip

    def cost(page: int, where: str) -> float:
        began = time.process_time()
        assert len(listed(client, page=page, pageSize=1000, where=where)["BankTransactions"]) == 1000
        return time.process_time() - began

    for where in ("", "Date >= DateTime(2026, 1, 1)"):
        first, last = (min(cost(page, where) for _ in range(3)) for page in (1, 100))
        assert last < 10 * first, where

    answer = client.get("BankTransactions", params={"page": "1", "where": 'Reference=="x"'})
    assert (answer.status_code, answer.json()["ErrorNumber"]) == (400, 51)
    assert client.get("BankTransactions", params={"page": "1", "where": 'Type=="SPEND"'}).status_code == 200


def test_a_document_can_be_readable_later_than_its_stamp_says(office: Office, client: httpx.Client) -> None:
    known = put_one(client)["BankTransactionID"]
    office.xero.switches.reading_lag_seconds = 30
    assert listed(client)["BankTransactions"] == []
    assert client.get(f"BankTransactions/{known}").status_code == 200
    office.clock.advance(seconds=30)
    assert len(listed(client)["BankTransactions"]) == 1


def test_fifty_documents_are_written_at_once(office: Office, client: httpx.Client) -> None:
    start = time.perf_counter()
    assert len(put(client, *[spend(Reference=str(n)) for n in range(50)]).json()["BankTransactions"]) == 50
    assert time.perf_counter() - start < 0.5
