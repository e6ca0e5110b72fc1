"""Back-fills and the first day: what is missing is entered once, within first day and lock; what stands is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sync import services, undoing
from sync.backfilling import (
    backfill_preview,
    backfill_start,
    backfill_stop,
    cutoff_move,
    cutoff_preview,
)
from sync.domain.backfill import Window
from sync.models import Backfill, BookedConversion
from sync.services import NotPossible
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import ORGANISATION, World
from tests.pipeline.test_undo import carry_out, undo

D = Decimal
ALICE = "alice@muster.example"
YEAR = Window(since=date(2026, 1, 1), until=date(2026, 11, 20))


def months(world: World) -> None:
    """A pay-in on the tenth of each of three months."""
    for month, amount in ((2, "20.00"), (3, "30.00"), (4, "40.00")):
        world.amnis.pay_in(amount=amount, payer=f"Beispiel {month} AG", executed_on=date(2026, month, 10))


def totals(world: World) -> list[Decimal]:
    return sorted(D(str(document["Total"])) for document in world.books.bank_transactions())


def overlook(world: World) -> None:
    """From here on the fresh reading sees nothing: the watermark stands after whatever is made next."""
    world.set_flow(cursor={"since": "2027-06-01T00:00:00+00:00", "page": 1, "high": None})


def start(world: World, window: Window = YEAR) -> Backfill:
    return backfill_start(tenant_id=world.tenant.pk, flow_id=world.flow_id, asked=window, actor=ALICE)


def kept(world: World) -> Backfill:
    with tenant_scope(world.tenant.pk):
        return Backfill.objects.latest("id")


def test_only_what_is_missing_is_posted(world: World) -> None:
    months(world)
    world.settle()
    before = totals(world)
    overlook(world)
    world.amnis.pay_in(amount="25.00", payer="Spät AG", executed_on=date(2026, 2, 11))
    start(world)

    world.settle()

    assert totals(world) == sorted([*before, D("25.00")])
    done = kept(world)
    assert (done.state, done.days_done, done.read, done.new) == ("done", done.days, 4, 1)


def test_a_row_that_a_person_left_out_stays_out(world: World) -> None:
    months(world)
    world.sandbox.xero.people(ORGANISATION).set_lock_dates(period=date(2026, 2, 28))
    world.settle()
    [held] = [entry for entry in world.entries() if entry.state == "review"]
    services.entry_skip(tenant_id=world.tenant.pk, entry_ids=[held.pk], actor=ALICE, reason="booked last year")
    world.sandbox.xero.people(ORGANISATION).set_lock_dates()
    before = totals(world)
    world.set_flow(lock_read_at=None)
    start(world, Window(since=date(2026, 3, 1), until=date(2026, 4, 30)))

    world.settle()

    assert totals(world) == before == [D("30.00"), D("40.00")]


def test_a_dry_run_says_what_would_come_and_keeps_nothing(world: World) -> None:
    world.settle()
    overlook(world)
    months(world)

    found = backfill_preview(
        tenant_id=world.tenant.pk,
        flow_id=world.flow_id,
        asked=Window(since=date(2026, 3, 1), until=date(2026, 3, 31)),
        actor=ALICE,
    )

    assert [document["total"] for document in found["documents"]] == ["30.00"]
    assert found["new"] == 1
    assert world.books.bank_transactions() == []
    assert world.records() == []


def test_locked_days_are_not_read_also_where_the_lock_moves_meanwhile(world: World) -> None:
    world.settle()
    overlook(world)
    world.set_flow(lock_read_at=None)
    months(world)
    asked = start(world)
    world.sandbox.xero.people(ORGANISATION).set_lock_dates(period=date(2026, 3, 31))

    world.settle()

    assert totals(world) == [D("40.00")]
    assert asked.notes == []
    assert "31 Mar 2026" in " ".join(kept(world).notes)


def test_it_goes_on_where_a_process_left_it(world: World) -> None:
    world.settle()
    overlook(world)
    months(world)
    start(world)
    with tenant_scope(world.tenant.pk):  # January and February were read by a process that died then
        Backfill.objects.update(reached=date(2026, 3, 1))

    world.settle()

    assert totals(world) == [D("30.00"), D("40.00")]
    assert kept(world).state == "done"


def test_a_stopped_one_reads_no_more(world: World) -> None:
    world.settle()
    overlook(world)
    months(world)
    asked = start(world)

    assert backfill_stop(tenant_id=world.tenant.pk, backfill_id=asked.pk, actor=ALICE)
    world.settle()

    assert totals(world) == []
    assert not backfill_stop(tenant_id=world.tenant.pk, backfill_id=asked.pk, actor=ALICE)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Window(since=date(2025, 1, 1), until=date(2025, 12, 31)), "first day"),
        (Window(since=date(2026, 5, 1), until=date(2026, 4, 1)), "before the first one"),
        (Window(since=date(2030, 1, 1), until=date(2030, 2, 1)), "have not happened"),
    ],
)
def test_a_range_that_cannot_be_read_is_refused_in_words(world: World, asked: Window, words: str) -> None:
    with pytest.raises(NotPossible, match=words):
        start(world, asked)


def test_one_at_a_time(world: World) -> None:
    start(world)

    with pytest.raises(NotPossible, match="Another back-fill"):
        start(world)


# --------------------------------------------------------------- the first day


def move(world: World, day: date) -> None:
    cutoff_move(tenant_id=world.tenant.pk, flow_id=world.flow_id, cutoff=day, actor=ALICE)


def preview(world: World, day: date) -> Mapping[str, Any]:
    return cutoff_preview(tenant_id=world.tenant.pk, flow_id=world.flow_id, cutoff=day, actor=ALICE)


def test_an_earlier_first_day_says_what_comes_and_posts_it(world: World) -> None:
    months(world)
    world.set_flow(cutoff=date(2026, 4, 1))
    world.settle()
    assert totals(world) == [D("40.00")]

    found = preview(world, date(2026, 3, 1))
    assert [document["total"] for document in found["documents"]] == ["30.00"]
    move(world, date(2026, 3, 1))
    world.settle()

    assert totals(world) == [D("30.00"), D("40.00")]


def test_an_earlier_first_day_finds_what_was_typed_by_hand_before_it(world: World) -> None:
    line = {"Description": "typed", "Quantity": 1, "UnitAmount": 20, "AccountCode": "200", "TaxType": "NONE"}
    world.sandbox.xero.people(ORGANISATION).type_bank_transaction(
        Type="RECEIVE",
        Contact={"Name": "Beispiel 2 AG"},
        BankAccount={"AccountID": world.books.account("090")["AccountID"]},
        Date="2026-02-10",
        LineItems=[line],
    )
    months(world)
    world.set_flow(cutoff=date(2026, 4, 20))  # the books were read from 16 March on: the typed one was not seen
    world.settle()

    move(world, date(2026, 2, 1))
    world.settle()

    assert world.codes() == ["already_in_xero"]
    assert totals(world) == [D("20.00"), D("30.00"), D("40.00")]


def test_an_earlier_first_day_takes_a_transfer_that_arrived_after_it_out_of_the_review(world: World) -> None:
    """It left on 31.12. and arrived on 02.01.: what asked about the second half is answered when both are in the books."""
    sent = world.amnis.own_transfer(amount="300.00", source=1, target=8, executed_on=date(2025, 12, 31))
    world.amnis.change(int(sent.received or 0), executionDate="2026-01-02T10:00:00+00:00")
    world.settle()
    assert world.codes() == ["other_half_held"]

    move(world, date(2025, 12, 1))
    world.settle()

    assert [D(str(transfer["Amount"])) for transfer in world.books.bank_transfers()] == [D("300.00")]
    assert world.codes() == []
    assert sorted(world.states()) == ["confirmed", "skipped"]


def test_a_later_first_day_leaves_what_is_posted_and_drops_what_is_not(world: World) -> None:
    months(world)
    world.sandbox.xero.people(ORGANISATION).set_lock_dates(period=date(2026, 2, 28))
    world.settle()

    assert preview(world, date(2026, 4, 1)) == {"stay": 1, "left_out": 1}
    move(world, date(2026, 4, 1))
    world.settle()

    assert totals(world) == [D("30.00"), D("40.00")], "what was posted stays"
    assert sorted(world.states()) == ["confirmed", "confirmed", "skipped"]

    move(world, date(2026, 1, 1))
    world.settle()

    assert sorted(world.states()) == ["confirmed", "confirmed", "review"], "the locked one is asked about again"


def test_what_was_posted_again_behind_a_later_first_day_comes_with_an_earlier_one(world: World) -> None:
    world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=date(2026, 3, 2))
    world.settle()
    [entry] = world.entries()
    undo(world, entry=entry.pk)
    carry_out(world)
    move(world, date(2026, 4, 1))
    undoing.entry_post_again(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor=ALICE)
    world.settle()
    assert (world.states(), totals(world)) == (["skipped"], [])

    move(world, date(2026, 1, 1))
    world.settle()

    assert (world.states(), totals(world)) == (["confirmed"], [D("41.15")])


def test_the_deals_of_a_back_fill_are_booked_deals_too(world: World) -> None:
    """Else the cost of exchanges, the export of deals and the policy "rate of the last exchange" would not know them."""
    overlook(world)
    world.amnis.fx(sold=(1, "100.00"), bought=(2, "105.53"), value_on=date(2026, 3, 2))

    start(world)
    world.settle()

    assert set(world.states()) == {"confirmed"}
    with tenant_scope(world.tenant.pk):
        assert [it.amount_sold for it in BookedConversion.objects.all()] == [D("100.00")]
