"""pytest plugin (`-p tests.embedded`): one Postgres and one Valkey for the run, up before Django reads its settings.

The workers inherit the addresses through the environment. Everything lives in one temporary folder, gone at the end.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from config.supervisor.environment import ROOT
from config.supervisor.postgres import OWNER_ROLE, SUPERUSER, Passwords, Place, Postgres, find_place
from config.supervisor.valkey import Valkey, free_port

STARTED = "MILLRACE_TEST_SERVERS"
BASE = "test_millrace_base"  # migrated once; every worker's database is a copy of it
MADE = "base-made-in-this-run"
KEPT = Path(sys.prefix) / "cache" / "test-cluster"
# Known to everybody, behind a socket that only this user reaches; fixed, because a kept cluster remembers them.
PASSWORDS = Passwords(superuser="test-superuser", owner="test-owner", app="test-app")
QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "100"}


@dataclass
class Servers:
    """The two servers of one test run and their folder."""

    folder: Path
    key: str = field(default_factory=lambda: schema_key())
    started: list[Postgres | Valkey] = field(default_factory=list)

    def start(self) -> dict[str, str]:
        """Start both and return the environment that leads to them."""
        place = find_place(self.folder)
        _take_kept_cluster(place, self.key)
        postgres = Postgres(
            place=place,
            passwords=PASSWORDS,
            log=self.folder / "postgres.log",
            settings=QUICK,
        )
        valkey = Valkey(
            folder=self.folder / "valkey",
            port=free_port(),
            password=Passwords.fresh().app,
            log=self.folder / "valkey.log",
            durable=False,
        )
        for server in (postgres, valkey):
            server.start()
            self.started.append(server)
        return {
            STARTED: str(self.folder),
            "DATABASE_URL": postgres.url(),
            "DATABASE_ADMIN_URL": postgres.url(OWNER_ROLE),
            "REDIS_URL": valkey.url,
            "DATA_DIR": str(self.folder / "data"),
        }

    def stop(self) -> None:
        while self.started:
            server = self.started.pop()
            is_new = isinstance(server, Postgres) and (self.folder / MADE).exists() and _drop_copies(server)
            server.stop()
            if is_new and isinstance(server, Postgres):
                _keep_cluster(server.place, self.key)
        shutil.rmtree(self.folder, ignore_errors=True)


def schema_key() -> str:
    """Changes with everything that shapes the test database."""
    files = [*ROOT.glob("*/migrations/*.py"), *ROOT.glob("tenants/*.py"), *ROOT.glob("config/*.py")]
    files += [ROOT / "requirements-dev.lock", ROOT / "config" / "supervisor" / "postgres.py", Path(__file__)]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def _shelf() -> Iterator[Path]:
    """The folder of kept clusters, for one test run at a time."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield KEPT


def _take_kept_cluster(place: Place, key: str) -> None:
    """Start from the cluster that an earlier run migrated, if nothing has changed since."""
    with _shelf() as shelf:
        kept = shelf / key
        if not kept.is_dir():
            return
        shutil.copytree(kept, place.cluster)
    for path in (place.cluster, *place.cluster.rglob("*")):
        if place.account is not None:
            os.chown(path, place.account.uid, place.account.gid)


def _drop_copies(server: Postgres) -> bool:
    """Leave the migrated base alone in the cluster. False when it is not there to be kept."""
    with psycopg.connect(server.url(SUPERUSER, database="postgres"), autocommit=True) as connection:
        found = [str(name) for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()]
        for name in found:
            if name.startswith("test_millrace") and name != BASE:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    return BASE in found


def _keep_cluster(place: Place, key: str) -> None:
    """Keep one cluster, the newest. Nothing depends on it: without it the next run migrates again."""
    with _shelf() as shelf:
        for other in shelf.iterdir():
            if other.is_dir():
                shutil.rmtree(other)
        fresh = shelf / "new"
        shutil.copytree(place.cluster, fresh)
        fresh.rename(shelf / key)


def _cache_bytecode() -> None:
    """As `./run` does: compiled modules are kept in .venv, for this process and the ones that tests start."""
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(KEPT.parent / "python")
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


_servers: Servers | None = None
_cache_bytecode()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None]:
    """A wrapper, because it has to come before pytest-django, which is itself as early as a plain hook can be."""
    _prepare()
    return (yield)


def pytest_unconfigure() -> None:
    global _servers
    if _servers is not None:
        _servers.stop()
        _servers = None


def _prepare() -> None:
    global _servers
    # Playwright's synchronous interface runs a loop in the test's thread, and Django would refuse the database there.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    if STARTED not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="millrace-test-"))
        folder.chmod(0o711)  # Postgres runs as another user when root runs the tests
        _servers = Servers(folder)
        try:
            os.environ.update(_servers.start())
        except BaseException:
            _servers.stop()
            raise
    _own_broker_database(os.environ.get("PYTEST_XDIST_WORKER", ""))


def _own_broker_database(worker: str) -> None:
    """Each worker has a Valkey database of its own, as pytest-django gives it a Postgres database of its own."""
    if worker:
        number = int(worker.removeprefix("gw")) % 14 + 1
        os.environ["REDIS_URL"] = urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{number}").geturl()
