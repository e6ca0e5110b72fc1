"""`./run chaos --size sim --seed N --seeds K`: K scenarios from seed N on, each with the production code in a simulated world.

Prints a table, and one JSON line last. Where one goes wrong, its smallest form is printed with its trace.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings_test")

import django

django.setup()

from config.supervisor import child  # noqa: E402
from tests.simulation.scenario import drawn  # noqa: E402
from tests.simulation.shrink import minimal, told  # noqa: E402
from tests.simulation.world import World  # noqa: E402


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of one seed."""

    seed: int
    movements: int
    calls: int
    faults: int
    deaths: int
    wrong: str
    cpu: float  # seconds


def played(seed: int) -> Played:
    began, scenario = time.process_time(), drawn(seed)
    run = World(scenario=scenario).run()
    return Played(
        seed=seed, movements=len(scenario.movements), calls=run.calls, faults=run.faults, deaths=run.deaths,
        wrong=run.wrong, cpu=time.process_time() - began,
    )  # fmt: skip


def until_one_goes_wrong(seeds: range) -> list[Played]:
    """Each seed is a world of its own, so each core plays its share; told in the order of the seeds."""
    found: list[Played] = []
    forked = multiprocessing.get_context("fork")  # with the changes of a seeded bug
    with ProcessPoolExecutor(mp_context=forked, initializer=child.die_with_parent) as pool:  # raises where a child dies
        for run in pool.map(played, seeds, chunksize=8):
            found.append(run)
            if run.wrong:
                pool.shutdown(cancel_futures=True)
                break
    return found


def main(*, seed: int, seeds: int) -> int:
    started = time.monotonic()
    runs = until_one_goes_wrong(range(seed, seed + seeds))
    seconds, cpu = time.monotonic() - started, sum(run.cpu for run in runs)
    failed = [run.seed for run in runs if run.wrong]
    for number in failed:
        print(told(*minimal(drawn(number))))
    sums = {name: sum(getattr(run, name) for run in runs) for name in ("movements", "calls", "faults", "deaths")}
    print("".join(f"{name:>11}" for name in ("seeds", *sums, "wrong")))
    print("".join(f"{number:>11}" for number in (len(runs), *sums.values(), len(failed))))
    answer = {
        "size": "sim", "seed": seed, "seeds": len(runs), **sums, "failed_seeds": failed, "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1), "seeds_per_minute": round(len(runs) / seconds * 60),
        "seeds_per_cpu_minute": round(len(runs) / cpu * 60) if cpu else 0,
    }  # fmt: skip
    print(json.dumps(answer))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(seed=int(sys.argv[1]), seeds=int(sys.argv[2])))
