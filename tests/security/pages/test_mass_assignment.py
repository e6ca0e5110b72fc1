"""Fields that no form has: sent with every form of the company, and nothing that they name is set."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from connectors.models import Connection, Grant
from sync.models import Entry, Flow, Proof, Record, Run
from tenants.models import AuditEvent, Membership, Tenant, User
from tenants.scoping import tenant_scope
from tests.pages.routes import ROUTES
from tests.pages.test_access import taken_back
from tests.pages.world import World, make_company

# What a form's target could have as a column, each with something that would show.
EXTRA = {
    "id": "1", "pk": "1", "is_staff": "on", "is_superuser": "on", "is_active": "", "role": "owner", "slug": "taken",
    "public_id": "chosen", "status": "leaving", "marker": "MR-CHOSEN", "destination_id": "chosen", "organisation_id": "chosen",
    "document": "{}", "posted_rate": "99", "balanced": "on", "sha256": "0" * 64, "hash": "chosen", "position": "1",
    "actor": "mallory@evil.example", "created_by": "mallory@evil.example", "asked_by": "mallory@evil.example",
    "user": "1", "user_id": "1", "grant": "1", "grant_id": "1", "access_token": "chosen", "refresh_token": "chosen",
    "external_id": "chosen", "base_currency": "XXX", "lease_until": "2099-01-01", "epoch": "99", "fingerprint": "chosen",
    "source_id": "chosen", "amount": "0.01", "payload": "{}", "version": "99", "source": "1", "destination": "1",
}  # fmt: skip


@pytest.fixture
def strange(db: None) -> World:
    return make_company(slug="fremd", name="Fremd GmbH")


def kept(world: World) -> dict[str, Any]:
    """What no form may change."""
    with tenant_scope(world.tenant.pk):
        return {
            "people": list(User.objects.order_by("id").values("id", "email", "is_staff", "is_superuser", "is_active")),
            "members": list(Membership.objects.order_by("id").values()),
            "tenant": list(Tenant.objects.values("id", "slug", "public_id", "status")),
            "connections": list(
                Connection.objects.order_by("id").values("id", "external_id", "grant_id", "kind", "base_currency")
            ),
            "grants": list(
                Grant.objects.order_by("id").values("id", "subject", "access_token", "refresh_token", "epoch")
            ),
            "flows": list(Flow.objects.values("id", "tenant_id", "source_id", "destination_id")),
            "records": list(
                Record.objects.order_by("id").values("id", "fingerprint", "source_id", "amount", "payload")
            ),
            "entries": list(
                Entry.objects.order_by("id").values(
                    "id", "marker", "destination_id", "organisation_id", "amount", "posted_rate"
                )
            ),
            "proofs": list(Proof.objects.order_by("id").values("id", "balanced")),
            "runs": list(Run.objects.filter(pk=world.run.pk).values("id", "actor")),
        }


def test_no_form_takes_more_than_it_shows(as_alice: Client, world: World, strange: World) -> None:
    before, others = kept(world), kept(strange)
    extra = {**EXTRA, "tenant": str(strange.tenant.pk), "tenant_id": str(strange.tenant.pk), "flow": str(strange.flow.pk),
             "flow_id": str(strange.flow.pk), "record_id": str(strange.records["rent"].pk)}  # fmt: skip
    changed = []
    for name, route in ROUTES.items():
        if route.writes is None or name in ("connections-disconnect", "connections-choose", "rates-take"):
            continue  # these take something away, or name what is in the list above by right
        with taken_back():
            as_alice.post(route.address(name, world), {**extra, **dict(route.data)})
            after = kept(world)
            proofs = [row for row in after.pop("proofs") if row in before["proofs"]]
            changed += [(name, key) for key, value in after.items() if value != before[key]]
            changed += [(name, "proofs")] if proofs != before["proofs"] else []
            assert kept(strange) == others, name
            with tenant_scope(world.tenant.pk):
                assert not AuditEvent.objects.filter(actor__contains="mallory").exists(), name
    assert changed == []
