"""The race as the vendors really are: 400 ms +- 300 ms a call, and 60 calls a minute for each organisation.

There no machine is the limit, the number of calls is: what is told is seconds by the clock.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench import ours, race
from bench.company import COMPANY, first_day
from bench.figures import Figures
from bench.packages import NotInstalled
from bench.stage import Stage, vendors
from bench.table import aligned

CALLS_A_MINUTE = 60
WEATHER = {"latency": 0.4, "spread": 0.3}
KNOWN = {"XERO_LIMIT_MINUTE": str(CALLS_A_MINUTE)}


def measure_realistic(made: Stage, *, rows: int) -> list[Figures]:
    """Ours first, then every peer; each begins with a whole minute's calls. Who calls for each row gets a tenth of them."""
    found = _measured(made, rows, [peer for peer in race.PEERS if not peer.one_a_call], with_ours=True)
    return found + _measured(made, rows // 10, [peer for peer in race.PEERS if peer.one_a_call])


def _measured(made: Stage, rows: int, peers: Sequence[race.Peer], *, with_ours: bool = False) -> list[Figures]:
    found: list[Figures] = []
    with vendors(made, {COMPANY: rows}, first=first_day()) as world:
        world.ask("weather", seed=1, **WEATHER)
        world.ask("limits", minute=CALLS_A_MINUTE)
        if with_ours:
            found.append(ours.run(made, world, **KNOWN))
        for peer in peers:
            world.ask("limits", minute=CALLS_A_MINUTE)
            try:
                found.append(race.run(made, world, peer))
            except NotInstalled as reason:
                print(f"{peer.name}: not installed here: {reason}", flush=True)
    return found


def table(found: list[Figures]) -> list[str]:
    heads = [f"400 ms a call, {CALLS_A_MINUTE} a minute", "rows", "seconds", "rows/min", "writes", "reads",
             "ours : it", "duplicates", "losses", "difference"]  # fmt: skip
    return aligned([heads, *(_line(one, found[0]) for one in found)])


def _line(one: Figures, mine: Figures) -> list[str]:
    verdict = one.verdict
    speed = (one.rows / one.wall * 60, mine.rows / mine.wall * 60)
    counts = [f"{one.rows:,}", f"{one.wall:.0f}", f"{speed[0]:,.0f}", str(one.write_calls), str(one.read_calls)]
    zeros = [str(verdict.duplicates), str(verdict.losses), f"{verdict.cents:.2f}"]
    return [one.name, *counts, "-" if one is mine else f"{speed[1] / speed[0]:.1f}", *zeros]
