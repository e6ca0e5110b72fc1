"""The storm's plan and its judge: what they must see, shown without a storm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from decimal import Decimal

from connectors.faults import POINTS
from tests.chaos.checker import Judgement
from tests.chaos.company import Company
from tests.chaos.crew import SKEW
from tests.chaos.figures import Figures
from tests.chaos.storm import SIZES, Act, planned
from tests.chaos.verdict import Told, shared, summed_up

ONE, TWO = Company(number=1), Company(number=2)
LINE = {"state": "confirmed", "marker": "MR-1", "destination_id": "d-1"}


def told(
    company: Company = ONE, *, judgement: Judgement | None = None, lines: tuple[dict[str, str], ...] = (LINE,)
) -> Told:
    return Told(company=company, judgement=judgement or Judgement(), lines=lines, rows=1, documents=frozenset({"d-1"}))


def figures(**changes: object) -> Figures:
    """A run of the small size that reached everything."""
    size = SIZES["smoke"]
    verdict = summed_up([told()], over_limit={}) | {"rows": size.movements}
    given: dict[str, object] = {
        "size": size, "seed": 1, "counts": dict(size.least), "seen": {}, "api_faults": {"xero reset": 400},
        "points": dict.fromkeys(POINTS, 20), "verdict": verdict, "rest": 3.0, "seconds": 60.0, "small_disk": True,
    }  # fmt: skip
    return Figures(**(given | changes))  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_storm_with_everything_in_it() -> None:
    size = SIZES["pr"]
    found = planned(size, seed=3)

    assert found == planned(size, seed=3) != planned(size, seed=4)
    assert all(Counter(found)[act] >= least for act, least in size.least.items())
    assert found[0] is Act.MOVE, "nobody would have work"


def test_the_night_is_ten_times_the_day() -> None:
    day, night = SIZES["pr"], SIZES["nightly"]

    assert {act: least * 10 for act, least in day.least.items()} == night.least
    assert (night.movements, night.each_point) == (100_000, 200)


def test_the_issues_figures_are_what_a_day_must_reach() -> None:
    least = SIZES["pr"].least

    assert least[Act.KILL] + least[Act.KILL_GROUP] == 1_000
    assert least[Act.KILL_GROUP] == 100
    assert [least[act] for act in (Act.CUT, Act.STOP_DATABASE, Act.WIPE, Act.FAULT)] == [50, 10, 20, 400]


def test_a_run_that_reached_everything_misses_nothing() -> None:
    assert figures().missed() == []


def test_each_thing_that_is_wrong_is_named_with_its_figure() -> None:
    lost = Judgement(losses=frozenset({"a leg"}), cents={"account": Decimal("-12.30")})
    verdict = summed_up([told(judgement=lost)], over_limit={"minute": 2}) | {"rows": 300}

    missed = figures(verdict=verdict).missed()

    assert missed == ["losses: 1, wanted 0", "difference: 12.30, wanted 0.00", "problems: 1, wanted 0"]
    assert "chaos-1: lost a leg" in figures(verdict=verdict).table()
    assert "2 calls over the limit per minute" in figures(verdict=verdict).table()


def test_a_target_that_was_not_reached_turns_the_run_red() -> None:
    assert figures(rest=None).missed() == ["seconds to rest: None, wanted 120.0"]
    assert figures(api_faults={"xero reset": 19}).missed() == ["api faults that struck: 19, wanted 20"]


def test_a_movement_that_sleeps_is_seen_in_our_own_export() -> None:
    assert summed_up([told(lines=({**LINE, "state": "in_flight"},))], over_limit={})["asleep"] == 1


def test_a_marker_or_document_of_two_companies_is_a_problem() -> None:
    assert shared([told(), told(TWO)]) == [
        "marker MR-1 belongs to ['chaos-1', 'chaos-2']",
        "destination_id d-1 belongs to ['chaos-1', 'chaos-2']",
    ]
    assert shared([told(lines=(LINE, LINE))]) == [], "an own transfer is told in two lines"


def test_a_wrong_clock_is_an_hour_off_for_dates_and_right_for_durations() -> None:
    script = (
        "import json, time; from datetime import UTC, datetime; print(json.dumps([time.time(), time.monotonic(),"
        " datetime.now(UTC).timestamp(), isinstance(datetime.fromisoformat('2026-01-01T00:00:00+00:00'), datetime)]))"
    )
    environ = {**os.environ, "PYTHONPATH": str(SKEW), "CHAOS_CLOCK_OFF_SECONDS": "3600"}
    before, began = time.time(), time.monotonic()
    told = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True)
    stamp, monotonic, now, is_datetime = json.loads(told.stdout)

    assert before + 3600 <= stamp <= time.time() + 3600
    assert before + 3600 <= now <= time.time() + 3600
    assert began <= monotonic <= time.monotonic()
    assert is_datetime
