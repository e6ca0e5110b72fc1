"""Database, broker and vendors for one benchmark, in a folder of its own that is gone afterwards.

The database has the settings that `./run` gives it (it does sync to disk), the same for ours and for every peer.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
from psycopg import sql

from config.settings_test import TEST_ENVIRON
from config.supervisor import child
from config.supervisor.environment import NAMES, ROOT
from config.supervisor.postgres import DATABASE, OWNER_ROLE, SUPERUSER, Passwords, Place, Postgres, find_place
from config.supervisor.valkey import Valkey, free_port

PLENTY = "1000000"
# Known to everybody, behind a socket that only this user reaches; fixed, because a kept cluster remembers them.
PASSWORDS = Passwords(superuser="bench-superuser", owner="bench-owner", app="bench-app")
KEPT = Path(sys.prefix) / "cache" / "bench-cluster"
USUAL = {
    "PUBLIC_URL": "http://localhost:8000",
    "XERO_CLIENT_ID": "sandbox-xero",
    "XERO_CLIENT_SECRET": "sandbox-xero-secret",
    "AMNIS_LIMIT_MINUTE": PLENTY,
    "XERO_LIMIT_MINUTE": PLENTY,
    "XERO_LIMIT_DAY": PLENTY,
    "SANDBOX": "1",
    "PYTHONPATH": str(ROOT),
    "DJANGO_SETTINGS_MODULE": "config.settings",
}
VENDORS_SECONDS = 300.0


class BenchError(Exception):
    """The benchmark itself could not go on; the text says where to look."""


@dataclass(slots=True, kw_only=True)
class Stage:
    """Running servers. `environ` leads a program of ours to them; `template` is a migrated database nobody uses."""

    folder: Path
    postgres: Postgres
    valkey: Valkey
    environ: dict[str, str]
    template: str = DATABASE
    made: int = 0

    @property
    def postgres_pid(self) -> int:
        assert self.postgres.process is not None
        return self.postgres.process.pid

    @property
    def valkey_pid(self) -> int:
        assert self.valkey.process is not None
        return self.valkey.process.pid

    def superuser(self, database: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(self.postgres.url(SUPERUSER, database=database), autocommit=True)

    def fresh_database(self, vendors: Vendors | None = None, **changes: str) -> dict[str, str]:
        """A copy of the migrated database and an empty broker; the environment that leads to both and to the vendors."""
        self.made += 1
        name = f"{self.template}_{self.made}"
        with self.superuser() as connection:
            copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}")
            connection.execute(
                copy.format(sql.Identifier(name), sql.Identifier(self.template), sql.Identifier(OWNER_ROLE))
            )
        return {
            **self.environ,
            **USUAL,
            "DATABASE_URL": _with_path(self.environ["DATABASE_URL"], name),
            "DATABASE_ADMIN_URL": _with_path(self.environ["DATABASE_ADMIN_URL"], name),
            "REDIS_URL": _with_path(self.environ["REDIS_URL"], str(self.made % 15 + 1)),
            "DATA_DIR": str(self.folder / f"data-{self.made}"),
            **(vendors.environ if vendors else {}),
            **changes,
        }

    def drop(self, environ: Mapping[str, str]) -> None:
        """Give back the room of a database that is no longer needed."""
        with self.superuser() as connection:
            name = sql.Identifier(database_of(environ))
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


def database_of(environ: Mapping[str, str]) -> str:
    return urlsplit(environ["DATABASE_URL"]).path.lstrip("/")


@dataclass(slots=True, kw_only=True)
class Vendors:
    """The answer-only vendors, a process of their own."""

    process: subprocess.Popen[bytes]
    addresses: Mapping[str, str]
    _http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=300.0, trust_env=False))

    @property
    def environ(self) -> dict[str, str]:
        xero = self.addresses["xero"]
        return {
            "AMNIS_BASE_URL": self.addresses["amnis"],
            "XERO_LOGIN_URL": xero,
            "XERO_IDENTITY_URL": xero,
            "XERO_API_URL": xero,
        }

    def ask(self, deed: str, /, **fields: Any) -> Any:
        answer = self._http.post(f"{self.addresses['control']}/{deed}", json=fields)
        return json.loads(answer.raise_for_status().content)

    def tokens(self, organisation: str) -> dict[str, Any]:
        return dict(self.ask("tokens", org=organisation))


@contextmanager
def stage() -> Iterator[Stage]:
    """Both servers, and a migrated database to copy from."""
    folder = Path(tempfile.mkdtemp(prefix="millrace-bench-"))
    folder.chmod(0o711)  # Postgres runs as another user when root runs the benchmark
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        made = _servers(stack, folder)
        yield made


def _servers(stack: ExitStack, folder: Path) -> Stage:
    place = find_place(folder)
    if place.moved_to is not None:
        stack.callback(shutil.rmtree, place.moved_to, ignore_errors=True)
    _take_kept_cluster(place)
    postgres = Postgres(
        place=place, passwords=PASSWORDS, log=folder / "postgres.log", settings={"max_connections": "120"}
    )
    valkey = Valkey(
        folder=folder / "valkey", port=free_port(), password=Passwords.fresh().app, log=folder / "valkey.log",
        durable=False,
    )  # fmt: skip
    for server in (postgres, valkey):
        stack.callback(server.stop)
        server.start()
    kept = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in NAMES}
    environ = {
        **kept,
        "SECRET_KEY": TEST_ENVIRON["SECRET_KEY"],
        "FIELD_ENCRYPTION_KEY": TEST_ENVIRON["FIELD_ENCRYPTION_KEY"],
        "DATABASE_URL": postgres.url(),
        "DATABASE_ADMIN_URL": postgres.url(OWNER_ROLE),
        "REDIS_URL": valkey.url,
        "DATA_DIR": str(folder / "data"),
    }
    made = Stage(folder=folder, postgres=postgres, valkey=valkey, environ=environ)
    if not (KEPT / _schema_key()).is_dir():
        _migrate(made)
        postgres.stop()
        _keep_cluster(place)
        postgres.start()
    return made


def _schema_key() -> str:
    """Changes with everything that shapes the database."""
    digest = hashlib.sha256()
    for path in sorted([*ROOT.glob("*/migrations/*.py"), ROOT / "tenants" / "rls.py", ROOT / "requirements.lock"]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _take_kept_cluster(place: Place) -> None:
    """Begin with the cluster that an earlier benchmark migrated, if no migration has changed since."""
    kept = KEPT / _schema_key()
    if not kept.is_dir():
        return
    shutil.copytree(kept, place.cluster)
    for path in (place.cluster, *place.cluster.rglob("*")):
        if place.account is not None:
            os.chown(path, place.account.uid, place.account.gid)


def _keep_cluster(place: Place) -> None:
    """One cluster, the newest. Nothing depends on it: without it the next benchmark migrates again."""
    shutil.rmtree(KEPT, ignore_errors=True)
    fresh = KEPT / "new"
    shutil.copytree(place.cluster, fresh)
    fresh.rename(KEPT / _schema_key())


def _migrate(made: Stage) -> None:
    """As every start does; without a sandbox there is no demo company."""
    log = made.folder / "migrate.log"
    with log.open("ab") as output:
        env = {**made.environ, **USUAL, "SANDBOX": "0"}
        boot = [sys.executable, "-m", "config.boot"]
        done = subprocess.run(boot, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise BenchError(tail(log))


@contextmanager
def vendors(made: Stage, rows: Mapping[str, int], *, seed: int = 7, first: str = "") -> Iterator[Vendors]:
    """A fresh world with these many ledger rows for each company at Amnis."""
    note = made.folder / f"vendors-{time.monotonic_ns()}.json"
    argv = [sys.executable, "-m", "bench.vendors", "--note", str(note), "--seed", str(seed), "--first", first]
    argv += [word for company, count in rows.items() for word in ("--rows", f"{company}={count}")]
    environ = {name: value for name, value in made.environ.items() if not name.startswith("SANDBOX_")}
    process = child.spawn(argv, environ={**environ, "PYTHONPATH": str(ROOT)}, log=made.folder / "vendors.log", cwd=ROOT)
    try:
        deadline = time.monotonic() + VENDORS_SECONDS
        while not note.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"the vendors did not start: {tail(made.folder / 'vendors.log')}")
            time.sleep(0.05)
        yield Vendors(process=process, addresses=json.loads(note.read_text(encoding="utf-8")))
    finally:
        child.stop(process, grace=1.0)


def tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return "\n".join(lines[-30:])


def _with_path(url: str, path: str) -> str:
    return urlsplit(url)._replace(path=f"/{path}").geturl()
