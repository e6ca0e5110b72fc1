"""The demo world holds every kind of row that a client has to survive."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sandbox.amnis import world
from sandbox.amnis.bulk import add_random_movements
from sandbox.amnis.names import NASTY
from sandbox.amnis.references import creditor_reference, qr_reference, swiss_iban
from tests.sandbox.amnis.conftest import Bank

Row = dict[str, Any]


def _read(bank: Bank, client_id: str = "ck_1") -> list[Row]:
    """All rows with their details, as a client reads them."""
    query = {"pagination": "false", "includeTransactionDetail": "true"}
    found: list[Row] = bank.client(client_id).get("/api/transactions", params=query).json()
    return found


@pytest.fixture
def rows(bank: Bank) -> list[Row]:
    world.build(bank.amnis)
    return _read(bank)


def _detail(row: Row) -> Row:
    return row.get("transactionDetail") or {}


def test_there_are_enough_rows_on_both_sides_of_the_cut_off(rows: list[Row]) -> None:
    days = [row["executionDate"][:10] for row in rows if row["executed"]]
    assert len(rows) >= 300
    assert min(days) < "2025-12-10"
    assert sum(day < "2026-01-01" for day in days) >= 20
    assert max(days) == "2026-11-20"


def test_a_young_world_is_filled_up(make_bank: Callable[..., Bank]) -> None:
    bank = make_bank(now=datetime(2026, 2, 10, 12, tzinfo=UTC))
    world.build(bank.amnis)
    assert len(_read(bank)) >= 300


def test_the_same_moment_gives_the_same_world(make_bank: Callable[..., Bank]) -> None:
    worlds = []
    for _ in range(2):
        bank = make_bank()
        world.build(bank.amnis)
        worlds.append([_read(bank, client_id) for client_id in ("ck_1", "ck_2", "ck_3")])
    assert worlds[0] == worlds[1]


def test_every_type_and_status_occurs(rows: list[Row]) -> None:
    kinds = {(row["type"], _detail(row).get("status") or _detail(row).get("subType")) for row in rows}
    wanted = {
        ("payin", "pay_in"), ("payin", "returned_payment"), ("card", "pending"), ("card", "executed"),
        ("fee", "executed"), ("fee", "pending"), ("fx", "transferred"), ("fx", "pending"), ("fx", "canceled"),
        ("fx", "hedged"), ("peer", "transferred"), ("peer", "canceled"), ("interest", None),
        ("payout", "compliance_hold"),
    }  # fmt: skip
    statuses = ["created", "pending", "transferred", "canceled", "pending_execution", "executed", "execution_error"]
    assert wanted | {("payout", status) for status in statuses} <= kinds


def test_all_currencies_and_an_odd_collateral_account_are_used(rows: list[Row]) -> None:
    assert {row["currency"] for row in rows} == {"CHF", "EUR", "USD", "GBP", "JPY", "CZK"}
    assert sum(row["account"] == 5 for row in rows) == 2


def test_the_three_worked_deals_are_there_to_the_cent(rows: list[Row]) -> None:
    deals: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        if row["type"] == "fx" and row["executed"]:
            deals[row["transactionDetailId"]].append(f"{row['currency']} {row['amount']}")
    for deal in (
        ["CHF -250000.00", "EUR 263811.37"],
        ["EUR -1042233.10", "CHF 987654.32"],
        ["EUR -250000.00", "USD 271433.21"],
    ):
        assert list(deals.values()).count(deal) == 1


def test_one_deal_waits_for_its_second_row(bank: Bank, rows: list[Row]) -> None:
    def single() -> list[int]:
        found = Counter(row["transactionDetailId"] for row in _read(bank) if row["type"] == "fx")
        return [deal for deal, count in found.items() if count == 1]

    assert len(single()) == 1
    bank.clock.advance(minutes=200)
    assert single() == []


def test_shapes_that_the_documents_leave_open_occur(rows: list[Row]) -> None:
    assert {type(row.get("documents")) for row in rows} == {dict, list, type(None)}
    assert {type(row["id"]) for row in rows} == {int, str}
    assert {type(row["account"]) for row in rows} == {int, str}
    assert any(row["transactionDetailId"] is None and row["type"] == "card" for row in rows)
    assert sum(Decimal(row["amount"]) == 0 for row in rows) == 2
    assert any("neuesFeld" in row for row in rows)


def test_pay_ins_come_with_every_kind_of_reference_and_without_a_name(rows: list[Row]) -> None:
    payins = [_detail(row) for row in rows if row["type"] == "payin"]
    qr = [item["qrReference"] for item in payins if item["qrReference"]]
    assert len(qr) > 20
    assert all(qr_reference(int(reference[:26])) == reference for reference in qr)
    assert any((item["comment"] or "").startswith("RF") for item in payins)
    assert any(item["payerName"] is None and item["comment"] is None for item in payins)
    assert any(item["isInstant"] for item in payins)


def test_one_returned_payment_has_its_payout_and_one_has_none(rows: list[Row]) -> None:
    payouts = {(row["account"], _detail(row)["amount"], _detail(row)["beneficiary"]["name"])
               for row in rows if row["type"] == "payout"}  # fmt: skip
    returned = [(row["account"], row["amount"], _detail(row)["payerName"])
                for row in rows if _detail(row).get("subType") == "returned_payment"]  # fmt: skip
    assert sorted(item in payouts for item in returned) == [False, True]


def test_twins_share_everything_but_the_id(rows: list[Row]) -> None:
    def look(row: Row) -> str:
        rest = {key: value for key, value in row.items() if key not in {"id", "transactionDetailId"}}
        detail = {key: value for key, value in _detail(row).items() if key != "id"}
        return repr((rest | {"transactionDetail": None}, detail))

    twins = [text for text, count in Counter(look(row) for row in rows).items() if count == 2]
    assert {"payin", "card", "payout"} == {text.split("'type': '")[1].split("'")[0] for text in twins}


def test_every_nasty_name_occurs(rows: list[Row]) -> None:
    seen = set()
    for row in rows:
        detail = _detail(row)
        seen |= {detail.get("payerName"), detail.get("beneficiary", {}).get("name")}
        seen.add(detail.get("merchant", {}).get("name"))
    assert set(NASTY) <= seen
    assert max(map(len, NASTY)) >= 290


def test_own_and_collateral_transfers_have_two_rows_that_cancel_out(rows: list[Row]) -> None:
    sums: dict[int, list[Decimal]] = defaultdict(list)
    for row in rows:
        if row["type"] == "peer" and _detail(row)["senderAccount"] and _detail(row)["receiverAccount"]:
            sums[row["transactionDetailId"]].append(Decimal(row["amount"]))
    assert len(sums) == 4
    assert all(len(found) == 2 and sum(found) == 0 for found in sums.values())


def test_what_the_trader_pays_the_landlord_receives(bank: Bank, rows: list[Row]) -> None:
    paid = [row["amount"] for row in rows if _detail(row).get("receiverCompanyName") == "Muster Immobilien AG"]
    received = [row["amount"] for row in _read(bank, "ck_2") if row["type"] == "peer"]
    assert paid == ["-6800.00"] * 12
    assert received == ["6800.00"] * 12


def test_no_account_is_overdrawn(bank: Bank, rows: list[Row]) -> None:
    for client_id in bank.amnis.companies:
        assert min(bank.amnis.company(client_id).balances().values()) >= 0


def test_the_clock_brings_the_rest(bank: Bank, rows: list[Row]) -> None:
    waiting = {row["id"] for row in rows if not row["executed"]}
    bank.clock.advance(days=90)
    executed = {row["id"] for row in _read(bank) if row["executed"]}
    # two cards, three payouts, one fee, the two rows of the forward
    assert len(waiting & executed) == 8


def test_check_digits_are_those_of_the_standards() -> None:
    # the examples of the Swiss QR bill's implementation guidelines and of ISO 11649
    assert qr_reference(21_00000_00003_13947_14300_0901) == "210000000003139471430009017"
    assert creditor_reference("539007547034") == "RF18539007547034"
    turned = swiss_iban(42)[4:] + swiss_iban(42)[:4]
    assert int("".join(str(int(sign, 36)) for sign in turned)) % 97 == 1


def test_random_movements_keep_pairs_whole_and_add_what_was_asked(bank: Bank) -> None:
    count = add_random_movements(bank.company, 2_000, seed=7)
    rows = _read(bank)
    assert len(rows) == count
    assert 2_000 <= count <= 2_001
    deals = Counter(row["transactionDetailId"] for row in rows if row["type"] == "fx")
    own = Counter(row["transactionDetailId"] for row in rows if row["type"] == "peer")
    assert set(deals.values()) == {2}
    assert set(own.values()) == {2}
    assert {row["type"] for row in rows} == {"payin", "payout", "card", "fee", "fx", "peer"}
    assert all(_detail(row) for row in rows)


def test_random_movements_repeat_by_seed(make_bank: Callable[..., Bank]) -> None:
    found = []
    for seed in (1, 1, 2):
        bank = make_bank()
        add_random_movements(bank.company, 50, seed=seed)
        found.append(_read(bank))
    assert found[0] == found[1] != found[2]


def test_very_many_movements_are_payable_in_their_currency(bank: Bank) -> None:
    add_random_movements(bank.company, 300, seed=5)
    with bank.company.ledger() as ledger:
        yen = [row.body["amount"] for row in ledger.rows("ck_1") if row.body["currency"] == "JPY"]
    assert yen
    assert all("." not in amount or amount.endswith(".00") for amount in yen)
