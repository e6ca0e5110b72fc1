"""Contacts whose request was never answered are looked for together: a look costs a page, not a call for each."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from tests.pipeline.conftest import World

COUNT = 60  # more than Xero admits calls in a minute


@pytest.mark.parametrize("fault", ["lose_answer", "reset", "half_batch"])
def test_unknown_contacts_cost_a_page_each_look_and_end_up_in_the_books_once(world: World, fault: str) -> None:
    for number in range(COUNT):
        world.amnis.pay_in(amount="10.00", payer=f"Payer {number} AG", executed_on=date(2026, 3, 2))
    plan = world.sandbox.xero.faults
    getattr(plan, fault)(path="Contacts", methods={"PUT", "POST"}, times=2)

    world.sync()
    before = world.books.calls()
    world.sandbox.xero.idempotency.forget_everything()
    world.settle(seconds=20.0)

    assert plan.hits(), "the fault was never met"
    made = Counter(world.books.calls()) - Counter(before)
    assert not [call for call in made if call.startswith("GET /Contacts/")]
    assert made["GET /Contacts"] < COUNT / 2
    names = Counter(contact["Name"] for contact in world.books.contacts())
    assert {names[f"Payer {number} AG"] for number in range(COUNT)} == {1}
    assert len(world.books.bank_transactions()) == COUNT
