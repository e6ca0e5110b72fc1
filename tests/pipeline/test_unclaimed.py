"""Which documents of the books no entry of ours made: found by a mark of their own, which follows the entries' markers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from threading import Event
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sync import store_mirror
from sync.models import Entry, MirrorDocument
from sync.pipeline import mirror
from sync.pipeline.run import hold_lease
from sync.tasks import look_hourly
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World
from tests.pipeline.test_exactly_once import forget_everything_of_ours
from tests.pipeline.test_linking import MARCH, typed
from tests.pipeline.test_short_readings import context, forget

migration = import_module("sync.migrations.0034_unclaimed_documents")


def unclaimed(world: World) -> set[str]:
    """Ids of documents that may be somebody else's."""
    with tenant_scope(world.tenant.pk):
        return set(MirrorDocument.objects.filter(unclaimed=True).values_list("document_id", flat=True))


@pytest.fixture
def theirs(world: World) -> str:
    """One document of ours in the books, and one that somebody typed."""
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    other = typed(world, "SPEND", "12.00")
    world.settle()
    assert world.states() == ["confirmed"]
    return other


def test_what_somebody_typed_is_unclaimed_and_what_we_made_is_not(world: World, theirs: str) -> None:
    assert unclaimed(world) == {theirs}


def test_a_document_that_was_read_before_its_entry_was_there_is_claimed_by_it(committed_world: World) -> None:
    """A lost database whose books are read before the source is."""
    world = committed_world
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [entry] = world.entries()
    forget_everything_of_ours(world)
    ctx = context(world)
    with hold_lease(ctx):
        mirror.read_changes(ctx)
    assert unclaimed(world) == {entry.destination_id}
    world.settle()
    assert [it.destination_id for it in world.entries()] == [entry.destination_id]
    assert unclaimed(world) == set()


def test_an_entry_that_takes_another_marker_lets_go_of_its_document(world: World, theirs: str) -> None:
    [entry] = world.entries()
    with tenant_scope(world.tenant.pk):
        Entry.objects.filter(pk=entry.pk).update(marker=entry.marker)
        assert unclaimed(world) == {theirs}
        Entry.objects.filter(pk=entry.pk).update(marker="MR-ANOTHER")
    assert unclaimed(world) == {theirs, entry.destination_id}


def test_a_document_read_anew_is_looked_up_anew(world: World, theirs: str) -> None:
    forget(world)
    world.set_flow(mirror_watermarks={}, drift_looked_at=None)
    world.amnis.pay_in(amount="7.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    assert unclaimed(world) == {theirs}


def test_what_an_earlier_version_read_is_claimed_by_the_migration(world: World, theirs: str) -> None:
    with tenant_scope(world.tenant.pk):
        MirrorDocument.objects.update(unclaimed=True)
        connection.cursor().execute(migration.CLAIM)
    assert unclaimed(world) == {theirs}


def test_of_the_documents_near_a_movement_ours_are_not_even_read(world: World, theirs: str) -> None:
    """By their index: whatever a busy company has, a slice's question costs what others typed."""
    world.amnis.pay_in(amount="7.00", payer="Beispiel AG", executed_on=MARCH)
    with CaptureQueriesContext(connection) as caught:
        world.settle()
    [asked] = {it["sql"] for it in caught.captured_queries if '"mirror_document"."unclaimed"' in it["sql"]}
    with tenant_scope(world.tenant.pk), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + asked)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "mirror_unclaimed" in plan


def test_a_marker_that_is_let_go_while_its_document_is_being_read_is_noticed_within_the_hour(
    committed_world: World,
) -> None:
    """The reader saw the entry; the entry took another marker, and its trigger could not see what is not committed yet."""
    world = committed_world
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [entry] = world.entries()
    with tenant_scope(world.tenant.pk):
        [row] = MirrorDocument.objects.values()
    twin = {name: value for name, value in row.items() if name not in ("id", "read_at", "unclaimed")}
    twin |= {"document_id": "a-twin", "date": str(row["date"]), "total": str(row["total"]), "rate": None}
    twin |= {"tax_total": None, "by_account": None}
    with ThreadPoolExecutor(1) as reader, pause() as (written, go_on):
        reading = reader.submit(_keep, world, row["connection_id"], twin, written, go_on)
        assert written.wait(10)
        with tenant_scope(world.tenant.pk):
            Entry.objects.filter(pk=entry.pk).update(marker="MR-ANOTHER")
        go_on.set()
        reading.result(10)
    assert "a-twin" not in unclaimed(world)
    look_hourly()
    assert unclaimed(world) == {"a-twin", entry.destination_id}


@contextmanager
def pause() -> Iterator[tuple[Event, Event]]:
    written, go_on = Event(), Event()
    try:
        yield written, go_on
    finally:
        go_on.set()


def _keep(world: World, connection_id: int, document: Mapping[str, Any], written: Event, go_on: Event) -> None:
    try:
        with tenant_scope(world.tenant.pk):
            store_mirror.upsert_mirror(tenant_id=world.tenant.pk, connection_id=connection_id, documents=[document])
            written.set()
            go_on.wait(10)
    finally:
        connection.close()
