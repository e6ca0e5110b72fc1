"""The six detail lists, master data, company and accounts: reference sections 4 and 6 to 10."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.sandbox.amnis.conftest import Bank

PAYOUT_FIELDS = {
    "id", "account", "currency", "amount", "status", "executionDate", "transferredAt", "finishedAt", "reference",
    "feeSchedule", "contact", "beneficiary", "fromAutomation",
}  # fmt: skip
CARD_FIELDS = {
    "id", "currency", "amount", "originalCurrency", "originalAmount", "type", "executionDate", "settlementDate",
    "status", "card", "merchant", "documents", "expenseCategory", "expenseCostCenter", "comment", "vats", "createdAt",
    "updatedAt", "magicLinkUrl", "error",
}  # fmt: skip


def _get(bank: Bank, path: str, **query: str) -> Any:
    answer = bank.client().get(f"/api/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_pay_in_detail_carries_payer_text_and_reference_without_a_sign(bank: Bank) -> None:
    bank.company.pay_in(amount="100.00", payer=None, reference="Danke", qr_reference="210000000003139471430009017")
    assert _get(bank, "payin_transaction_details/1") == {
        "id": 1, "currency": "CHF", "amount": "100.00", "executionDate": "2026-11-20T00:00:00+00:00", "comment": "Danke",
        "subType": "pay_in", "payerName": None, "qrReference": "210000000003139471430009017", "isInstant": False,
    }  # fmt: skip


def test_pay_ins_are_found_by_exact_execution_date_only(bank: Bank) -> None:
    bank.company.pay_in(amount="1.00", executed_on=date(2026, 3, 1))
    bank.company.pay_in(amount="2.00", executed_on=datetime(2026, 3, 1, 14, 5, tzinfo=UTC), instant=True)
    bank.company.pay_in(amount="3.00", executed_on=date(2026, 3, 2))

    def amounts(**query: str) -> list[str]:
        return [item["amount"] for item in _get(bank, "payin_transaction_details", **query)]

    assert amounts(executionDate="2026-03-01") == ["1.00"]
    assert amounts(executionDate="2026-03-01T14:05:00+00:00") == ["2.00"]
    assert amounts(**{"executionDate[gte]": "2026-03-02"}) == ["1.00", "2.00", "3.00"]
    assert amounts(**{"amount[gt]": "1.00", "currency": "CHF"}) == ["2.00", "3.00"]


def test_a_payout_detail_has_its_beneficiary_and_account(bank: Bank) -> None:
    row = bank.company.payout(amount="40.00", to="Pacific Mills", account=3, country="US", fee_schedule="SHAR")
    detail = _get(bank, f"payout_transaction_details/{bank.company.row(row)['transactionDetailId']}")
    assert set(detail) == PAYOUT_FIELDS
    assert (detail["account"], detail["currency"], detail["amount"]) == (3, "USD", "40.00")
    assert (detail["status"], detail["feeSchedule"]) == ("executed", "SHAR")
    assert (detail["beneficiary"]["name"], detail["beneficiary"]["country"]) == ("Pacific Mills", "US")


@pytest.mark.parametrize("kind", ["payout", "wallet", "card", "fee"])
def test_other_lists_take_date_ranges_currency_and_amount(bank: Bank, kind: str) -> None:
    company = bank.company
    for day in (1, 2, 3):
        company.payout(amount=f"{day}.00", to="X", executed_on=date(2026, 5, day))
        company.peer_out(amount=f"{day}.00", to="X", executed_on=date(2026, 5, day))
        company.card(amount=f"{day}.00", executed_on=date(2026, 5, day))
        company.fee(amount=f"{day}.00", executed_on=date(2026, 5, day))
    path = f"{kind}_transaction_details"
    found = _get(bank, path, **{"executionDate[gte]": "2026-05-02", "executionDate[lt]": "2026-05-03"})
    assert [item["amount"] for item in found] == ["2.00"]
    assert len(_get(bank, path, **{"amount[gte]": "2.00", "currency": "CHF"})) == 2
    assert _get(bank, path, currency="EUR") == []


def test_conversions_are_found_by_currencies_amounts_deal_and_value_date(bank: Bank) -> None:
    company = bank.company
    company.fx(sold=(1, "1000.00"), bought=(2, "1055.30"), dealt_on=date(2026, 3, 2), value_on=date(2026, 3, 4))
    company.fx(sold=(2, "500.00"), bought=(1, "473.80"), dealt_on=date(2026, 4, 2), value_on=date(2026, 4, 6))
    path = "fx_transaction_details"
    for query in (
        {"currencyFrom": "EUR"}, {"currencyTo": "CHF"}, {"amountFrom[lt]": "1000.00"}, {"amountTo[lte]": "473.80"},
        {"dealDate[gt]": "2026-03-02"}, {"valueDate[gte]": "2026-04-06"},
    ):  # fmt: skip
        assert [item["id"] for item in _get(bank, path, **query)] == [2], query
    deal = _get(bank, f"{path}/1")
    assert (deal["platformRate"], deal["status"], deal["type"]) == ("1.055300", "transferred", "spot")
    assert (deal["dealDate"], deal["valueDate"]) == ("2026-03-02T00:00:00+00:00", "2026-03-04T00:00:00+00:00")


def test_a_foreign_card_purchase_shows_both_sides_and_its_coding(bank: Bank) -> None:
    row = bank.company.card(
        amount="41.07", merchant="TRATTORIA", country="IT", original=("EUR", "43.35"), category="Bewirtung",
        cost_center="Zürich", vats=[("8.1", "108.10")], executed_on=date(2026, 5, 1), settled_on=date(2026, 5, 3),
    )  # fmt: skip
    detail = _get(bank, "card_transaction_details/1")
    assert set(detail) == CARD_FIELDS
    assert (detail["currency"], detail["amount"]) == ("CHF", "41.07")
    assert (detail["originalCurrency"], detail["originalAmount"]) == ("EUR", "43.35")
    assert (detail["type"], detail["status"]) == ("transaction", "executed")
    assert detail["settlementDate"] == "2026-05-03T00:00:00+00:00"
    assert detail["expenseCategory"]["accountingAccountNumber"] == "420"
    assert detail["vats"][0]["amount"] == "8.10"  # 108.10 holds 100.00 and 8.1 per cent of it
    assert isinstance(detail["vats"][0]["expenseVat"], int)
    shown = _get(bank, f"transactions/{row}")
    assert shown["vats"][0]["expenseVat"] == f"/api/expense_vats/{detail['vats'][0]['expenseVat']}"
    assert shown["expenseCostCenter"]["number"] == "100"


def test_card_details_are_found_by_update(bank: Bank) -> None:
    first = bank.company.card(amount="1.00")
    bank.company.card(amount="2.00")
    bank.clock.advance(minutes=5)
    bank.company.change_detail(first, updatedAt="2026-11-20T09:05:00+00:00")
    found = _get(bank, "card_transaction_details", **{"updatedAt[gte]": "2026-11-20T09:05:00Z"})
    assert [item["amount"] for item in found] == ["1.00"]


def test_master_data_are_listed_and_single(bank: Bank) -> None:
    for kind in ("contacts", "expense_categories", "expense_cost_centers", "expense_vats"):
        listed = _get(bank, kind)
        assert listed
        assert _get(bank, f"{kind}/{listed[0]['id']}") == listed[0]
    assert [item["value"] for item in _get(bank, "expense_vats")] == ["8.1", "2.6", "0"]
    assert [item["name"] for item in _get(bank, "contacts") if item["selfContact"]] == ["Muster Handels AG"]


def test_accounts_carry_their_numbers(bank: Bank) -> None:
    francs, pounds = _get(bank, "accounts/1"), _get(bank, "accounts/4")
    assert [iban["type"] for iban in francs["ibans"]] == ["normal", "qr"]
    assert 30000 <= int(francs["ibans"][1]["value"][4:9]) <= 31999
    assert pounds["ibans"][0]["value"].isdigit()
    assert _get(bank, "accounts/2")["ibans"][0]["value"] == _get(bank, "accounts/3")["ibans"][0]["value"]
    assert [item["id"] for item in _get(bank, "accounts", type="collateral")] == [5]


def test_the_company_describes_itself(bank: Bank) -> None:
    found = _get(bank, "info")
    assert (found["legalForm"], found["countryOfIncorporation"]) == ("AG", "CH")
    assert found["availableBalance"] == _get(bank, "overall-balance")
    assert found["availableBalance"]["currency"] == "CHF"
