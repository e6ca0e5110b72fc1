"""The test database: made, migrated and emptied by the owner, used by the application role, as in production."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase
from django.test.utils import setup_databases
from psycopg import pq, sql
from psycopg._preparing import Prepare, PrepareManager

from config.database import as_owner
from config.supervisor.postgres import SUPERUSER
from tests.embedded import BASE, MADE, PASSWORDS, STARTED

_flush_as_app = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]
_highest: dict[str, int] = {}  # of the rows that migrating made, by table
_should_discard = PrepareManager._should_discard


def _empty(case: TransactionTestCase) -> None:
    """Delete what a test has committed, from the few tables that hold anything.

    As the superuser and as replication does, because neither policies nor triggers may keep a row. Django would truncate
    every table instead and make its permissions anew, which is most of what a short test costs.
    """
    connection.close()
    with psycopg.connect(_superuser_url(), autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        for name in _filled(superuser):
            rest = sql.SQL(" WHERE id > {}").format(_highest[name]) if name in _highest else sql.SQL("")
            superuser.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)) + rest)


def _keep_plans(manager: PrepareManager, prep: Prepare, results: Sequence[pq.abc.PGresult]) -> bool:
    """Prepared statements outlive the rollback that ends each test, as they outlive a day in a worker.

    psycopg forgets them then, because tables might have come and gone. Without this, every test plans every statement.
    """
    return _should_discard(manager, prep, [each for each in results if each.command_status != b"ROLLBACK"])


def _note_migrated() -> None:
    with psycopg.connect(_superuser_url()) as superuser:
        for name in _filled(superuser):
            found = superuser.execute(sql.SQL("SELECT max(id) FROM {}").format(sql.Identifier(name))).fetchone()
            assert found is not None
            _highest[name] = int(found[0])


def _filled(superuser: psycopg.Connection) -> list[str]:
    """The tables that have rows."""
    public = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    one = sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})")
    names = [str(name) for (name,) in superuser.execute(public).fetchall()]
    asked = sql.SQL(" UNION ALL ").join(one.format(name, sql.Identifier(name)) for name in names)
    return [str(name) for (name,) in superuser.execute(asked).fetchall()]


def _superuser_url() -> str:
    parts = urlsplit(_with_database(os.environ["DATABASE_ADMIN_URL"], connection.settings_dict["NAME"]))
    _, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{SUPERUSER}:{PASSWORDS.superuser}@{host}").geturl()


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """Create and migrate as the owner; every query of a test then runs as the application role.

    The database is not dropped: its whole server is thrown away at the end.
    """
    suffix = os.environ.get("PYTEST_XDIST_WORKER", "")
    with django_db_blocker.unblock(), as_owner():
        _copy_base(f"test_millrace_{suffix or 'only'}")
        _note_migrated()
    TransactionTestCase._fixture_teardown = _empty  # type: ignore[attr-defined]
    PrepareManager._should_discard = _keep_plans  # type: ignore[assignment, method-assign]
    PrepareManager.prepared_max = 1000  # beside the savepoints, of which each has a name of its own
    yield
    PrepareManager._should_discard = _should_discard  # type: ignore[method-assign]
    TransactionTestCase._fixture_teardown = _flush_as_app  # type: ignore[attr-defined]


def _copy_base(name: str) -> None:
    """Make this worker's database from the migrated base, which the first to come makes."""
    folder = Path(os.environ[STARTED])
    with (folder / "base.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with connection._nodb_cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database WHERE datname = ANY(%s)", [[BASE, name]])
            found = {row[0] for row in cursor.fetchall()}
        if BASE not in found:
            connection.settings_dict["TEST"]["NAME"] = BASE
            setup_databases(verbosity=0, interactive=False, serialized_aliases=set())
            connection.close()
            (folder / MADE).touch()
        with connection._nodb_cursor() as cursor:
            if name in found:
                cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE {BASE}")
            cursor.execute(f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC")  # a copy has a new database's rights
    connection.settings_dict["NAME"] = name
    connection.settings_dict["TEST"]["NAME"] = name


@pytest.fixture
def fresh_plans(db: None) -> None:
    """For a test with a thousand rows and more: plans that were made over the few rows of others do not suit it."""
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")


@pytest.fixture
def process_environ(db: None) -> dict[str, str]:
    """The environment for a real process that works on this run's test database."""
    name = connection.settings_dict["NAME"]
    addresses = {key: _with_database(os.environ[key], name) for key in ("DATABASE_URL", "DATABASE_ADMIN_URL")}
    return {**os.environ, **addresses, "DJANGO_SETTINGS_MODULE": "config.settings"}


def _with_database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@pytest.fixture
def valkey() -> Iterator[redis.Redis]:
    """This worker's empty Valkey database."""
    with redis.Redis.from_url(settings.ENV.redis_url) as client:
        client.flushdb()
        yield client
        client.flushdb()
