"""Two claims at the same moment take different rows, and neither waits: what the simulation's store cannot show."""

from __future__ import annotations

import threading
from datetime import date
from typing import Any

from django.db import connection

from sync import store, store_intents
from sync.models import Entry
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World, committed_world, sandbox

__all__ = ["committed_world", "sandbox"]


def test_two_claims_at_once_take_different_rows_without_waiting(committed_world: World) -> None:
    world = committed_world
    for number in range(6):
        world.amnis.pay_in(amount=f"{100 + number}.00", payer="Beispiel AG", executed_on=date(2026, 3, 2))
    world.set_flow(held_until="2099-01-01T00:00:00Z")  # decided, and not sent
    world.sync()
    with tenant_scope(world.tenant.pk):
        Entry.objects.update(contact=None)
    taken: list[set[int]] = []

    def claim() -> None:
        with tenant_scope(world.tenant.pk):
            store.run_sql("SET LOCAL lock_timeout = '2s'")
            taken.append(_due(world))
        connection.close()

    with tenant_scope(world.tenant.pk):
        mine = _due(world)
        other = threading.Thread(target=claim)
        other.start()
        other.join()  # while our transaction holds its rows

    assert len(mine) == 3
    assert [len(found) for found in taken] == [3]
    assert mine.isdisjoint(taken[0])


def _due(world: Any) -> set[int]:
    return {row["id"] for row in store_intents.due_entries(flow_id=world.flow_id, types=("SPEND", "RECEIVE"), limit=3)}
