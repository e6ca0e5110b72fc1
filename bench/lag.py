"""From due to the start of a slice, and a small tenant beside a giant: real workers, real tables."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import psycopg

from bench import clones, measure, ours
from bench.company import COMPANY, SMALL, first_day, import_company
from bench.stage import BenchError, Stage, Vendors, database_of, vendors

WATCH = """
CREATE TABLE bench_start (flow_id bigint, due timestamptz, started timestamptz);
CREATE FUNCTION bench_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO bench_start VALUES (NEW.id, OLD.next_at, clock_timestamp());
  RETURN NULL;
END $$;
CREATE TRIGGER bench_watch AFTER UPDATE OF epoch ON flow FOR EACH ROW WHEN (NEW.epoch > OLD.epoch)
  EXECUTE FUNCTION bench_note();
"""
LAGS = (
    "SELECT count(*), percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM started - due)),"
    " max(extract(epoch FROM started - due)) FROM bench_start WHERE flow_id >= %s AND started > %s"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    tenants: int
    poll: float
    slices: int
    p50: float
    p99: float
    worst: float
    cpu_per_slice: float  # seconds of worker and database


def measure_lag(made: Stage, *, tenants: int, poll: float, seconds: float) -> Lag:
    """`tenants` companies with nothing new, each due every `poll` seconds, watched for `seconds`."""
    with vendors(made, {COMPANY: 50}, first=first_day()) as world:
        environ = made.fresh_database(world, POLL_SECONDS=f"{poll:g}")
        import_company(made, world, environ)
        with made.superuser(database_of(environ)) as inside:
            inside.execute("UPDATE flow SET next_at = now() + interval '1 day'")
            with ours.programs(made, environ) as running:
                running.await_ready(made.folder / "worker.log")
                inside.execute("UPDATE flow SET next_at = now()")
                ours.await_rest(inside, running, log=made.folder / "worker.log")
                inside.execute("UPDATE flow SET next_at = now() + interval '1 day'")
                clones.clone(inside, tenants, runnable=True)
                inside.execute(WATCH)
                found = _watched(made, inside, running, poll=poll, seconds=seconds, tenants=tenants)
        made.drop(environ)
    return found


def _watched(
    made: Stage,
    inside: psycopg.Connection[Any],
    running: ours.Programs,
    *,
    poll: float,
    seconds: float,
    tenants: int,
) -> Lag:
    inside.execute(
        "UPDATE flow SET next_at = now() + random() * %s * interval '1 second' WHERE id >= %s", (poll, clones.FIRST)
    )
    cpu = running.cpu + measure.cpu_seconds(made.postgres_pid)
    row = inside.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    time.sleep(seconds)
    found = inside.execute(LAGS, (clones.FIRST, row[0])).fetchone()
    cpu = running.cpu + measure.cpu_seconds(made.postgres_pid) - cpu
    if found is None or not found[0]:
        raise BenchError("no slice was started")
    return Lag(
        tenants=tenants,
        poll=poll,
        slices=int(found[0]),
        p50=float(found[1][0]),
        p99=float(found[1][1]),
        worst=float(found[2]),
        cpu_per_slice=cpu / int(found[0]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Seconds from due to confirmed of a small tenant's movement, alone and beside a giant's first sync."""

    idle: tuple[float, ...]
    beside: tuple[float, ...]
    cold_start: float  # from the start of a worker to its first claim

    @property
    def ratio(self) -> float:
        return median(self.beside) / median(self.idle)


def measure_neighbour(made: Stage, *, giant: int, trials: int) -> Neighbour:
    """Two companies in one worker of two processes; the giant's rows are all new, and read from an empty cursor.

    So what the figures call a back-fill is a first sync: `sync.pipeline.backfill` has no part in it.
    """
    with vendors(made, {COMPANY: 20, SMALL: 0}, first=first_day()) as world:
        environ = made.fresh_database(world, POLL_SECONDS="86400")
        import_company(made, world, environ)
        import_company(made, world, environ, small=True)
        with made.superuser(database_of(environ)) as inside:
            inside.execute(WATCH)
            inside.execute("UPDATE flow SET next_at = now()")
            began = time.time()
            with ours.programs(made, environ) as running:
                cold = _first_claim(inside, began)
                for _ in range(4):
                    _one_movement(world, inside)  # everything is loaded and known
                idle = tuple(_one_movement(world, inside) for _ in range(trials))
                world.ask("add", company=COMPANY, rows=giant, seed=3, history=True, first=first_day())
                inside.execute("UPDATE flow SET cursor = '{}', next_at = now() WHERE id = (SELECT min(id) FROM flow)")
                time.sleep(2)
                beside = tuple(_one_movement(world, inside) for _ in range(trials))
                left = inside.execute("SELECT fetched_at, lease_until FROM flow ORDER BY id LIMIT 1").fetchone()
                if left is None or left[1] is None:
                    raise BenchError("the giant had ended before the small tenant was measured: give it more rows")
                assert running.worker.poll() is None
        made.drop(environ)
    return Neighbour(idle=idle, beside=beside, cold_start=cold)


def _first_claim(inside: psycopg.Connection[Any], began: float) -> float:
    while True:
        row = inside.execute("SELECT extract(epoch FROM min(started)) FROM bench_start").fetchone()
        if row is not None and row[0] is not None:
            return float(row[0]) - began
        if time.time() - began > 120:
            raise BenchError("no worker claimed anything within two minutes")
        time.sleep(0.05)


def _one_movement(world: Vendors, inside: psycopg.Connection[Any]) -> float:
    """A pay-in of now at the small company, due at once; seconds until it is confirmed."""
    _await_no_slice(inside)  # the end of a slice sets the next time anew
    before = _confirmed(inside)
    world.ask("pay_in", company=SMALL, account=21, amount=f"{100 + before}.35", payer="Kleine Freude GmbH")
    inside.execute("UPDATE flow SET next_at = now() WHERE id = (SELECT max(id) FROM flow)")
    began = time.monotonic()
    while _confirmed(inside) == before:
        if time.monotonic() - began > 60:
            raise BenchError("the small tenant's movement was not confirmed within a minute")
        time.sleep(0.02)
    return time.monotonic() - began


def _await_no_slice(inside: psycopg.Connection[Any]) -> None:
    while True:
        row = inside.execute("SELECT lease_until IS NULL FROM flow ORDER BY id DESC LIMIT 1").fetchone()
        if row is not None and row[0]:
            return
        time.sleep(0.02)


def _confirmed(inside: psycopg.Connection[Any]) -> int:
    query = "SELECT count(*) FROM entry WHERE state = 'confirmed' AND flow_id = (SELECT max(id) FROM flow)"
    row = inside.execute(query).fetchone()
    return int(row[0]) if row else 0


def freshness(found: Neighbour, *, poll: float = 60.0) -> tuple[float, float, float]:
    """p50, p95, p99 of completion to confirmation: an even wait of up to one poll, and what was measured from due on."""
    sums = sorted(poll * (step + 0.5) / 200 + took for step in range(200) for took in found.idle)
    return tuple(sums[min(len(sums) - 1, int(len(sums) * share))] for share in (0.5, 0.95, 0.99))  # type: ignore[return-value]
