"""Connecting, choosing, testing, disconnecting, against the vendors' sandbox; secrets are never shown again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from connectors.models import Connection, Grant
from sandbox.app import Sandbox
from sync.models import Flow
from tenants.models import Role, Tenant, User
from tenants.scoping import tenant_scope
from tenants.services import tenant_create
from tests.pages.world import World, make_person

TRADING = "Muster Handels AG"


@pytest.fixture
def fresh(db: None) -> Tenant:
    """A company that has connected nothing."""
    return tenant_create(slug="neu", name=TRADING, actor="test")


@pytest.fixture
def owner(client: Client, fresh: Tenant) -> Client:
    client.force_login(make_person("alice@neu.example", fresh, Role.OWNER))
    return client


def address(tenant: Tenant, page: str = "") -> str:
    return f"/t/{tenant.public_id}/connections/{page}"


def statuses(tenant: Tenant) -> dict[str, str]:
    with tenant_scope(tenant.pk):
        return {it.name: it.status for it in Connection.objects.order_by("id")}


def offered(tenant: Tenant, vendors: Sandbox) -> dict[str, Connection]:
    """Two organisations that one consent opened, waiting for a choice."""
    tokens = vendors.xero.issue_tokens(TRADING)
    grant = Grant.objects.create(
        provider="xero",
        subject="alice",
        access_token=tokens["access_token"],
        refresh_token=tokens["refresh_token"],
        access_expires_at=datetime.now(UTC) + timedelta(minutes=20),
    )
    right = vendors.xero.books(TRADING).organisation["OrganisationID"]
    with tenant_scope(tenant.pk):
        return {
            name: Connection.objects.create(
                kind="xero", role="destination", grant=grant, external_id=external_id, name=name, status="pending"
            )
            for name, external_id in (("Andere GmbH", "other"), (TRADING, right))
        }


def test_a_key_that_works_connects_and_its_secret_is_never_shown(owner: Client, fresh: Tenant) -> None:
    answer = owner.post(
        address(fresh, "amnis/key/"), {"client_id": "ck_1", "client_secret": "cs_demo"}, follow=True
    ).content.decode()
    assert "Amnis is connected" in answer
    assert statuses(fresh) == {TRADING: "active"}
    assert "ck_1" in answer
    assert "cs_demo" not in answer


@pytest.mark.parametrize(("client_id", "secret"), [("ck_1", "wrong"), ("", "cs_demo"), ("ck_1", "")])
def test_a_key_that_does_not_work_stores_nothing(owner: Client, fresh: Tenant, client_id: str, secret: str) -> None:
    data = {"client_id": client_id, "client_secret": secret}
    answer = owner.post(address(fresh, "amnis/key/"), data, follow=True)
    assert b"message--error" in answer.content
    assert statuses(fresh) == {}


def test_connecting_xero_leads_to_its_consent_page_with_state_and_proof(owner: Client, fresh: Tenant) -> None:
    target = urlsplit(owner.post(address(fresh, "xero/connect/"))["Location"])
    asked = {name: values[0] for name, values in parse_qs(target.query).items()}
    assert target.path == "/identity/connect/authorize"
    assert asked["redirect_uri"].endswith("/oauth/xero/callback")
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["state"]) >= 22  # 128 bits


@pytest.mark.parametrize("query", ["", "state=x&code=y", "state=&error=access_denied", "code=%00&state=%00"])
def test_a_callback_that_nobody_started_connects_nothing(owner: Client, fresh: Tenant, query: str) -> None:
    answer = owner.get(f"/oauth/xero/callback?{query}", follow=True)
    assert b"message--error" in answer.content
    assert statuses(fresh) == {}


def test_a_callback_needs_a_person_and_a_vendor_that_exists(client: Client, owner: Client, fresh: Tenant) -> None:
    assert owner.get("/oauth/nobody/callback?state=x").status_code == 404
    assert Client().get("/oauth/xero/callback?state=x&code=y")["Location"].startswith("/accounts/login/")


def test_of_several_companies_the_chosen_one_is_connected(owner: Client, fresh: Tenant, vendors: Sandbox) -> None:
    rows = offered(fresh, vendors)
    page = owner.get(address(fresh, "xero/companies/")).content.decode()
    assert "same name" in page
    assert page.index("Andere GmbH") < page.index("same name")
    answer = owner.post(address(fresh, "xero/choose/"), {"organisation": str(rows[TRADING].pk)}, follow=True)
    assert b"Xero is connected" in answer.content
    assert statuses(fresh) == {TRADING: "active"}


@pytest.mark.parametrize("organisation", ["", "0", "999999", "x"])
def test_only_what_was_offered_can_be_chosen(owner: Client, fresh: Tenant, vendors: Sandbox, organisation: str) -> None:
    offered(fresh, vendors)
    answer = owner.post(address(fresh, "xero/choose/"), {"organisation": organisation}, follow=True)
    assert b"Choose one of the companies" in answer.content
    assert set(statuses(fresh).values()) == {"pending"}


def test_both_sides_connected_make_a_flow_that_rests(owner: Client, fresh: Tenant, vendors: Sandbox) -> None:
    """Nothing is posted before the owner has seen accounts and defaults."""
    owner.post(address(fresh, "amnis/key/"), {"client_id": "ck_1", "client_secret": "cs_demo"})
    with tenant_scope(fresh.pk):
        assert not Flow.objects.exists()
    rows = offered(fresh, vendors)
    owner.post(address(fresh, "xero/choose/"), {"organisation": str(rows[TRADING].pk)})
    with tenant_scope(fresh.pk):
        [flow] = Flow.objects.all()
    assert (flow.state, flow.cutoff.month, flow.cutoff.day) == ("paused", 1, 1)
    overview = owner.get(f"/t/{fresh.public_id}/").content.decode()
    assert "Match the accounts" in overview


def test_a_test_says_who_answered(as_alice: Client, world: World) -> None:
    page = as_alice.post(address(world.tenant, f"{world.flow.source_id}/test/"), follow=True).content.decode()
    assert "is not connected. Please connect it." in page


def test_the_connection_of_another_company_is_not_found(client: Client, world: World, charlie: User) -> None:
    client.force_login(charlie)
    own = client.get("/")["Location"]
    for act in ("test", "disconnect"):
        assert client.post(f"{own}connections/{world.flow.source_id}/{act}/").status_code == 404
    assert set(statuses(world.tenant).values()) == {"active"}


def test_disconnecting_keeps_mappings_and_rules(as_alice: Client, world: World) -> None:
    as_alice.post(address(world.tenant, f"{world.flow.source_id}/disconnect/"))
    assert "disconnected" in statuses(world.tenant).values()
    overview = as_alice.get(f"/t/{world.tenant.public_id}/").content.decode()
    assert "until Amnis is connected again" in overview
    asked = as_alice.post(f"/t/{world.tenant.public_id}/flow/sync/", follow=True).content.decode()
    assert "Amnis is not connected. Connect it first" in asked
    page = as_alice.get(f"/t/{world.tenant.public_id}/rules/").content.decode()
    assert "Rent" in page
