"""The write endpoints: reference sections 5.4, 6.3, 7.3 and 10.2, assumption A31."""

from typing import Any

import httpx
import pytest

from tests.sandbox.amnis.conftest import Bank

PAYMENT = {
    "amount": "12.00",
    "executionDate": "2026-11-25",
    "reference": "Rechnung 1",
    "beneficiary": {"name": "Probst AG"},
    "bankAccount": {"iban": "CH7309999000000000001", "currency": "CHF"},
}
DEAL = {"currencyFrom": "CHF", "currencyTo": "EUR", "amountFrom": "1000.00", "valueDate": "2026-11-24T00:00:00+00:00"}


@pytest.fixture
def row(bank: Bank) -> int:
    return bank.company.card(amount="10.81")


def _patch(bank: Bank, row: int, **body: Any) -> httpx.Response:
    return bank.client().patch(f"/api/transactions/{row}/expense", json=body)


def test_an_expense_gets_its_coding_and_the_row_moves(bank: Bank, row: int) -> None:
    bank.clock.advance(minutes=3)
    vat = {
        "expenseVat": "/api/expense_vats/1",
        "rate": "8.1",
        "amount": "0.81",
        "grossAmount": "10.81",
        "externalId": None,
    }
    body = {"category": "/api/expense_categories/2", "costCenter": None, "vats": [vat], "note": "Kaffee"}
    found = _patch(bank, row, **body).json()
    assert found["expenseCategory"]["name"] == "Bewirtung"
    assert (found["vats"], found["comment"], found["expenseCostCenter"]) == ([vat], "Kaffee", None)
    assert found["updatedAt"] == "2026-11-20T09:03:00+00:00"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"category": "/api/expense_categories/999"}, "input.category.not_valid"),
        ({"category": "2"}, "input.category.not_valid"),
        ({"costCenter": "/api/expense_vats/1"}, "input.cost_center.not_valid"),
        ({"vats": []}, "expense.vat.not_valid"),
        ({"note": 5}, "input.comment.not_valid"),
    ],
)
def test_a_wrong_coding_is_refused_with_its_code(bank: Bank, row: int, body: dict[str, Any], code: str) -> None:
    answer = _patch(bank, row, **body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code)
    assert bank.company.row(row)["expenseCategory"] is None


def test_documents_come_and_go_until_the_expense_is_complete(bank: Bank, row: int) -> None:
    client, path = bank.client(), f"/api/transactions/{row}"
    assert client.post(f"{path}/expense-upload").json()["detail"] == "The `file` parameter is required."
    files = {"file": ("beleg.pdf", b"%PDF", "application/pdf")}
    first, second = (client.post(f"{path}/expense-upload", files=files) for _ in range(2))
    assert (first.status_code, first.json()["createdAt"]) == (201, "2026-11-20 09:00:00")
    assert client.delete(f"{path}/documents/{first.json()['id']}").status_code == 204
    assert [item["id"] for item in client.get(path).json()["documents"]] == [second.json()["id"]]
    done = client.patch(f"{path}/toggle-expense-completed", json={"markAsComplete": True}).json()
    assert done["expenseCompletedAt"] == "2026-11-20T09:00:00+00:00"
    assert client.delete(f"{path}/documents/{second.json()['id']}").status_code == 400


def test_a_payment_needs_its_scope_and_waits_for_its_day(bank: Bank) -> None:
    client = bank.client()
    assert client.post("/api/payout_transaction_details", json=PAYMENT).status_code == 403
    bank.amnis.switch(payment_scope=True)
    found = client.post("/api/payout_transaction_details", json=PAYMENT).json()
    assert (found["status"], found["amount"], found["beneficiary"]["name"]) == ("created", "12.00", "Probst AG")
    rows = client.get("/api/transactions").json()
    assert [(item["amount"], item["executed"]) for item in rows] == [("-12.00", False)]
    short = client.post("/api/payout_transaction_details", json={**PAYMENT, "reference": "x"})
    assert (short.status_code, short.json()["violations"][0]["propertyPath"]) == (422, "reference")


def test_a_repeated_request_id_gets_the_first_answer(bank: Bank) -> None:
    bank.amnis.switch(payment_scope=True)
    client, headers = bank.client(), {"Unique-Request-Id": "r-1"}
    answers = [client.post("/api/payout_transaction_details", json=PAYMENT, headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert len(bank.company.rows()) == 1
    other = client.post("/api/payout_transaction_details", json={**PAYMENT, "amount": "13.00"}, headers=headers)
    assert other.status_code == 409


def test_a_quote_binds_nobody_and_a_conversion_makes_two_rows(bank: Bank) -> None:
    client = bank.client()
    quote = client.post("/api/deal_request", json=DEAL)
    assert (quote.status_code, quote.json()["amountTo"]) == (201, "1055.30")  # at 1.0553
    assert bank.company.rows() == []
    deal = client.post("/api/fx_transaction_details", json=DEAL)
    assert (deal.status_code, deal.json()["status"]) == (201, "pending")
    assert [item["amount"] for item in client.get("/api/transactions").json()] == ["-1000.00", "1055.30"]
    both = client.post("/api/fx_transaction_details", json={**DEAL, "amountTo": "1.00"})
    assert both.status_code == 422


def test_master_data_can_be_created_once(bank: Bank) -> None:
    client = bank.client()
    made = client.post("/api/expense_categories", json={"name": "Porto", "accountingAccountNumber": "425"})
    assert made.status_code == 200
    assert client.get(f"/api/expense_categories/{made.json()['id']}").json()["accountingAccountNumber"] == "425"
    assert client.post("/api/expense_categories", json={"name": "Porto"}).status_code == 400
    bank.amnis.switch(accounting_scope=False)
    assert client.post("/api/expense_vats", json={"name": "x"}).status_code == 403
