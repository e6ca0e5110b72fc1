"""Seconds per 1,000 rows in small and in large tables: the same number of rows, first alone, then among those of others.

The rows of others are copies of what the first run left (records, entries, events, mirror), put in by INSERT ... SELECT
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
from bench.stage import Stage, database_of, vendors

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
class Growth:
    small_rows: int
    large_rows: int
    small: float  # CPU seconds of worker and database for 1,000 rows
    large: float
    filled_in: float  # seconds

    @property
    def ratio(self) -> float:
        return self.large / self.small


def measure_growth(made: Stage, *, rows: int, background: int) -> Growth:
    """`rows` for each measurement; before the second one `background` records of other tenants are put in."""
    with vendors(made, {COMPANY: rows}, first=first_day()) as world:
        environ = made.fresh_database(world)
        import_company(made, world, environ)
        world.ask("forget")
        first = measured(made, world, environ)
        began = time.monotonic()
        with made.superuser(database_of(environ)) as inside:
            _fill(inside, copies=max(1, background // rows))
            took = time.monotonic() - began
            world.ask("add", company=COMPANY, rows=rows, seed=11, history=True, first=first_day())
            inside.execute("UPDATE flow SET cursor = '{}', fetched_at = NULL WHERE id < %s", (clones.FIRST,))
        world.ask("forget")
        second = measured(made, world, environ)
        made.drop(environ)
    return Growth(
        small_rows=first.rows,
        large_rows=background,
        small=_cost(first, first.rows),
        large=_cost(second, second.rows - first.rows),
        filled_in=took,
    )


def _cost(figures: Figures, rows: int) -> float:
    return (figures.cpu_worker + figures.cpu_postgres) * 1000 / rows


def _fill(inside: psycopg.Connection[Any], *, copies: int) -> None:
    """Whole copies of the first tenant's rows for as many other tenants as are needed; no trigger sees them."""
    clones.clone(inside, copies, with_chart=False)
    inside.execute("SET session_replication_role = replica")
    for table, changes in HISTORY.items():
        clones.copy_everything(inside, table, copies, {"tenant_id": TENANT, **changes}, below=STEP)
    inside.execute("SET session_replication_role = origin")
    inside.execute("VACUUM ANALYZE")
