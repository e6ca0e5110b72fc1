"""The processes of the product: started when what they need is there, restarted when they die, stopped in reverse."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

from config.supervisor import child
from config.supervisor.environment import ROOT
from config.supervisor.failure import StartError
from config.supervisor.home import Home
from config.supervisor.restart import Deaths

# Enough for what a program is doing; an idle pool takes longer to say goodbye, and may be cut short.
GRACE_SECONDS = 1.5
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopAsked(Exception):
    """Somebody wants us to end."""


@dataclass(slots=True, kw_only=True)
class Member:
    """One process of the stack: how it is started and stopped, and whether it died lately.

    `start` returns when the process exists (a server's: when it answers)."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    stop: Callable[[], None]
    process: subprocess.Popen[bytes]
    deaths: Deaths = field(default_factory=Deaths)
    due: float | None = None  # when a dead one starts again


def program(name: str, argv: list[str], *, home: Home, environ: dict[str, str], fds: tuple[int, ...] = ()) -> Member:
    """A member that is one of our own programs; killed without ceremony when the supervisor is killed."""

    def start() -> subprocess.Popen[bytes]:
        log = home.log(name)
        return child.spawn(
            [sys.executable, "-m", *argv],
            environ=environ,
            log=log,
            cwd=ROOT,
            death_signal=signal.SIGKILL,
            pass_fds=fds,
        )

    member = Member(name=name, start=start, stop=lambda: None, process=start())
    member.stop = lambda: _end(member.process)
    return member


def _end(process: subprocess.Popen[bytes]) -> None:
    child.await_end(process, grace=GRACE_SECONDS)


class Alarm:
    """Sleeps until a signal, a child's death or the time is over. SIGINT, SIGTERM and SIGHUP end in StopAsked."""

    def __init__(self) -> None:
        self._asked = False
        self._reader, writer = os.pipe()
        for end in (self._reader, writer):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in STOPPING:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup means what it says
                signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True

    def sleep(self, seconds: float) -> None:
        if not self._asked and select.select([self._reader], [], [], seconds)[0]:
            os.read(self._reader, 4096)
        self.check()

    def check(self) -> None:
        if self._asked:
            raise StopAsked


@dataclass(slots=True)
class Stack:
    """All members in the order of their start. Servers first: the others live through their restart."""

    home: Home
    members: list[Member] = field(default_factory=list)
    say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True)

    def look(self, now: float) -> None:
        """Restart who died and is due. Raises StartError at somebody's fifth death within a minute."""
        for member in self.members:
            if member.due is None and member.process.poll() is not None:
                self._note_death(member, now)
            if member.due is not None and now >= member.due:
                self._restart(member, now)

    def _note_death(self, member: Member, now: float) -> None:
        code = member.process.poll()
        child.kill_group(member.process)
        wait = member.deaths.record(now)
        log = self.home.logs / f"{member.name}.log"
        if wait is None:
            raise StartError(f"{member.name} died five times within a minute, so everything stops: see {log}")
        self.say(f"{member.name} ended unexpectedly ({_words(code)}), starting it again: see {log}")
        member.due = now + wait

    def _restart(self, member: Member, now: float) -> None:
        try:
            member.process = member.start()
            member.due = None
        except StartError as error:
            wait = member.deaths.record(now)
            if wait is None:
                raise
            self.say(str(error))
            member.due = now + wait

    def stop(self) -> None:
        """Reverse order; the programs are asked together first, so that their goodbyes overlap."""
        for member in reversed(self.members):
            if member.name in ("web", "worker", "beat", "watch") and member.process.poll() is None:
                member.process.terminate()
        for member in reversed(self.members):
            member.stop()


def _words(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit {code}"


def wait_until(ready: Callable[[], bool], *, stack: Stack, alarm: Alarm, seconds: float, failing: str) -> None:
    """Look after the stack until `ready`. Raises StartError(failing) when the time is over."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise StartError(failing)
        stack.look(time.monotonic())
        alarm.sleep(0.1)
