"""What is decided is compared with the books as they stand after the source was read, and what was sent is confirmed by a reading
of the same slice: else money that somebody books or takes away by hand in between is not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sync import store
from sync.models import Entry
from sync.pipeline import confirm, mirror
from sync.pipeline.context import Context
from sync.pipeline.fetch import fetch
from sync.pipeline.push import push
from sync.pipeline.run import hold_lease
from sync.pipeline.transform import transform
from sync.pipeline.validate import validate
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World
from tests.pipeline.test_linking import MARCH, people, typed
from tests.pipeline.test_short_readings import context

D = Decimal
Step = Callable[[Context], object]


def sent(world: World, *steps: Step) -> Context:
    """100.00 are posted by a slice, and these steps follow in it. It ends before it says more."""
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    ctx = context(world)
    with hold_lease(ctx):
        for step in (fetch, transform, validate, push, *steps):
            step(ctx)
    assert world.states() == ["unconfirmed"]
    return ctx


def decide(ctx: Context) -> None:
    for step in (fetch, transform, validate):
        step(ctx)


def test_what_is_typed_after_a_slice_has_read_back_what_an_earlier_one_sent_is_not_posted_again(world: World) -> None:
    """A slice that begins with what is overdue reads the books for that, before it reads the source."""
    sent(world)
    ctx = context(world)
    with hold_lease(ctx):
        confirm.confirm(ctx)
        assert world.states() == ["confirmed"]
        typed(world, "RECEIVE", "500.00")
        world.amnis.pay_in(amount="500.00", payer="Beispiel AG", executed_on=MARCH)
        decide(ctx)
    assert (world.states(), world.codes()) == (["confirmed", "review"], ["already_in_xero"])


def test_what_is_typed_between_two_rounds_of_one_slice_is_not_posted_again(world: World) -> None:
    """A command works without end: a reading at its beginning says nothing of what is read from the source an hour later."""
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    ctx = context(world)
    with hold_lease(ctx):
        decide(ctx)
        push(ctx)
        typed(world, "RECEIVE", "500.00")
        world.amnis.pay_in(amount="500.00", payer="Beispiel AG", executed_on=MARCH)
        decide(ctx)
    assert (world.states(), world.codes()) == (["unconfirmed", "review"], ["already_in_xero"])


@pytest.mark.parametrize("deed", ["deleted", "edited"])
def test_what_a_person_did_before_the_confirmation_is_seen_however_late_that_comes(world: World, deed: str) -> None:
    """It was read, and the flow stood still before it was confirmed. Half an hour later the row in the mirror says nothing."""
    world.sandbox.clock.advance(timedelta(minutes=-40))
    sent(world, mirror.read_sent)
    [document] = world.books.bank_transactions()
    name = str(document["BankTransactionID"])
    world.sandbox.clock.advance(timedelta(minutes=10))
    if deed == "deleted":
        people(world).delete(name)
    else:
        line = {"Description": "x", "Quantity": 1, "UnitAmount": D("60.00"), "AccountCode": "200", "TaxType": "NONE"}
        people(world).edit(name, LineItems=[line])
    world.sandbox.clock.advance(timedelta(minutes=30))

    world.sync()

    assert world.states() == ["review"]


def test_a_long_first_sync_is_confirmed_as_fast_as_it_is_sent(world: World, settings: Any) -> None:
    """What is overdue is confirmed before the source is read further: all of it, however many a slice of it takes."""
    settings.ENV = replace(settings.ENV, read_back_seconds=0.0)
    many = 2 * confirm.SLICE + 20
    for number in range(many):
        world.amnis.pay_in(amount=f"{100 + number}.00", payer="Beispiel AG", executed_on=MARCH)

    world.sync()

    with tenant_scope(world.tenant.pk):
        entries = list(Entry.objects.order_by("id"))
    assert {it.state for it in entries} == {"confirmed"}
    late = entries[-1].created_at
    earlier = [it for it in entries if it.created_at < late]
    assert len(earlier) == 2 * confirm.SLICE
    assert all(it.confirmed_at and it.confirmed_at < late for it in earlier)


def test_what_rests_until_it_may_be_readable_keeps_nobody_from_its_turn(world: World) -> None:
    for amount in ("100.00", "200.00"):
        world.amnis.pay_in(amount=amount, payer="Beispiel AG", executed_on=MARCH)
    ctx = context(world)
    with hold_lease(ctx):
        decide(ctx)
        push(ctx)
    with tenant_scope(world.tenant.pk):
        first, second = Entry.objects.order_by("id")
        Entry.objects.filter(pk=first.pk).update(not_before=store.now() + timedelta(seconds=10))
        due = store.entries_to_confirm(flow_id=world.flow_id, connection_id=ctx.connection.pk, limit=1)
    assert [row["id"] for row in due] == [second.pk]
