"""The watchdog, the sweeper and the second look at the source: what they find, and that it ends."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sync import store, watch
from sync.models import Entry, Incident, MirrorDocument
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import ORGANISATION, World
from tests.pipeline.test_undo import undo

MARCH = date(2026, 3, 2)
NO_GRACE = timedelta()


def open_causes(world: World) -> list[str]:
    with tenant_scope(world.tenant.pk):
        return list(Incident.objects.filter(closed_at=None).values_list("cause", flat=True))


def test_an_entry_that_nothing_will_wake_is_an_incident_until_it_moves_on(world: World) -> None:
    who: dict[str, Any] = {"tenant_id": world.tenant.pk, "flow_id": world.flow_id}
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.sandbox.xero.faults.lose_answer(after_commit=True, path="BankTransactions", methods={"PUT"})
    world.sync()
    assert world.states() == ["unconfirmed"]
    with tenant_scope(world.tenant.pk):
        store.run_sql("UPDATE push_intent SET next_probe = clock_timestamp() + interval '1 hour' WHERE state = 'open'")
    assert watch.look_for_sleepers(**who, grace=NO_GRACE) == 0, "its intent will wake it"

    sleeping = {**who, "grace": timedelta(minutes=15)}
    with tenant_scope(world.tenant.pk):
        store.run_sql(
            "UPDATE entry SET changed_at = changed_at - interval '1 day', not_before = not_before - interval '1 day'"
        )
        store.run_sql("UPDATE push_intent_item SET open = false WHERE entry_id IS NOT NULL")
    assert watch.look_for_sleepers(**sleeping) == 1, "an intent that no longer speaks for it wakes it no more"
    with tenant_scope(world.tenant.pk):
        store.run_sql("UPDATE push_intent_item SET open = true WHERE entry_id IS NOT NULL")
        store.run_sql("UPDATE push_intent SET next_probe = NULL WHERE state = 'open'")
    assert watch.look_for_sleepers(**sleeping) == 1
    assert open_causes(world) == ["sleepers"]

    with tenant_scope(world.tenant.pk):
        store.run_sql("UPDATE push_intent SET next_probe = clock_timestamp() WHERE state = 'open'")
    world.settle()
    assert watch.look_for_sleepers(**who, grace=NO_GRACE) == 0
    assert open_causes(world) == []


def test_a_change_that_nothing_will_wake_is_an_incident_until_it_moves_on(world: World) -> None:
    """An undo whose answer was lost: its intent wakes it; without one that speaks for it, it would sleep for ever."""
    who: dict[str, Any] = {"tenant_id": world.tenant.pk, "flow_id": world.flow_id}
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    undo(world, entry=world.entries()[0].pk)
    assert watch.look_for_sleepers(**who, grace=timedelta(minutes=15)) == 0, "it was asked for just now"
    past = "changed_at = changed_at - interval '1 day', not_before = not_before - interval '1 day'"
    with tenant_scope(world.tenant.pk):
        store.run_sql(f"UPDATE amendment SET {past}")

    assert watch.look_for_sleepers(**who, grace=timedelta(minutes=15)) == 1
    assert open_causes(world) == ["sleeping_changes"]

    world.settle()
    assert world.states() == ["undone"]
    assert watch.look_for_sleepers(**who, grace=NO_GRACE) == 0
    assert open_causes(world) == []


def test_no_state_of_a_healthy_flow_is_a_sleeper(world: World) -> None:
    """Waiting halves, held rows, confirmed ones: each is at rest or has a time to wake."""
    late = world.sandbox.clock.now() + timedelta(hours=1)
    world.amnis.fx(sold=(1, "7500.00"), bought=(2, "7914.75"), value_on=MARCH, second_leg_at=late)
    world.amnis.pay_in(amount="75.50", payer=None, executed_on=MARCH)
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.sync()

    assert sorted(world.states()) == ["confirmed", "review", "waiting"]
    assert watch.look_for_sleepers(tenant_id=world.tenant.pk, flow_id=world.flow_id, grace=NO_GRACE) == 0


def test_two_documents_with_one_marker_are_an_incident_until_one_is_gone(world: World) -> None:
    """A request that was frozen in the network beyond every quarantine: no client can prevent it, so it is looked for."""
    who: dict[str, Any] = {"tenant_id": world.tenant.pk, "flow_id": world.flow_id}
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    plan = world.sandbox.xero.faults
    plan.late_commit(seconds=3600, path="BankTransactions", methods={"PUT"})
    world.settle()
    world.sandbox.xero.idempotency.forget_everything()
    plan.release()
    assert len(world.books.bank_transactions()) == 2
    world.set_flow(mirror_read_at=world.sandbox.clock.now() - timedelta(minutes=56))
    world.sync()

    assert watch.look_for_twins(**who) == 1
    [entry] = world.entries()
    assert open_causes(world) == [f"twin:{entry.marker}"]
    assert entry.state == "confirmed"

    twin = next(
        document["BankTransactionID"]
        for document in world.books.bank_transactions()
        if document["BankTransactionID"] != entry.destination_id
    )
    world.sandbox.xero.people(ORGANISATION).delete(twin)
    world.set_flow(mirror_read_at=world.sandbox.clock.now() - timedelta(minutes=56))
    world.sync()

    assert watch.look_for_twins(**who) == 0
    assert open_causes(world) == []
    assert world.states() == ["confirmed"], "the document that stays is the linked one"


def test_once_a_night_the_source_is_read_again_two_weeks_back(world: World) -> None:
    """A row that became visible behind the watermark (its stamp is older than the overlap) is found then."""
    who: dict[str, Any] = {"tenant_id": world.tenant.pk, "flow_id": world.flow_id}
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    behind = world.sandbox.clock.now() - timedelta(days=10)
    world.amnis.pay_in(amount="7.00", payer="Spät AG", executed_on=MARCH, created_at=behind, updated_at=behind)
    world.sync()
    assert len(world.records()) == 1

    assert watch.read_further_back(**who)
    since = datetime.fromisoformat(world.flow().cursor["since"])
    assert world.sandbox.clock.now() - since >= timedelta(days=14)
    assert not watch.read_further_back(**who), "once a night"
    world.settle()

    assert len(world.books.bank_transactions()) == 2
    with tenant_scope(world.tenant.pk):
        assert MirrorDocument.objects.count() == Entry.objects.count() == 2
