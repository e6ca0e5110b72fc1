"""GET /api/transactions, as documented and by the assumptions A11, A12, A23."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.sandbox.amnis.conftest import Bank

NEWEST_FIELDS = {
    "id", "currency", "amount", "type", "executionDate", "executed", "createdAt", "updatedAt", "account",
    "transactionDetailId", "tags", "documents", "expenseCategory", "expenseCostCenter", "vats", "comment",
    "expenseCompletedAt", "magicLinkUrl", "contact",
}  # fmt: skip


def _found(bank: Bank, **query: str) -> list[int]:
    answer = bank.client().get("/api/transactions", params=query)
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()]


def _rows(bank: Bank, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bank.client().get("/api/transactions", params=query).json()
    return found


def test_a_pay_in_looks_like_the_documentation(bank: Bank) -> None:
    row = bank.company.pay_in(amount="100.00", payer="Beispiel AG", executed_on=date(2026, 3, 4))
    found = bank.client().get(f"/api/transactions/{row}").json()
    assert set(found) == NEWEST_FIELDS
    assert (found["id"], found["account"], found["transactionDetailId"]) == (row, 1, 1)
    assert (found["currency"], found["amount"], found["type"]) == ("CHF", "100.00", "payin")
    assert (found["executionDate"], found["executed"]) == ("2026-03-04T00:00:00+00:00", True)
    assert found["createdAt"] == found["updatedAt"] == "2026-11-20T09:00:00+00:00"


@pytest.fixture
def several(bank: Bank) -> dict[str, int]:
    company = bank.company
    deal = company.fx(sold=(1, "1000.00"), bought=(2, "1055.30"), value_on=date(2026, 3, 4))
    assert deal.paid
    assert deal.received
    return {
        "sold": deal.paid,
        "bought": deal.received,
        "in": company.pay_in(amount="20.00", executed_on=date(2026, 3, 1)),
        "out": company.payout(amount="500.00", to="Probst AG", executed_on=date(2026, 3, 2)),
        "card": company.card(amount="1.20", executed_on=date(2026, 3, 3)),
        "fee": company.fee(amount="9.00", executed_on=date(2026, 3, 31)),
        "peer": company.peer_out(amount="60.00", to="Muster Immobilien AG", executed_on=date(2026, 3, 6)),
        "planned": company.payout(amount="7.00", to="Probst AG", status="created", executed_on=date(2026, 12, 1)),
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"type": "fx"}, ["sold", "bought"]),
        ({"type": "payin"}, ["in"]),
        ({"account": "2"}, ["bought"]),
        ({"account": "/api/accounts/2"}, ["bought"]),
        ({"executed": "false"}, ["planned"]),
        ({"executed": "0"}, ["planned"]),
        ({"executed": "true", "type": "payout"}, ["out"]),
        ({"abs_amount[gt]": "500.00"}, ["sold", "bought"]),
        ({"abs_amount[gte]": "500.00"}, ["sold", "bought", "out"]),
        ({"abs_amount[lt]": "9.00"}, ["card", "planned"]),
        ({"abs_amount[lte]": "9.00"}, ["card", "fee", "planned"]),
        ({"executionDate[gte]": "2026-03-04", "executionDate[lt]": "2026-03-31"}, ["sold", "bought", "peer"]),
        ({"executionDate[gt]": "2026-03-04T00:00:00.000Z"}, ["fee", "peer", "planned"]),
        ({"executionDate[lte]": "2026-03-02T01:00:00+01:00"}, ["in", "out"]),
    ],
)
def test_filters_choose_rows(bank: Bank, several: dict[str, int], query: dict[str, str], expected: list[str]) -> None:
    assert _found(bank, **query) == [several[name] for name in expected]


def test_the_contact_filter_knows_the_beneficiary(bank: Bank, several: dict[str, int]) -> None:
    contact = bank.company.row(several["out"])["contact"]["id"]
    assert _found(bank, contact=str(contact)) == [several["out"], several["planned"]]
    assert bank.client().get(f"/api/contacts/{contact}").json()["name"] == "Probst AG"


def test_an_unreadable_filter_value_is_refused(bank: Bank) -> None:
    client = bank.client()
    for query in ({"updatedAt[gte]": "yesterday"}, {"abs_amount[gt]": "much"}, {"executed": "maybe"}):
        assert client.get("/api/transactions", params=query).status_code == 400


def test_a_watermark_finds_exactly_what_changed_since(bank: Bank) -> None:
    old = bank.company.pay_in(amount="1.00")
    bank.clock.advance(minutes=10)
    new = bank.company.pay_in(amount="2.00", executed_on=date(2025, 12, 5))
    since = datetime(2026, 11, 20, 9, 10, tzinfo=UTC).isoformat()
    assert _found(bank, **{"updatedAt[gte]": since}) == [new]
    bank.clock.advance(minutes=10)
    bank.company.change(old, comment="edited")
    assert _found(bank, **{"updatedAt[gt]": since}) == [old]
    assert _found(bank, **{"createdAt[lt]": since}) == [old]


def test_details_are_embedded_on_request_only(bank: Bank, several: dict[str, int]) -> None:
    assert all("transactionDetail" not in row for row in _rows(bank))
    embedded = {row["id"]: row["transactionDetail"] for row in _rows(bank, includeTransactionDetail="true")}
    assert embedded[several["sold"]] == embedded[several["bought"]]
    assert embedded[several["sold"]]["amountTo"] == "1055.30"
    assert embedded[several["card"]]["merchant"]["name"] == "Café Beispiel"
    assert embedded[several["peer"]]["receiverCompanyName"] == "Muster Immobilien AG"
    bank.amnis.switch(embed_details=False)
    assert all("transactionDetail" not in row for row in _rows(bank, includeTransactionDetail="true"))


def test_amounts_are_signed_from_the_accounts_view_unless_switched(bank: Bank, several: dict[str, int]) -> None:
    expected = {
        "sold": "-1000.00", "bought": "1055.30", "in": "20.00", "out": "-500.00", "card": "-1.20", "fee": "-9.00",
        "peer": "-60.00", "planned": "-7.00",
    }  # fmt: skip
    assert {row["id"]: row["amount"] for row in _rows(bank)} == {several[name]: expected[name] for name in several}
    bank.amnis.switch(signed_amounts=False)
    assert {row["amount"].startswith("-") for row in _rows(bank)} == {False}


def test_ids_can_be_strings_everywhere(bank: Bank, several: dict[str, int]) -> None:
    bank.amnis.switch(ids_as_strings=True)
    rows = _rows(bank, includeTransactionDetail="true")
    assert [row["id"] for row in rows] == [str(number) for number in sorted(several.values())]
    assert {type(row["account"]) for row in rows} == {str}
    assert {type(row["transactionDetailId"]) for row in rows} == {str}
    assert {type(row["transactionDetail"]["id"]) for row in rows} == {str}


def test_a_raw_row_is_shown_as_it_was_given(bank: Bank) -> None:
    given = {"id": "12345", "type": "interest", "amount": "1.5", "currency": "EUR", "neu": [1, {"a": None}]}
    bank.company.raw(given)
    assert bank.client().get("/api/transactions/12345").json() == given


def test_an_unknown_or_nonsense_id_is_not_found(bank: Bank) -> None:
    client = bank.client()
    for number in ("999999", "abc"):
        answer = client.get(f"/api/transactions/{number}")
        assert (answer.status_code, answer.json()["title"]) == (404, "An error occurred")


def test_a_nasty_name_travels_unchanged(bank: Bank) -> None:
    name = "\u202eAG\u202c <script>\x00 🦊 \"' =1+1"
    bank.company.pay_in(amount="1.00", payer=name)
    assert _rows(bank, includeTransactionDetail="1")[0]["transactionDetail"]["payerName"] == name


@pytest.mark.parametrize("query", [{}, {"includeTransactionDetail": "true"}, {"page": "2", "itemsPerPage": "3"}])
def test_rows_that_are_shown_as_they_are_stored_are_those_that_are_read_and_written_anew(
    bank: Bank, several: dict[str, int], query: dict[str, str]
) -> None:
    as_stored = _rows(bank, **query)
    assert len(as_stored) == (3 if "page" in query else len(several))
    bank.amnis.switch(between_pages="insert")  # what happens after a page needs its rows
    assert as_stored == _rows(bank, **query)
