"""What a storm does and must reach: which acts, how often, in which order. Pure; the same seed gives the same order.

A storm is the campaign of `--size smoke|pr|nightly`: many tenants, real workers, and a monkey that acts while movements
arrive. What an act finds when it strikes is not planned: that is the point of it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import StrEnum

MARGIN = 1.15  # so many more acts are planned than must count: some meet nobody at work
MOVED_AT_ONCE = 5  # rows of one arrival, about: small ones, so that there is nearly always something to send
# As plan.COMPRESSED, for many tenants on a busy machine: 67 times faster than in production, the lease 22 times.
QUARANTINE, LEASE = 9.0, 5.5
COMPRESSED = {
    "TICK_SECONDS": "0.3",
    "POLL_SECONDS": "3",
    "QUARANTINE_SECONDS": f"{QUARANTINE:g}",
    "PROBE_SECONDS": "0.5,3",
    "PROBE_GAP_SECONDS": "0.5",
    "SEND_DEADLINE_SECONDS": "0.8",
    "HTTP_TIMEOUT_SECONDS": "2",
    "LEASE_SECONDS": f"{LEASE:g}",
    "RETRY_SCHEDULE_SECONDS": "1,2,4,8",
}
SHORTEST_FREEZE, LONGEST_FREEZE = 0.3, 7.5  # past the lease, within the quarantine, as 1 to 40 s are


class Act(StrEnum):
    """One deed of the monkey, or of the world."""

    KILL = "kill"  # one worker, by SIGKILL
    KILL_GROUP = "kill group"  # a worker with all of its children
    FREEZE = "freeze"  # SIGSTOP, and SIGCONT later
    CUT = "cut sessions"  # every session of the application at the database
    STOP_DATABASE = "stop database"  # pg_ctl stop -m immediate, and started again
    WIPE = "wipe broker"  # FLUSHALL, or killed and started empty
    TWO_BEATS = "two beats"
    HINTS = "hints"  # doubled, and in another order
    DEPLOY = "deploy"  # SIGTERM, with the successor beside it
    FILL_DISK = "fill disk"
    WRONG_CLOCK = "wrong clock"  # a worker that is an hour off
    FAULT = "api fault"
    EXPIRE = "expired tokens"  # of whoever asks next
    MOVE = "movements"
    CHANGE = "change"  # Amnis corrects a posted row, and a person lets the document follow


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much has to happen. `seconds`: for everything, from the first arrival to the judgement."""

    name: str
    tenants: int
    movements: int
    seconds: float
    storm_seconds: float
    least: dict[Act, int]
    each_point: int
    rest_seconds: float = 120.0
    part: float = 1.0
    pace: float = 1.0

    def scaled(self, *, part: float, pace: float) -> Size:
        """A part of it, with `pace` times the time for that: for a machine that has other work too."""
        return replace(
            self,
            part=part,
            pace=pace,
            movements=round(self.movements * part),
            seconds=max(self.seconds * part, self.rest_seconds * 2) * pace,
            storm_seconds=self.storm_seconds * part * pace,
            least={act: max(1, round(least * part)) for act, least in self.least.items()},
            each_point=round(self.each_point * part),
        )

    @property
    def arrivals(self) -> int:
        return max(self.tenants, self.movements // MOVED_AT_ONCE)


_SMOKE = {
    Act.KILL: 18, Act.KILL_GROUP: 2, Act.FREEZE: 2, Act.CUT: 1, Act.STOP_DATABASE: 1, Act.WIPE: 2, Act.TWO_BEATS: 1,
    Act.HINTS: 1, Act.DEPLOY: 1, Act.FILL_DISK: 1, Act.WRONG_CLOCK: 1, Act.FAULT: 20, Act.CHANGE: 2,
}  # fmt: skip
_PR = {
    Act.KILL: 900, Act.KILL_GROUP: 100, Act.FREEZE: 40, Act.CUT: 50, Act.STOP_DATABASE: 10, Act.WIPE: 20,
    Act.TWO_BEATS: 5, Act.HINTS: 20, Act.DEPLOY: 5, Act.FILL_DISK: 3, Act.WRONG_CLOCK: 4, Act.FAULT: 400, Act.CHANGE: 40,
}  # fmt: skip
TIMES_NIGHTLY = 10
SIZES = {
    "smoke": Size(name="smoke", tenants=2, movements=300, seconds=240, storm_seconds=30, least=_SMOKE, each_point=0),
    "pr": Size(name="pr", tenants=20, movements=10_000, seconds=600, storm_seconds=350, least=_PR, each_point=20),
    "nightly": Size(
        name="nightly",
        tenants=20,
        movements=10_000 * TIMES_NIGHTLY,
        seconds=600 * TIMES_NIGHTLY,
        storm_seconds=350 * TIMES_NIGHTLY,
        least={act: number * TIMES_NIGHTLY for act, number in _PR.items()},
        each_point=20 * TIMES_NIGHTLY,
    ),
}


def planned(size: Size, *, seed: int) -> list[Act]:
    """Every act about as often as it must count, shuffled; arrivals evenly between them."""
    dice = random.Random(seed)
    acts = [act for act, least in size.least.items() for _ in range(round(least * MARGIN) or 1)]
    dice.shuffle(acts)
    return _between(acts, [Act.MOVE] * size.arrivals)


def _between(acts: list[Act], arrivals: list[Act]) -> list[Act]:
    """Both lists in their order, spread over one another; it begins with arrivals, or nobody would have work."""
    placed = [(number / len(acts), act) for number, act in enumerate(acts)]
    placed += [((number - 3) / (len(arrivals) * 1.02), act) for number, act in enumerate(arrivals)]
    return [act for _, act in sorted(placed, key=lambda one: one[0])]
