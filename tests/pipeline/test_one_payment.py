"""The thinnest whole path: one pay-in at Amnis becomes one RECEIVE in Xero's books."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tests.pipeline.conftest import World


def test_a_pay_in_becomes_one_receive(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=date(2026, 3, 2), reference="Rechnung 4711")

    world.sync()

    [document] = world.books.bank_transactions()
    assert document["Type"] == "RECEIVE"
    assert document["Contact"]["Name"] == "Beispiel AG"
    assert Decimal(str(document["Total"])) == Decimal("100.00")
    assert world.books.balance("090") == Decimal("100.00")
    assert world.states() == ["confirmed"]


def test_a_second_sync_writes_nothing(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=date(2026, 3, 2))
    world.sync()

    second = world.sync()

    assert second.write_calls == 0
    assert len(world.books.bank_transactions()) == 1
