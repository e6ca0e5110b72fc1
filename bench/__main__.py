"""`./run bench`: the table of figures, and one JSON line last."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from bench import browsing, faults, growth, lag, ours, race, realistic, scale
from bench.company import COMPANY, first_day
from bench.figures import Figures, Target
from bench.packages import NotInstalled
from bench.stage import Stage, Vendors, stage, vendors
from bench.table import aligned, race_json, race_table, spread
from config.arguments import count, counted_to
from config.supervisor import child

ROWS, RUNS = 5_000, 3
GIANT = 500_000
GROWN, BACKGROUND, BACKGROUND_FULL = 2_000, 100_000, 10_000_000
PAGES, PAGES_FULL = 100_000, 1_000_000
REALISTIC = 2_000
TASKS_SHARE = 40  # a task for each transaction is so slow that it gets a fortieth of the rows


def main() -> int:
    options = _arguments()
    child.end_in_order()
    began = time.monotonic()
    with stage() as made:
        runs = [] if _alone(options) else _race(made, options)
        targets, answer = _targets_of_race(runs), dict[str, Any]()
        if runs and (not options.only or "ours" in options.only):
            targets.append(_memory(made, options, runs))
        for part in _parts(options):
            try:
                more, told = part(made, options)
            except Exception as problem:  # noqa: BLE001  one part that fails takes no other figure with it
                print(f"{part.__name__.strip('_')} was not measured: {problem!r}"[:1000], flush=True)
                answer.setdefault("not_measured", []).append(part.__name__.strip("_"))
                continue
            targets += more
            answer |= told
        _tell(runs, targets, answer, seconds=time.monotonic() - began)
    return 0


def _memory(made: Stage, options: argparse.Namespace, runs: list[list[Figures]]) -> Target:
    """A worker process after a tenth of the rows, and after all of them."""
    print("memory", file=sys.stderr, flush=True)
    with vendors(made, {COMPANY: options.rows // 10}, first=first_day()) as world:
        few = ours.run(made, world)
    many = spread([figures.peak_megabytes for run in runs for figures in run if figures.name == "ours"]).middle
    return Target(
        name=f"memory after {options.rows:,} rows less after {few.rows:,}",
        figure=many - few.peak_megabytes,
        limit=10,
        unit="MB",
    )


Part = Callable[[Stage, argparse.Namespace], tuple[list[Target], dict[str, Any]]]


def _parts(options: argparse.Namespace) -> list[Part]:
    """What is measured besides the race."""
    if alone := _alone(options):
        return alone
    if options.only:
        return []
    return [_faults, _neighbour, _lag, _growth, _browsing, *([_realistic, _scale] if options.full else [])]


def _alone(options: argparse.Namespace) -> list[Part]:
    """The parts that were asked for by name, without the race."""
    asked = [
        (options.neighbour, _neighbour),
        (options.growth, _growth),
        (options.scale, _scale),
        (options.realistic, _realistic),
        (options.pages, _browsing),
    ]
    return [part for wanted, part in asked if wanted]


def _neighbour(made: Stage, options: argparse.Namespace) -> tuple[list[Target], dict[str, Any]]:
    print("a small tenant beside a giant", file=sys.stderr, flush=True)
    found = lag.measure_neighbour(made, giant=GIANT, trials=9)
    fresh = lag.freshness(found)
    targets = [
        Target(
            name="small tenant beside a giant back-fill, to idle",
            figure=found.ratio,
            limit=1.2,
            unit="x",
            remark=f"{median(found.idle):.2f} s idle, {median(found.beside):.2f} s beside",
        ),
        Target(
            name="freshness p95 with a poll of 60 s",
            figure=fresh[1],
            limit=75,
            unit="s",
            remark=f"p50 {fresh[0]:.0f} s, p99 {fresh[2]:.0f} s: an even wait and what was measured from due on",
        ),
        Target(name="cold start of a worker to its first claim", figure=found.cold_start, limit=2, unit="s"),
    ]
    return targets, {"neighbour": asdict(found), "freshness": fresh}


def _faults(made: Stage, options: argparse.Namespace) -> tuple[list[Target], dict[str, Any]]:
    print("under faults", file=sys.stderr, flush=True)
    found = faults.measure_faults(made, rows=10_000 if options.full else 1000, kills=10 if options.full else 3)
    print("\n".join(faults.table(found)), end="\n\n")
    wrong = sum(one.verdict.duplicates + one.verdict.losses for one in found if one.name == "ours")
    return [Target(name="duplicates and losses under faults", figure=wrong, limit=0)], {
        "faults": [
            {**asdict(one), "verdict": {**asdict(one.verdict), "cents": str(one.verdict.cents)}} for one in found
        ]
    }


def _realistic(made: Stage, options: argparse.Namespace) -> tuple[list[Target], dict[str, Any]]:
    print("as the vendors really are", file=sys.stderr, flush=True)
    found = realistic.measure_realistic(made, rows=REALISTIC)
    print("\n".join(realistic.table(found)), end="\n\n")
    return [], {"realistic": race_json([found])}


def _growth(made: Stage, options: argparse.Namespace) -> tuple[list[Target], dict[str, Any]]:
    print("in large tables", file=sys.stderr, flush=True)
    rows, background = (100_000, BACKGROUND_FULL) if options.full else (GROWN, options.growth or BACKGROUND)
    found = growth.measure_growth(made, rows=rows, background=background)
    target = Target(
        name=f"CPU seconds per 1,000 among {background:,} rows, to alone",
        figure=found.ratio,
        limit=1.2,
        unit="x",
        remark=f"worker + database: {found.small} alone, {found.large} in {found.gigabytes} GB",
    )
    return [target], {"growth": asdict(found)}


def _browsing(made: Stage, options: argparse.Namespace) -> tuple[list[Target], dict[str, Any]]:
    print("pages", file=sys.stderr, flush=True)
    found = browsing.measure_browsing(made, rows=PAGES_FULL if options.full or options.pages else PAGES)
    print("\n".join(browsing.table(found)), end="\n\n")
    return [], {"pages": asdict(found)}


def _lag(made: Stage, options: argparse.Namespace) -> tuple[list[Target], dict[str, Any]]:
    if options.full:
        return [], {}  # `_scale` measures it, too
    print("a thousand tenants", file=sys.stderr, flush=True)
    found = lag.measure_lag(made, tenants=1000, poll=60.0, seconds=40.0)
    return [scale.lag_target(found)], {"lag": asdict(found)}


def _scale(made: Stage, options: argparse.Namespace) -> tuple[list[Target], dict[str, Any]]:
    print("a hundred thousand tenants", file=sys.stderr, flush=True)
    found = scale.measure_scale(made)
    print("\n".join(scale.table(found)), end="\n\n")
    return scale.targets(found), {"scale": scale.as_json(found)}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("--rows", type=count, default=ROWS, help="ledger rows of each run")
    parser.add_argument("--runs", type=counted_to(100), default=RUNS)
    parser.add_argument(
        "--only", action="append", default=[], choices=[_short(name) for name in race.NAMES], help="may be repeated"
    )
    parser.add_argument("--full", action="store_true", help="everything, with the sizes of the targets: hours")
    parser.add_argument("--realistic", action="store_true", help="slow vendors with call limits alone: 10 minutes")
    parser.add_argument("--neighbour", action="store_true", help="a small tenant beside 500,000 rows alone")
    parser.add_argument(
        "--growth", type=counted_to(BACKGROUND_FULL), metavar="ROWS", help="2,000 rows among so many of others alone"
    )
    parser.add_argument("--pages", action="store_true", help="pages among a million rows alone")
    parser.add_argument("--scale", action="store_true", help="a hundred thousand tenants alone")
    options = parser.parse_args()
    if options.full and options.rows == ROWS:
        options.rows = 100_000
    return options


def _race(made: Stage, options: argparse.Namespace) -> list[list[Figures]]:
    """Ours and every peer in turn in one world, run after run, so that a ratio compares neighbours in time."""
    runs: list[list[Figures]] = []
    for number in range(1, options.runs + 1):
        runs.append([])
        with vendors(made, {COMPANY: options.rows}, seed=number, first=first_day()) as world:
            for name, measure in _in_turn(made, world, options.rows).items():
                if options.only and _short(name) not in options.only:
                    continue
                print(f"run {number} of {options.runs}: {name}", file=sys.stderr, flush=True)
                try:
                    runs[-1].append(measure())
                except NotInstalled as reason:
                    print(f"{name}: not installed here: {reason}", flush=True)
    return runs


def _in_turn(made: Stage, world: Vendors, rows: int) -> dict[str, Callable[[], Figures]]:
    """Ours first: peers make contacts in the world that ours would have to find."""
    few = max(100, rows // TASKS_SHARE)
    return {
        "ours": partial(ours.run, made, world),
        **{peer.name: partial(race.run, made, world, peer) for peer in race.PEERS},
        race.PER_TASK: partial(race.run_per_task, made, rows=few),
    }


def _short(name: str) -> str:
    """As `--only` takes it."""
    return name.split()[0]


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


def _tell(runs: list[list[Figures]], targets: list[Target], more: dict[str, Any], *, seconds: float) -> None:
    if runs:
        print("\n".join(race_table(runs)), end="\n\n")
    print("\n".join(aligned([["target", "wanted", "measured", ""], *(_target_line(target) for target in targets)])))
    answer = {
        "bench": race_json(runs),
        **more,
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
