"""`./run bench`: the table of figures, and one JSON line last."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from math import ceil
from pathlib import Path

from bench import ours, rivals
from bench.company import COMPANY, first_day
from bench.figures import Figures, Target
from bench.packages import NotInstalled
from bench.stage import Stage, Vendors, stage, vendors
from bench.table import aligned, race_json, race_table, spread

ROWS, RUNS = 10_000, 3
TASKS_SHARE = 40  # a task for each transaction is so slow that it gets a fortieth of the rows


def main() -> int:
    options = _arguments()
    began = time.monotonic()
    with stage() as made:
        runs = _race(made, options)
        targets = _targets_of_race(runs)
        _tell(runs, targets, seconds=time.monotonic() - began)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="ledger rows of each run")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument(
        "--only", action="append", default=[], choices=["ours", "a1", "a2", "b", "c", "d"], help="may be repeated"
    )
    return parser.parse_args()


def _race(made: Stage, options: argparse.Namespace) -> list[list[Figures]]:
    """Every competitor in turn in one world, run after run, so that a ratio compares neighbours in time."""
    runs: list[list[Figures]] = []
    for number in range(1, options.runs + 1):
        runs.append([])
        with vendors(made, {COMPANY: options.rows}, seed=number, first=first_day()) as world:
            for name, compete in _competitors(made, world, options.rows).items():
                if options.only and name.split()[0] not in options.only:
                    continue
                print(f"run {number} of {options.runs}: {name}", file=sys.stderr, flush=True)
                try:
                    runs[-1].append(compete())
                except NotInstalled as reason:
                    print(f"{name}: not installed here: {reason}", flush=True)
    return runs


def _competitors(made: Stage, world: Vendors, rows: int) -> dict[str, Callable[[], Figures]]:
    """Ours first: peers make contacts in the world that ours would have to find."""
    few = max(100, rows // TASKS_SHARE)
    return {
        "ours": partial(ours.run, made, world),
        **{rival.name: partial(rivals.run, made, world, rival) for rival in rivals.RIVALS},
        "d a task for each": partial(rivals.run_per_task, made, rows=few),
    }


def _targets_of_race(runs: list[list[Figures]]) -> list[Target]:
    mine = [figures for run in runs for figures in run if figures.name == "ours"]
    if not mine:
        return []
    allowed = spread([f.per_thousand(ceil(f.documents / 50) + f.single_calls + 1) for f in mine]).middle

    def middle(read: Callable[[Figures], float]) -> float:
        return spread([read(figures) for figures in mine]).middle

    return [
        Target(
            name="whole pipeline, per second of two cores",
            figure=middle(lambda f: f.per_second),
            limit=4000,
            unit="tx/s",
            at_least=True,
        ),
        Target(
            name="write calls per 1,000",
            figure=middle(lambda f: f.per_thousand(f.write_calls)),
            limit=round(allowed, 1),
        ),
        Target(name="SQL statements per 1,000", figure=middle(lambda f: f.per_thousand(f.statements or 0)), limit=200),
        Target(name="commits per 1,000", figure=middle(lambda f: f.per_thousand(f.commits)), limit=80),
        Target(name="memory of a worker process", figure=middle(lambda f: f.peak_megabytes), limit=160, unit="MB"),
        Target(name="duplicates and losses", figure=middle(lambda f: f.verdict.duplicates + f.verdict.losses), limit=0),
        Target(name="difference", figure=middle(lambda f: float(f.verdict.cents)), limit=0),
        Target(name="proof balanced afterwards", figure=float(all(f.balanced for f in mine)), limit=1, at_least=True),
    ]


def _tell(runs: list[list[Figures]], targets: list[Target], *, seconds: float) -> None:
    print("\n".join(race_table(runs)))
    print()
    print("\n".join(aligned([["target", "wanted", "measured", ""], *(_target_line(target) for target in targets)])))
    answer = {
        "bench": race_json(runs),
        "targets": {it.name: {"figure": it.figure, "limit": it.limit, "reached": it.is_reached} for it in targets},
        "cores": os.cpu_count(),
        "load": Path("/proc/loadavg").read_text(encoding="ascii").split()[:3],
        "seconds": round(seconds, 1),
    }  # fmt: skip
    print(json.dumps(answer))


def _target_line(target: Target) -> list[str]:
    told = "not measured" if target.figure is None else f"{target.figure:,.4g} {target.unit}".rstrip()
    reached = {True: "reached", False: "NOT REACHED", None: ""}[target.is_reached]
    return [target.name, target.wanted, told, " ".join(part for part in (reached, target.remark) if part)]


if __name__ == "__main__":
    sys.exit(main())
