"""A source that numbers its rows anew makes no second document, and swallows no twin."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sync import services
from tests.pipeline.conftest import World

MARCH = date(2026, 3, 2)


def renumber(world: World, row: int) -> int:
    """The row is gone and stands there again under a new number, with the same detail."""
    body = {name: value for name, value in world.amnis.row(row).items() if name not in ("id", "transactionDetail")}
    again = world.amnis.raw(body)
    world.amnis.remove(row)
    return again


def test_a_changed_source_id_makes_no_second_document(world: World) -> None:
    row = world.amnis.pay_in(amount="480.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()

    again = renumber(world, row)
    world.amnis.pay_in(amount="7.00", payer="Nachbar AG", executed_on=MARCH)
    world.settle()

    assert again != row, "another number"
    assert sorted(Decimal(str(it["Total"])) for it in world.books.bank_transactions()) == [7, 480]
    [held] = [entry for entry in world.entries() if entry.state == "review"]
    [finding] = held.findings
    assert (finding["code"], finding["detail"]) == ("under_another_number", str(row))


def test_both_numbers_in_one_reading_make_one_document(world: World) -> None:
    row = world.amnis.payout(amount="480.00", to="Lieferant AG", executed_on=MARCH)
    body = {name: value for name, value in world.amnis.row(row).items() if name not in ("id", "transactionDetail")}
    world.amnis.raw(body)

    world.settle()

    assert len(world.books.bank_transactions()) == 1
    assert sorted(world.states()) == ["confirmed", "review"]


def test_a_person_may_say_that_the_money_moved_twice(world: World) -> None:
    row = world.amnis.pay_in(amount="480.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    renumber(world, row)
    world.settle()
    [held] = [entry.pk for entry in world.entries() if entry.state == "review"]

    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[held], actor="bob@muster.example")
    world.settle()

    assert world.books.balance("090") == Decimal("960.00")


def test_twins_and_the_two_rows_of_a_deal_are_not_taken_for_one(world: World) -> None:
    for _ in range(2):
        world.amnis.card(amount="4.60", merchant="CAFE PROBE", executed_on=MARCH)
    world.amnis.fx(sold=(1, "100.00"), bought=(2, "105.53"), value_on=MARCH)
    world.amnis.own_transfer(amount="50.00", source=1, target=8, executed_on=MARCH)

    world.settle()

    assert set(world.states()) == {"confirmed"}
    assert len(world.books.markers()) == 5
