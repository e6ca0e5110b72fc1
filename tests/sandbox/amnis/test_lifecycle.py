"""Balances that agree with the rows (A16) and rows that move on with the clock (A14, A17, A21, A27)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.amnis.app import AmnisSandbox
from sandbox.clock import Clock
from sandbox.core import Core
from sandbox.faults import FaultPlan
from sandbox.store import Store
from tests.sandbox.amnis.conftest import NOW, Bank


def _account(bank: Bank, number: int) -> dict[str, Any]:
    found: dict[str, Any] = bank.client().get(f"/api/accounts/{number}").json()
    return found


def _row(bank: Bank, number: int) -> dict[str, Any]:
    found: dict[str, Any] = bank.client().get(f"/api/transactions/{number}").json()
    return found


def test_available_and_forecasted_balance_follow_the_rows(bank: Bank) -> None:
    before = Decimal(_account(bank, 1)["availableBalance"])
    company = bank.company
    company.pay_in(amount="100.00")
    company.payout(amount="30.00", to="X", status="created", executed_on=date(2026, 11, 25))
    company.card(amount="5.50", settles_at=NOW + timedelta(days=1))
    company.payout(amount="999.00", to="X", status="canceled")
    account = _account(bank, 1)
    # executed 100.00; the card is reserved; the planned payout is forecast only; the cancelled one is nothing
    assert Decimal(account["availableBalance"]) - before == Decimal("94.50")
    assert Decimal(account["forecastedBalance"]) - before == Decimal("64.50")
    bank.clock.advance(days=10)
    account = _account(bank, 1)
    assert account["availableBalance"] == account["forecastedBalance"]
    assert Decimal(account["availableBalance"]) - before == Decimal("64.50")


def test_balances_can_be_numbers(bank: Bank) -> None:
    assert _account(bank, 1)["availableBalance"] == "640000.00"
    bank.amnis.switch(balances_as_numbers=True)
    assert _account(bank, 1)["availableBalance"] == 640000


_AMOUNTS = st.decimals(min_value=Decimal("0.01"), max_value=Decimal("9999.99"), places=2)
_DEEDS = st.sampled_from(["pay_in", "payout", "card", "fee", "fx", "own", "planned", "refund", "canceled", "reserved"])


def _do(amnis: AmnisSandbox, deed: str, amount: str) -> None:
    company, later = amnis.company(), NOW + timedelta(days=3)
    match deed:
        case "pay_in":
            company.pay_in(amount=amount, account=2)
        case "payout":
            company.payout(amount=amount, to="X")
        case "card" | "refund":
            company.card(amount=amount, refund=deed == "refund")
        case "fee":
            company.fee(amount=amount)
        case "fx":
            company.fx(sold=(1, amount), bought=(2, amount), value_on=later, executed=False)
        case "own":
            company.own_transfer(amount=amount, source=1, target=5)
        case "planned" | "canceled":
            status = "created" if deed == "planned" else "canceled"
            company.payout(amount=amount, to="X", status=status, executed_on=later)
        case "reserved":
            company.card(amount=amount, settles_at=later)


@given(st.lists(st.tuples(_DEEDS, _AMOUNTS), max_size=12))
@settings(max_examples=40, deadline=None)
def test_executed_amounts_always_explain_the_change_of_the_balance(deeds: list[tuple[str, Decimal]]) -> None:
    store = Store(None)
    clock = Clock(store, base=lambda: NOW)
    amnis = AmnisSandbox(Core(store=store, clock=clock, faults=FaultPlan(clock)))
    company = amnis.company()
    opening = company.balances()
    for deed, amount in deeds:
        _do(amnis, deed, str(amount))
    clock.advance(days=30)
    sums = dict.fromkeys(opening, Decimal(0))
    for row in company.rows(executed=True):
        sums[row["account"]] += Decimal(row["amount"])
    assert {number: company.balances()[number] - opening[number] for number in opening} == sums
    store.close()


def test_a_planned_payment_executes_on_its_day_and_moves_its_update(bank: Bank) -> None:
    row = bank.company.payout(amount="30.00", to="X", status="pending_execution", executed_on=date(2026, 11, 25))
    bank.clock.advance(days=4)
    assert not _row(bank, row)["executed"]
    bank.clock.advance(days=2)
    assert _row(bank, row)["executed"]
    assert _row(bank, row)["updatedAt"] == "2026-11-25T06:00:00+00:00"
    detail = bank.company.detail(row)
    assert detail
    assert (detail["status"], detail["finishedAt"]) == ("executed", "2026-11-25T06:00:00+00:00")


def test_both_rows_of_a_forward_execute_on_the_value_date(bank: Bank) -> None:
    deal = bank.company.fx(
        sold=(1, "40000.00"), bought=(3, "45960.00"), value_on=date(2027, 1, 19), executed=False, type="forward"
    )
    rows = bank.client().get("/api/transactions", params={"type": "fx"}).json()
    assert [row["executed"] for row in rows] == [False, False]
    bank.clock.advance(days=61)
    rows = bank.client().get("/api/transactions", params={"type": "fx"}).json()
    assert [(row["executed"], row["transactionDetailId"]) for row in rows] == [(True, deal.detail)] * 2
    assert bank.client().get(f"/api/fx_transaction_details/{deal.detail}").json()["status"] == "transferred"


def test_the_second_row_of_a_deal_can_come_late(bank: Bank) -> None:
    deal = bank.company.fx(
        sold=(1, "7500.00"), bought=(2, "7914.75"), value_on=NOW.date(), second_leg_at=NOW + timedelta(hours=3)
    )
    rows = bank.client().get("/api/transactions").json()
    assert [row["id"] for row in rows] == [deal.paid]
    assert bank.client().get(f"/api/transactions/{deal.received}").status_code == 404
    bank.clock.advance(minutes=181)
    query = {"updatedAt[gte]": "2026-11-20T12:00:00+00:00"}
    assert [row["id"] for row in bank.client().get("/api/transactions", params=query).json()] == [deal.received]


def test_a_cancelled_deal_keeps_its_rows_unexecuted(bank: Bank) -> None:
    deal = bank.company.fx(sold=(1, "10.00"), bought=(2, "10.50"), value_on=date(2026, 12, 1), executed=False)
    assert deal.paid
    bank.company.cancel(deal.paid)
    bank.clock.advance(days=20)
    rows = bank.client().get("/api/transactions").json()
    assert [row["executed"] for row in rows] == [False, False]
    assert bank.client().get(f"/api/fx_transaction_details/{deal.detail}").json()["status"] == "canceled"


def test_a_card_settles_in_place_with_the_final_amount(bank: Bank) -> None:
    row = bank.company.card(amount="50.00", settles_at=NOW + timedelta(days=2))
    assert bank.company.detail(row) == (bank.company.detail(row) or {}) | {
        "type": "authorization", "status": "pending", "settlementDate": None,
    }  # fmt: skip
    bank.clock.advance(days=1)
    assert bank.company.execute(row, amount="52.30") == row
    assert (_row(bank, row)["executed"], _row(bank, row)["amount"]) == (True, "-52.30")
    detail = bank.company.detail(row) or {}
    assert (detail["type"], detail["status"], detail["amount"]) == ("transaction", "executed", "52.30")
    assert detail["settlementDate"] == "2026-11-21T09:00:00+00:00"


def test_a_card_can_settle_in_a_new_row(bank: Bank) -> None:
    bank.amnis.switch(card_lifecycle="new_row")
    opening = bank.company.balances()[1]
    row = bank.company.card(amount="50.00", settles_at=NOW + timedelta(days=2))
    bank.clock.advance(days=3)
    first, second = bank.client().get("/api/transactions").json()
    assert (first["id"], first["executed"]) == (row, False)
    assert (second["executed"], second["amount"], second["type"]) == (True, "-50.00", "card")
    assert second["transactionDetailId"] != first["transactionDetailId"]
    assert bank.company.balances()[1] - opening == Decimal("-50.00")


def test_an_authorisation_that_expires_leaves_no_money_moved(bank: Bank) -> None:
    opening = bank.company.balances()[1]
    row = bank.company.card(amount="300.00", expires_at=NOW + timedelta(days=10))
    assert bank.company.balances()[1] - opening == Decimal("-300.00")
    bank.clock.advance(days=11)
    assert not _row(bank, row)["executed"]
    assert (bank.company.detail(row) or {})["type"] == "reversal"
    assert bank.company.balances()[1] == opening


def test_a_refund_is_a_row_of_its_own_with_the_other_sign(bank: Bank) -> None:
    row = bank.company.card(amount="49.00", merchant="MODEHAUS", refund=True)
    assert (_row(bank, row)["amount"], _row(bank, row)["executed"]) == ("49.00", True)
    assert (bank.company.detail(row) or {})["type"] == "reversal"


def test_an_own_transfer_has_two_rows_with_one_or_two_details(bank: Bank) -> None:
    shared = bank.company.own_transfer(amount="10.00", source=1, target=8)
    apart = bank.company.own_transfer(amount="10.00", source=1, target=5, shared_detail=False)
    rows = {row["id"]: row for row in bank.client().get("/api/transactions").json()}
    assert rows[shared.paid]["amount"] == "-10.00"
    assert rows[shared.received]["amount"] == "10.00"
    assert rows[shared.paid]["transactionDetailId"] == rows[shared.received]["transactionDetailId"]
    assert rows[apart.paid]["transactionDetailId"] != rows[apart.received]["transactionDetailId"]
    details = bank.client().get("/api/wallet_transaction_details").json()
    assert [(item["side"], item["collateral"]) for item in details] == [
        ("sender", False), ("sender", True), ("receiver", True),
    ]  # fmt: skip
    assert {(item["senderAccount"], item["receiverAccount"]) for item in details} == {(1, 8), (1, 5)}


def test_a_peer_payment_hides_the_other_companys_account(bank: Bank) -> None:
    bank.company.peer_in(amount="10.00", sender="Exempla Trading GmbH")
    detail = bank.client().get("/api/wallet_transaction_details/1").json()
    assert (detail["side"], detail["senderAccount"], detail["receiverAccount"]) == ("receiver", None, 1)


def test_a_short_account_is_filled_by_an_automatic_exchange_when_switched_on(bank: Bank) -> None:
    bank.amnis.switch(auto_exchange=True)
    held = bank.company.balances()[4]
    bank.company.card(amount=str(held + 1), account=4, merchant="LONDON SHOP")
    kinds = [row["type"] for row in bank.client().get("/api/transactions").json()]
    assert kinds == ["fx", "fx", "card"]
    assert bank.client().get("/api/fx_transaction_details/1").json()["fromAutomation"] is True


def test_what_is_at_rest_cannot_execute_again(bank: Bank) -> None:
    row = bank.company.pay_in(amount="1.00")
    with pytest.raises(ValueError, match="at rest"):
        bank.company.execute(row)


def test_moments_without_a_zone_are_refused(bank: Bank) -> None:
    with pytest.raises(ValueError, match="time zone"):
        bank.company.pay_in(amount="1.00", executed_on=datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None))


def test_the_books_survive_a_restart(tmp_path: Any) -> None:
    def open_bank() -> AmnisSandbox:
        store = Store(tmp_path / "books.sqlite3")
        clock = Clock(store, base=lambda: NOW)
        return AmnisSandbox(Core(store=store, clock=clock, faults=FaultPlan(clock)))

    first = open_bank()
    row = first.company().pay_in(amount="12.00")
    first.switch(collection_envelope="data")
    first.core.store.close()
    second = open_bank()
    assert second.company().row(row)["amount"] == "12.00"
    assert second.switches.collection_envelope == "data"
    second.core.store.close()
