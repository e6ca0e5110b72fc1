"""The life of a card payment: whatever happens between the purchase and its settlement, one purchase is one document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.pipeline.conftest import World

D = Decimal
MARCH = date(2026, 3, 2)


def shown(world: World) -> list[tuple[str, Decimal]]:
    return sorted((document["Type"], D(str(document["Total"]))) for document in world.books.bank_transactions())


def reserved(world: World, **details: Any) -> int:
    """A purchase that waits for the merchant."""
    soon = world.sandbox.clock.now() + timedelta(days=2)
    return world.amnis.card(**{"amount": "100.00", "merchant": "HOTEL BEISPIEL", "settles_at": soon, **details})


def settled_for_more(world: World, row: int) -> None:
    world.amnis.execute(row, amount="112.40")


def raised_and_settled(world: World, row: int) -> None:
    world.amnis.change(row, amount="-150.00")
    world.sync()
    world.amnis.change(row, amount="-180.00")
    world.sync()
    world.amnis.execute(row)


def captured_in_two_parts(world: World, row: int) -> None:
    world.amnis.capture(row, amount="60.00")
    world.sync()
    world.amnis.capture(row, amount="40.00")


def captured_in_part_and_let_go(world: World, row: int) -> None:
    world.amnis.capture(row, amount="60.00")
    world.sync()
    world.amnis.expire(row)


def reversed_before_settlement(world: World, row: int) -> None:
    world.amnis.expire(row)


def reversed_after_settlement(world: World, row: int) -> None:
    settled = world.amnis.execute(row)
    world.settle()
    world.amnis.reverse(settled)


LIVES: Mapping[Callable[[World, int], None], list[tuple[str, Decimal]]] = {
    settled_for_more: [("SPEND", D("112.40"))],
    raised_and_settled: [("SPEND", D("180.00"))],
    captured_in_two_parts: [("SPEND", D("40.00")), ("SPEND", D("60.00"))],
    captured_in_part_and_let_go: [("SPEND", D("60.00"))],
    reversed_before_settlement: [],
    reversed_after_settlement: [("RECEIVE", D("100.00")), ("SPEND", D("100.00"))],
}


@pytest.mark.parametrize("life_cycle", ["in_place", "new_row"])
@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_a_card_payment_is_in_the_books_as_it_was_settled(
    world: World, life: Callable[[World, int], None], life_cycle: str
) -> None:
    world.amnis.card(amount="5.00", merchant="HOTEL BEISPIEL", executed_on=MARCH, category="Reisekosten")
    world.sandbox.amnis.switch(card_lifecycle=life_cycle)
    row = reserved(world, category="Reisekosten")
    world.sync()
    assert shown(world) == [("SPEND", D("5.00"))], "what is reserved is not in the books"

    life(world, row)
    world.settle()
    world.settle()

    assert shown(world) == sorted([("SPEND", D("5.00")), *LIVES[life]])
    accounts = {line["AccountCode"] for document in world.books.bank_transactions() for line in document["LineItems"]}
    assert accounts == {"493"}, "also what came back is coded as the purchase was"


def test_an_authorisation_that_says_it_is_executed_is_for_a_person(world: World) -> None:
    row = reserved(world)
    world.amnis.change(row, executed=True)

    world.settle()

    assert shown(world) == []
    assert "unknown_status" in world.codes()


def test_a_posted_payment_that_turns_into_a_reversal_in_place_is_for_a_person_and_stays_in_the_books(
    world: World,
) -> None:
    row = world.amnis.card(amount="100.00", merchant="HOTEL BEISPIEL", executed_on=MARCH)
    fresh = world.amnis.card(amount="30.00", merchant="KIOSK BEISPIEL", executed_on=MARCH)
    world.amnis.change_detail(fresh, type="reversal")
    world.settle()
    assert shown(world) == [("SPEND", D("100.00"))]
    assert world.codes() == ["reversal_out"]

    world.amnis.change_detail(row, type="reversal")
    world.settle()

    assert shown(world) == [("SPEND", D("100.00"))]
    assert sorted(world.codes()) == ["reversal_out", "source_changed"]


def test_a_foreign_purchase_tells_what_the_merchant_charged_at_settlement(world: World) -> None:
    row = reserved(world, amount="94.00", original=("EUR", "100.00"), country="IT")
    world.amnis.execute(row, amount="95.10")

    world.settle()

    [document] = world.books.bank_transactions()
    # 95.10 / 100.00 = 0.951000
    assert "EUR 100.00 at 0.951000 CHF per EUR" in document["LineItems"][0]["Description"]
