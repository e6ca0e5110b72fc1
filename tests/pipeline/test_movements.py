"""Transfers between wallets, collateral, fees and cashback as the accounting design's table wants them in Xero's books."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sync import configuration, services
from sync.proving import flow_prove
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World

D = Decimal
MARCH = date(2026, 3, 2)
ACTOR = "anna@muster.example"


def lines(document: Mapping[str, Any]) -> list[tuple[str, Decimal]]:
    return [(line["AccountCode"], D(str(line["LineAmount"]))) for line in document["LineItems"]]


def who(world: World) -> dict[str, Any]:
    return {"tenant_id": world.tenant.pk, "flow_id": world.flow_id, "actor": ACTOR}


def bank(world: World, name: str) -> str:
    """The Xero account of this code or name."""
    return str(world.books.account(name)["AccountID"])


def retry_all(world: World) -> None:
    held = [entry.pk for entry in world.entries() if entry.state == "review"]
    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=held, actor=ACTOR)


# ------------------------------------------------------------ fees and cashback


def test_month_end_fees_are_one_document_each_and_a_fee_that_comes_back_lowers_the_fees(world: World) -> None:
    end = date(2026, 3, 31)
    for amount, comment in (
        ("9.00", "Account fee 03/2026"),
        ("20.00", "SWIFT payments: 2 x 10.00"),
        ("5.00", "SWIFT in"),
    ):
        world.amnis.fee(amount=amount, comment=comment, executed_on=end)
    world.amnis.fee(amount="10.00", comment="SWIFT payment refunded", refund=True, executed_on=date(2026, 4, 2))
    world.amnis.fee(amount="7.00", comment="not collected yet", executed=False, executed_on=end)

    world.settle()

    shown = sorted((d["Type"], d["Contact"]["Name"], *lines(d)[0]) for d in world.books.bank_transactions())
    assert shown == [
        ("RECEIVE", "Amnis", "404", D("10.00")),
        ("SPEND", "Amnis", "404", D("5.00")),
        ("SPEND", "Amnis", "404", D("9.00")),
        ("SPEND", "Amnis", "404", D("20.00")),
    ]
    # 10 - 9 - 20 - 5 = -24
    assert world.books.balance("090") == D("-24.00")


def test_cashback_is_income_with_amnis_on_its_own_account_where_one_is_chosen(world: World) -> None:
    def cashback(amount: str, text: str) -> None:
        world.amnis.pay_in(
            amount=amount, payer="AMNIS Treasury Services AG", account=2, reference=text, executed_on=MARCH
        )

    cashback("14.20", "Balance cashback 02/2026")
    world.settle()
    with tenant_scope(world.tenant.pk, actor=ACTOR):
        flow = world.flow()
        configuration.flow_change(flow=flow, actor=ACTOR, defaults={**flow.defaults, "cashback": "260"})
    cashback("3.10", "Interest 02/2026")
    world.amnis.pay_in(amount="50.00", payer="Amnistie Verein", reference="Zinsen", account=2, executed_on=MARCH)

    world.settle()

    shown = {(d["Contact"]["Name"], *lines(d)[0]) for d in world.books.bank_transactions()}
    assert shown == {("Amnis", "200", D("14.20")), ("Amnis", "260", D("3.10")), ("Amnistie Verein", "200", D("50.00"))}


# ---------------------------------------------------------------- own transfers


def test_sides_of_two_days_are_one_transfer_on_the_day_the_money_left(world: World) -> None:
    pair = world.amnis.own_transfer(amount="15000.00", source=1, target=8, executed_on=MARCH)
    world.amnis.change(pair.received or 0, executionDate="2026-03-04T00:00:00+01:00")

    world.settle()

    [transfer] = world.books.bank_transfers()
    assert transfer["DateString"][:10] == "2026-03-02"
    [note] = world.entries()[0].findings
    assert (note["severity"], "4 Mar 2026" in note["message"]) == ("note", True)
    assert flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)["accounts"][0]["difference"] == "0.00"


@pytest.mark.parametrize("says", ["review", "skip"])
@pytest.mark.parametrize("direction", ["in", "out"])
def test_a_rule_that_speaks_of_either_side_of_a_transfer_has_it_looked_at_and_a_yes_posts_it_whole(
    world: World, says: str, direction: str
) -> None:
    """Nothing is left out on one side; until somebody says yes, nothing stands in the books."""
    when = [
        {"field": "type", "op": "is", "value": "own_transfer"},
        {"field": "direction", "op": "is", "value": direction},
    ]
    services.rule_save(spec={"name": "Transfers", "when": {"all": when}, "then": {says: True}}, **who(world))
    world.amnis.own_transfer(amount="500.00", source=1, target=8, executed_on=MARCH)
    world.settle()
    assert (world.states(), world.books.balance("090")) == (["review"], D("0.00"))

    [entry] = world.entries()
    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor="alice@muster.example")
    world.settle()

    assert world.states() == ["confirmed"]
    assert (world.books.balance("090"), world.books.balance("096")) == (D("-500.00"), D("500.00"))


def test_the_second_side_of_a_transfer_may_come_with_a_later_run(world: World) -> None:
    pair = world.amnis.own_transfer(amount="300.00", source=1, target=8, executed_on=MARCH, status="pending")
    world.amnis.change(pair.paid or 0, executed=True)
    world.amnis.change_detail(pair.paid or 0, status="transferred")
    world.sync()
    assert world.books.bank_transfers() == world.books.bank_transactions() == []

    world.amnis.change(pair.received or 0, executed=True)
    world.settle()

    assert len(world.books.bank_transfers()) == 1
    assert (world.books.balance("090"), world.books.balance("096")) == (D("-300.00"), D("300.00"))


def test_a_fee_beside_a_transfer_is_a_document_of_its_own(world: World) -> None:
    world.amnis.own_transfer(amount="1000.00", source=1, target=8, executed_on=MARCH)
    world.amnis.fee(amount="3.00", comment="Transfer fee", executed_on=MARCH)

    world.settle()

    assert (len(world.books.bank_transfers()), len(world.books.bank_transactions())) == (1, 1)
    assert (world.books.balance("090"), world.books.balance("096")) == (D("-1003.00"), D("1000.00"))


def test_a_transfer_that_arrived_short_or_in_another_currency_is_for_a_person(world: World) -> None:
    short = world.amnis.own_transfer(amount="100.00", source=1, target=8, executed_on=MARCH)
    world.amnis.change(short.received or 0, amount="97.00")
    exchanged = world.amnis.own_transfer(amount="50.00", source=1, target=2, executed_on=MARCH)
    world.amnis.change(exchanged.received or 0, currency="EUR")

    world.settle()

    assert world.books.bank_transfers() == world.books.bank_transactions() == []
    assert set(world.codes()) == {"transfer_unequal"}
    told = " ".join(entry.findings[0]["message"] for entry in world.entries())
    assert "CHF 100.00 left one wallet and CHF 97.00 reached the other" in told
    assert "That is a conversion" in told


def test_a_transfer_to_a_wallet_that_is_left_out_goes_where_a_rule_says(world: World) -> None:
    services.mapping_ignore(**who(world), source_account_id="8", reason="kept in other books")
    world.amnis.own_transfer(amount="700.00", source=1, target=8, executed_on=MARCH, comment="an Treuhand")
    world.settle()
    assert world.codes() == ["other_half_held"]
    assert world.books.bank_transactions() == []

    services.rule_save(
        **who(world),
        spec={
            "name": "Other books",
            "when": {"field": "type", "op": "is", "value": "own_transfer"},
            "then": {"account": "880"},
        },
    )
    retry_all(world)
    world.settle()

    [document] = world.books.bank_transactions()
    assert (document["Type"], lines(document)) == ("SPEND", [("880", D("700.00"))])


def test_sides_that_share_no_id_are_one_transfer_where_that_is_unique_also_over_runs_and_days(world: World) -> None:
    """Three transfers whose sides have details of their own: a single one, one that arrives later, and equal twins."""
    world.amnis.own_transfer(amount="40.00", source=8, target=1, executed_on=MARCH, shared_detail=False)
    late = world.amnis.own_transfer(amount="55.00", source=1, target=8, executed_on=MARCH, shared_detail=False)
    world.amnis.change(late.received or 0, executed=False)
    for _ in range(2):
        world.amnis.own_transfer(amount="7.00", source=1, target=8, executed_on=MARCH, shared_detail=False)
    world.sync()
    world.amnis.change(late.received or 0, executed=True, executionDate="2026-03-05T00:00:00+01:00")

    world.settle()

    amounts = sorted(D(str(transfer["Amount"])) for transfer in world.books.bank_transfers())
    assert amounts == [D("7.00"), D("7.00"), D("40.00"), D("55.00")]
    assert world.books.bank_transactions() == []
    # 40 - 55 - 2 x 7 = -29
    assert (world.books.balance("090"), world.books.balance("096")) == (D("-29.00"), D("29.00"))
    world.amnis.change(late.paid or 0, tags=["seen"])
    world.amnis.change_detail(late.paid or 0, comment="with a text now")
    world.settle()
    assert len(world.books.bank_transfers()) == 4, "a joined side that is read again stays joined"
    assert "review" not in world.states()


def test_a_side_with_two_possible_others_is_never_guessed(world: World) -> None:
    world.set_flow(policies={"partner_minutes": "0"})
    first = world.amnis.own_transfer(amount="40.00", source=1, target=8, executed_on=MARCH, shared_detail=False)
    world.amnis.own_transfer(amount="40.00", source=1, target=8, executed_on=MARCH, shared_detail=False)
    world.amnis.change(first.received or 0, executed=False)

    world.settle()

    assert world.books.bank_transfers() == world.books.bank_transactions() == []
    assert set(world.codes()) == {"other_side_ambiguous"}
    messages = [entry.findings[0]["message"] for entry in world.entries()]
    assert all("CHF 40.00 of 2 Mar 2026 in wallet" in message for message in messages)


def test_sides_of_unlike_days_wallets_or_amounts_stay_alone(world: World) -> None:
    world.set_flow(policies={"partner_minutes": "0"})
    far = world.amnis.own_transfer(amount="40.00", source=1, target=8, executed_on=MARCH, shared_detail=False)
    world.amnis.change(far.received or 0, executionDate="2026-03-20T00:00:00+01:00")
    odd = world.amnis.own_transfer(amount="41.00", source=1, target=8, executed_on=MARCH, shared_detail=False)
    world.amnis.change(odd.received or 0, amount="41.01")

    world.settle()

    assert world.books.bank_transfers() == world.books.bank_transactions() == []
    assert set(world.codes()) == {"other_side_missing"}


# ------------------------------------------------------------------- collateral


def test_collateral_is_booked_by_nobody_but_the_tenant(world: World) -> None:
    world.amnis.own_transfer(amount="12000.00", source=1, target=5, executed_on=MARCH)

    world.settle()

    assert world.books.bank_transactions() == world.books.bank_transfers() == []
    assert world.codes() == ["collateral_movement"]
    assert "Map the collateral wallet" in world.entries()[0].findings[0]["message"]


def test_collateral_whose_wallet_is_mapped_is_a_transfer_there_and_back(world: World) -> None:
    world.amnis.own_transfer(amount="12000.00", source=1, target=5, executed_on=MARCH)
    world.amnis.own_transfer(amount="2000.00", source=5, target=1, executed_on=MARCH + timedelta(days=20))
    world.settle()

    services.mapping_ignore(**who(world), source_account_id="8", reason="its account in Xero is for collateral now")
    services.mapping_set(**who(world), source_account_id="5", destination_account_id=bank(world, "096"))
    world.settle()

    assert len(world.books.bank_transfers()) == 2
    assert (world.books.balance("090"), world.books.balance("096")) == (D("-10000.00"), D("10000.00"))
    assert "review" not in world.states()
    assert flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)["balanced"]


def test_collateral_goes_to_the_account_of_a_rule_with_amnis_as_contact(world: World) -> None:
    services.rule_save(
        **who(world),
        spec={
            "name": "Collateral",
            "when": {"field": "type", "op": "is", "value": "collateral"},
            "then": {"account": "880"},
        },
    )
    world.amnis.own_transfer(amount="12000.00", source=1, target=5, executed_on=MARCH)

    world.settle()

    [document] = world.books.bank_transactions()
    assert (document["Type"], document["Contact"]["Name"], lines(document)) == (
        "SPEND", "Amnis", [("880", D("12000.00"))],
    )  # fmt: skip
    assert world.states() == ["confirmed"], "the collateral wallet's own row yields nothing"
