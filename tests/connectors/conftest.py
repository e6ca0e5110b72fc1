"""Two invented tenants (Alice's, and the stranger Charlie's) and the sandbox as the vendors they connect to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis
from pytest_django import Settings

from connectors import consent, credentials, services
from connectors.models import Connection
from sandbox.app import Sandbox
from sandbox.transport import SandboxTransport
from sandbox.xero.app import CLIENT_ID, USUAL_SECRET
from tenants.models import Tenant
from tenants.scoping import tenant_scope
from tests.kept import new_sandbox

AMNIS_URL, XERO_URL = "http://amnis.test", "http://xero.test"
AMNIS_KEY, AMNIS_SECRET = "ck_1", "cs_demo"


def make_tenant(number: int, slug: str) -> Tenant:
    """A row-level policy lets a tenant be inserted only in its own scope, so its id comes first."""
    with tenant_scope(number):
        tenant = Tenant(pk=number, slug=slug, name=f"{slug.title()} AG")
        tenant.save(force_insert=True)
    return tenant


@pytest.fixture
def alice(db: None) -> Tenant:
    return make_tenant(101, "alice")


@pytest.fixture
def charlie(db: None) -> Tenant:
    return make_tenant(103, "charlie")


@pytest.fixture
def world(settings: Settings, valkey: redis.Redis) -> Iterator[Sandbox]:
    """The vendors in process: what the settings' addresses lead to."""
    sandbox = new_sandbox()
    settings.CONNECTOR_TRANSPORTS = {
        AMNIS_URL: SandboxTransport(sandbox.amnis),
        XERO_URL: SandboxTransport(sandbox.xero),
    }
    settings.ENV = replace(
        settings.ENV,
        amnis_base_url=AMNIS_URL,
        amnis_authorize_url=f"{AMNIS_URL}/oauth/authorize",
        amnis_client_id="millrace",
        amnis_client_secret=AMNIS_SECRET,
        xero_client_id=CLIENT_ID,
        xero_client_secret=USUAL_SECRET,
        xero_login_url=XERO_URL,
        xero_identity_url=XERO_URL,
        xero_api_url=XERO_URL,
    )
    yield sandbox
    sandbox.close()


@pytest.fixture
def amnis_connection(world: Sandbox, alice: Tenant) -> Connection:
    return services.connection_with_key(
        tenant_id=alice.pk, client_id=AMNIS_KEY, client_secret=AMNIS_SECRET, actor="alice@alice.example"
    )


@pytest.fixture
def xero_connection(world: Sandbox, alice: Tenant) -> Connection:
    grant = credentials.grant_import(kind="xero", refresh_token=world.xero.issue_tokens()["refresh_token"])
    (company,) = consent.companies_of(grant, "xero")
    with tenant_scope(alice.pk):
        return consent.activate(company, grant, kind="xero", actor="alice@alice.example")
