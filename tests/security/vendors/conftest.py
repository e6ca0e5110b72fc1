"""The vendors in process, two companies, and the people who own them."""

from __future__ import annotations

import pytest

from tenants.models import Role, Tenant, User
from tests.connectors.conftest import alice, charlie, world
from tests.connectors.test_credentials import grant, wire
from tests.pages.world import make_person

__all__ = ["alice", "charlie", "grant", "wire", "world"]


@pytest.fixture
def owner(alice: Tenant) -> User:
    return make_person("alice@alice.example", alice, Role.OWNER)


@pytest.fixture
def attacker(charlie: Tenant) -> User:
    return make_person("charlie@charlie.example", charlie, Role.OWNER)
