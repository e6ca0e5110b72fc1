"""What happens in one run of the simulation: drawn from a seed, replayed as it is, and made smaller after a failure."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

WRITE_FAULTS = (
    "lost_answer", "lost_request", "delayed", "delayed_long", "partial_500", "error_after_commit", "error_before",
    "not_sent", "rate_limit", "shuffled", "dropped_element", "reset_late", "refused_batch", "unmarked",
)  # fmt: skip
READ_FAULTS = ("unreachable", "short_page")
DELETES, TYPES_TWIN, EDITS, RECONCILES = "deletes", "types an equal one", "edits the amount", "reconciles"
ACTS = (DELETES, TYPES_TWIN, EDITS, RECONCILES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One entry that becomes ready at `at` (virtual seconds). `refused`: Xero will never take it."""

    number: int
    at: float
    cents: int
    day: int
    account: int
    transfer: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A person does something in Xero, some seconds after the `nth` document of ours was made."""

    nth: int
    after: float
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """All that is decided by dice. Keys of `writes`, `reads` and `stops` count what the workers did so far."""

    seed: int
    movements: tuple[Movement, ...]
    writes: dict[int, str]
    reads: dict[int, str]
    stops: dict[int, float]  # at this step a worker dies (-1.0) or stands still for so long
    acts: tuple[Act, ...]
    workers: int
    batch: int
    lag: float  # seconds until a document can be read

    @property
    def size(self) -> int:
        return len(self.movements) + len(self.writes) + len(self.reads) + len(self.stops) + len(self.acts)


def drawn(seed: int) -> Scenario:
    """A scenario: fifty to eighty movements, about one call in four goes wrong."""
    dice = random.Random(seed)
    count = dice.choice((50, 50, 50, 60, 80))
    spread = dice.choice((1.0, 60.0, 600.0))
    return Scenario(
        seed=seed,
        movements=tuple(_movement(dice, number, spread) for number in range(count)),
        writes={number: dice.choice(WRITE_FAULTS) for number in range(40) if dice.random() < 0.3},
        reads={number: dice.choice(READ_FAULTS) for number in range(60) if dice.random() < 0.06},
        stops=dict(_stops(dice)),
        acts=tuple(
            Act(nth=dice.randrange(count), after=dice.choice((0.5, 30.0, 400.0)), what=dice.choice(ACTS))
            for _ in range(dice.randrange(4))
        ),
        workers=dice.choice((1, 2, 2, 3)),
        batch=dice.choice((10, 25, 50)),
        lag=dice.choice((0.0, 0.0, 20.0, 100.0)),
    )


def _movement(dice: random.Random, number: int, spread: float) -> Movement:
    return Movement(
        number=number,
        at=dice.random() * spread,
        cents=dice.choice((10_000, 10_000, 29, dice.randrange(1, 9_999_999))),  # equal amounts are common
        day=dice.randrange(1, 6),
        account=dice.randrange(3),
        transfer=dice.random() < 0.06,
        refused=dice.random() < 0.03,
    )


def _stops(dice: random.Random) -> Iterator[tuple[int, float]]:
    for _ in range(dice.randrange(7)):
        yield dice.randrange(1, 160), dice.choice((-1.0, -1.0, 5.0, 30.0, 130.0, 300.0))


def parts(scenario: Scenario, name: str) -> list[int]:
    """What can be left out of this field: keys, or places."""
    whole: Any = getattr(scenario, name)
    return list(whole) if isinstance(whole, dict) else list(range(len(whole)))


def without(scenario: Scenario, name: str, gone: set[int]) -> Scenario:
    return replace(scenario, **{name: _without(getattr(scenario, name), gone)})


def _without(whole: Any, gone: set[int]) -> Any:
    if isinstance(whole, dict):
        return {key: value for key, value in whole.items() if key not in gone}
    return tuple(value for number, value in enumerate(whole) if number not in gone)
