"""The company of the page tests and everybody who knocks: Alice owns it, Bob keeps its books, Anna audits it; Charlie owns
another one, Otto operates the platform, Ada administers it."""

from __future__ import annotations

import pytest

from tenants.models import User
from tests.pages.conftest import (
    alice,
    anna,
    as_alice,
    bob,
    charlie,
    kept_world,
    otto,
    reached_vendors,
    tenant,
    vendors,
    world,
)
from tests.pages.world import PASSWORD

__all__ = [
    "alice", "anna", "as_alice", "bob", "charlie", "kept_world", "otto", "reached_vendors", "tenant", "vendors", "world",
]  # fmt: skip


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada@millrace.example", PASSWORD, is_staff=True, is_superuser=True)
