"""Runs cells side by side on servers that are given: the vendors as one process, a database and a process per cell."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from config.supervisor import child
from config.supervisor.environment import ROOT
from tests.chaos.plan import COMPRESSED, Trial

VENDORS_SECONDS = 30.0
PAUSE = 0.1
TIMES_AND_LIMITS = {
    **COMPRESSED,
    "PUBLIC_URL": "http://localhost:8000",
    "XERO_CLIENT_ID": "sandbox-xero",
    "XERO_CLIENT_SECRET": "sandbox-xero-secret",
    "XERO_LIMIT_MINUTE": "1000000",
    "XERO_LIMIT_DAY": "1000000",
    "XERO_LIMIT_CONCURRENT": "50",  # places of the dead come back after a while that no campaign waits for
    "SANDBOX": "1",
    "PYTHONPATH": str(ROOT),
    "DJANGO_SETTINGS_MODULE": "config.settings",
}
Outcomes = list[dict[str, Any]]


class CampaignError(Exception):
    """The campaign itself could not go on; the text says where to look."""


@dataclass(slots=True, kw_only=True)
class Campaign:
    """`environ` leads to running servers, `template` names a migrated database that nobody uses; `folder` takes logs."""

    environ: Mapping[str, str]
    template: str
    folder: Path
    outcomes: Outcomes = field(default_factory=list)

    def run(self, hands: Sequence[Sequence[Trial]], *, seconds: float, progress: Callable[[int], None]) -> Outcomes:
        """One cell for each hand of trials, all at once. Raises CampaignError when a cell breaks down or time is over."""
        with ExitStack() as stack:
            worlds = vendors(stack, self.environ, self.folder, ["--worlds", str(len(hands))])
            cells = [self._cell(stack, number, hand, worlds[number]) for number, hand in enumerate(hands)]
            self._wait(cells, deadline=time.monotonic() + seconds, progress=progress)
        return self._read()

    def _cell(self, stack: ExitStack, number: int, hand: Sequence[Trial], world: Mapping[str, str]) -> Popen[bytes]:
        job = self.folder / f"cell-{number}.json"
        content = {
            "number": number,
            "control": world["control"],
            "results": str(self.folder / f"cell-{number}.results"),
            "trials": [trial.as_json() for trial in hand],
        }
        job.write_text(json.dumps(content), encoding="utf-8")
        argv = [sys.executable, "-m", "tests.chaos.cell", str(job)]
        process = child.spawn(
            argv, environ=self._environ_of(number, world), log=self.folder / f"cell-{number}.log", cwd=ROOT
        )
        stack.callback(child.stop, process, grace=1.0)
        return process

    def _environ_of(self, number: int, world: Mapping[str, str]) -> dict[str, str]:
        """The addresses of this cell's world, and a database of its own on both servers."""
        name = f"{self.template}_cell_{number}"
        _copy_database(self.environ["DATABASE_ADMIN_URL"], self.template, name)
        return {
            **self.environ,
            **TIMES_AND_LIMITS,
            "DATABASE_URL": _with_path(self.environ["DATABASE_URL"], name),
            "DATABASE_ADMIN_URL": _with_path(self.environ["DATABASE_ADMIN_URL"], name),
            "REDIS_URL": _with_path(self.environ["REDIS_URL"], str(number % 8 + 8)),
            "DATA_DIR": str(self.folder / f"data-{number}"),
            "AMNIS_BASE_URL": world["amnis"],
            "XERO_LOGIN_URL": world["xero"],
            "XERO_IDENTITY_URL": world["xero"],
            "XERO_API_URL": world["xero"],
        }

    def _wait(self, cells: Sequence[Popen[bytes]], *, deadline: float, progress: Callable[[int], None]) -> None:
        while any(cell.poll() is None for cell in cells):
            if time.monotonic() > deadline:
                raise CampaignError(f"time is over after {len(self._read())} trials: see {self.folder}")
            progress(len(self._read()))
            time.sleep(PAUSE)
        for number, cell in enumerate(cells):
            if cell.returncode != 0:
                raise CampaignError(f"cell {number} broke down: {tail(self.folder / f'cell-{number}.log')}")

    def _read(self) -> Outcomes:
        """Every outcome told so far."""
        lines = [line for file in self.folder.glob("*.results") for line in file.read_text("utf-8").splitlines()]
        return [json.loads(line) for line in lines]


def vendors(stack: ExitStack, environ: Mapping[str, str], folder: Path, options: list[str]) -> list[dict[str, str]]:
    """The vendors' process, stopped with `stack`, and the addresses of its worlds."""
    note, log = folder / "vendors.json", folder / "vendors.log"
    argv = [sys.executable, "-m", "tests.chaos.vendors", *options, "--note", str(note)]
    plain = {name: value for name, value in environ.items() if not name.startswith("SANDBOX_")}
    process = child.spawn(argv, environ=plain, log=log, cwd=ROOT)
    stack.callback(child.stop, process)
    deadline = time.monotonic() + VENDORS_SECONDS
    while not note.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise CampaignError(f"the vendors did not start: {tail(log)}")
        time.sleep(PAUSE / 4)
    found: list[dict[str, str]] = json.loads(note.read_text(encoding="utf-8"))
    return found


def _copy_database(admin_url: str, template: str, name: str) -> None:
    with psycopg.connect(_with_path(admin_url, "postgres"), autocommit=True) as connection:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        connection.execute(drop)
        connection.execute(copy)


def _with_path(url: str, path: str) -> str:
    return urlsplit(url)._replace(path=f"/{path}").geturl()


def tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return "\n".join(lines[-30:])
