"""The smallest scenario that still goes wrong in the same way: fewer movements, fewer faults, fewer workers.

A run ends at the first thing that must never be, so a smaller scenario also stops earlier.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from tests.simulation.scenario import Scenario, parts, without
from tests.simulation.world import Run, World, marker_of

FIELDS = ("reads", "stops", "acts", "writes", "movements")


class Shrinker:
    """Leaves something out as long as the same kind of sentence is said, in at most `runs` runs."""

    def __init__(self, scenario: Scenario, *, runs: int) -> None:
        self._left = runs
        self.scenario, self.found = scenario, World(scenario=scenario).run()
        self._kind = _kind(self.found.wrong)

    def shrink(self) -> None:
        """A guess first: the one movement that the sentence names, and one thing that befalls its first calls. Then halves,
        quarters, single things; twice, because one thing may keep another."""
        any(self._try(guess) for guess in self._guesses())
        for _ in range(2):
            for name in FIELDS:
                self._thin_out(name)
            if self.scenario.workers > 1:
                self._try(replace(self.scenario, workers=1))

    def _guesses(self) -> Iterator[Scenario]:
        whole = self.scenario
        named = tuple(replace(it, at=0.0) for it in whole.movements if marker_of(it) in self.found.wrong)
        alone = replace(whole, movements=named, writes={}, reads={}, stops={}, acts=(), workers=1)
        if not named:
            return
        yield alone
        for fault in sorted(set(whole.writes.values())):
            yield replace(alone, writes={1: fault})
        for fault in sorted(set(whole.writes.values())):
            yield replace(alone, writes={1: fault, 2: fault})

    def _thin_out(self, name: str) -> None:
        width = len(parts(self.scenario, name))
        while width:
            start = 0
            while gone := set(parts(self.scenario, name)[start : start + width]):
                if not self._try(without(self.scenario, name, gone)):
                    start += width
            width //= 2

    def _try(self, candidate: Scenario) -> bool:
        if self._left == 0:
            return False
        self._left -= 1
        run = World(scenario=candidate).run()
        if not run.wrong or _kind(run.wrong) != self._kind:
            return False
        self.scenario, self.found = candidate, run
        return True


def minimal(scenario: Scenario, *, runs: int = 300) -> tuple[Scenario, Run]:
    """The smallest that was found, and its run."""
    shrinker = Shrinker(scenario, runs=runs)
    shrinker.shrink()
    return shrinker.scenario, shrinker.found


def told(scenario: Scenario, run: Run) -> str:
    """For whoever repairs it: what was left of the scenario, then what happened, moment by moment."""
    lines = [f"seed {scenario.seed}: {run.wrong}", f"movements: {', '.join(map(str, scenario.movements))}"]
    lines += [
        f"{name}: {getattr(scenario, name)}" for name in ("writes", "reads", "stops", "acts", "workers", "batch", "lag")
    ]
    lines += ["  " + f"{at:10.3f}  {who:10}  " + " ".join(map(str, what)) for at, who, *what in run.trace]
    return "\n".join(lines)


def _kind(wrong: str) -> str:
    """The sentence without its markers and figures."""
    return re.sub(r"MR-\w+|[0-9a-f]{8}-[0-9a-f-]{27}|\d+", "#", wrong)[:60]
