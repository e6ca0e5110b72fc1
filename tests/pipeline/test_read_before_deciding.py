"""What is decided is compared with the books as they stand after the source was read, and what was sent is confirmed by a reading
of the same slice: else money that somebody books or takes away by hand in between is not seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sync import store
from sync.models import Entry
from sync.pipeline import confirm, drift, mirror
from sync.pipeline.context import Context, LeaseLost
from sync.pipeline.fetch import fetch
from sync.pipeline.push import push
from sync.pipeline.run import _round, hold_lease
from sync.pipeline.transform import transform
from sync.pipeline.validate import validate
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World
from tests.pipeline.test_halves import typed_half
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
        _round(ctx)
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
        fetch(ctx)
        _round(ctx)
    assert (world.states()[1:], world.codes()) == (["review"], ["already_in_xero"])


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


def test_a_slice_that_lost_its_lease_over_a_reading_decides_nothing_by_it(world: World) -> None:
    """Also where the reading shows nothing new, so that nothing of it is noted in the flow."""
    ctx = sent(world, mirror.read_on, mirror.read_on)
    world.set_flow(epoch=ctx.epoch + 1)
    ctx.lease_tick -= ctx.timing.lease  # it stood still for as long
    with pytest.raises(LeaseLost):
        mirror.read_on(ctx)


def test_what_a_person_took_away_is_seen_though_the_slice_looks_for_a_lost_request_first(world: World) -> None:
    """That reads the list of the lost one alone: of the others it says nothing."""
    world.sandbox.clock.advance(timedelta(minutes=-40))
    world.amnis.own_transfer(amount="50.00", source=1, target=8, executed_on=MARCH)
    world.sandbox.xero.faults.lose_answer(after_commit=False, path="BankTransfers", methods={"PUT"})
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    ctx = context(world)
    with hold_lease(ctx):
        for step in (fetch, transform, validate, push, mirror.read_sent):
            step(ctx)
    assert world.states() == ["unconfirmed", "unconfirmed"]
    [document] = world.books.bank_transactions()
    world.sandbox.clock.advance(timedelta(minutes=10))
    people(world).delete(str(document["BankTransactionID"]))
    world.sandbox.clock.advance(timedelta(minutes=30))
    time.sleep(0.15)  # until a look for the lost one is due

    world.sync()

    assert [entry.state for entry in world.entries() if entry.movement == "pay_in"] == ["review"]


def test_a_half_that_is_typed_when_the_other_one_was_confirmed_is_not_posted_beside_it(world: World) -> None:
    """What becomes free by a confirmation is decided by a round of its own, which reads the books first."""
    people(world).fix_day_rate("EUR", MARCH, D("1.055312"))
    world.amnis.fx(sold=(2, "250000.00"), bought=(3, "271433.21"), dealt_on=MARCH, value_on=MARCH)
    ctx = context(world)
    with hold_lease(ctx):
        for step in (fetch, transform, validate, push, confirm.confirm):
            step(ctx)
        assert world.states() == ["confirmed", "waiting"]
        typed_half(world, "RECEIVE", "271433.21", "092", rate="1.14")
        while not _round(ctx)[0]:
            pass
    assert (world.states(), world.codes()) == (["confirmed", "review"], ["already_in_xero"])
    assert world.books.balance("092") == D("271433.21")


def test_what_is_older_than_the_confirmation_and_newer_than_what_it_saw_is_noticed(world: World) -> None:
    """As where Xero's clock is behind: the deletion comes after the confirmation, and its stamp half an hour before it."""
    world.sandbox.clock.advance(timedelta(minutes=-40))
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [entry] = world.entries()
    world.sandbox.clock.advance(timedelta(minutes=1))
    people(world).delete(entry.destination_id or "")
    with tenant_scope(world.tenant.pk):
        drift.ask(world.flow_id)

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
