"""The start is refused for roles that row-level security does not bind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from config.database import as_owner
from tenants.checks import Rights, RoleTooStrong, require_plain_role, rights_of


def test_the_application_role_may_start(db: None) -> None:
    require_plain_role()


def test_the_owner_may_not(transactional_db: None) -> None:
    with as_owner(), pytest.raises(RoleTooStrong, match="owns tables") as refusal:
        require_plain_role()
    assert "\n" not in str(refusal.value)
    assert "DATABASE_URL" in str(refusal.value)


def test_the_superuser_of_the_cluster_is_seen_through(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE oid = 10")  # the role that made the cluster
        row = cursor.fetchone()
    assert row is not None
    assert rights_of(row[0]) == Rights(role=row[0], superuser=True, bypasses=True, owns_tables=True, temporary=True)


def test_a_role_that_can_become_the_owner_may_not(transactional_db: None, owner_role: psycopg.Connection[Any]) -> None:
    """SET ROLE is one statement away, even where nothing is inherited."""
    with group_that_owns_a_table(owner_role), pytest.raises(RoleTooStrong, match="owns tables"):
        require_plain_role()
    require_plain_role()


@pytest.mark.parametrize(
    ("superuser", "bypasses", "owns", "temporary", "said"),
    [
        (True, True, True, True, "is a superuser"),
        (False, True, False, True, "has BYPASSRLS"),
        (False, False, True, True, "owns tables"),
        (False, False, False, True, "may make temporary tables (DATABASE_ADMIN_URL must own the database)"),
        (False, False, False, False, ""),
    ],
)
def test_each_right_alone_is_an_objection(
    superuser: bool, bypasses: bool, owns: bool, temporary: bool, said: str
) -> None:
    rights = Rights(role="app", superuser=superuser, bypasses=bypasses, owns_tables=owns, temporary=temporary)
    assert rights.objection() == said


@contextmanager
def group_that_owns_a_table(owner: psycopg.Connection[Any]) -> Iterator[None]:
    group = f"group_of_{connection.settings_dict['NAME']}"
    statements = [
        f"CREATE ROLE {group} NOLOGIN",
        f"GRANT {group} TO CURRENT_USER",
        f"GRANT CREATE ON SCHEMA public TO {group}",
        "CREATE TABLE belonging (id int)",
        f"ALTER TABLE belonging OWNER TO {group}",
        f"GRANT {group} TO {settings.DATABASE_APP_ROLE} WITH INHERIT FALSE, SET TRUE",
    ]
    for statement in statements:
        owner.execute(statement)
    try:
        yield
    finally:
        owner.execute(f"DROP OWNED BY {group} CASCADE")
        owner.execute(f"DROP ROLE {group}")
