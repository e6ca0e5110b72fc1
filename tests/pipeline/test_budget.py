"""What a thousand new rows may cost: calls to Xero and SQL statements, counted where they happen."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from math import ceil

from django.db import connection
from django.test.utils import CaptureQueriesContext

from sandbox.amnis.bulk import add_random_movements
from sync.models import Run
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World

CONTROL = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")


def test_a_thousand_new_rows_stay_within_their_budget(committed_world: World) -> None:
    world = committed_world
    add_random_movements(world.amnis, 200, seed=1)
    world.sync()  # a living company: its contacts and settings are known
    world.sandbox.clock.advance(timedelta(minutes=10))  # else a fast machine reads what it has just posted once more
    world.sandbox.xero.forget_calls()
    before = Counter(world.books.calls())
    posted = len(world.books.bank_transactions()), len(world.books.bank_transfers())
    add_random_movements(world.amnis, 1000, seed=2)

    with CaptureQueriesContext(connection) as captured:
        world.sync()

    statements = [query["sql"] for query in captured.captured_queries if not query["sql"].startswith(CONTROL)]
    documents = len(world.books.bank_transactions()) - posted[0], len(world.books.bank_transfers()) - posted[1]
    calls = Counter(world.books.calls()) - before
    writes = calls["PUT /BankTransactions"] + calls["PUT /BankTransfers"]
    others = sum(calls.values()) - writes
    assert len(world.entries()) >= 1000
    assert writes <= ceil(documents[0] / 50) + documents[1] + 1, calls
    assert others <= 30, calls
    assert len(statements) <= 260, Counter(sql[:90] for sql in statements).most_common(40)


def test_a_look_at_what_is_known_writes_nothing_of_it_and_leaves_no_run(world: World) -> None:
    """Each look goes back by a quarter of an hour: of one movement the list of runs would have fifteen more."""
    row = world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=date(2026, 3, 2))
    world.settle()
    with tenant_scope(world.tenant.pk):
        runs = Run.objects.count()
    with CaptureQueriesContext(connection) as captured:
        result = world.sync()
    assert (result.run_id, result.counts["fetched"], result.counts["new"]) == (None, 1, 0)
    assert not [it["sql"] for it in captured.captured_queries if "INSERT INTO record" in it["sql"]]

    world.amnis.change_detail(row, payerName="Beispiel & Sohn AG")
    world.settle()
    assert world.records()[0].revision == 2
    with tenant_scope(world.tenant.pk):
        assert Run.objects.count() > runs
