"""`./run chaos --size smoke|pr|nightly`: many companies, real workers, and a monkey; both vendors' books are compared at
the end. `--size crash` (the default): kill real processes at the points around a call that creates, pays, changes or removes,
and compare both vendors' books after each. `--size sim`: the same code in simulated worlds, seed by seed. `--bugs`: seed known
mistakes, one at a time; each has to be caught."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from config.arguments import count, factor
from config.supervisor import child
from config.supervisor.failure import StartError
from tests.chaos.bugs import BUGS
from tests.chaos.campaign import CampaignError
from tests.chaos.plan import dealt, planned
from tests.chaos.report import Report
from tests.chaos.stage import stage
from tests.chaos.storm import SIZES
from tests.chaos.storming import Storm

LIMIT_SECONDS = 900.0
DEFAULTS = {"size": "crash", "times": 20, "cells": 8, "seeds": 2000, "pace": 1.0, "part": 1.0}
STORM = frozenset({"size", "seed", "pace", "part", "keep"})
READ_BY = {
    "--bugs": frozenset({"bugs"}),
    "--size crash": frozenset({"size", "seed", "times", "cells"}),
    "--size sim": frozenset({"size", "seed", "seeds"}),
}


def main() -> int:
    options = _options()
    if options.bugs is not None:
        return _become("tests.chaos.seeded", *options.bugs)
    if options.size == "sim":
        return _become("tests.simulation.command", str(options.seed or 0), str(options.seeds))
    child.end_in_order()
    seed = options.seed if options.seed is not None else random.randrange(2**31)
    return _crash(options, seed) if options.size == "crash" else _storm(options, seed)


def _become(module: str, *arguments: str) -> NoReturn:
    """No process between the caller and this one: whom the caller ends is who does the work."""
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])


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
    parser.add_argument("--size", choices=("crash", "sim", *SIZES), help="the default is crash")
    parser.add_argument("--seed", type=int, help="repeat a campaign")
    parser.add_argument(
        "--bugs", nargs="*", type=_bug, metavar="NAME", help="seed each known bug, or these: all must be caught"
    )
    crash = parser.add_argument_group("--size crash")
    crash.add_argument("--times", type=count, help="deaths at each point (20)")
    crash.add_argument("--cells", type=int, choices=range(1, 9), metavar="N", help="tenants side by side (8)")
    parser.add_argument_group("--size sim").add_argument("--seeds", type=count, help="scenarios from --seed on (2000)")
    storm = parser.add_argument_group(f"--size {', '.join(SIZES)}")
    storm.add_argument("--pace", type=factor, help="so many times the time, for a busy machine (1)")
    storm.add_argument("--part", type=factor, help="so much of a storm: 0.1 is a tenth (1)")
    storm.add_argument("--keep", type=Path, metavar="FOLDER", help="where a storm's logs are kept (nowhere)")
    options = parser.parse_args()
    _refuse_what_would_be_ignored(parser, options)
    for name, value in DEFAULTS.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def _refuse_what_would_be_ignored(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    given = {name for name, value in vars(options).items() if value is not None}
    kind = "--bugs" if "bugs" in given else f"--size {options.size or DEFAULTS['size']}"
    if others := sorted(given - READ_BY.get(kind, STORM)):
        parser.error(f"{kind} does not read {', '.join(f'--{name}' for name in others)}")


def _bug(text: str) -> str:
    if text not in BUGS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of the known bugs: {', '.join(sorted(BUGS))}")
    return text


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
