"""A company with every kind of row, and the five people (and nobody) who knock at its pages.

Alice owns it, Bob keeps its books, Anna audits it; Charlie owns another company; Otto operates the platform.
"""

from __future__ import annotations

import pytest
from django.test import Client

from tenants.models import Role, Tenant, User
from tests.pages.world import PASSWORD, World, make_company, make_person


@pytest.fixture
def world(db: None) -> World:
    return make_company(slug="muster", name="Muster Handels AG")


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
