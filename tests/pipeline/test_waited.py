"""What is ready and cannot go for a while: decided anew right before it goes, whenever that is, and only then."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal

from sync import services, store
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World
from tests.pipeline.test_linking import typed
from tests.pipeline.test_outages import MARCH, PUT


def held_by_the_limit_of_the_day(world: World, *amounts: str) -> None:
    """Ready, and refused at the first call."""
    world.sandbox.xero.faults.rate_limit("day", retry_after=1, **PUT)
    for amount in amounts:
        world.amnis.payout(amount=amount, to="Beispiel AG", executed_on=MARCH)
    world.sync()
    assert set(world.states()) == {"ready"}
    time.sleep(1)


def hours_later(world: World, *, attempts: int = 1, apart: float = 0.0) -> None:
    """Their next attempts are due now, one after another."""
    with tenant_scope(world.tenant.pk):
        store.run_sql(
            """UPDATE entry SET attempts = %s, changed_at = changed_at - interval '3 hours', not_before = clock_timestamp()
                      + make_interval(secs => %s * (id - (SELECT min(id) FROM entry)))""",
            [attempts, apart],
        )


def test_of_many_retries_none_leaves_undecided_though_they_become_due_one_after_another(world: World) -> None:
    """All were typed by hand meanwhile; the schedule spreads its waits, so some become due in the middle of a slice."""
    amounts = [f"{41 + number}.15" for number in range(20)]
    held_by_the_limit_of_the_day(world, *amounts)
    for amount in amounts:
        typed(world, "SPEND", amount, day="2026-03-02")
    hours_later(world, apart=0.02)

    world.settle()

    assert world.codes() == ["already_in_xero"] * 20
    assert world.books.balance("090") == -sum(map(Decimal, amounts))


def test_a_yes_outlives_a_failed_attempt(world: World) -> None:
    world.amnis.payout(amount="41.15", to="Beispiel AG", executed_on=MARCH)
    typed(world, "SPEND", "41.15", day="2026-03-02")
    world.settle()
    [entry] = world.entries()
    world.sandbox.xero.faults.rate_limit("day", retry_after=1, **PUT)
    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor="bob@muster.example")
    world.sync()
    time.sleep(1)
    hours_later(world)

    world.settle()

    assert (world.states(), world.books.balance("090")) == (["confirmed"], Decimal("-82.30"))


def test_amnis_is_read_while_xero_cannot_be(world: World) -> None:
    held_by_the_limit_of_the_day(world, "41.15")
    hours_later(world)
    world.sandbox.xero.faults.server_error(methods={"GET"}, times=None)
    world.amnis.payout(amount="7.00", to="Beispiel AG", executed_on=MARCH)

    world.sync()

    assert len(world.records()) == 2


def test_what_never_leaves_stays_in_the_watchdogs_sight(world: World) -> None:
    """Its contact is on its way for an hour and nothing is due to wake it: a defect that somebody must be told of."""
    held_by_the_limit_of_the_day(world, "41.15")
    world.sandbox.xero.faults.clear()
    hours_later(world)
    with tenant_scope(world.tenant.pk):
        store.run_sql(
            "UPDATE contact_link SET state = 'unconfirmed', not_before = clock_timestamp() - interval '1 hour'"
        )
        store.run_sql("UPDATE entry SET not_before = clock_timestamp() - interval '1 hour'")
        store.run_sql("UPDATE flow SET held_until = NULL")

    for _ in range(3):
        world.sync()

    with tenant_scope(world.tenant.pk):
        assert [row["state"] for row in store.sleepers(grace=timedelta(minutes=15))] == ["ready"]
