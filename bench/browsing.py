"""How long the pages of a company take that has very many movements.

Its first movements are carried by the product; the others are copies of these (records, entries, events, mirror) under the
same company, put in by INSERT ... SELECT, so that every list, index, statistic and roll-up has them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import quantiles

from bench import clones
from bench.company import COMPANY, SLUG, first_day, import_company
from bench.growth import STEP
from bench.ours import measured
from bench.stage import BenchError, Stage, database_of, tail, vendors
from bench.table import aligned
from config.supervisor.environment import ROOT

ROUNDS = 20
CARRIED = 2000
_DOCUMENT = "CASE WHEN t.{0} <> '' THEN t.{0} || '-' || g END"
COPIES: Mapping[str, Mapping[str, str]] = {
    "record": {
        "id": f"t.id + g * {STEP}",
        "fingerprint": "md5(t.fingerprint || g)",
        "source_id": "t.source_id || '-' || g",
    },
    "entry": {
        "id": f"t.id + g * {STEP}",
        "record_id": f"t.record_id + g * {STEP}",
        "other_record_id": f"t.other_record_id + g * {STEP}",
        "marker": "'MR-' || upper(substr(md5(t.marker || g), 1, 13))",
        "unit": "CASE WHEN t.unit <> '' THEN t.unit || '-' || g ELSE '' END",
        "destination_id": _DOCUMENT.format("destination_id"),
        "other_destination_id": _DOCUMENT.format("other_destination_id"),
    },
    "event": {
        "id": f"t.id + g * {STEP}",
        "record_id": f"t.record_id + g * {STEP}",
        "entry_id": f"t.entry_id + g * {STEP}",
    },
    "mirror_document": {"id": f"t.id + g * {STEP}", "document_id": "t.document_id || '-' || g"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Browsed:
    """`pages`: milliseconds by page, p50 and p95."""

    rows: int
    pages: Mapping[str, tuple[float, float]]


def measure_browsing(made: Stage, *, rows: int) -> Browsed:
    """Pages of one company with about `rows` movements."""
    with vendors(made, {COMPANY: CARRIED}, first=first_day()) as world:
        environ = made.fresh_database(world)
        import_company(made, world, environ)
        world.ask("forget")
        carried = measured(made, world, environ)
        copies = max(1, rows // carried.rows)
        with made.superuser(database_of(environ)) as inside:
            inside.execute("SET session_replication_role = replica")
            for table, changes in COPIES.items():
                clones.copy_everything(inside, table, copies, changes, below=STEP)
            inside.execute(
                "UPDATE daily_stat SET count = count * %(times)s, amount = amount * %(times)s", {"times": copies + 1}
            )
            inside.execute("SET session_replication_role = origin")
            inside.execute("VACUUM ANALYZE")
        found = _browse(made, environ)
        made.drop(environ)
    return Browsed(
        rows=carried.rows * (copies + 1), pages={name: _middle_and_p95(seen) for name, seen in found.items()}
    )


def table(found: Browsed) -> list[str]:
    heads = [f"pages among {found.rows:,} rows", "p50 ms", "p95 ms"]
    return aligned([heads, *([name, f"{p50:.0f}", f"{p95:.0f}"] for name, (p50, p95) in found.pages.items())])


def _browse(made: Stage, environ: Mapping[str, str]) -> dict[str, list[float]]:
    log = made.folder / "browse.log"
    with log.open("ab") as errors:
        argv = [sys.executable, "-m", "bench.browse", SLUG, str(ROUNDS)]
        done = subprocess.run(argv, cwd=ROOT, env=dict(environ), stdout=subprocess.PIPE, stderr=errors, check=False)
    if done.returncode != 0:
        raise BenchError(f"the pages could not be read: {tail(log)}")
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _middle_and_p95(seen: list[float]) -> tuple[float, float]:
    parts = quantiles(seen, n=20, method="inclusive")
    return parts[9], parts[18]
