"""What a slice has just sent is read back with a short overlap; only the wide reading moves what is stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest

from connectors.contract.records import Endpoint
from sync.backfilling import cutoff_move
from sync.models import MirrorDocument
from sync.pipeline import mirror
from sync.pipeline.context import Context
from sync.pipeline.run import hold_lease, opened
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World
from tests.pipeline.test_linking import MARCH, people, typed

D = Decimal


def context(world: World) -> Context:
    return opened(tenant_id=world.tenant.pk, flow_id=world.flow_id, trigger="test", actor="", seconds=None)


def known(world: World) -> int:
    with tenant_scope(world.tenant.pk):
        return MirrorDocument.objects.count()


def forget(world: World) -> None:
    with tenant_scope(world.tenant.pk):
        MirrorDocument.objects.all().delete()


def marks(world: World) -> tuple[str, str]:
    """(when all was last read with the whole overlap, from where the next such reading of bank transactions begins)"""
    stored = world.flow().mirror_watermarks
    return stored[mirror.WIDE_AT], stored.get(Endpoint.BANK_TRANSACTIONS.value, "")


def post(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH, reference="Rechnung 4711")
    world.settle()


def age(ctx: Context, mark: str = mirror.WIDE_AT, *, by: timedelta = mirror.WIDE_EVERY) -> None:
    """As if the last reading of this width were older than it may be."""
    before = ctx.now() - by - timedelta(seconds=1)
    ctx.flow.mirror_watermarks = {**ctx.flow.mirror_watermarks, mark: before.isoformat()}


def test_a_short_reading_sees_what_was_sent_and_moves_no_watermark(world: World) -> None:
    post(world)
    ctx = context(world)
    with hold_lease(ctx):
        mirror.read_changes(ctx)
        before, documents = marks(world), known(world)
        typed(world, "SPEND", "12.00")
        mirror.read_sent(ctx)
        assert known(world) == documents + 1
        assert marks(world) == before


def test_the_next_slice_begins_where_the_last_one_ended(world: World) -> None:
    """A short reading asks for less than a wide one, sees what a person typed meanwhile, and is not taken for a wide one."""
    post(world)
    before = marks(world)
    ctx = context(world)
    with hold_lease(ctx):
        mirror.read_changes(ctx)
        assert marks(world) == before
        typed(world, "SPEND", "12.00")
        world.sandbox.clock.advance(timedelta(minutes=4))
    ctx = context(world)
    with hold_lease(ctx):
        mirror.read_changes(ctx)
        typed(world, "SPEND", "13.00")
        mirror.read_changes(ctx)
        assert (known(world), marks(world)) == (3, before)
        forget(world)
        shown = [
            sum(map(len, mirror.read(ctx, Endpoint.BANK_TRANSACTIONS, overlap=overlap)))
            for overlap in (mirror.Overlap.SHORT, mirror.Overlap.WIDE)
        ]
        assert shown == [1, 3]


def test_within_a_minute_a_reading_begins_where_the_last_one_ended(world: World) -> None:
    """Else the slices of a long first sync would read its last two minutes again, three times a minute."""
    post(world)
    world.sandbox.clock.advance(timedelta(minutes=1))
    ctx = context(world)
    with hold_lease(ctx):
        age(ctx, mirror.SHORT_AT, by=mirror.SHORT_EVERY)
        mirror.read_changes(ctx)
        short_at = world.flow().mirror_watermarks[mirror.SHORT_AT]
        typed(world, "SPEND", "12.00")
        mirror.read_changes(ctx)
        assert (known(world), world.flow().mirror_watermarks[mirror.SHORT_AT]) == (2, short_at)
        forget(world)
        mirror.read_changes(ctx)
        assert known(world) == 1
        age(ctx, mirror.SHORT_AT, by=mirror.SHORT_EVERY)
        mirror.read_changes(ctx)
        assert known(world) == 2


def test_a_reading_that_was_cut_off_is_made_up_for_though_all_of_its_pages_are_known(world: World) -> None:
    """Its pages are kept, what it saw is not noted: else every reading from then on would begin at the beginning."""
    theirs = typed(world, "SPEND", "12.00")
    ctx = context(world)
    with hold_lease(ctx):
        mirror.read_changes(ctx)
    noted = world.flow().mirror_watermarks
    world.set_flow(mirror_watermarks={})
    ctx = context(world)
    with hold_lease(ctx):
        mirror.read_changes(ctx)
    again = world.flow().mirror_watermarks
    name = Endpoint.BANK_TRANSACTIONS.value
    assert again[name] == noted[name] == again[mirror.SEEN + name]
    with tenant_scope(world.tenant.pk):
        assert MirrorDocument.objects.get().document_id == theirs


def test_what_the_mirror_has_just_so_is_not_read_again(world: World) -> None:
    post(world)
    theirs = typed(world, "SPEND", "12.00")
    ctx = context(world)

    def read() -> list[str]:
        pages = mirror.read(ctx, Endpoint.BANK_TRANSACTIONS, overlap=mirror.Overlap.WIDE)
        return [document.document_id for page in pages for document in page]

    with hold_lease(ctx):
        mirror.read_changes(ctx)
        assert read() == []
        people(world).reconcile(theirs)
        assert read() == [theirs]
        mirror.read_changes(ctx)
        assert read() == []
        with tenant_scope(world.tenant.pk):
            MirrorDocument.objects.filter(document_id=theirs).update(lines_hash="")
        assert read() == [theirs], "one that is known without its lines is read once with them"
        mirror.read_changes(ctx)
        with tenant_scope(world.tenant.pk):
            MirrorDocument.objects.filter(document_id=theirs).update(total="11.00")
        assert read() == [theirs], "another total under the same stamp is another document"


def test_what_is_typed_between_a_slices_reading_and_what_it_sends_is_read_with_that(world: World) -> None:
    """It lies before our own document: else the next reading would begin behind it, and post the same money beside it."""
    post(world)
    world.sandbox.clock.advance(timedelta(minutes=1))
    ctx = context(world)
    with hold_lease(ctx):
        typed(world, "SPEND", "1.00")
        mirror.read_changes(ctx)
        before = known(world)
        typed(world, "RECEIVE", "77.00")
        world.sandbox.clock.advance(timedelta(seconds=30))
        ctx.sent_from[Endpoint.BANK_TRANSACTIONS] = world.sandbox.clock.now()
        mirror.read_sent(ctx)
    assert known(world) == before + 1


def test_what_becomes_readable_almost_two_minutes_late_is_found_by_the_next_short_reading(world: World) -> None:
    """Which comes a minute after the last one, and by then what is read has moved on."""
    ctx = context(world)

    def read_short() -> None:
        age(ctx, mirror.SHORT_AT, by=mirror.SHORT_EVERY)
        mirror.read_changes(ctx)

    with hold_lease(ctx):
        typed(world, "SPEND", "1.00")
        mirror.read_changes(ctx)  # the wide one
        late = typed(world, "RECEIVE", "77.00")
        world.sandbox.clock.advance(timedelta(seconds=118))
        typed(world, "SPEND", "2.00")
        read_short()
        with tenant_scope(world.tenant.pk):
            MirrorDocument.objects.filter(document_id=late).delete()  # it was not readable yet
        world.sandbox.clock.advance(timedelta(seconds=60))
        typed(world, "SPEND", "3.00")
        mirror.read_changes(ctx)
        assert known(world) == 3
        read_short()
        assert known(world) == 4


def test_what_an_earlier_slice_sent_is_read_back_with_the_first_reading_of_all(world: World) -> None:
    """From seconds before the end of the last reading, not from minutes before it, and not again before anything is sent."""
    post(world)
    world.sandbox.clock.advance(timedelta(minutes=1))
    ctx = context(world)
    with hold_lease(ctx):
        typed(world, "SPEND", "12.00")
        mirror.read_changes(ctx)
        forget(world)
        world.sandbox.clock.advance(timedelta(seconds=30))
        typed(world, "SPEND", "13.00")
    ctx = context(world)
    with hold_lease(ctx):
        mirror.read_sent(ctx)
        assert (known(world), ctx.mirror_fresh, ctx.sent_since_read) == (2, True, False)


@pytest.mark.parametrize("forgets", ["an earlier first day", "a first reading that was killed"])
def test_all_is_read_once_where_nothing_is_known_of_earlier_readings(world: World, forgets: str) -> None:
    post(world)
    if forgets == "an earlier first day":
        cutoff_move(
            tenant_id=world.tenant.pk, flow_id=world.flow_id, cutoff=date(2025, 12, 1), actor="anna@muster.example"
        )
    else:
        world.set_flow(mirror_watermarks={}, mirror_read_at=None)
    ctx = context(world)
    with hold_lease(ctx):
        assert Endpoint.BANK_TRANSACTIONS.value not in ctx.flow.mirror_watermarks
        mirror.read_changes(ctx)
        assert Endpoint.BANK_TRANSACTIONS.value in ctx.flow.mirror_watermarks


@pytest.mark.parametrize("reading", [mirror.read_changes, mirror.read_sent])
def test_after_some_minutes_the_reading_is_wide_again(world: World, reading: Callable[[Context], object]) -> None:
    post(world)
    ctx = context(world)
    with hold_lease(ctx):
        typed(world, "SPEND", "12.00")
        before = marks(world)
        age(ctx)
        reading(ctx)
        assert all(now > then for now, then in zip(marks(world), before, strict=True))


def test_a_proof_of_absence_reads_back_to_where_it_must(world: World) -> None:
    """What was sent long before the last reading is looked for from its sending on, however fresh the last wide reading."""
    post(world)
    world.sandbox.clock.advance(timedelta(minutes=30))
    typed(world, "SPEND", "12.00")
    ctx = context(world)
    sent_at = ctx.opened_at
    with hold_lease(ctx):
        mirror.read_changes(ctx)
        forget(world)
        mirror.read_changes(ctx, endpoints=(Endpoint.BANK_TRANSACTIONS,), since=sent_at - timedelta(minutes=1))
    assert known(world) == 2


@pytest.mark.parametrize("reading", [mirror.read_changes, mirror.read_sent])
def test_a_first_day_moved_during_a_slice_has_the_books_read_further_back_all_the_same(
    world: World, reading: Callable[[Context], object]
) -> None:
    """500.00 were typed for October, long before the first day: once October is carried, they are offered, not doubled."""
    october = date(2025, 10, 6)
    typed(world, "SPEND", "500.00", day="2025-10-06")
    world.sandbox.clock.advance(timedelta(minutes=40))
    post(world)
    world.amnis.payout(amount="500.00", to="Beispiel AG", executed_on=october)
    world.settle()
    ctx = context(world)
    with hold_lease(ctx):
        mirror.read_changes(ctx)
        cutoff_move(
            tenant_id=world.tenant.pk, flow_id=world.flow_id, cutoff=date(2025, 10, 1), actor="anna@muster.example"
        )
        reading(ctx)

    world.settle()

    assert (world.codes(), world.books.balance("090")) == (["already_in_xero"], D("-400.00"))
