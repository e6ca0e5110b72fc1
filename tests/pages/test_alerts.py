"""Alerts: the bell counts what this person has not read; who is told is checked, audited and never shown in full."""

from __future__ import annotations

import pytest
from django.test import Client

from notifications.models import Channel, Delivery, Kind
from notifications.selectors import settings_shown
from sync.models import Incident
from tenants.models import AuditEvent
from tenants.scoping import tenant_scope
from tests.pages.world import World

WEBHOOK = "https://hooks.slack.com/services/T0000/B0000/abcdefghijklmnop"


@pytest.fixture
def alert(world: World) -> Delivery:
    with tenant_scope(world.tenant.pk):
        return Delivery.objects.create(
            channel=Channel.INAPP,
            kind=Kind.ALERT,
            incident=Incident.objects.get(),
            subject="Xero asks to be reconnected",
            lines=["Reconnect Xero."],
            path=f"/t/{world.tenant.public_id}/connections/",
            state="sent",
        )


def address(world: World, page: str = "") -> str:
    return f"/t/{world.tenant.public_id}/alerts/{page}"


def test_the_bell_is_silent_once_everything_was_read(as_alice: Client, world: World, alert: Delivery) -> None:
    assert "Alerts, 1 unread" in as_alice.get(address(world)).content.decode()
    as_alice.post(address(world, "read/"))
    html = as_alice.get(address(world)).content.decode()
    assert "Alerts, 0 unread" in html
    assert "Xero asks to be reconnected" in html


def test_one_persons_reading_is_not_anothers(client: Client, world: World, alert: Delivery, bob: object) -> None:
    client.force_login(bob)  # type: ignore[arg-type]
    client.post(address(world, "read/"))
    assert "Alerts, 0 unread" in client.get(address(world)).content.decode()
    with tenant_scope(world.tenant.pk):
        assert Delivery.objects.filter(pk=alert.pk).exists()


def test_who_is_told_is_saved_and_the_webhook_never_shown(as_alice: Client, world: World) -> None:
    data = {"email": "cfo@muster.example, books@muster.example", "slack_webhook": WEBHOOK, "daily": "on"}
    as_alice.post(address(world, "settings/"), data)
    with tenant_scope(world.tenant.pk):
        stands = settings_shown()
        written = AuditEvent.objects.order_by("-position").first()
    assert (stands.email, stands.slack_last_four, stands.daily) == (
        ["cfo@muster.example", "books@muster.example"],
        "mnop",
        True,
    )
    assert written is not None
    assert written.action == "notifications.change"
    assert WEBHOOK not in as_alice.get(address(world)).content.decode()


def test_an_empty_webhook_field_keeps_the_webhook_and_the_box_takes_it_away(as_alice: Client, world: World) -> None:
    as_alice.post(address(world, "settings/"), {"owners": "on", "slack_webhook": WEBHOOK})
    as_alice.post(address(world, "settings/"), {"owners": "on", "slack_webhook": ""})
    with tenant_scope(world.tenant.pk):
        assert settings_shown().slack_last_four == "mnop"
    as_alice.post(address(world, "settings/"), {"owners": "on", "slack_remove": "on"})
    with tenant_scope(world.tenant.pk):
        assert settings_shown().slack_last_four == ""


@pytest.mark.parametrize(
    "data", [{"email": "not an address"}, {"owners": "on", "slack_webhook": "https://evil.example/services/T/B/x"}]
)
def test_a_place_that_may_not_be_is_refused_with_a_sentence(
    as_alice: Client, world: World, data: dict[str, str]
) -> None:
    answer = as_alice.post(address(world, "settings/"), data, follow=True)
    assert b"message--error" in answer.content
    with tenant_scope(world.tenant.pk):
        assert (settings_shown().email, settings_shown().slack_last_four) == (None, "")


def test_somebody_is_always_told(as_alice: Client, world: World) -> None:
    as_alice.post(address(world, "settings/"), {"email": " , "})
    with tenant_scope(world.tenant.pk):
        assert settings_shown().email is None
