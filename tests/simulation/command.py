"""`./run chaos --size sim --seed N --seeds K`: K scenarios from seed N on, each with the production code in a simulated world.

Prints a table, and one JSON line last. Where one goes wrong, its smallest form is printed with its trace.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings_test")

import django

django.setup()

from tests.simulation.scenario import drawn  # noqa: E402
from tests.simulation.shrink import minimal, told  # noqa: E402
from tests.simulation.world import World  # noqa: E402


@dataclass(slots=True, kw_only=True)
class Tally:
    """Sums over all runs."""

    seeds: int = 0
    movements: int = 0
    calls: int = 0
    faults: int = 0
    deaths: int = 0


def main(*, seed: int, seeds: int) -> int:
    started, worked = time.monotonic(), time.process_time()
    tally, failed = Tally(), []
    for number in range(seed, seed + seeds):
        scenario = drawn(number)
        run = World(scenario=scenario).run()
        tally.seeds += 1
        tally.movements += len(scenario.movements)
        tally.calls += run.calls
        tally.faults += run.faults
        tally.deaths += run.deaths
        if run.wrong:
            failed.append(number)
            if len(failed) == 1:
                print(told(*minimal(scenario)))
                break
    seconds, cpu = time.monotonic() - started, time.process_time() - worked
    print(f"{'seeds':>10} {'movements':>10} {'calls':>10} {'faults':>10} {'deaths':>10} {'wrong':>6}")
    print(
        f"{tally.seeds:>10} {tally.movements:>10} {tally.calls:>10} {tally.faults:>10} {tally.deaths:>10} {len(failed):>6}"
    )
    answer = {
        "size": "sim", "seed": seed, "seeds": tally.seeds, "movements": tally.movements, "calls": tally.calls,
        "faults": tally.faults, "deaths": tally.deaths, "failed_seeds": failed, "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1), "seeds_per_cpu_minute": round(tally.seeds / cpu * 60) if cpu else 0,
    }  # fmt: skip
    print(json.dumps(answer))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(seed=int(sys.argv[1]), seeds=int(sys.argv[2])))
