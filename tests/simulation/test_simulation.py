"""The simulation in short: it is green, it repeats itself, and it can fail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from connectors.xero import outcomes
from connectors.xero.mapping import marker_of
from sync.domain.retry import Evidence
from tests.simulation.scenario import drawn
from tests.simulation.shrink import minimal, told
from tests.simulation.world import World


@pytest.mark.parametrize("seed", range(25))
def test_every_movement_is_booked_once_whatever_happens(seed: int) -> None:
    scenario = drawn(seed)
    run = World(scenario=scenario).run()

    assert not run.wrong, told(scenario, run)
    assert run.calls > 5


def test_the_same_seed_gives_the_same_trace() -> None:
    first, second = World(scenario=drawn(7)).run(), World(scenario=drawn(7)).run()

    assert first.trace == second.trace
    assert first.trace != World(scenario=drawn(8)).run().trace


def test_absence_that_is_believed_too_early_is_found_and_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    def believed(self: Evidence, *, last_send: datetime, looked_at: datetime, absent_seen_at: Any) -> bool:
        return True

    monkeypatch.setattr(Evidence, "counts_as_absence", believed)
    failing = next(seed for seed in range(60) if World(scenario=drawn(seed)).run().wrong)

    small, run = minimal(drawn(failing), runs=150)

    assert "twice in the books" in run.wrong
    assert small.size < 10
    assert "the books hold" in told(small, run)


def test_an_answer_by_place_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_place(endpoint: Any, elements: Any, items: Any) -> Any:
        return dict(zip([marker_of(item) for item in items], elements, strict=False))

    monkeypatch.setattr(outcomes, "_owners", by_place)

    assert any(World(scenario=drawn(seed)).run().wrong for seed in range(60))
