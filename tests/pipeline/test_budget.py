"""What a thousand new rows may cost: calls to Xero and SQL statements, counted where they happen."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from math import ceil

from django.db import connection
from django.test.utils import CaptureQueriesContext

from sandbox.amnis.bulk import add_random_movements
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
