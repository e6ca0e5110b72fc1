"""Two companies of ours on one wallet and one organisation: the books stay single, and people are told in words."""

from __future__ import annotations

from datetime import date

from connectors import services
from connectors.models import Connection, Grant
from sync.models import Flow, Incident
from sync.pipeline.run import run_pass
from tenants.models import Tenant
from tenants.scoping import tenant_scope
from tests.connectors.conftest import make_tenant
from tests.pipeline.conftest import World, mapped_flow


def test_a_second_company_on_the_same_books_is_stopped_with_one_sentence(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=date(2026, 3, 2))
    world.sync()
    other = make_tenant(301, "second")
    with tenant_scope(world.tenant.pk):
        known = {one.kind: one for one in Connection.objects.all()}
    with tenant_scope(other.pk):
        source, destination = (
            Connection.objects.create(
                kind=kind,
                role=known[kind].role,
                grant=Grant.objects.get(subject="alice" if kind == "xero" else "ck_1"),
                external_id=known[kind].external_id,
                status="active",
                name=kind,
            )
            for kind in ("amnis", "xero")
        )
    flow_id = second_flow(other, source, destination)

    result = run_pass(tenant_id=other.pk, flow_id=flow_id, trigger="test")

    assert "Another company in Millrace" in result.error
    assert len(world.books.bank_transactions()) == 1
    with tenant_scope(other.pk):
        assert Flow.objects.get(pk=flow_id).state == Flow.State.STOPPED
        assert Incident.objects.filter(closed_at=None).count() == 1


def second_flow(tenant: Tenant, source: Connection, destination: Connection) -> int:
    services.refresh_reference(source)
    services.refresh_reference(destination)
    return mapped_flow(tenant, source, destination)
