"""Reading to the last page, and never taking a short read for the end. Edge cases that the sandbox does not play."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import respx

from connectors.contract.errors import ActionRequired, ContractBroken, RetryLater
from connectors.contract.records import Endpoint
from connectors.contract.spec import CallRecord
from connectors.xero.client import PAGE_SIZE, XeroClient
from connectors.xero.destination import XeroDestination
from tests.connectors.xero.factories import BANK, ORGANISATION, OTHER_BANK, document_id, echo, spend, wiring

API = "https://api.xero.com/api.xro/2.0"
Rows = list[dict[str, Any]]


@pytest.fixture
def vendor() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


def rows(first: int, last: int) -> Rows:
    return [{"ContactID": document_id(number), "Name": f"Contact {number}"} for number in range(first, last + 1)]


def page(found: Rows, *, number: int, items: int, size: int = PAGE_SIZE) -> dict[str, Any]:
    figures = {"page": number, "pageSize": size, "pageCount": -(-items // size), "itemCount": items}
    return {"Status": "OK", "pagination": figures, "Contacts": found}


def serve(router: respx.MockRouter, answer: Callable[[int, int], dict[str, Any]]) -> respx.Route:
    """Answer page by page; `answer` gets the page and how many calls came before."""
    calls = iter(range(1000))

    def reply(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=answer(int(request.url.params["page"]), next(calls)))

    return router.get(f"{API}/Contacts").mock(side_effect=reply)


def read(client: XeroClient) -> list[Rows]:
    return [list(map(dict, found)) for found in client.pages("Contacts", id_key="ContactID")]


def test_every_page_is_read_to_the_last(vendor: respx.MockRouter) -> None:
    route = serve(
        vendor, lambda number, _: page(rows(number * 2 - 1, min(number * 2, 5)), number=number, items=5, size=2)
    )
    found = read(XeroClient(wiring()))
    assert [row["Name"] for part in found for row in part] == [f"Contact {number}" for number in range(1, 6)]
    assert route.call_count == 3  # no call beyond the last page


def test_a_page_that_is_exactly_full_is_the_last(vendor: respx.MockRouter) -> None:
    route = serve(vendor, lambda number, _: page(rows(number * 2 - 1, number * 2), number=number, items=4, size=2))
    read(XeroClient(wiring()))
    assert route.call_count == 2


def test_an_empty_list_is_one_call(vendor: respx.MockRouter) -> None:
    route = serve(vendor, lambda number, _: page([], number=number, items=0))
    assert read(XeroClient(wiring())) == [[]]
    assert route.call_count == 1


def test_not_modified_is_one_call_and_nothing_found(vendor: respx.MockRouter) -> None:
    route = vendor.get(f"{API}/Contacts").mock(return_value=httpx.Response(304))
    assert read(XeroClient(wiring())) == [[]]
    assert route.call_count == 1


def test_each_call_names_its_organisation_page_and_boundary(vendor: respx.MockRouter) -> None:
    route = serve(vendor, lambda number, _: page([], number=number, items=0))
    since = datetime(2026, 11, 20, 12, 0, 0, 900_000, UTC)
    list(XeroClient(wiring()).pages("Contacts", id_key="ContactID", since=since))
    request = route.calls.last.request
    assert request.headers["xero-tenant-id"] == ORGANISATION
    assert request.headers["accept"] == "application/json"
    assert request.headers["if-modified-since"] == "2026-11-20T11:59:59"
    assert dict(request.url.params) == {"page": "1", "pageSize": "1000"}


@pytest.mark.parametrize(("found", "items"), [([], 1), (rows(1, 4), 5), (rows(1, 999), 1500)])
def test_a_short_page_never_looks_like_the_end(vendor: respx.MockRouter, found: Rows, items: int) -> None:
    serve(vendor, lambda number, _: page(found, number=number, items=items))
    with pytest.raises(RetryLater):
        read(XeroClient(wiring()))


def test_without_figures_only_an_empty_page_is_the_end(vendor: respx.MockRouter) -> None:
    route = serve(vendor, lambda number, _: {"Contacts": rows(number, number) if number < 4 else []})
    assert len(read(XeroClient(wiring()))) == 4
    assert route.call_count == 4


def test_a_record_that_moves_while_we_read_makes_us_read_again(vendor: respx.MockRouter) -> None:
    """1 changes after page 1 was read and moves to the end: 3 slips to page 1, and page 2 starts with 4."""
    before, after = rows(1, 4), [*rows(2, 4), *rows(1, 1)]

    def answer(number: int, calls: int) -> dict[str, Any]:
        standing = before if calls == 0 else after
        return page(standing[(number - 1) * 2 : number * 2], number=number, items=4, size=2)

    route = serve(vendor, answer)
    found = {row["Name"] for part in read(XeroClient(wiring())) for row in part}
    assert "Contact 3" in found
    assert route.call_count == 4


def test_books_that_never_stand_still_are_tried_three_times(vendor: respx.MockRouter) -> None:
    route = serve(vendor, lambda number, _: page(rows(1, 2), number=number, items=4, size=2))
    with pytest.raises(RetryLater):
        read(XeroClient(wiring()))
    assert route.call_count == 6


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (httpx.Response(403, json={"Title": "Forbidden", "Detail": "AuthenticationUnsuccessful"}), ActionRequired),
        (httpx.Response(429, headers={"Retry-After": "66975", "X-Rate-Limit-Problem": "day"}), RetryLater),
        (httpx.Response(503, text="The Organisation is offline", headers={"Retry-After": "300"}), RetryLater),
        (httpx.Response(400, json={"ErrorNumber": 51, "Type": "HighVolumeException"}), ContractBroken),
        (httpx.Response(404, text="The resource you're looking for cannot be found"), ContractBroken),
        (httpx.Response(200, json={"Status": "OK"}), ContractBroken),
        (httpx.Response(200, json={"Contacts": [{}]}), ContractBroken),
    ],
)
def test_a_failed_page_raises(vendor: respx.MockRouter, response: httpx.Response, error: type[Exception]) -> None:
    vendor.get(f"{API}/Contacts").mock(return_value=response)
    with pytest.raises(error):
        list(XeroDestination(wiring()).contacts(since=None))


def test_a_damaged_document_stops_the_read(vendor: respx.MockRouter) -> None:
    broken = echo(spend(), CurrencyCode=None)
    answer = {"BankTransactions": [broken], "pagination": {"page": 1, "pageSize": 1000, "itemCount": 1}}
    vendor.get(f"{API}/BankTransactions").mock(return_value=httpx.Response(200, json=answer))
    with pytest.raises(ContractBroken):
        list(XeroDestination(wiring()).changes(Endpoint.BANK_TRANSACTIONS, since=None))


def test_a_document_in_a_withdrawn_currency_is_none_of_ours(vendor: respx.MockRouter) -> None:
    theirs, ours = echo(spend(1), CurrencyCode="LTL", Reference="typed by hand"), echo(spend(2), number=2)
    answer = {"BankTransactions": [theirs, ours], "pagination": {"page": 1, "pageSize": 1000, "itemCount": 2}}
    vendor.get(f"{API}/BankTransactions").mock(return_value=httpx.Response(200, json=answer))
    found = list(XeroDestination(wiring()).changes(Endpoint.BANK_TRANSACTIONS, since=None))
    assert [document.document_id for part in found for document in part] == [document_id(2)]


def test_a_transfers_currency_is_looked_up_once(vendor: respx.MockRouter) -> None:
    transfers = [
        {
            "BankTransferID": document_id(number),
            "FromBankAccount": {"AccountID": BANK},
            "ToBankAccount": {"AccountID": OTHER_BANK},
            "Amount": 5.0,
            "Date": "/Date(1795132800000+0000)/",
        }
        for number in (1, 2)
    ]
    accounts = {"Accounts": [{"AccountID": BANK, "Type": "BANK", "CurrencyCode": "EUR"}]}
    chart = vendor.get(f"{API}/Accounts").mock(return_value=httpx.Response(200, json=accounts))
    vendor.get(f"{API}/BankTransfers").mock(return_value=httpx.Response(200, json={"BankTransfers": transfers}))
    found = list(XeroDestination(wiring()).changes(Endpoint.BANK_TRANSFERS, since=None))
    assert [document.total.currency for part in found for document in part] == ["EUR", "EUR"]
    assert chart.call_count == 1


def test_a_number_with_odd_characters_stays_within_its_place_in_the_path(vendor: respx.MockRouter) -> None:
    route = vendor.get(url__startswith=f"{API}/Contacts/").mock(return_value=httpx.Response(404))
    assert XeroDestination(wiring()).contact_by_number("a/../b?x=1") is None
    assert route.calls.last.request.url.raw_path == b"/api.xro/2.0/Contacts/a%2F..%2Fb%3Fx%3D1"


def test_the_call_log_hears_of_each_call(vendor: respx.MockRouter) -> None:
    heard: list[CallRecord] = []
    serve(vendor, lambda number, _: page([], number=number, items=0))
    read(XeroClient(wiring(record_call=heard.append)))
    assert [(call.method, call.status, call.write) for call in heard] == [("GET", 200, False)]
