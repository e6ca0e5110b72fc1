"""A company with real books on both sides, and somebody who owns it."""

from __future__ import annotations

import pytest

from tenants.models import Role, User
from tests.notifications.conftest import mail, slack
from tests.pages.world import make_person
from tests.pipeline.conftest import World, committed_world, kept_company, sandbox, world

__all__ = ["committed_world", "kept_company", "mail", "sandbox", "slack", "world"]


@pytest.fixture
def owner(world: World) -> User:
    return make_person("alice@muster.example", world.tenant, Role.OWNER)
