"""Seconds per 1,000 rows in small and in large tables: the same number of rows, first alone, then among those of others.

The rows of others are copies of what the company had by then (records, entries, events, mirror), put in by INSERT ... SELECT
under other tenants' names; they have no lives of their own, but every index and every statistic has them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from bench import clones
from bench.company import COMPANY, first_day, import_company
from bench.figures import Figures
from bench.ours import measured
from bench.stage import Stage, Vendors, database_of, vendors

STEP = 10_000_000  # ids of one copy's rows lie this far from the next one's
TENANT = f"{clones.FIRST} + g"
HISTORY: Mapping[str, Mapping[str, str]] = {
    "record": {"id": f"t.id + g * {STEP}", "flow_id": TENANT},
    "entry": {
        "id": f"t.id + g * {STEP}",
        "flow_id": TENANT,
        "record_id": f"t.record_id + g * {STEP}",
        "other_record_id": f"t.other_record_id + g * {STEP}",
        "organisation_id": "'org-' || g",
        "contact_id": "NULL",
    },
    "event": {"id": f"t.id + g * {STEP}", "flow_id": TENANT, "entry_id": f"t.entry_id + g * {STEP}", "run_id": "NULL"},
    "mirror_document": {"id": f"t.id + g * {STEP}", "connection_id": f"{clones.FIRST} + 2 * g + 1"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """CPU seconds for 1,000 rows."""

    worker: float
    database: float

    @property
    def both(self) -> float:
        return self.worker + self.database

    def __str__(self) -> str:
        return f"{self.worker:.2f} + {self.database:.2f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    small_rows: int
    large_rows: int
    small: Cost
    large: Cost
    filled_in: float  # seconds
    gigabytes: float

    @property
    def ratio(self) -> float:
        return self.large.both / self.small.both


def measure_growth(made: Stage, *, rows: int, background: int) -> Growth:
    """`rows` for each measurement; between the two, `background` records of other tenants are put in.

    The company has carried as many before, so that both find contacts, plans and a past.
    """
    with vendors(made, {COMPANY: rows}, first=first_day()) as world:
        environ = made.fresh_database(world)
        import_company(made, world, environ)
        world.ask("forget")
        carried = measured(made, world, environ).rows
        with made.superuser(database_of(environ)) as inside:
            small, carried = _more(made, world, environ, inside, carried=carried, rows=rows, seed=11)
            began = time.monotonic()
            _fill(inside, copies=max(1, background // carried))
            took, size = time.monotonic() - began, _gigabytes(inside)
            large, _ = _more(made, world, environ, inside, carried=carried, rows=rows, seed=12)
        made.drop(environ)
    return Growth(
        small_rows=carried, large_rows=background, small=small, large=large, filled_in=took, gigabytes=round(size, 1)
    )


def _more(
    made: Stage,
    world: Vendors,
    environ: Mapping[str, str],
    inside: psycopg.Connection[Any],
    *,
    carried: int,
    rows: int,
    seed: int,
) -> tuple[Cost, int]:
    """What `rows` more cost, and how many the company has then."""
    world.ask("add", company=COMPANY, rows=rows, seed=seed, history=True, first=first_day())
    inside.execute("UPDATE flow SET cursor = '{}', fetched_at = NULL WHERE id < %s", (clones.FIRST,))
    world.ask("forget")
    figures = measured(made, world, environ)
    return _cost(figures, figures.rows - carried), figures.rows


def _cost(figures: Figures, rows: int) -> Cost:
    return Cost(worker=figures.cpu_worker * 1000 / rows, database=figures.cpu_postgres * 1000 / rows)


def _gigabytes(inside: psycopg.Connection[Any]) -> float:
    row = inside.execute("SELECT pg_database_size(current_database())").fetchone()
    return row[0] / 1e9 if row else 0.0


def _fill(inside: psycopg.Connection[Any], *, copies: int) -> None:
    """Whole copies of the first tenant's rows for as many other tenants as are needed; no trigger sees them."""
    clones.clone(inside, copies, runnable=False)
    inside.execute("SET session_replication_role = replica")
    for table, changes in HISTORY.items():
        clones.copy_everything(inside, table, copies, {"tenant_id": TENANT, **changes}, below=STEP)
    inside.execute("SET session_replication_role = origin")
    inside.execute("VACUUM ANALYZE")
    inside.execute("CHECKPOINT")  # of what was put in; else the second measurement pays for writing it
