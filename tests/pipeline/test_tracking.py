"""Tracking options are created only where the owner allows it, each once, and before the document that carries it."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from django.db import IntegrityError, transaction

from sandbox.xero.books import TRACKING
from sandbox.xero.wire import new_id
from sync import services, store, store_figures
from sync.models import PushIntent, PushIntentItem, TrackingLink
from sync.pipeline.dryrun import dry_run
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import ORGANISATION, World

CREATE = {"tracking_options": "create"}


@pytest.fixture
def creating(world: World) -> World:
    """The owner lets options be created, and cost centres become options of Region."""
    world.set_flow(policies=CREATE, defaults={**world.flow().defaults, "tracking_category": "Region"})
    return world


def card(world: World, *, cost_centre: str, merchant: str = "PAPETERIE PROBE") -> None:
    world.amnis.cost_center(cost_centre)
    world.amnis.card(amount="70.00", merchant=merchant, executed_on=date(2026, 3, 2), cost_center=cost_centre)


def options(world: World) -> list[str]:
    return world.books.tracking_options("Region")


def somebody_makes(world: World, name: str, *, status: str = "ACTIVE") -> None:
    """In Xero, by hand: the option as it stands there afterwards."""
    books = world.sandbox.xero.books(ORGANISATION)
    [region] = [it for it in books.small_list(TRACKING).values() if it["Name"] == "Region"]
    others = [option for option in region["Options"] if option["Name"] != name]
    option = {"TrackingOptionID": new_id(), "Name": name, "Status": status}
    books.save(TRACKING, region | {"Options": [*others, option]})


def tracked(world: World) -> list[list[str]]:
    """Of every document: what its lines carry."""
    return [
        [
            f"{choice['Name']}: {choice['Option']}"
            for line in document["LineItems"]
            for choice in line.get("Tracking", [])
        ]
        for document in world.books.bank_transactions()
    ]


def test_by_default_no_option_is_created_and_the_entry_says_so(world: World) -> None:
    card(world, cost_centre="Verwaltung")

    world.settle()

    assert "Verwaltung" not in options(world)
    assert tracked(world) == [[]]
    assert "cost_centre_unmapped" in [f["code"] for entry in world.entries() for f in entry.findings]


def test_a_new_cost_centre_becomes_an_option_before_the_document_is_posted(creating: World) -> None:
    card(creating, cost_centre="Verwaltung")

    creating.settle()

    assert options(creating) == ["Zürich", "Basel", "Genève", "Lugano", "Verwaltung"]
    assert tracked(creating) == [["Region: Verwaltung"]]
    assert creating.states() == ["confirmed"]


def test_many_entries_that_need_one_option_create_one_and_a_later_run_creates_none(creating: World) -> None:
    for merchant in ("EINS PROBE", "ZWEI PROBE", "DREI PROBE"):
        card(creating, cost_centre="Verwaltung", merchant=merchant)
    card(creating, cost_centre="  verwaltung ", merchant="VIER PROBE")
    creating.settle()
    card(creating, cost_centre="VERWALTUNG", merchant="FÜNF PROBE")

    creating.settle()

    assert options(creating).count("Verwaltung") == 1
    assert len(options(creating)) == 5
    assert tracked(creating) == [["Region: Verwaltung"]] * 5
    assert sum(calls for call, calls in Counter(creating.books.calls()).items() if call.endswith("/Options")) == 1


def test_without_a_decision_between_two_categories_the_cost_centre_is_left_out(world: World) -> None:
    world.set_flow(policies=CREATE)
    card(world, cost_centre="Verwaltung")

    world.settle()

    assert len(options(world)) == 4
    assert world.books.tracking_options("Project") == ["Alpha", "Beta"]
    assert tracked(world) == [[]]
    assert "cost_centre_unmapped" in [f["code"] for entry in world.entries() for f in entry.findings]


@pytest.mark.parametrize("fault", ["lose_answer", "reset"])
def test_a_lost_answer_does_not_create_the_option_twice(creating: World, fault: str) -> None:
    plan = creating.sandbox.xero.faults
    getattr(plan, fault)(path="Options", methods={"PUT"}, times=1)
    card(creating, cost_centre="Verwaltung")

    creating.sync()
    assert creating.states() == ["ready"], "it waits for its option"
    assert tracked(creating) == []
    creating.sandbox.xero.idempotency.forget_everything()
    creating.settle(seconds=20.0)

    assert plan.hits(), "the fault was never met"
    assert options(creating).count("Verwaltung") == 1
    assert tracked(creating) == [["Region: Verwaltung"]]
    with tenant_scope(creating.tenant.pk):
        assert not PushIntentItem.objects.filter(open=True).exists()


def test_an_option_that_somebody_made_meanwhile_is_taken(creating: World) -> None:
    creating.sync()  # the chart is read; it knows no such option
    somebody_makes(creating, "verwaltung")
    card(creating, cost_centre="Verwaltung")

    creating.settle()

    assert [name for name in options(creating) if name.casefold() == "verwaltung"] == ["verwaltung"]
    assert tracked(creating) == [["Region: verwaltung"]]


def test_an_option_that_somebody_archived_meanwhile_holds_the_entry_until_it_is_restored(creating: World) -> None:
    creating.sync()
    somebody_makes(creating, "Verwaltung", status="ARCHIVED")
    card(creating, cost_centre="Verwaltung")

    creating.settle()

    assert creating.codes() == ["tracking_archived"]
    assert tracked(creating) == []
    somebody_makes(creating, "Verwaltung")  # restored
    ids = [entry.pk for entry in creating.entries()]
    services.entry_retry(tenant_id=creating.tenant.pk, entry_ids=ids, actor="alice@muster.example")
    creating.settle()
    assert tracked(creating) == [["Region: Verwaltung"]]


def test_a_cost_centre_whose_option_is_archived_is_not_made_again(creating: World) -> None:
    card(creating, cost_centre="Lugano")

    creating.settle()

    assert creating.codes() == ["tracking_archived"]
    assert options(creating).count("Lugano") == 1
    assert tracked(creating) == []


def test_a_new_option_is_in_the_preview_and_nothing_is_made_by_it(creating: World) -> None:
    card(creating, cost_centre="Verwaltung")

    found = dry_run(tenant_id=creating.tenant.pk, flow_id=creating.flow_id, actor="alice@muster.example")

    assert found["tracking_options"] == ["Region: Verwaltung"]
    assert len(options(creating)) == 4


def test_an_option_that_waits_for_its_look_does_not_keep_the_flow_awake(creating: World) -> None:
    creating.sandbox.xero.faults.lose_answer(path="Options", methods={"PUT"})
    card(creating, cost_centre="Verwaltung")

    creating.sync()

    with tenant_scope(creating.tenant.pk):
        wake = store_figures.seconds_to_next_wake(creating.flow_id)
        due = PushIntent.objects.get(state="open").next_probe
        assert due is not None
        assert wake == pytest.approx((due - store.now()).total_seconds(), abs=0.05)


def test_two_sendings_that_overlap_are_kept_apart_by_the_database(creating: World) -> None:
    """The net below the claim: an option is in at most one open intent, and once per category and name."""
    creating.sandbox.xero.faults.lose_answer(path="Options", methods={"PUT"})
    card(creating, cost_centre="Verwaltung")
    creating.sync()

    with tenant_scope(creating.tenant.pk):
        item = PushIntentItem.objects.get(open=True, option__isnull=False)
        item.pk, item.position = None, 1
        with pytest.raises(IntegrityError, match="item_option_one_open"), transaction.atomic():
            item.save(force_insert=True)
        link = TrackingLink.objects.get()
        link.pk = None
        with pytest.raises(IntegrityError, match="tracking_once_per_name"), transaction.atomic():
            link.save(force_insert=True)


def test_nothing_is_created_after_the_owner_forbade_it(creating: World) -> None:
    creating.sandbox.xero.faults.rate_limit(path="Options", methods={"PUT"}, retry_after=1)
    card(creating, cost_centre="Verwaltung")
    creating.sync()
    assert creating.states() == ["ready"]
    creating.set_flow(policies={"tracking_options": "match"})

    creating.settle()

    assert creating.codes() == ["tracking_missing"]
    assert "Verwaltung" not in options(creating)
    assert tracked(creating) == []
    with tenant_scope(creating.tenant.pk):
        assert TrackingLink.objects.get().state == TrackingLink.State.REVIEW
