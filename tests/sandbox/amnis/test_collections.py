"""Envelopes, pages and order: reference sections 3.2 and 3.3, assumptions A7 to A10."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from sandbox.amnis.app import AmnisSandbox
from sandbox.clock import Clock
from sandbox.core import Core
from sandbox.faults import FaultPlan
from sandbox.store import Store
from tests.sandbox.amnis.conftest import NOW, Bank


def _fill(bank: Bank, count: int) -> list[int]:
    return [bank.company.pay_in(amount=f"{number + 1}.00") for number in range(count)]


def _ids(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()]


@pytest.mark.parametrize("resource", ["transactions", "accounts", "contacts", "payin_transaction_details"])
def test_the_documented_envelope_is_a_bare_array(bank: Bank, resource: str) -> None:
    _fill(bank, 1)
    found = bank.client().get(f"/api/{resource}").json()
    assert isinstance(found, list)
    assert found


def test_the_data_envelope_counts_pages(bank: Bank) -> None:
    _fill(bank, 5)
    bank.amnis.switch(collection_envelope="data")
    body = bank.client().get("/api/transactions", params={"itemsPerPage": 2, "page": 3}).json()
    assert body["pagination"] == {"totalItems": 5, "totalPages": 3, "currentPage": 3, "itemsPerPage": 2}
    assert len(body["data"]) == 1


@pytest.mark.parametrize("accept", ["*/*", "application/ld+json", "text/html"])
def test_who_does_not_ask_for_plain_json_gets_hydra(bank: Bank, accept: str) -> None:
    rows = _fill(bank, 3)
    answer = bank.client(accept=accept).get("/api/transactions", params={"itemsPerPage": 2})
    assert answer.headers["Content-Type"].startswith("application/ld+json")
    body = answer.json()
    assert body["hydra:totalItems"] == 3
    assert [row["id"] for row in body["hydra:member"]] == rows[:2]
    assert body["hydra:view"]["hydra:next"] == "/api/transactions?page=2"


def test_hydra_can_be_forced(bank: Bank) -> None:
    bank.amnis.switch(collection_envelope="hydra")
    assert bank.client().get("/api/accounts").json()["hydra:totalItems"] == 8


def test_pages_are_thirty_by_default_and_fifty_at_most(bank: Bank) -> None:
    rows = _fill(bank, 55)
    client = bank.client()
    assert _ids(client.get("/api/transactions")) == rows[:30]
    assert _ids(client.get("/api/transactions", params={"itemsPerPage": 500})) == rows[:50]
    assert _ids(client.get("/api/transactions", params={"itemsPerPage": 50, "page": 2})) == rows[50:]
    assert _ids(client.get("/api/transactions", params={"itemsPerPage": 50, "page": 3})) == []
    assert _ids(client.get("/api/transactions", params={"pagination": "false"})) == rows


@pytest.mark.parametrize("query", [{"page": "0"}, {"page": "x"}, {"itemsPerPage": "0"}, {"itemsPerPage": "-1"}])
def test_impossible_pages_are_refused(bank: Bank, query: dict[str, str]) -> None:
    answer = bank.client().get("/api/transactions", params=query)
    assert (answer.status_code, answer.json()["title"]) == (400, "An error occurred")
    assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_order_follows_the_asked_column(bank: Bank) -> None:
    first, second, third = _fill(bank, 3)
    bank.clock.advance(minutes=1)
    bank.company.change(first, tags=["later"])
    client = bank.client()
    assert _ids(client.get("/api/transactions", params={"order[id]": "DESC"})) == [third, second, first]
    assert _ids(client.get("/api/transactions", params={"order[updatedAt]": "ASC"})) == [second, third, first]
    assert _ids(client.get("/api/accounts", params={"order[id]": "DESC"})) == [8, 7, 6, 5, 4, 3, 2, 1]


def test_unknown_parameters_are_ignored(bank: Bank) -> None:
    rows = _fill(bank, 2)
    query = {"payerName": "x", "order[payer]": "ASC", "order[id]": "UP"}
    assert _ids(bank.client().get("/api/transactions", params=query)) == rows


def _all(client: httpx.Client, **query: Any) -> list[int]:
    """A naive client: page after page until one is short."""
    found: list[int] = []
    page = 1
    while len(part := _ids(client.get("/api/transactions", params={**query, "itemsPerPage": 5, "page": page}))) == 5:
        found += part
        page += 1
    return found + part


def test_a_row_that_arrives_between_pages_is_at_the_end_by_id_and_shifts_the_rest_backwards(bank: Bank) -> None:
    rows = _fill(bank, 12)
    bank.amnis.switch(between_pages="insert")
    ascending = _all(bank.client(), **{"order[id]": "ASC"})
    assert ascending[:12] == rows
    assert len(ascending) == len(set(ascending)) > 12
    descending = _all(bank.client(), **{"order[id]": "DESC"})
    assert len(descending) > len(set(descending))


def test_each_row_that_changes_between_pages_by_update_hides_another(bank: Bank) -> None:
    rows = []
    for number in range(12):
        rows.append(bank.company.pay_in(amount=f"{number + 1}.00"))
        bank.clock.advance(seconds=1)
    bank.amnis.switch(between_pages="touch")
    seen = _all(bank.client(), **{"order[updatedAt]": "ASC"})
    # rows 0 and 6, the first of each full page, went behind the last page: rows 5 and 11 slipped into pages already read
    assert set(rows) - set(seen) == {rows[5], rows[11]}


def test_latency_is_felt_in_the_clients_time_out(bank: Bank) -> None:
    client = bank.client()
    bank.amnis.switch(latency_ms=5_000)
    with pytest.raises(httpx.ReadTimeout):
        client.get("/api/accounts", timeout=0.5)


def test_a_list_shows_what_was_written_or_has_become_visible_since_its_last_page() -> None:
    """A list is put together once for all its pages; neither a new row nor the hour of a hidden one may be missed."""
    moment = [NOW]
    store = Store(None)
    amnis = AmnisSandbox(Core(store=store, clock=Clock(store, base=lambda: moment[0]), faults=FaultPlan(Clock(store))))
    company = amnis.company("ck_1")
    bank = Bank(amnis=amnis, clock=amnis.core.clock, company=company)
    client = bank.client()

    def shown() -> int:
        return len(_ids(client.get("/api/transactions")))

    company.pay_in(amount="1.00")
    assert (shown(), shown()) == (1, 1)
    company.fx(sold=(1, "1000.00"), bought=(2, "1055.30"), second_leg_at=NOW + timedelta(minutes=5))
    assert (shown(), shown()) == (2, 2)
    moment[0] += timedelta(minutes=5)
    assert shown() == 3
    bank.close()
