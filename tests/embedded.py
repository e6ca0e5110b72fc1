"""pytest plugin (`-p tests.embedded`): one Postgres and one Valkey for the run, up before Django reads its settings.

The workers inherit the addresses through the environment. Everything lives in one temporary folder, gone at the end.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from config.supervisor.postgres import OWNER_ROLE, Passwords, Postgres, find_place
from config.supervisor.valkey import Valkey, free_port

STARTED = "MILLRACE_TEST_SERVERS"
QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "100"}


@dataclass
class Servers:
    """The two servers of one test run and their folder."""

    folder: Path
    started: list[Postgres | Valkey] = field(default_factory=list)

    def start(self) -> dict[str, str]:
        """Start both and return the environment that leads to them."""
        postgres = Postgres(
            place=find_place(self.folder),
            passwords=Passwords.fresh(),
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
            self.started.pop().stop()
        shutil.rmtree(self.folder, ignore_errors=True)


_servers: Servers | None = None


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
