"""The processes of the product during a storm: started, looked after as the supervisor does, and named to the monkey."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.supervisor import child
from config.supervisor.environment import ROOT
from connectors.faults import LAST_WORDS, POINTS
from tests.chaos.campaign import CampaignError

GROUPS = ("worker-1", "worker-2")
LONELY = "loop"  # the operator's `tick --loop`, which needs no broker
PERSON = "person"
BEAT = "beat"
SETTLED_SECONDS = 5.0
SKEW = Path(__file__).with_name("skew")


@dataclass(slots=True)
class Member:
    """One worker with its children, or another process. `point`: where it is to die, and how often passed."""

    name: str
    kind: str
    pid: int
    point: str = ""
    born: float = field(default_factory=time.monotonic)

    @property
    def children(self) -> list[int]:
        with contextlib.suppress(OSError):
            return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        return []

    @property
    def is_alive(self) -> bool:
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2][:1]
        except OSError:
            return False
        return state not in "ZX"

    def send(self, number: signal.Signals, *, children: bool) -> None:
        for pid in [self.pid, *(self.children if children else [])]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


@dataclass(slots=True, kw_only=True)
class Crew:
    """Two workers of two children each, a loop, a clock, a person. `arms`: whether new workers may be told to die."""

    folder: Path
    environ: Mapping[str, str]
    dice: random.Random
    each_point: int
    arms: bool = True
    members: dict[str, Member] = field(default_factory=dict)
    _nursery: subprocess.Popen[bytes] | None = None
    _others: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _read: dict[Path, int] = field(default_factory=dict)
    hits: Counter[str] = field(default_factory=Counter)

    @property
    def busy_folder(self) -> Path:
        return self.folder / "busy"

    def start(self) -> None:
        self.busy_folder.mkdir()
        argv = [sys.executable, "-m", "tests.chaos.nursery", str(self.folder), str(self.busy_folder)]
        log = (self.folder / "nursery.log").open("ab")
        self._nursery = subprocess.Popen(
            argv, env=dict(self.environ), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            start_new_session=True, preexec_fn=child.dies_with(os.getpid(), signal.SIGKILL),
        )  # fmt: skip
        self.look_after()

    def stop(self) -> None:
        """Everything at once: what is left behind is part of the test no longer."""
        for member in self.members.values():
            member.send(signal.SIGKILL, children=True)
        for process in [*self._others, *([self._nursery] if self._nursery else [])]:
            child.kill_group(process)
            process.wait()

    def look_after(self) -> None:
        """Start whoever is not there, as the supervisor does."""
        for name in (*GROUPS, LONELY, PERSON, BEAT):
            member = self.members.get(name)
            if member is None or not member.is_alive:
                self.begin(name)
        self._others = [process for process in self._others if process.poll() is None]

    def begin(self, name: str) -> None:
        """A new process in this place; what it had is left to itself."""
        if name == BEAT:
            self.members[name] = Member(name, BEAT, self.clock("beat").pid)
            return
        kind = "celery" if name in GROUPS else name
        point = self._point() if kind in ("celery", LONELY) else ""
        self.members[name] = Member(name, kind, self._fork(kind, name=name, point=point), point)

    def clock(self, name: str) -> subprocess.Popen[bytes]:
        """One more beat."""
        schedule = self.folder / f"{name}.schedule"
        argv = [sys.executable, "-m", "celery", "-A", "config.beat", "beat", f"--schedule={schedule}", "--pidfile=",
                "--loglevel=WARNING"]  # fmt: skip
        return self._other(argv, name=name)

    def off_by(self, seconds: int) -> subprocess.Popen[bytes]:
        """A loop whose clock is wrong from its first moment."""
        path = os.pathsep.join([str(SKEW), self.environ["PYTHONPATH"]])
        wrong = {"PYTHONPATH": path, "CHAOS_CLOCK_OFF_SECONDS": str(seconds)}
        return self._other([sys.executable, "manage.py", "tick", "--loop"], name="wrong-clock", **wrong)

    def disarm(self) -> None:
        """Whoever is still told to die makes room for one that is not."""
        for member in list(self.members.values()):
            if member.point:
                member.send(signal.SIGKILL, children=True)
                self.begin(member.name)

    def _other(self, argv: list[str], *, name: str, **environ: str) -> subprocess.Popen[bytes]:
        log = self.folder / f"{name}.log"
        process = child.spawn(argv, environ={**self.environ, **environ}, log=log, cwd=ROOT, death_signal=signal.SIGKILL)
        self._others.append(process)
        return process

    def _fork(self, kind: str, *, name: str, point: str) -> int:
        assert self._nursery is not None
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        asked = {"kind": kind, "name": name, "point": point}
        self._nursery.stdin.write(json.dumps(asked).encode() + b"\n")
        self._nursery.stdin.flush()
        told = self._nursery.stdout.readline()
        if not told.strip():
            raise CampaignError(f"the nursery has ended: see {self.folder / 'nursery.log'}")
        return int(told)

    def is_settled(self, seconds: float = SETTLED_SECONDS) -> bool:
        """Has every worker had the time to come to the point where it is to die?"""
        return all(time.monotonic() - self.members[name].born > seconds for name in GROUPS)

    def _point(self) -> str:
        """Most workers are told to die: at the first that they come to of the points where deaths are still missing."""
        if not self.arms or self.dice.random() < 0.2:
            return ""
        self.count_hits()
        missing = [point for point in POINTS if self.hits[point] < self.each_point]
        return ",".join(missing) or f"{self.dice.choice(POINTS)}:{self.dice.choice((1, 1, 2))}"

    def count_hits(self) -> Counter[str]:
        """How many processes have died at each point, by their last words."""
        for log in self.folder.glob("*.log"):
            with log.open("rb") as file:
                file.seek(self._read.get(log, 0))
                text = file.read()
            whole = text.rpartition(b"\n")[0]
            self._read[log] = self._read.get(log, 0) + len(whole) + (1 if whole else 0)
            for line in whole.decode(errors="replace").splitlines():
                if line.startswith(LAST_WORDS):
                    self.hits[line.removeprefix(LAST_WORDS).strip()] += 1
        return self.hits

    def busy(self) -> dict[int, int]:
        """Children of a pool that work on a flow at this moment: pid -> flow."""
        mine = {pid for name in GROUPS if name in self.members for pid in self.members[name].children}
        found = {}
        for path in self.busy_folder.iterdir():
            if int(path.name) not in mine:
                path.unlink(missing_ok=True)
                continue
            with contextlib.suppress(OSError, ValueError):
                found[int(path.name)] = int(path.read_text(encoding="ascii"))
        return found
