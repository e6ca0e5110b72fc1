"""A movement over which the program itself fails: it is held alone, its neighbours go on, and the defect is told of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sync import services, store, watch
from sync.domain import plan
from sync.models import Run
from sync.pipeline import remarkable, transform, validate
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World
from tests.pipeline.test_linking import people
from tests.pipeline.test_watch import open_causes

D = Decimal
MARCH = date(2026, 3, 2)
BROKEN = "Defekt AG"


def breaks_planning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug as it was found in the wild: a field is asked for that this document does not have."""

    def plan_unit(parts: tuple[Any, ...], **how: Any) -> Any:
        if any(part.transaction.counterparty.name == BROKEN for part in parts):
            raise KeyError("contact_name")
        return plan.plan_unit(parts, **how)

    monkeypatch.setattr(transform, "plan_unit", plan_unit)


def breaks_validating(monkeypatch: pytest.MonkeyPatch) -> None:
    def remarks_for(rows: Sequence[Any], **how: Any) -> Any:
        if any(row.record.counterparty == BROKEN for row in rows):
            raise KeyError("contact_name")
        return remarkable.remarks_for(rows, **how)

    monkeypatch.setattr(validate, "remarks_for", remarks_for)


def pay(world: World, *names: str) -> None:
    for name in names:
        world.amnis.payout(amount="10.00", to=name, executed_on=MARCH)


@pytest.mark.parametrize("bug", [breaks_planning, breaks_validating])
def test_the_neighbours_of_a_movement_that_the_program_fails_over_are_posted(
    world: World, monkeypatch: pytest.MonkeyPatch, bug: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """Five of six times 10.00 go out at once; the sixth once the bug is mended and somebody tries it again."""
    world.has_defects = True
    pay(world, "Muster AG", "Beispiel AG", BROKEN, "Exempla AG", "Probe AG", "Test AG")
    with monkeypatch.context() as patched:
        bug(patched)
        world.settle()
        assert (world.books.balance("090"), world.codes()) == (D("-50.00"), ["not_decided"])
        assert open_causes(world) == ["undecided:KeyError"]
        with pytest.raises(services.NotPossible, match="Accepting does not answer this"):
            services.entry_accept(tenant_id=world.tenant.pk, entry_ids=held(world), actor="anna@muster.example")

    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=held(world), actor="anna@muster.example")
    world.settle()
    watch.look_for_undecided(tenant_id=world.tenant.pk, flow_id=world.flow_id)

    assert (world.books.balance("090"), set(world.states())) == (D("-60.00"), {"confirmed"})
    assert open_causes(world) == []


def held(world: World) -> list[int]:
    return [entry.pk for entry in world.entries() if entry.state == "review"]


def test_a_posted_movement_that_the_program_fails_over_stays_as_it_stands_and_is_told(world: World) -> None:
    """What was kept of its document lacks a field, and Amnis changes its amount."""
    world.has_defects = True
    row = world.amnis.payout(amount="41.15", to=BROKEN, executed_on=MARCH)
    world.settle()
    with tenant_scope(world.tenant.pk):
        store.run_sql("UPDATE entry SET document = document - 'contact_name'")
    world.amnis.change(row, amount="-45.15")
    pay(world, "Muster AG", "Beispiel AG")

    world.settle()

    assert (world.books.balance("090"), world.codes()) == (D("-61.15"), ["not_decided"])
    assert "Its document stands in Xero as it was" in world.entries()[0].findings[0]["message"]


def test_a_defect_over_many_movements_ends_the_run_and_is_told_as_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three are held; the fourth in one go says that it is no odd movement."""
    pay(world, *[BROKEN] * 5)
    breaks_planning(monkeypatch)

    with pytest.raises(KeyError):
        world.sync()

    assert sorted(open_causes(world)) == ["defect:KeyError", "undecided:KeyError"]
    assert (len(world.entries()), world.books.bank_transactions()) == (3, [])
    with tenant_scope(world.tenant.pk):
        assert Run.objects.latest("id").state == Run.State.FAILED


def test_a_movement_booked_by_hand_that_the_program_fails_over_is_never_posted_by_a_retry(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a journal of the bookkeeper's, so 0.00 by us; the retry that a failure asks for is no yes to posting it."""
    world.has_defects = True
    row = world.amnis.payout(amount="41.15", to=BROKEN, executed_on=MARCH)
    with monkeypatch.context() as patched:
        breaks_planning(patched)
        world.settle()
        act: dict[str, Any] = {"tenant_id": world.tenant.pk, "entry_ids": held(world), "actor": "anna@muster.example"}
        services.entry_handled_by_hand(**act, reason="in the journal of the year's end")
        world.amnis.change(row, comment="one word")
        world.settle()
        assert world.codes() == ["not_decided", "put_aside_changed"]
        services.entry_retry(**act)
        world.settle()
        assert world.codes() == ["not_decided", "put_aside_changed"]

    services.entry_retry(**act)
    world.settle()
    world.amnis.change(row, comment="another word")
    world.settle()

    assert (world.books.balance("090"), world.codes()) == (D("0.00"), ["put_aside_changed"])
    services.entry_accept(**act)
    world.settle()
    assert world.books.balance("090") == D("-41.15")


def test_a_yes_to_other_figures_than_those_that_the_program_failed_over_is_asked_for_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule asks of each payout. Yes to 41.15, which a lock date holds; it becomes 9,041.15 while the program fails."""
    world.has_defects = True
    spec = {"name": "R", "when": {"all": [{"field": "type", "op": "is", "value": "payout"}]}, "then": {"review": True}}
    services.rule_save(tenant_id=world.tenant.pk, flow_id=world.flow_id, actor="anna@muster.example", spec=spec)
    row = world.amnis.payout(amount="41.15", to=BROKEN, executed_on=MARCH)
    world.settle()
    lock(world, date(2026, 3, 31))
    act: dict[str, Any] = {"tenant_id": world.tenant.pk, "entry_ids": held(world), "actor": "anna@muster.example"}
    services.entry_accept(**act)
    world.settle()
    assert world.codes() == ["period_locked"]
    with monkeypatch.context() as patched:
        breaks_planning(patched)
        world.amnis.change(row, amount="-9041.15")
        world.settle()

    lock(world, None)
    services.entry_retry(**act)
    world.settle()

    assert (world.books.balance("090"), world.codes()) == (D("0.00"), ["review_by_rule"])


def lock(world: World, day: date | None) -> None:
    people(world).set_lock_dates(period=day)
    world.set_flow(lock_read_at=None)
