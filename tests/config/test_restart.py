"""Who dies comes back, with a growing pause, and whoever cannot live stops everything."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.supervisor import child
from config.supervisor.failure import StartError
from config.supervisor.home import Home
from config.supervisor.restart import Deaths
from config.supervisor.stack import Member, Stack


def test_pauses_double_until_the_fifth_death_within_a_minute() -> None:
    deaths = Deaths()

    assert [deaths.record(now) for now in (0, 10, 20, 30, 40)] == [0.25, 0.5, 1.0, 2.0, None]


def test_old_deaths_are_forgotten() -> None:
    deaths = Deaths()

    assert [deaths.record(now) for now in (0, 20, 40, 61, 81, 101)] == [0.25, 0.5, 1.0, 1.0, 1.0, 1.0]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "data")
    found.create()
    return found


def member(home: Home, code: str) -> Member:
    def start() -> subprocess.Popen[bytes]:
        return child.spawn([sys.executable, "-S", "-c", code], log=home.log("victim"))

    return Member(name="victim", start=start, stop=lambda: None, process=start())


def test_the_fifth_death_ends_everything_with_one_line(home: Home) -> None:
    said: list[str] = []
    stack = Stack(home, [member(home, "raise SystemExit(7)")], say=said.append)
    victim = stack.members[0]

    def live_a_minute() -> None:
        for quarter in range(240):
            victim.process.wait()
            stack.look(quarter / 4)

    with pytest.raises(
        StartError, match=r"^victim died five times within a minute, so everything stops: see .*victim\.log$"
    ):
        live_a_minute()
    assert len(said) == 4
    assert said[0].startswith("victim ended unexpectedly (exit 7), starting it again")


def test_a_dead_member_waits_its_pause_and_lives_again(home: Home) -> None:
    said: list[str] = []
    stack = Stack(home, [member(home, "import time; time.sleep(60)")], say=said.append)
    (found,) = stack.members
    first = found.process
    first.kill()
    first.wait()

    stack.look(10.0)
    assert found.process is first
    stack.look(10.25)

    assert found.process is not first
    assert found.process.poll() is None
    assert said[0].startswith("victim ended unexpectedly (SIGKILL)")
    child.stop(found.process, grace=1.0)


def test_a_stop_ends_the_children_of_a_child_too(home: Home) -> None:
    """A pool's children are in the group that is killed at the end."""
    sleep = "import time; time.sleep(60)"
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-S', '-c', {sleep!r}]); {sleep}"
    process = child.spawn([sys.executable, "-c", code])
    deadline = time.monotonic() + 10
    while not (family := _children(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert family

    child.stop(process, grace=1.0)

    time.sleep(0.1)
    assert [pid for pid in family if _lives(pid)] == []


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
