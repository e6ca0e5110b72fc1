"""Alice owns Muster, Bob keeps its books, Charlie owns another company and is a stranger at Muster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection

from tenants.models import Role, Tenant, User
from tenants.scoping import tenant_scope
from tenants.services import membership_add, tenant_create, user_create

PASSWORD = "a mill turns while the water runs"
ACTOR = "test"


@pytest.fixture(autouse=True)
def _fresh_counters() -> None:
    """Rate limits are counted in the cache: no test may use up the attempts of the next."""
    cache.clear()


@pytest.fixture
def alice(db: None) -> User:
    return user_create(email="alice@muster.example", name="Alice", password=PASSWORD, actor=ACTOR)


@pytest.fixture
def bob(db: None) -> User:
    return user_create(email="bob@muster.example", name="Bob", password=PASSWORD, actor=ACTOR)


@pytest.fixture
def charlie(db: None) -> User:
    return user_create(email="charlie@other.example", name="Charlie", password=PASSWORD, actor=ACTOR)


@pytest.fixture
def muster(alice: User, bob: User) -> Tenant:
    return make_tenant("muster", "Muster Handels AG", {alice: Role.OWNER, bob: Role.BOOKKEEPER})


@pytest.fixture
def other(charlie: User) -> Tenant:
    return make_tenant("other", "Other Ltd", {charlie: Role.OWNER})


def make_tenant(slug: str, name: str, members: dict[User, Role]) -> Tenant:
    tenant = tenant_create(slug=slug, name=name, actor=ACTOR)
    with tenant_scope(tenant.pk):
        for user, role in members.items():
            membership_add(user=user, role=role, actor=ACTOR)
    return tenant


@pytest.fixture
def owner_role(transactional_db: None) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A second connection, of the role that owns the tables. It sees only what was committed."""
    with raw_connection(settings.ENV.database_admin_url) as opened:
        yield opened


@pytest.fixture
def app_role(transactional_db: None) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A second connection of the application role: what an attacker with its password, or a forgotten filter, could do."""
    with raw_connection(settings.ENV.database_url) as opened:
        yield opened


def raw_connection(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(url, dbname=connection.settings_dict["NAME"], autocommit=True)
