"""A person's act and a run that decides the same movement lock in the same order, so neither is thrown out."""

from __future__ import annotations

import threading
import time
from datetime import date

from django.db import connection

from sync import services
from sync.models import Entry, EntryState, Record
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World


def test_a_retry_waits_for_a_run_that_has_the_movement_instead_of_a_deadlock(committed_world: World) -> None:
    world = committed_world
    world.set_flow(review={"amount_over": {"CHF": "1.00"}})
    world.amnis.pay_in(amount="10.00", payer="Payer AG", executed_on=date(2026, 3, 2))
    world.sync()
    entry = world.entries()[0]
    assert entry.state == EntryState.REVIEW
    retried: list[int] = []

    def retry() -> None:
        try:
            retried.append(services.entry_retry(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor="a@b.example"))
        finally:
            connection.close()

    person = threading.Thread(target=retry)
    with tenant_scope(world.tenant.pk):  # as the transform step: the record first, then its entry
        list(Record.objects.select_for_update().filter(pk=entry.record_id))
        person.start()
        time.sleep(0.5)
        Entry.objects.filter(pk=entry.pk).update(held_back=False)
    person.join(timeout=10)

    assert retried == [1]
