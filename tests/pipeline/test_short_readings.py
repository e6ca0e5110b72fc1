"""What a slice has just sent is read back with a short overlap; only the wide reading moves what is stored."""

from __future__ import annotations

from datetime import timedelta

from connectors.contract.records import Endpoint
from sync.models import MirrorDocument
from sync.pipeline import mirror
from sync.pipeline.context import Context
from sync.pipeline.run import hold_lease, opened
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World
from tests.pipeline.test_linking import MARCH, typed


def context(world: World) -> Context:
    return opened(tenant_id=world.tenant.pk, flow_id=world.flow_id, trigger="test", actor="", seconds=None)


def known(world: World) -> int:
    with tenant_scope(world.tenant.pk):
        return MirrorDocument.objects.count()


def test_a_short_reading_sees_what_was_sent_and_moves_no_watermark(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH, reference="Rechnung 4711")
    world.settle()
    ctx = context(world)
    with hold_lease(ctx):
        mirror.read_changes(ctx)
        before, documents = dict(ctx.flow.mirror_watermarks), known(world)
        typed(world, "SPEND", "12.00")
        mirror.read_sent(ctx)
        assert known(world) == documents + 1
        assert ctx.flow.mirror_watermarks == before
        assert world.flow().mirror_watermarks == before


def test_after_some_minutes_the_reading_is_wide_again(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH, reference="Rechnung 4711")
    world.settle()
    ctx = context(world)
    with hold_lease(ctx):
        mirror.read_changes(ctx)
        assert ctx.read_wide_at is not None
        ctx.read_wide_at -= mirror.WIDE_EVERY + timedelta(seconds=1)
        stored = world.flow().mirror_read_at
        mirror.read_sent(ctx)
        read_again = world.flow().mirror_read_at
        assert stored is not None
        assert read_again is not None
        assert read_again > stored
        assert Endpoint.BANK_TRANSACTIONS in ctx.newest_seen
