"""`./run chaos` is asked for things that it cannot do: one clear line and exit code 2, and nothing is started."""

from __future__ import annotations

import subprocess
import sys

import pytest

from config.supervisor.environment import ROOT
from tests.chaos.bugs import BUGS


def refused(*arguments: str) -> str:
    """The last line on stderr."""
    argv = [sys.executable, "-m", "tests.chaos", *arguments]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    return ended.stderr.splitlines()[-1]


def test_a_bug_that_nobody_knows_is_answered_with_the_known_ones() -> None:
    told = refused("--bugs", "nosuch")

    assert "'nosuch' is none of the known bugs" in told
    assert [name for name in BUGS if name not in told] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--size", "pr", "--seeds", "5"), "--size pr does not read --seeds"),
        (("--size", "smoke", "--times", "3"), "--size smoke does not read --times"),
        (("--size", "sim", "--part", "0.1", "--keep", "logs"), "--size sim does not read --keep, --part"),
        (("--seeds", "5"), "--size crash does not read --seeds"),
        (("--bugs", "--size", "pr"), "--bugs does not read --size"),
        (("--size", "smoke", "--part", "nan"), "'nan' is not a number above 0"),
        (("--size", "smoke", "--pace=-1"), "'-1' is not a number above 0"),
        (("--size", "sim", "--seeds", "99999999999999"), "is not a whole number from 1 to 1000000"),
    ],
)
def test_an_option_that_would_be_ignored_or_cannot_be_meant(arguments: tuple[str, ...], words: str) -> None:
    assert words in refused(*arguments)
