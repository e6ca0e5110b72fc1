"""Each seeded bug still has its place in the program, and the campaign can tell red from green."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.chaos import seeded
from tests.chaos.bugs import BUGS, Bug
from tests.chaos.mutate import mutated

DEMANDED = {
    "new-key-on-retry", "replay-after-window", "no-quarantine", "no-epoch", "match-by-position", "watermark-before-rows",
    "absence-after-one-page", "settle-without-marker", "missing-skip-locked", "tenant-filter-missing", "decimal-to-float",
    "http-retry-on-post", "429-as-unknown", "swallowed-error",
}  # fmt: skip


def test_the_demanded_bugs_are_there() -> None:
    assert BUGS.keys() >= DEMANDED


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS.keys())
def test_a_bug_still_has_its_place(bug: Bug) -> None:
    found = find_spec(bug.module)
    assert found is not None
    assert found.origin is not None

    compile(mutated(Path(found.origin).read_text("utf-8"), bug), found.origin, "exec")


def test_a_bug_turns_the_simulation_red() -> None:
    code, check = seeded._simulated("no-quarantine")

    assert code == seeded.CAUGHT
    assert "twice in the books" in check
