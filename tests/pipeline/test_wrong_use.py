"""Wrong use of a command is one clear line and exit code 2, before anything is read."""

from __future__ import annotations

import pytest

from config.commands import execute

WRONG_USE = 2
DAYS = (
    ("proof", "--from=%s"),
    ("proof", "--from=2026-01-01", "--to=%s"),
    ("backfill", "--from=%s", "--to=2026-03-31"),
    ("backfill", "--from=2026-01-01", "--to=%s"),
    ("undo", "--day=%s"),
    ("statement", "--account=1", "--month=%.7s"),
)


def refused(capsys: pytest.CaptureFixture[str], name: str, *options: str) -> str:
    """The last line that the person sees."""
    assert execute(["manage.py", name, "muster", *options]) == WRONG_USE
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("day", ["0001-01-01", "1989-12-01", "2101-01-01", "9999-12-31"])
@pytest.mark.parametrize("arguments", DAYS)
def test_a_day_at_either_end_of_the_calendar(
    arguments: tuple[str, ...], day: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *options = arguments

    told = refused(capsys, name, *(it % day if "%" in it else it for it in options))

    assert "of the years 1990 to 2100" in told


@pytest.mark.parametrize("text", ["nan", "-1", "inf", "1e400", "86401", "soon"])
def test_a_wait_that_is_no_time(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is not a number of seconds from 0 to 86400" in refused(capsys, "sync", f"--wait={text}")
