"""What the database itself refuses, as the application role: impossible moves, second intents, second markers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from django.db import Error, IntegrityError, connection, transaction

from config.database import as_owner
from sync import selectors, store, store_figures, undoing
from sync.models import DailyStat, Entry, Event, PushIntentItem
from sync.proving import flow_prove
from tenants.scoping import tenant_scope
from tenants.services import tenant_create
from tests.pipeline.conftest import ORGANISATION, World
from tests.pipeline.test_rests import overpay
from tests.pipeline.test_undo import carry_out, undo

MARCH = date(2026, 3, 2)
PERSON = "bob@muster.example"


def refused(world: World, sql: str, parameters: list[Any], *, actor: str = "") -> str:
    """The constraint or sentence with which the database refuses this statement."""
    with pytest.raises(Error) as caught, tenant_scope(world.tenant.pk, actor=actor), transaction.atomic():
        store.run_sql(sql, parameters)
    return str(caught.value)


def figures(world: World) -> list[tuple[date, str, int, Decimal]]:
    """Day, currency, how many and how much stands in the books; what the roll-up says is what a count says."""
    with tenant_scope(world.tenant.pk):
        told = store.rows(
            "SELECT day, currency, count, amount FROM daily_stat WHERE count <> 0 OR amount <> 0 ORDER BY day, currency"
        )
        counted = store.rows(
            """SELECT booking_date AS day, currency, count(*) AS count, sum(abs(amount)) AS amount FROM entry
                WHERE state = 'confirmed' GROUP BY 1, 2 ORDER BY 1, 2"""
        )
    assert told == counted
    return [(row["day"], row["currency"], row["count"], row["amount"]) for row in told]


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
        "TRUNCATE entry CASCADE",
        "UPDATE entry SET id = id + 1000000",
        "UPDATE record SET id = id + 1000000",
    ):
        assert refused(world, sql, []), sql


@pytest.mark.parametrize("sql", ["TRUNCATE entry CASCADE", "TRUNCATE record, entry CASCADE", "DELETE FROM record"])
def test_not_even_the_owner_empties_what_a_story_is_about(committed_world: World, sql: str) -> None:
    with as_owner(), connection.cursor() as cursor, pytest.raises(Error, match="is append-only"):
        cursor.execute(sql)


def test_an_entry_stays_with_its_record(world: World) -> None:
    confirmed, held, _ = with_entries(world)
    move = "UPDATE entry SET record_id = %s, leg = 'rest' WHERE id = %s"
    assert "is append-only" in refused(world, move, [confirmed.record_id, held.pk])
    with tenant_scope(world.tenant.pk):
        assert store.run_sql("UPDATE entry SET record_id = record_id, flow_id = flow_id") == 3, "nothing changes"


def test_an_event_names_rows_of_its_tenant(world: World) -> None:
    """It has no foreign keys (decision 40): the triggers write what exists, and whatever else inserts one is looked at."""
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


def test_an_event_names_an_entry_with_its_own_record(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.amnis.own_transfer(amount="500.00", source=1, target=8, executed_on=MARCH)
    world.settle()
    told = """INSERT INTO event (tenant_id, flow_id, record_id, entry_id, step, from_state, to_state, actor, note)
              VALUES (%s, %s, %s, %s, 'fetch', '', 'fetched', '', '{}')"""
    transfer, alone = sorted(world.entries(), key=lambda entry: entry.other_record_id is None)

    for record in (transfer.record_id, transfer.other_record_id, None):
        said = refused(world, told, [world.tenant.pk, world.flow_id, record, alone.pk])
        assert "a record that is not its entry's" in said
    with tenant_scope(world.tenant.pk):
        for record in (transfer.record_id, transfer.other_record_id):
            assert store.run_sql(told, [world.tenant.pk, world.flow_id, record, transfer.pk]) == 1


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


@pytest.mark.parametrize("what", ["amount", "day"])
def test_the_roll_up_follows_an_entry_that_stays_confirmed_and_leaves_with_it(world: World, what: str) -> None:
    """Corrected by hand and at Amnis between two looks; then undone and posted again."""
    row = world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    [entry] = world.entries()
    assert figures(world) == [(MARCH, "CHF", 1, Decimal("41.15"))]
    line = {"Description": "x", "Quantity": 1, "UnitAmount": Decimal("45.15"), "AccountCode": "400", "TaxType": "NONE"}
    by_hand: dict[str, Any] = {"LineItems": [line]} if what == "amount" else {"Date": "2026-03-05"}
    world.sandbox.xero.people(ORGANISATION).edit(str(entry.destination_id), **by_hand)
    flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)  # reads the books
    if what == "amount":
        world.amnis.change(row, amount="-45.15")
        now = [(MARCH, "CHF", 1, Decimal("45.15"))]
    else:
        world.amnis.change(row, executionDate="2026-03-05T00:00:00Z")
        now = [(date(2026, 3, 5), "CHF", 1, Decimal("41.15"))]
    world.settle()
    assert (world.states(), figures(world)) == (["confirmed"], now)
    with tenant_scope(world.tenant.pk):
        assert Event.objects.filter(to_state="confirmed").count() == 1, "it stood as confirmed all the time"
    if what == "amount":
        return  # lines that a person has typed are not undone

    undo(world, entry=entry.pk)
    carry_out(world)
    assert (world.states(), figures(world)) == (["undone"], [])
    assert undoing.entry_post_again(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor=PERSON) == 1
    world.settle()
    assert (world.states(), figures(world)) == (["confirmed"], now)


def test_the_roll_up_counts_rests_and_transfers_and_forgets_what_leaves(world: World) -> None:
    world.set_flow(policies={"match_invoices": "auto", "overpaid": "suspense"})
    overpay(world)
    world.amnis.own_transfer(amount="300.00", source=1, target=8, executed_on=MARCH)
    world.amnis.fx(sold=(1, "250.00"), bought=(2, "263.00"), value_on=MARCH)
    world.settle()
    assert set(world.states()) == {"confirmed"}
    before = figures(world)
    assert sum(count for *_, count, _ in before) == len(world.entries())

    undo(world, day=MARCH)
    carry_out(world)
    assert len(figures(world)) < len(before)


def test_the_roll_up_counts_what_is_inserted_as_confirmed(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [entry] = world.entries()
    entry.pk, entry.marker, entry.destination_id, entry.leg = None, "MR-OTHER", "other", "rest"
    with tenant_scope(world.tenant.pk):
        entry.save(force_insert=True)
    assert figures(world) == [(MARCH, "CHF", 2, Decimal(200))]


def test_a_roll_up_that_has_drifted_is_counted_anew_by_the_migration(committed_world: World) -> None:
    committed_world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    committed_world.settle()
    with tenant_scope(committed_world.tenant.pk):
        store.run_sql("UPDATE daily_stat SET day = day - 1, count = 7")
    with as_owner(), transaction.atomic(), connection.cursor() as cursor:
        for sql in import_module("sync.migrations.0032_exact_figures").COUNTED_ANEW:
            cursor.execute(sql)
    assert figures(committed_world) == [(MARCH, "CHF", 1, Decimal(100))]


def test_freshness_is_of_what_was_confirmed_last_whatever_came_in_last(world: World) -> None:
    """A backlog that was confirmed after newer movements counts."""
    for day in range(1, 4):
        world.amnis.pay_in(amount=f"{day}.00", payer="Beispiel AG", executed_on=date(2026, 3, day))
    world.settle()
    late = world.entries()[0]
    with tenant_scope(world.tenant.pk):
        store.run_sql("UPDATE record SET fetched_at = now() - interval '2 hours' WHERE id = %s", [late.record_id])
        store.run_sql("UPDATE entry SET confirmed_at = now() - interval '1 minute' WHERE id <> %s", [late.pk])
        store.run_sql("UPDATE entry SET confirmed_at = now() WHERE id = %s", [late.pk])
        assert store_figures.freshness(world.flow_id, percentile=0.95, newest=1) == pytest.approx(7200, abs=1)
        assert (selectors.freshness_p95(world.flow_id) or 0) > 3600
        store.run_sql("UPDATE entry SET confirmed_at = now() - interval '2 days'")
        assert selectors.freshness_p95(world.flow_id) is None


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


def test_what_grows_is_analysed_from_a_small_sample(db: None) -> None:
    """One column with Postgres' own target and all of its table is read and sorted five times as long, each ten seconds of a
    first sync. A column that is added later says its own."""
    told = import_module("sync.migrations.0035_small_samples")
    wide = store.rows(
        """SELECT attrelid::regclass::text || '.' || attname AS name FROM pg_attribute
            WHERE attrelid = ANY (%s::regclass[]) AND attnum > 0 AND NOT attisdropped
              AND coalesce(attstattarget, -1) NOT BETWEEN 0 AND %s""",
        [list(told.TABLES), told.TARGET],
    )
    assert wide == []
