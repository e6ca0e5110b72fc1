"""A company with every kind of row, and the five people (and nobody) who knock at its pages.

Alice owns it, Bob keeps its books, Anna audits it; Charlie owns another company; Otto operates the platform.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.test import Client

from sandbox.app import Sandbox
from sandbox.transport import SandboxTransport
from tenants.models import Role, Tenant, User
from tests.kept import Kept, kept, new_sandbox
from tests.pages.world import PASSWORD, World, make_company, make_person


@pytest.fixture(scope="module")
def kept_world(django_db_setup: None, django_db_blocker: Any) -> Iterator[Kept[World]]:
    with kept(django_db_blocker, partial(make_company, slug="muster", name="Muster Handels AG")) as found:
        yield found


@pytest.fixture
def world(kept_world: Kept[World], db: None) -> World:
    return kept_world.fresh()


@pytest.fixture
def tenant(world: World) -> Tenant:
    return world.tenant


@pytest.fixture
def alice(world: World) -> User:
    return make_person("alice@muster.example", world.tenant, Role.OWNER)


@pytest.fixture
def bob(world: World) -> User:
    return make_person("bob@muster.example", world.tenant, Role.BOOKKEEPER)


@pytest.fixture
def anna(world: World) -> User:
    return make_person("anna@muster.example", world.tenant, Role.AUDITOR)


@pytest.fixture
def charlie(db: None) -> User:
    other = make_company(slug="andere", name="Andere GmbH")
    return make_person("charlie@andere.example", other.tenant, Role.OWNER)


@pytest.fixture
def otto(db: None) -> User:
    return User.objects.create_user("otto@millrace.example", PASSWORD, is_staff=True)


@pytest.fixture
def as_alice(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture(scope="session")
def vendors() -> Iterator[Sandbox]:
    """Both vendors, in process and empty; nothing here ever leaves the machine."""
    sandbox = new_sandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture(autouse=True)
def reached_vendors(settings: Any, vendors: Sandbox) -> None:
    settings.ENV = replace(settings.ENV, xero_client_id="sandbox-xero", xero_client_secret="sandbox-xero-secret")
    settings.CONNECTOR_TRANSPORTS = {
        settings.ENV.amnis_base_url: SandboxTransport(vendors.amnis),
        settings.ENV.xero_api_url: SandboxTransport(vendors.xero),
        settings.ENV.xero_identity_url: SandboxTransport(vendors.xero),
    }
