"""`./run bench --scale`: 100,000 tenants. The due query and the claim on a real table; what does not fit one machine by a model.

What the model is given (the seconds of a slice) was measured in the same run, with real workers and fewer tenants.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from typing import Any

from bench import clones
from bench.company import COMPANY, first_day, import_company
from bench.figures import Target
from bench.lag import Lag, measure_lag
from bench.model import House, Load, Outcome, adaptive_polls, simulate, workers_needed
from bench.stage import BenchError, Stage, database_of, vendors
from bench.table import aligned
from config.supervisor.environment import ROOT

MANY = 100_000
POLL = 300.0
WORKERS = 2
SIMULATED = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Everything that was found out."""

    measured: Lag
    due: dict[str, Any]  # of bench.due, on MANY flows
    few: Outcome
    too_few: Outcome  # MANY tenants and two workers
    enough: Outcome  # MANY tenants, enough workers
    workers: int


def measure_scale(made: Stage, *, tenants: int = 1000, seconds: float = 45.0) -> Scale:
    measured = measure_lag(made, tenants=tenants, poll=60.0, seconds=seconds)
    due = _due_on_many(made)
    # One worker process serves one slice at a time; half of the slice's CPU is the database's, on another core.
    load = Load(tenants=MANY, poll=POLL, idle_slice=measured.cpu_per_slice)
    few = simulate(replace(load, tenants=1000, poll=60.0), House(workers=WORKERS), seconds=300)
    workers = workers_needed(load)
    house = House(workers=workers)
    return Scale(
        measured=measured,
        due=due,
        few=few,
        too_few=simulate(load, replace(house, workers=WORKERS), seconds=SIMULATED),
        enough=simulate(load, house, seconds=SIMULATED),
        workers=workers,
    )


def _due_on_many(made: Stage) -> dict[str, Any]:
    with vendors(made, {COMPANY: 20}, first=first_day()) as world:
        environ = made.fresh_database(world)
        import_company(made, world, environ)
    with made.superuser(database_of(environ)) as inside:
        clones.clone(inside, MANY, runnable=False)
        inside.execute(
            "UPDATE flow SET next_at = now() - random() * interval '60 seconds' WHERE id >= %s", (clones.FIRST,)
        )
        inside.execute("VACUUM ANALYZE flow")
    argv = [sys.executable, "-m", "bench.due", "5"]
    done = subprocess.run(argv, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"bench.due: {done.stderr[-1000:]}")
    made.drop(environ)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def targets(found: Scale) -> list[Target]:
    return [
        lag_target(found.measured),
        Target(
            name=f"scheduler lag p99, {MANY:,} tenants",
            figure=found.enough.p99,
            limit=5,
            unit="s",
            remark=f"modelled: {found.workers} worker processes, a look in five minutes",
        ),
    ]


def lag_target(measured: Lag) -> Target:
    return Target(
        name=f"scheduler lag p99, {measured.tenants:,} tenants",
        figure=measured.p99,
        limit=1,
        unit="s",
        remark=f"measured: a look a minute, {measured.slices} slices, two worker processes",
    )


def table(found: Scale) -> list[str]:
    heads = ["100,000 tenants", "slices", "p50", "p99", "worst", "workers busy", "calls/min", "put off"]
    rows = [
        ("1,000 tenants, model", found.few),
        ("two workers", found.too_few),
        (f"{found.workers} workers", found.enough),
    ]
    lines = aligned([heads, *(_line(name, outcome) for name, outcome in rows)])
    measured, due = found.measured, found.due
    return [
        f"measured with {measured.tenants:,} tenants: lag p50 {measured.p50:.2f} s, p99 {measured.p99:.2f} s, worst "
        f"{measured.worst:.2f} s; {measured.slices} idle slices of {measured.cpu_per_slice * 1000:.0f} ms CPU each",
        f"on a table of {MANY:,} due flows: the due query takes {due['due_ms_p50']} ms (p99 {due['due_ms_p99']}), claim "
        f"and return {due['claims_per_second']:,.0f} a second on one connection, {due['cpu_ms_per_claim']} ms CPU each",
        *lines,
        "looks a second with adaptive polling (2 % active each minute, others in five): "
        f"{adaptive_polls(MANY, active=0.02):,.0f}; every tenant each minute: {MANY / 60:,.0f}",
    ]


def _line(name: str, outcome: Outcome) -> list[str]:
    seconds = [f"{value:,.1f} s" for value in (outcome.p50, outcome.p99, outcome.worst)]
    counts = [f"{outcome.busy_share:.0%}", f"{outcome.most_calls:,}", f"{outcome.put_off:,}"]
    return [name, f"{outcome.slices:,}", *seconds, *counts]


def as_json(found: Scale) -> dict[str, Any]:
    outcomes = {name: asdict(getattr(found, name)) for name in ("few", "too_few", "enough")}
    return {"measured": asdict(found.measured), "due": found.due, "workers": found.workers, **outcomes}
