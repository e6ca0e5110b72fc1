"""Nothing sleeps for ever, and nothing keeps the vendors busy for nothing."""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from sync import store, store_figures
from sync.models import Flow, Run
from sync.pipeline.result import NotConnected
from sync.services import flow_sync_now
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World


def seconds_until_due(world: World) -> float:
    with tenant_scope(world.tenant.pk):
        return float((Flow.objects.get(pk=world.flow_id).next_at - store.now()).total_seconds())


def test_a_flow_with_nothing_left_to_do_rests_for_its_frequency(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=date(2026, 3, 2))

    world.sync()

    assert timedelta(minutes=4).total_seconds() < seconds_until_due(world) <= 300


def test_a_flow_whose_time_ran_out_before_its_rows_were_decided_goes_on_at_once(world: World) -> None:
    for number in range(60):
        world.amnis.pay_in(amount=f"{100 + number}.00", payer="Beispiel AG", executed_on=date(2026, 3, 2))

    for attempt in range(1, 100):
        world.sync(seconds=0.05 * attempt)
        if seconds_until_due(world) > 60:
            break

    assert {entry.state for entry in world.entries()} == {"confirmed"}
    assert len(world.books.bank_transactions()) == 60


def test_who_asks_for_a_sync_while_one_is_about_to_end_is_heard(world: World, settings: Any) -> None:
    """Between the last look at the source and the end of the slice, "Sync now" would be lost for a whole poll."""
    asked = AskingMeanwhile(settings.CONNECTOR_TRANSPORTS[settings.ENV.xero_api_url], world)
    settings.CONNECTOR_TRANSPORTS = {**settings.CONNECTOR_TRANSPORTS, settings.ENV.xero_api_url: asked}
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=date(2026, 3, 2))

    world.sync()
    assert asked.times == 1
    assert seconds_until_due(world) <= 0

    world.sync()
    assert seconds_until_due(world) > timedelta(minutes=4).total_seconds()


class AskingMeanwhile(httpx.BaseTransport):
    """Somebody presses "Sync now" while the first call of this slice is on its way."""

    def __init__(self, inner: httpx.BaseTransport, world: World) -> None:
        self._inner, self._world, self.times = inner, world, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not self.times:
            self.times += 1
            flow_sync_now(tenant_id=self._world.tenant.pk, flow_id=self._world.flow_id, actor="alice@example.com")
        return self._inner.handle_request(request)


def test_an_unknown_contact_wakes_the_flow_when_it_may_be_looked_for_and_not_each_second(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Neue Firma AG", executed_on=date(2026, 3, 2))
    world.sandbox.xero.faults.lose_answer(path="Contacts", methods={"PUT"})

    world.sync()

    assert world.states() == ["ready"]
    with tenant_scope(world.tenant.pk):
        wake = store_figures.seconds_to_next_wake(world.flow_id)
    assert wake is not None
    time.sleep(0.1)
    for _ in range(20):
        if world.states() == ["confirmed"]:
            break
        world.sync()
        time.sleep(0.05)
    assert world.states() == ["confirmed"]
    assert [contact["Name"] for contact in world.books.contacts()].count("Neue Firma AG") == 1


def test_a_document_that_xero_does_not_show_yet_is_looked_for_again_later(world: World) -> None:
    world.sync()
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=date(2026, 3, 2))
    world.sandbox.xero.switches.reading_lag_seconds = 3600

    world.sync()

    assert world.states() == ["unconfirmed"], [entry.findings for entry in world.entries()]
    assert 1 < seconds_until_due(world) <= 10


def test_an_empty_chart_of_accounts_is_not_believed(world: World) -> None:
    """Zero rows are no news of a deletion: the mapping stays, and what was held back is posted afterwards."""
    world.sandbox.xero.switches.reading_lag_seconds = 3600
    world.set_flow(reference_read_at=None)
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=date(2026, 3, 2))

    with pytest.raises(NotConnected):
        world.sync()
    world.sandbox.xero.switches.reading_lag_seconds = 0
    world.sync()

    assert world.states() == ["confirmed"]


def test_the_run_of_a_process_that_died_is_called_abandoned_by_the_next_one(world: World) -> None:
    with tenant_scope(world.tenant.pk):
        dead = Run.objects.create(flow_id=world.flow_id, trigger="schedule")
        Flow.objects.filter(pk=world.flow_id).update(lease_until=store.now() - timedelta(seconds=1))

    world.sync()

    with tenant_scope(world.tenant.pk):
        dead.refresh_from_db()
    assert dead.state == Run.State.ABANDONED
    assert dead.ended_at is not None
