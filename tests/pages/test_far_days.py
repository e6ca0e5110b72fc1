"""A day at either end of the calendar is a mistyped one: it is answered in words, and nothing of it is kept."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from sync import configuration
from sync.domain.days import DayFault
from sync.models import Flow
from tenants.scoping import tenant_scope
from tests.pages.routes import ONE_RATE
from tests.pages.world import World

OUTSIDE = "of the years 1990 to 2100"
FAR = "9999-12-31"


def post(client: Client, world: World, path: str, **data: str) -> str:
    answer = client.post(f"/t/{world.tenant.public_id}/{path}", data, follow=True)
    assert answer.status_code in (200, 422)
    return answer.content.decode()


def first_day(world: World) -> date:
    with tenant_scope(world.tenant.pk):
        return Flow.objects.get().cutoff


@pytest.mark.parametrize("act", ["preview", "take"])
def test_a_monthly_rate_of_the_last_month_there_is(as_alice: Client, world: World, act: str) -> None:
    assert OUTSIDE in post(as_alice, world, f"rates/{act}/", **{**ONE_RATE, "valid_from": "9999-12-01"})


@pytest.mark.parametrize("act", ["preview", "move"])
@pytest.mark.parametrize("day", ["0001-01-01", FAR])
def test_a_first_day_outside_of_every_calendar(as_alice: Client, world: World, act: str, day: str) -> None:
    before = first_day(world)

    assert OUTSIDE in post(as_alice, world, f"settings/first-day/{act}/", cutoff=day)

    assert first_day(world) == before


@pytest.mark.parametrize("act", ["preview", "move"])
def test_a_first_day_that_no_movement_will_reach_for_long_is_refused(as_alice: Client, world: World, act: str) -> None:
    """Nothing before it is ever posted: far ahead, that is everything, and nobody would be told."""
    before = first_day(world)
    far = timezone.localdate() + timedelta(days=400)

    for day in ("1999-12-31", far.isoformat()):
        assert "cannot be the first day" in post(as_alice, world, f"settings/first-day/{act}/", cutoff=day)

    assert first_day(world) == before


def test_no_way_leads_around_the_bounds_of_the_first_day(world: World) -> None:
    """The tenant's file, the steps of the beginning and the settings change a flow through these two alone."""
    far = timezone.localdate() + timedelta(days=400)
    with tenant_scope(world.tenant.pk):
        flow = Flow.objects.get()
        with pytest.raises(DayFault):
            configuration.flow_change(flow=flow, actor="alice@muster.example", cutoff=far)
        with pytest.raises(DayFault):
            configuration.flow_create(actor="alice@muster.example", cutoff=far)


def test_a_first_day_far_ahead_that_stands_already_hinders_no_other_setting(world: World) -> None:
    far = timezone.localdate() + timedelta(days=400)
    with tenant_scope(world.tenant.pk):
        Flow.objects.update(cutoff=far)
        changed = configuration.flow_change(
            flow=Flow.objects.get(), actor="alice@muster.example", cutoff=far, frequency_minutes=7
        )
    assert changed.frequency_minutes == 7


@pytest.mark.parametrize("act", ["preview", "start"])
@pytest.mark.parametrize(("since", "until"), [("0001-01-01", "2026-03-01"), ("2026-03-01", FAR)])
def test_a_back_fill_of_far_days(as_alice: Client, world: World, act: str, since: str, until: str) -> None:
    assert OUTSIDE in post(as_alice, world, f"backfill/{act}/", since=since, until=until)


@pytest.mark.parametrize("day", ["0001-01-01", FAR])
def test_a_list_is_shown_where_the_address_has_a_far_day(as_alice: Client, world: World, day: str) -> None:
    for path in (f"transactions/?from={day}", f"transactions/?to={day}", f"conversions/?month={day[:7]}"):
        assert as_alice.get(f"/t/{world.tenant.public_id}/{path}").status_code == 200, path


def test_no_form_of_ours_sends_a_far_day_or_month(as_alice: Client, world: World) -> None:
    for path, data in (
        ("undo/preview/", {"day": FAR}),
        ("accounts/statements/file/", {"month": "9999-12", "wallet": "1"}),
    ):
        assert as_alice.post(f"/t/{world.tenant.public_id}/{path}", data).status_code == 404, path
