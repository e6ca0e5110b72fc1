"""Runs a peer as a process of its own on the same servers and in the same world as ours, and measures it alike."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bench import measure
from bench.company import COMPANY, ORGANISATION, first_day, import_company
from bench.figures import Figures
from bench.judge import judge
from bench.ours import accounts_of
from bench.packages import peers_python
from bench.stage import BenchError, Stage, Vendors, database_of, tail, vendors
from config.supervisor import child
from config.supervisor.environment import ROOT

LOOK = 0.1
PATIENCE = 3600.0
KILLED_AFTER = (0.5, 4.0)  # seconds after its start


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """`module` is run with the product's own packages, or with the peers' where `foreign`."""

    name: str
    module: str
    foreign: bool = False
    counted: bool = False  # the product's packages let us count its statements
    without_database: bool = False
    one_a_call: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)


PEERS = (
    Peer(
        name="a1 xero-python, 1 a call",
        module="bench.peers.naive",
        foreign=True,
        without_database=True,
        one_a_call=True,
        variables={"BENCH_BATCH": "1"},
    ),
    Peer(
        name="a2 xero-python, 50 a call",
        module="bench.peers.naive",
        foreign=True,
        without_database=True,
        variables={"BENCH_BATCH": "50"},
    ),
    Peer(name="b ORM row by row", module="bench.peers.orm", counted=True, one_a_call=True),
    Peer(name="c dlt, 50 a call", module="bench.peers.dlt_push", foreign=True),
)
PER_TASK = "d a task for each"
NAMES = ("ours", *(peer.name for peer in PEERS), PER_TASK)  # in this order they run


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Up to `kills` times it is killed at a moment drawn by `seed`, and started again: not where it ends before that."""

    kills: int = 0
    seed: int = 1


def run(made: Stage, world: Vendors, peer: Peer, *, trouble: Trouble | None = None) -> Figures:
    """From an empty database to the peer's own end. Raises NotInstalled, and BenchError where it fails without trouble."""
    world.ask("clear_books", org=ORGANISATION)
    world.ask("forget")
    environ = _environ(made, world, peer)
    counts = Path(environ["BENCH_FOLDER"])
    python = str(peers_python()) if peer.foreign else sys.executable
    argv = [python, "-m", *(["bench.counted", str(counts)] if peer.counted else []), peer.module]
    database = database_of(environ)
    with made.superuser() as looking:
        vendors_cpu, postgres_cpu = measure.cpu_seconds(world.process.pid), measure.cpu_seconds(made.postgres_pid)
        commits, began = measure.commits(looking, database), time.monotonic()
        cpu = _children_cpu()
        peak, kills = _until_it_ends(argv, environ, made.folder / "peers.log", trouble)
        cpu, wall = _children_cpu() - cpu, time.monotonic() - began
        postgres_cpu = measure.cpu_seconds(made.postgres_pid) - postgres_cpu
        vendors_cpu = measure.cpu_seconds(world.process.pid) - vendors_cpu
        commits = measure.commits(looking, database) - commits
    figures = _judged(
        world,
        name=peer.name,
        wall=wall,
        cpu_worker=cpu,
        cpu_postgres=postgres_cpu,
        cpu_vendors=vendors_cpu,
        statements=measure.statements(counts) if peer.counted else (0 if peer.without_database else None),
        commits=commits,
        peak_megabytes=peak,
        kills=kills,
    )
    made.drop(environ)
    return figures


def _judged(world: Vendors, **measured: Any) -> Figures:
    """What was measured, beside what the vendors counted and the judge found."""
    calls = world.ask("figures")["xero"]
    verdict = judge(
        rows=world.ask("source", company=COMPANY),
        books=world.ask("books", org=ORGANISATION),
        account_of=accounts_of(world),
    )
    return Figures(
        rows=verdict.rows,
        write_calls=sum(count for name, count in calls.items() if name.startswith(("PUT", "POST"))),
        read_calls=sum(count for name, count in calls.items() if name.startswith("GET")),
        documents=int(calls.get("BankTransactions written", 0)),
        verdict=verdict,
        **measured,
    )


def _environ(made: Stage, world: Vendors, peer: Peer) -> dict[str, str]:
    environ = made.fresh_database(world, **peer.variables)
    folder = made.folder / f"peer-{made.made}"
    folder.mkdir()
    organisation = next(iter(world.ask("organisations")))
    return {
        **environ,
        "BENCH_FOLDER": str(folder),
        "BENCH_ACCOUNTS": json.dumps(accounts_of(world)),
        "BENCH_XERO_ACCESS": str(world.tokens(ORGANISATION)["access_token"]),
        "BENCH_XERO_ORGANISATION": organisation,
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
    }


def _until_it_ends(
    argv: list[str], environ: Mapping[str, str], log: Path, trouble: Trouble | None
) -> tuple[float, int]:
    """Start it until it ends well. The largest memory that was seen, and how often it was killed."""
    dice, asked, kills, peak = random.Random(trouble.seed if trouble else 0), trouble.kills if trouble else 0, 0, 0.0
    for _ in range(200):
        process = child.spawn(argv, environ=environ, log=log, cwd=ROOT)
        deadline = time.monotonic() + (dice.uniform(*KILLED_AFTER) if kills < asked else PATIENCE)
        while process.poll() is None and time.monotonic() < deadline:
            peak = max(peak, measure.peak_megabytes(process.pid))
            time.sleep(LOOK)
        if process.poll() is None:
            kills += 1
            child.kill_group(process)
        code = process.wait()
        if code == 0:
            return peak, kills
        if trouble is None:
            raise BenchError(f"{argv[-1]} ended with {code}: {tail(log)}")
    raise BenchError(f"{argv[-1]} never came to its end: {tail(log)}")


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_per_task(made: Stage, *, rows: int) -> Figures:
    """Peer (d): our own steps as one Celery task for each transaction, in a world of its own with fewer rows."""
    with vendors(made, {COMPANY: rows}, first=first_day()) as world:
        environ = made.fresh_database(world)
        import_company(made, world, environ)
        world.ask("forget")
        figures = _tasks(made, world, environ)
        made.drop(environ)
    return figures


def _tasks(made: Stage, world: Vendors, environ: Mapping[str, str]) -> Figures:
    database, folder = database_of(environ), made.folder / f"tasks-{made.made}"
    folder.mkdir()
    log = made.folder / "tasks.log"
    worker = ["celery", "-A", "bench.peers.per_task", "worker", "--pool=prefork", "--concurrency=1", "--queues=sync",
              "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=WARNING"]  # fmt: skip
    with made.superuser() as looking, made.superuser(database) as inside:
        found = inside.execute("SELECT tenant_id, id FROM flow").fetchone()
        assert found is not None
        argv = [sys.executable, "-m", "bench.counted", str(folder)]
        process = child.spawn([*argv, *worker], environ=environ, log=log, cwd=ROOT)
        try:
            booted = _await_idle(process)
            vendors_cpu, postgres_cpu = measure.cpu_seconds(world.process.pid), measure.cpu_seconds(made.postgres_pid)
            commits, began = measure.commits(looking, database), time.monotonic()
            before = _children_cpu()
            sender = [*argv, "bench.peers.per_task", *(str(part) for part in found)]
            with log.open("ab") as output:
                subprocess.run(sender, env=dict(environ), cwd=ROOT, stdout=output, stderr=output, check=True)
            sending = _children_cpu() - before
            looks = _await_all(inside, process, log)
            cpu = sending + measure.cpu_seconds(process.pid) - booted
            peak = max(measure.peak_megabytes(pid) for pid in measure.family(process.pid))
        finally:
            child.stop(process, grace=2.0)
        wall = time.monotonic() - began
        postgres_cpu = measure.cpu_seconds(made.postgres_pid) - postgres_cpu
        vendors_cpu = measure.cpu_seconds(world.process.pid) - vendors_cpu
        commits = measure.commits(looking, database) - commits - looks
    return _judged(
        world,
        name=PER_TASK,
        wall=wall,
        cpu_worker=cpu,
        cpu_postgres=postgres_cpu,
        cpu_vendors=vendors_cpu,
        statements=measure.statements(folder),
        commits=commits,
        peak_megabytes=peak,
    )


def _await_idle(process: subprocess.Popen[bytes]) -> float:
    """Until its pool is there and nothing more is being loaded; the CPU that its start took."""
    deadline, before = time.monotonic() + 120, -1.0
    while time.monotonic() < deadline:
        used = measure.cpu_seconds(process.pid)
        if len(measure.family(process.pid)) > 1 and used == before:
            return used
        before = used
        time.sleep(3)
    return before


AT_REST = (
    "SELECT count(*) FILTER (WHERE state = 'confirmed') > 0"
    " AND count(*) FILTER (WHERE state IN ('fetched', 'ready', 'in_flight', 'unconfirmed', 'waiting')) = 0"
    " AND NOT EXISTS (SELECT FROM record WHERE state = 'fetched') FROM entry"
)


def _await_all(inside: object, process: subprocess.Popen[bytes], log: Path) -> int:
    look = partial(inside.execute, AT_REST)  # type: ignore[attr-defined]
    deadline, looks = time.monotonic() + PATIENCE, 0
    while True:
        looks += 1
        if look().fetchone()[0]:
            return looks
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchError(f"the tasks did not come to their end: {tail(log)}")
        time.sleep(0.5)
