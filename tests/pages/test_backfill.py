"""The pages of the back-fill and of the first day: bad input is answered in words, what is asked for is shown."""

from __future__ import annotations

import pytest
from django.test import Client

from sync.models import Backfill, Flow
from tenants.models import AuditEvent
from tenants.scoping import tenant_scope
from tests.pages.world import World


def post(client: Client, world: World, path: str, **data: str) -> str:
    answer = client.post(f"/t/{world.tenant.public_id}/{path}", data, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_back_fill_is_asked_for_shown_and_stopped(as_alice: Client, world: World) -> None:
    first = world.flow.cutoff.isoformat()

    html = post(as_alice, world, "backfill/start/", since=first, until=first)

    assert "0 of 1" in html
    with tenant_scope(world.tenant.pk):
        made = Backfill.objects.get()
        told = [event.action for event in AuditEvent.objects.order_by("position")]
    assert (made.since, made.until, made.asked_by) == (world.flow.cutoff, world.flow.cutoff, "alice@muster.example")
    assert "backfill.start" in told
    assert "Another back-fill is running" in post(as_alice, world, "backfill/start/", since=first, until=first)

    assert "Stopped" in post(as_alice, world, "backfill/stop/", backfill=str(made.pk))
    assert "It had ended already" in post(as_alice, world, "backfill/stop/", backfill=str(made.pk))
    assert "It had ended already" in post(as_alice, world, "backfill/stop/", backfill="9" * 30)


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        ("", "2026-03-01", "Choose the first and the last day"),
        ("31.03.2026", "2026-03-01", "Choose the first and the last day"),
        ("2026-03-02", "2026-03-01", "comes before the first one"),
        ("1999-03-02", "1999-04-01", "Nothing is left to read"),
    ],
)
def test_days_that_cannot_be_read_are_refused_in_words(
    as_alice: Client, world: World, since: str, until: str, words: str
) -> None:
    for act in ("start", "preview"):
        assert words in post(as_alice, world, f"backfill/{act}/", since=since, until=until)
    with tenant_scope(world.tenant.pk):
        assert not Backfill.objects.exists()


def test_the_first_day_moves_only_as_a_day(as_alice: Client, world: World) -> None:
    assert "Choose a day" in post(as_alice, world, "settings/first-day/move/", cutoff="soon")
    same = world.flow.cutoff.isoformat()
    assert "the first day already" in post(as_alice, world, "settings/first-day/preview/", cutoff=same)

    post(as_alice, world, "settings/first-day/move/", cutoff="2026-05-01")

    with tenant_scope(world.tenant.pk):
        assert Flow.objects.get().cutoff.isoformat() == "2026-05-01"
