"""What the database itself refuses, as the application role: impossible moves, second intents, second markers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import Error, IntegrityError, connection, transaction

from sync import store
from sync.models import DailyStat, Entry, Event, PushIntentItem
from tenants.scoping import tenant_scope
from tenants.services import tenant_create
from tests.pipeline.conftest import World

MARCH = date(2026, 3, 2)
PERSON = "bob@muster.example"


def refused(world: World, sql: str, parameters: list[Any], *, actor: str = "") -> str:
    """The constraint or sentence with which the database refuses this statement."""
    with pytest.raises(Error) as caught, tenant_scope(world.tenant.pk, actor=actor), transaction.atomic():
        store.run_sql(sql, parameters)
    return str(caught.value)


def with_entries(world: World) -> list[Entry]:
    """One entry that is confirmed, one in review, one that may have been sent."""
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.amnis.pay_in(amount="75.50", payer=None, executed_on=MARCH)
    world.settle()
    world.amnis.pay_in(amount="7.00", payer="Beispiel AG", executed_on=MARCH)
    world.sandbox.xero.faults.lose_answer(after_commit=False, path="BankTransactions", methods={"PUT"})
    world.sync()
    found = world.entries()
    assert [entry.state for entry in found] == ["confirmed", "review", "unconfirmed"]
    return found


def test_the_database_refuses_what_must_not_happen(world: World) -> None:
    confirmed, held, unknown = with_entries(world)
    move = "UPDATE entry SET state = %s WHERE id = %s"

    for entry, state, actor in (
        (confirmed, "ready", ""),
        (confirmed, "fetched", PERSON),
        (confirmed, "in_flight", PERSON),
        (held, "fetched", ""),
        (held, "ready", ""),
        (held, "in_flight", PERSON),
        (unknown, "fetched", PERSON),
        (unknown, "skipped", PERSON),
    ):
        said = refused(world, move, [state, entry.pk], actor=actor)
        assert "may not move" in said or "violates check constraint" in said, (entry.state, state)

    said = refused(world, "UPDATE entry SET marker = %s WHERE id = %s", [confirmed.marker, held.pk])
    assert "entry_marker" in said
    said = refused(world, "UPDATE entry SET destination_id = %s WHERE id = %s", [confirmed.destination_id, held.pk])
    assert "entry_destination_id" in said
    said = refused(world, "UPDATE entry SET destination_id = NULL WHERE id = %s", [confirmed.pk])
    assert "entry_confirmed_has_id" in said
    said = refused(world, "UPDATE entry SET state = 'ready', document = NULL WHERE id = %s", [held.pk], actor=PERSON)
    assert "entry_ready_has_document" in said


def test_a_subject_is_in_at_most_one_open_intent(world: World) -> None:
    [*_, unknown] = with_entries(world)
    with tenant_scope(world.tenant.pk):
        item = PushIntentItem.objects.get(entry=unknown, open=True)
    second = """INSERT INTO push_intent_item (tenant_id, intent_id, entry_id, deed, marker, position, open, outcome)
                VALUES (%s, %s, %s, %s, 'MR-0', 99, %s, '')"""
    values = [world.tenant.pk, item.intent_id, unknown.pk]

    assert "item_entry_one_open" in refused(world, second, [*values, "create", True])
    assert "item_entry_one_open" in refused(world, second, [*values, "void", True]), "whatever the deed"
    with tenant_scope(world.tenant.pk):
        assert store.run_sql(second, [*values, "create", False]) == 1, "a closed one is history"


def test_a_movement_is_known_once_and_has_one_entry_for_each_leg(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [record], [entry] = world.records(), world.entries()

    record.pk = None
    entry.pk, entry.marker, entry.destination_id = None, "MR-OTHER", "other"
    for copy, constraint in ((record, "record_fingerprint"), (entry, "entry_once_per_leg")):
        with tenant_scope(world.tenant.pk), transaction.atomic(), pytest.raises(IntegrityError, match=constraint):
            copy.save(force_insert=True)


def test_the_story_and_the_attempts_cannot_be_rewritten(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()

    for sql in (
        "UPDATE event SET actor = 'nobody'",
        "DELETE FROM event",
        "UPDATE push_attempt SET outcome = 'applied'",
        "DELETE FROM push_attempt",
        "DELETE FROM entry",  # a story needs what it is about
        "DELETE FROM record",
    ):
        assert refused(world, sql, []), sql


def test_an_event_names_rows_of_its_tenant(world: World) -> None:
    """It has no foreign keys (decision 39): the triggers write what exists, and whatever else inserts one is looked at."""
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    stranger = tenant_create(slug="stranger", name="Stranger AG", actor=PERSON)
    told = """INSERT INTO event (tenant_id, flow_id, record_id, entry_id, step, from_state, to_state, actor, note)
              VALUES (%s, %s, %s, %s, 'fetch', '', 'fetched', '', '{}')"""
    [entry] = world.entries()
    named = [entry.flow_id, entry.record_id, entry.pk]

    for place in range(3):
        wrong = [value + 1_000_000 if n == place else value for n, value in enumerate(named)]
        assert "its tenant does not have" in refused(world, told, [world.tenant.pk, *wrong]), place
    with (
        pytest.raises(IntegrityError, match="its tenant does not have"),
        tenant_scope(stranger.pk),
        transaction.atomic(),
    ):
        store.run_sql(told, [stranger.pk, *named])
    with tenant_scope(world.tenant.pk):
        assert store.run_sql(told, [world.tenant.pk, *named]) == 1
        assert store.run_sql(told, [world.tenant.pk, *named[:2], None]) == 1


def test_every_move_leaves_its_event_and_the_roll_up_in_the_same_commit(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.amnis.payout(amount="40.00", to="Beispiel AG", executed_on=MARCH)
    world.settle()

    with tenant_scope(world.tenant.pk):
        [first, _] = world.entries()
        story = list(Event.objects.filter(entry=first).order_by("id").values_list("from_state", "to_state"))
        stat = DailyStat.objects.get()
    assert story == [
        ("", "fetched"),
        ("fetched", "ready"),
        ("ready", "in_flight"),
        ("in_flight", "unconfirmed"),
        ("unconfirmed", "confirmed"),
    ]
    assert (stat.day, stat.currency, stat.count, stat.amount) == (MARCH, "CHF", 2, Decimal(140))


def test_nothing_of_it_is_visible_outside_of_the_tenant(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()

    with connection.cursor() as cursor:
        for table in ("record", "entry", "push_intent", "push_attempt", "event", "mirror_document", "flow"):
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,), table


def test_the_trigger_that_tells_of_moves_compares_no_pairs(db: None) -> None:
    """Its plan is kept for the session: a nested loop, chosen for a first statement of one row, costs a later one of a
    thousand rows a million comparisons. A migration that replaces the function forgets the setting."""
    [found] = store.rows("SELECT proconfig FROM pg_proc WHERE proname = 'entry_moved'")
    assert found["proconfig"] == ["enable_nestloop=off"]
