"""Many tenants as a discrete-event model: the clock's ticks, hints in a queue, workers, the application's own call limit. Pure.

What it cannot know is measured and put in: the seconds that an idle and a busy slice take, how many hints may wait.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Tenants and what they do. `active` is the share that has something to carry at a look."""

    tenants: int
    poll: float  # seconds between two looks
    active: float = 0.02
    idle_slice: float = 0.05
    busy_slice: float = 0.3
    busy_calls: int = 7  # to Xero: changes (four lists), the write, the read-back (two); lock dates every ten minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What is there to do it."""

    workers: int
    tick: float = 1.0
    hints: int = 1000  # that wait at most: sync.tasks.HINTS
    app_minute: int = 9000  # nine tenths of Xero's 10,000 for the whole application


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Seconds from due to the start of the slice, and what the vendor saw."""

    slices: int
    p50: float
    p99: float
    worst: float
    busy_share: float  # of the workers' time
    most_calls: int  # in one minute
    put_off: int  # busy slices that had to wait for the application's limit


def simulate(load: Load, house: House, *, seconds: float, seed: int = 1) -> Outcome:
    """Run the house for `seconds`, every tenant's first look at a random moment of its poll."""
    dice = random.Random(seed)
    due = [(dice.uniform(0, load.poll), number) for number in range(load.tenants)]
    heapq.heapify(due)
    free = [0.0] * house.workers
    heapq.heapify(free)
    waiting: deque[tuple[float, int]] = deque()
    lags: list[float] = []
    minutes: dict[int, int] = {}
    put_off, busy, now = 0, 0.0, 0.0
    while now < seconds:
        now += house.tick
        for _ in range(house.hints - len(waiting)):
            if not due or due[0][0] > now + house.tick / 2:  # a look begins with the nearest tick
                break
            waiting.append(heapq.heappop(due))
        while waiting and free[0] < now + house.tick:
            moment, number = waiting.popleft()
            start = max(heapq.heappop(free), now)
            took, calls = load.idle_slice, 0
            if dice.random() < load.active:
                took, calls = load.busy_slice, load.busy_calls
            minute = int(start // 60)
            if calls and minutes.get(minute, 0) + calls > house.app_minute:
                put_off, took, calls = put_off + 1, load.idle_slice, 0
            minutes[minute] = minutes.get(minute, 0) + calls
            lags.append(start - moment)
            busy += took
            heapq.heappush(free, start + took)
            heapq.heappush(due, (start + took + load.poll, number))
    lags.sort()
    return Outcome(
        slices=len(lags),
        p50=lags[len(lags) // 2],
        p99=lags[ceil(len(lags) * 0.99) - 1],
        worst=lags[-1],
        busy_share=busy / (house.workers * seconds),
        most_calls=max(minutes.values(), default=0),
        put_off=put_off,
    )


def workers_needed(load: Load, *, at_most: float = 0.7) -> int:
    """Worker processes that these looks keep busy for `at_most` of their time."""
    mean = load.active * load.busy_slice + (1 - load.active) * load.idle_slice
    return max(1, ceil(load.tenants / load.poll * mean / at_most))


def adaptive_polls(tenants: int, *, active: float, quick: float = 60.0, slow: float = 300.0) -> float:
    """Looks a second where only the active share is asked every `quick` seconds, and all others every `slow`."""
    return tenants * (active / quick + (1 - active) / slow)
