"""The whole flow under anything that may befall it. `HYPOTHESIS_PROFILE=nightly` tries far more, for hours."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.pipeline.conftest import kept_company
from tests.properties.conftest import Worlds, worlds
from tests.simulation.machine import FlowMachine

__all__ = ["kept_company", "worlds"]
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "300" if NIGHTLY else "5"))


def test_whatever_happens_in_whatever_order_each_movement_is_booked_once(worlds: Worlds, request: Any) -> None:
    class Machine(FlowMachine):
        opened = staticmethod(worlds)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            deadline=None,
            max_examples=EXAMPLES,
            stateful_step_count=40 if NIGHTLY else 14,
            phases=tuple(Phase) if NIGHTLY else (Phase.explicit, Phase.generate),
            derandomize=not NIGHTLY,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
