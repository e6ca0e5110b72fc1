"""Which changes at Amnis after posting ask a person, and which say nothing new to the books."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.pipeline.conftest import World

MARCH = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("row", "detail", "told"),
    [
        ({"amount": "-121.00"}, {}, "amount: 120.00 → 121.00"),
        ({"executionDate": "2026-03-09T00:00:00+01:00"}, {"settlementDate": "2026-03-09T00:00:00+01:00"}, "date"),
        ({}, {"merchant": {"id": 9, "name": "GANZ ANDERS", "country": "CH"}}, "contact"),
        ({"expenseCategory": {"id": 9, "name": "Telefon", "accountingAccountNumber": "489"}}, {}, "lines"),
        ({"vats": [{"rate": "8.1", "amount": "8.99", "grossAmount": "120.00"}]}, {}, "lines"),
        ({"executed": False}, {"status": "pending"}, "not executed"),
    ],
    ids=["amount", "date", "merchant", "category", "vat", "status"],
)
def test_a_change_that_the_books_would_show_is_for_a_person(
    world: World, row: dict[str, Any], detail: dict[str, Any], told: str
) -> None:
    number = world.amnis.card(amount="120.00", merchant="PAPIER BEISPIEL", category="Büromaterial", executed_on=MARCH)
    world.settle()
    [before] = world.books.bank_transactions()

    if detail:
        world.amnis.change_detail(number, **detail)
    world.amnis.change(number, **row)
    world.settle()

    assert world.states() == ["review"], world.codes()
    assert told in world.entries()[0].findings[0]["message"]
    assert world.books.bank_transactions() == [before], "nothing is overwritten"


def test_what_the_books_do_not_show_changes_nothing(world: World) -> None:
    number = world.amnis.card(amount="120.00", merchant="PAPIER BEISPIEL", category="Büromaterial", executed_on=MARCH)
    world.settle()
    [before] = world.books.bank_transactions()

    world.amnis.change(number, tags=["seen"], expenseCompletedAt="2026-03-20T00:00:00+01:00", comment="looks fine")
    world.amnis.change(number, documents=[{"id": "7", "name": "receipt.pdf", "mimeType": "application/pdf"}])
    world.amnis.change_detail(number, card={"id": 1, "name": "New name of the card", "pan4": "1234"})
    world.settle()

    assert world.states() == ["confirmed"]
    assert world.books.bank_transactions() == [before]
