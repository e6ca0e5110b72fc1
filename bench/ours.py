"""The product itself beside the peers: a worker and a clock as `./run` starts them, one company, from the first row at
Amnis to the last document read back from Xero; then the proof."""

from __future__ import annotations

import csv
import io
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

import psycopg

from bench import measure
from bench.clones import FIRST
from bench.company import COMPANY, ORGANISATION, SLUG, import_company, manage, tenant_file
from bench.figures import Figures
from bench.judge import Verdict, judge
from bench.stage import BenchError, Stage, Vendors, database_of, tail
from config.supervisor import child
from config.supervisor.environment import ROOT
from config.supervisor.up import WORKER

PATIENCE = 3600.0
LOOK = 0.25
READY_SECONDS = 120.0
SETTLED = 12  # statements: a few ticks have run in each process of the pool


@dataclass(slots=True, kw_only=True)
class Programs:
    """The worker and the clock of one run; `counts` is where they keep their number of statements."""

    worker: Popen[bytes]
    beat: Popen[bytes]
    counts: Path
    peak: float = 0.0  # MB: of the largest process of the pool so far; one that has ended counts

    @property
    def cpu(self) -> float:
        return measure.cpu_seconds(self.worker.pid) + measure.cpu_seconds(self.beat.pid)

    def await_ready(self, log: Path) -> None:
        """Until a worker process has done a task: it has Django loaded, and what a start costs is paid."""
        deadline = time.monotonic() + READY_SECONDS
        while measure.statements(self.counts) < SETTLED:
            if self.worker.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"the worker did not get ready: {tail(log)}")
            time.sleep(LOOK)

    def note_peak(self) -> None:
        """To be called often: a process that has grown is replaced by a new one."""
        self.peak = max((self.peak, *(measure.peak_megabytes(pid) for pid in measure.family(self.worker.pid))))


@contextmanager
def programs(made: Stage, environ: Mapping[str, str], *, kill: bool = False) -> Iterator[Programs]:
    """A worker of two processes and one clock, until the block is left: stopped, or killed without a word."""
    folder = Path(tempfile.mkdtemp(prefix="programs-", dir=made.folder))
    log = made.folder / "worker.log"
    beat = ["celery", "-A", "config.beat", "beat", f"--schedule={folder / 'schedule'}", "--pidfile=",
            "--loglevel=WARNING"]  # fmt: skip
    argv = [[sys.executable, "-m", "bench.counted", str(folder), *WORKER], [sys.executable, "-m", *beat]]
    started = [child.spawn(one, environ=environ, log=log, cwd=ROOT) for one in argv]
    try:
        yield Programs(worker=started[0], beat=started[1], counts=folder)
    finally:
        for process in started:
            if kill:
                child.kill_group(process)
            child.stop(process, grace=3.0)


def run(made: Stage, world: Vendors, **changes: str) -> Figures:
    """The company of this world, carried over by one worker. `changes`: settings."""
    environ = made.fresh_database(world, **changes)
    import_company(made, world, environ)
    world.ask("clear_books", org=ORGANISATION)
    world.ask("forget")
    figures = measured(made, world, environ)
    made.drop(environ)
    return figures


def measured(made: Stage, world: Vendors, environ: Mapping[str, str]) -> Figures:
    """From due to rest, judged. The database has the company, and no worker runs yet."""
    database = database_of(environ)
    with made.superuser() as looking, made.superuser(database) as inside:
        inside.execute(f"UPDATE flow SET next_at = now() + interval '1 day' WHERE {OWN}")
        with programs(made, environ) as running:
            running.await_ready(made.folder / "worker.log")
            vendors_cpu = measure.cpu_seconds(world.process.pid)
            postgres_cpu, broker_cpu = measure.cpu_seconds(made.postgres_pid), measure.cpu_seconds(made.valkey_pid)
            booted, counted = running.cpu, measure.statements(running.counts)
            commits, began = measure.commits(looking, database), time.monotonic()
            inside.execute(f"UPDATE flow SET next_at = now() WHERE {OWN}")
            looks = await_rest(inside, running, log=made.folder / "worker.log")
            wall = time.monotonic() - began
            worker_cpu, peak = running.cpu - booted, running.peak
            statements = measure.statements(running.counts) - counted
            postgres_cpu = measure.cpu_seconds(made.postgres_pid) - postgres_cpu
            broker_cpu = measure.cpu_seconds(made.valkey_pid) - broker_cpu
        inside.execute("SELECT pg_stat_clear_snapshot()")
        commits = measure.commits(looking, database) - commits - looks
    vendors_cpu = measure.cpu_seconds(world.process.pid) - vendors_cpu
    calls = world.ask("figures")["xero"]
    verdict, balanced, proof_seconds = _judged(made, world, environ)
    return Figures(
        name="ours",
        rows=verdict.rows,
        wall=wall,
        cpu_worker=worker_cpu,
        cpu_postgres=postgres_cpu,
        cpu_vendors=vendors_cpu,
        cpu_broker=broker_cpu,
        write_calls=sum(count for name, count in calls.items() if name.startswith(("PUT", "POST", "DELETE"))),
        read_calls=sum(count for name, count in calls.items() if name.startswith("GET")),
        documents=int(calls.get("BankTransactions written", 0)),
        single_calls=int(calls.get("BankTransfers written", 0)) + int(calls.get("PUT Contacts", 0)),
        statements=statements,
        commits=commits,
        peak_megabytes=peak,
        verdict=verdict,
        balanced=balanced,
        proof_seconds=proof_seconds,
    )


OWN = f"id < {FIRST}"  # copies of the flow, where there are some, stay as they are
AT_END = (
    "SELECT f.last_success_at >= f.fetched_at AND f.lease_until IS NULL AND f.next_at > now()"
    " AND NOT EXISTS (SELECT FROM record r WHERE r.flow_id = f.id AND r.state = 'fetched') AND NOT EXISTS ("
    "SELECT FROM entry e WHERE e.flow_id = f.id AND e.state IN ('fetched', 'ready', 'in_flight', 'unconfirmed'))"
    " FROM flow f ORDER BY f.id LIMIT 1"
)


def await_rest(inside: psycopg.Connection[Any], running: Programs, *, log: Path) -> int:
    """Wait until the flow was read to its end and nothing of it is on its way; how often the database was asked."""
    deadline = time.monotonic() + PATIENCE
    looks = 0
    while True:
        looks += 1
        running.note_peak()
        found = inside.execute(AT_END).fetchone()
        if found and found[0]:
            return looks
        if running.worker.poll() is not None:
            raise BenchError(f"the worker ended: {tail(log)}")
        if time.monotonic() > deadline:
            raise BenchError(f"not at rest after {PATIENCE:g} s: see {log}")
        time.sleep(LOOK)


def _judged(made: Stage, world: Vendors, environ: Mapping[str, str]) -> tuple[Verdict, bool, float]:
    began = time.monotonic()
    _, said = manage(made, environ, "proof", SLUG, "--json")
    took = time.monotonic() - began
    proof = json.loads(said.splitlines()[-1])
    _, lines = manage(made, environ, "entries", SLUG, "--csv")
    return verdict_of(world, lines), bool(proof["balanced"]), took


def verdict_of(world: Vendors, entries: str) -> Verdict:
    """Both vendors' books compared; what our export calls held for a person is waiting."""
    told = csv.DictReader(io.StringIO(entries))
    waiting = [line["source_id"] for line in told if line["state"] in ("review", "failed", "waiting", "skipped")]
    return judge(
        rows=world.ask("source", company=COMPANY),
        books=world.ask("books", org=ORGANISATION),
        account_of=accounts_of(world),
        waiting=waiting,
    )


def accounts_of(world: Vendors) -> dict[str, str]:
    """Wallet at Amnis -> AccountID in Xero, by the company's file."""
    known = {
        word: a["AccountID"] for a in world.ask("accounts", org=ORGANISATION) for word in (a.get("Code"), a["Name"])
    }
    return {str(item["source"]): known[item["xero"]] for item in tenant_file()["flow"]["accounts"] if "xero" in item}
