"""Settings: saved whole or not at all, written into the audit trail, the first day fixed once movements were read."""

from __future__ import annotations

import pytest
from django.test import Client

from dashboard.forms.settings import read_thresholds
from sync.models import Flow
from tenants.models import AuditEvent
from tenants.scoping import tenant_scope
from tests.pages.world import World

GOOD = {
    "frequency": "15",
    "card_date": "execution",
    "fx_date": "value",
    "lock_date": "hold",
    "rate": "xero_day",
    "contacts": "match_or_create",
    "contact_threshold": "95",
    "match_invoices": "suggest",
    "partner_minutes": "60",
    "income": "200",
    "expense": "400",
    "amount_over": "CHF 50'000.00, EUR 40000",
}


def save(client: Client, world: World, **changes: str) -> int:
    return client.post(f"/t/{world.tenant.public_id}/settings/", {**GOOD, **changes}).status_code


def flow_of(world: World) -> Flow:
    with tenant_scope(world.tenant.pk):
        return Flow.objects.get()


def test_a_change_is_saved_and_written_down(as_alice: Client, world: World) -> None:
    assert save(as_alice, world) == 302
    flow = flow_of(world)
    assert flow.frequency_minutes == 15
    assert flow.policies["card_date"] == "execution"
    assert flow.review == {"amount_over": {"CHF": "50000.00", "EUR": "40000"}}
    assert "fee" not in flow.defaults
    with tenant_scope(world.tenant.pk):
        last = AuditEvent.objects.order_by("position").last()
    assert last is not None
    assert last.before
    assert last.after
    assert (last.actor, last.before["frequency_minutes"], last.after["frequency_minutes"]) == (
        "alice@muster.example",
        5,
        15,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"frequency": "0"},
        {"frequency": "1441"},
        {"frequency": "soon"},
        {"card_date": "whenever"},
        {"amount_over": "lots"},
        {"amount_over": "XXQ 5"},
        {"new_counterparty_over": "CHF -5"},
        {"cutoff": "31.12.2026"},
    ],
)
def test_one_wrong_field_saves_nothing(as_alice: Client, world: World, changes: dict[str, str]) -> None:
    assert save(as_alice, world, **changes) == 422
    assert flow_of(world).frequency_minutes == 5


def test_the_first_day_is_fixed_once_movements_were_read(as_alice: Client, world: World) -> None:
    before = flow_of(world).cutoff
    assert save(as_alice, world, cutoff="2026-05-01") == 302
    assert flow_of(world).cutoff == before


def test_thresholds_read_what_people_write() -> None:
    assert read_thresholds("chf 50'000.00; EUR 10\nUSD 7.5") == {"CHF": "50000.00", "EUR": "10", "USD": "7.5"}
    assert read_thresholds("") == {}
