"""`./run chaos --size smoke|pr|nightly`: many companies, real workers, and a monkey; both vendors' books are compared at
the end. `--size crash` (the default): kill real processes at the points around a call that creates, pays, changes or removes,
and compare both vendors' books after each. `--size sim`: the same code in simulated worlds, seed by seed. `--bugs`: seed known
mistakes, one at a time; each has to be caught."""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from config.arguments import count
from config.supervisor.failure import StartError
from tests.chaos.campaign import CampaignError
from tests.chaos.plan import dealt, planned
from tests.chaos.report import Report
from tests.chaos.stage import stage
from tests.chaos.storm import SIZES
from tests.chaos.storming import Storm

LIMIT_SECONDS = 900.0


def main() -> int:
    options = _options()
    if options.bugs is not None:
        return subprocess.call([sys.executable, "-m", "tests.chaos.seeded", *options.bugs])
    if options.size == "sim":
        return subprocess.call(
            [sys.executable, "-m", "tests.simulation.command", str(options.seed or 0), str(options.seeds)]
        )
    seed = options.seed if options.seed is not None else random.randrange(2**31)
    return _crash(options, seed) if options.size == "crash" else _storm(options, seed)


def _storm(options: argparse.Namespace, seed: int) -> int:
    sys.stderr.write(f"seed {seed}, load average {os.getloadavg()[0]:.1f}\n")
    storm = Storm(
        size=SIZES[options.size].scaled(part=options.part, pace=options.pace),
        seed=seed,
        keep=options.keep,
        progress=_tell,
    )
    try:
        figures = storm.run()
    except (CampaignError, StartError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    print(figures.table())
    print(json.dumps(figures.as_json()))
    return 1 if figures.missed() else 0


def _crash(options: argparse.Namespace, seed: int) -> int:
    trials = planned(times=options.times, seed=seed)
    sys.stderr.write(f"seed {seed}: {len(trials)} deaths, load average {os.getloadavg()[0]:.1f}\n")
    started = time.monotonic()
    try:
        with stage() as campaign:
            hands = dealt(trials, hands=min(options.cells, len(trials)))
            outcomes = campaign.run(hands, seconds=LIMIT_SECONDS, progress=_progress(len(trials)))
    except (CampaignError, StartError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    report = Report(outcomes=outcomes, times=options.times, seed=seed, seconds=time.monotonic() - started)
    print(report.table())
    print(json.dumps(report.as_json()))
    return 0 if report.passed else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run chaos", description=__doc__)
    parser.add_argument("--size", choices=("crash", "sim", *SIZES), default="crash")
    parser.add_argument("--times", type=count, default=20, help="deaths at each point (20)")
    parser.add_argument("--seed", type=int, help="repeat a campaign")
    parser.add_argument("--bugs", nargs="*", metavar="NAME", help="seed each known bug, or these: all must be caught")
    parser.add_argument("--seeds", type=count, default=2000, help="with --size sim: scenarios from this seed on (2000)")
    parser.add_argument(
        "--cells", type=int, default=8, choices=range(1, 9), metavar="N", help="tenants side by side (8)"
    )
    parser.add_argument("--pace", type=float, default=1.0, help="so many times the time, for a busy machine (1)")
    parser.add_argument("--part", type=float, default=1.0, help="so much of a storm: 0.1 is a tenth (1)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where a storm's logs are kept (nowhere)")
    return parser.parse_args()


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _progress(total: int) -> Callable[[int], None]:
    """A counter for whoever watches; nothing where the output goes to a file."""
    shown = -1

    def show(done: int) -> None:
        nonlocal shown
        if done != shown and sys.stderr.isatty():
            sys.stderr.write(f"\r{done} of {total}")
            sys.stderr.flush()
        shown = done

    return show


if __name__ == "__main__":
    sys.exit(main())
