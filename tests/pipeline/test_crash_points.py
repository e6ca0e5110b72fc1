"""Each crash point once: a real process, dead by SIGKILL, and a successor that tidies up.

The same machinery as `./run chaos`, which repeats each of them twenty times. The deaths happen side by side; between
them they hit something created, paid, changed and removed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.campaign import Campaign
from tests.chaos.plan import QUARANTINE, Point, Target, Trial
from tests.embedded import BASE

pytestmark = pytest.mark.crash
PATIENCE = 120.0
DEATHS = (
    Trial(point=Point.AFTER_CLAIM, target=Target.BANK_TRANSFERS, seed=1),
    Trial(point=Point.DURING_CALL, target=Target.BANK_TRANSACTIONS, seed=2, arrives_after=QUARANTINE - 0.8),
    Trial(point=Point.ANSWER_UNREAD, target=Target.PAYMENTS, seed=3),
    Trial(point=Point.AFTER_ANSWER, target=Target.CHANGES, seed=4),
    Trial(point=Point.BEFORE_DONE, target=Target.REMOVALS, seed=5),
)


@pytest.fixture(scope="module")
def outcomes(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What became of each death, by its point. Every cell works on a copy of the migrated base."""
    folder: Path = tmp_path_factory.mktemp("crash")
    campaign = Campaign(environ=dict(os.environ), template=BASE, folder=folder)
    told = campaign.run([[death] for death in DEATHS], seconds=PATIENCE, progress=lambda done: None)
    return {outcome["point"]: outcome for outcome in told if outcome["hit"]} | {
        "missed": {outcome["point"]: outcome["evidence"] for outcome in told if not outcome["hit"]}
    }


@pytest.mark.parametrize("point", Point)
def test_a_process_killed_around_a_call_neither_doubles_nor_loses_anything(
    outcomes: dict[str, dict[str, Any]], point: Point
) -> None:
    assert point in outcomes, f"nobody died there: {outcomes['missed']}"
    outcome = outcomes[point]

    assert outcome["killed"]
    assert (outcome["duplicates"], outcome["losses"], outcome["cents"]) == (0, 0, "0.00")
    assert outcome["problems"] == []
