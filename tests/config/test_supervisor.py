"""`./run`'s supervisor with real processes: what it refuses, what it restarts, and that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from config.supervisor.postgres import Passwords, Postgres, find_place
from config.supervisor.valkey import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 120.0
FOREIGN = ("DATABASE_URL", "DATABASE_ADMIN_URL", "REDIS_URL", "DATA_DIR", "DJANGO_SETTINGS_MODULE", "SECRET_KEY",
           "FIELD_ENCRYPTION_KEY")  # fmt: skip

pytestmark = pytest.mark.crash


def environ(**changes: str) -> dict[str, str]:
    """A newcomer's environment: nothing of this test run in it."""
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return {**kept, "SANDBOX": "0", **changes}


def supervise(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "config.supervisor", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ(**changes), capture_output=True, text=True, timeout=PATIENCE)


def eventually(happens: Callable[[], bool], what: str, *, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.1)


@dataclass
class Running:
    """One `./run` in a folder of its own."""

    process: subprocess.Popen[str]
    home: Path
    port: int

    def ask(self, path: str, *, host: str = "localhost") -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://{host}:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except (urllib.error.URLError, OSError):
            return 0, b""

    def is_ready(self) -> bool:
        return self.ask("/readyz")[0] == 200

    def children(self, words: str) -> list[int]:
        return [pid for pid, line in command_lines().items() if words in line and parent(pid) == self.process.pid]

    def everyone(self) -> set[int]:
        """The supervisor and all its descendants."""
        found, queue = set[int](), [self.process.pid]
        parents = {pid: parent(pid) for pid in command_lines()}
        while queue:
            pid = queue.pop()
            found.add(pid)
            queue += [child for child, its_parent in parents.items() if its_parent == pid]
        return found


def command_lines() -> dict[int, str]:
    found = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return found


def listening(port: int) -> set[str]:
    """The addresses on which somebody listens, as the kernel lists them: hexadecimal, in words of the machine's order."""
    found = set()
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            address, _, number = local.partition(":")
            if state == "0A" and int(number, 16) == port:
                words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
                found.add(socket.inet_ntop(family, b"".join(words)))
    return found


def parent(pid: int) -> int:
    with suppress(OSError, ValueError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def alive(pids: set[int]) -> set[int]:
    """Those that still run; a zombie that nobody reaped has ended."""
    found = set()
    for pid in pids:
        with suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.add(pid)
    return found


@contextmanager
def passable_folder() -> Iterator[Path]:
    """A temporary folder that Postgres may enter as another user; pytest's own are closed to everybody but root."""
    folder = Path(tempfile.mkdtemp(prefix="millrace-home-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def folder() -> Iterator[Path]:
    with passable_folder() as found:
        yield found


@pytest.fixture(scope="module")
def prepared() -> Iterator[Path]:
    """A data folder whose database is migrated: made by one lone command, copied by the tests, because that is dear."""
    with passable_folder() as found:
        ended = supervise("manage", "migrate", "--check", DATA_DIR=str(found / "data"))
        assert ended.returncode == 0, ended.stderr
        yield found / "data"


def copy(home: Path, folder: Path) -> Path:
    subprocess.run(["cp", "-a", str(home), str(folder)], check=True)
    return folder / home.name


@pytest.fixture
def start(folder: Path, prepared: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def begin(**changes: str) -> Running:
        port, home = free_port(), folder / "data"
        if not home.exists():
            copy(prepared, folder)
        process = subprocess.Popen(
            [sys.executable, "-m", "config.supervisor", "up"],
            cwd=ROOT,
            env=environ(**{"PORT": str(port), "DATA_DIR": str(home), **changes}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running = Running(process, home, port)
        started.append(running)
        return running

    yield begin
    for running in started:
        everyone = running.everyone()
        running.process.kill()
        running.process.communicate()
        wait_gone(everyone)


def wait_gone(pids: set[int]) -> None:
    eventually(lambda: not alive(pids), "an end without leftovers", seconds=8)


def wait_successor(running: Running, words: str, victim: int) -> None:
    eventually(lambda: running.children(words) not in ([], [victim]), f"a new {words}")


def wait_ready(running: Running) -> str:
    """Read until the ready line."""
    assert running.process.stdout is not None
    lines = []
    for line in running.process.stdout:
        lines.append(line)
        if line.startswith("ready "):
            return line.strip()
    pytest.fail("".join(lines) + "".join(path.read_text() for path in (running.home / "logs").glob("*.log"))[-4000:])


def test_one_life(start: Callable[..., Running]) -> None:
    """Start, answer, refuse a second run, serve a command, restart who dies, stop: one stack, because a start is dear."""
    running = start()
    assert wait_ready(running) == f"ready http://localhost:{running.port}"

    status, body = running.ask("/readyz")
    assert (status, json.loads(body)) == (
        200,
        {"database": True, "migrations": True, "broker": True, "worker": True, "beat": True},
    )
    assert running.ask("/healthz") == (200, b"ok\n")

    assert listening(running.port) == {"127.0.0.1", "::1"}

    # secrets and notes are readable by nobody else
    for name in ("secrets.json", "running.json"):
        assert stat.S_IMODE((running.home / name).stat().st_mode) == 0o600

    # a second run on the folder, and another folder's run on the port, are one line each
    second = supervise("up", DATA_DIR=str(running.home), PORT=str(free_port()))
    assert (second.returncode, second.stdout) == (2, "")
    assert re.fullmatch(
        r"millrace: the data folder \S+ is in use by ./run \(process \d+\): stop that first\n", second.stderr
    )
    other_home = running.home.with_name("other")
    busy = supervise("up", DATA_DIR=str(other_home), PORT=str(running.port))
    assert (busy.returncode, busy.stdout) == (2, "")
    assert re.fullmatch(rf"millrace: port {running.port} cannot be used \(.+\): set PORT to another one\n", busy.stderr)
    assert not other_home.exists()

    # a command works beside it, on the same database
    command = supervise("manage", "migrate", "--check", DATA_DIR=str(running.home), PORT=str(running.port))
    assert command.returncode == 0, command.stderr
    assert supervise("clean", DATA_DIR=str(running.home)).returncode == 2

    # whoever dies comes back
    for words in (
        "config.webserver",
        "celery -A config.celery worker",
        "celery -A config.beat beat",
        "valkey-server",
        "bin/postgres",
    ):
        (victim,) = running.children(words)
        os.kill(victim, signal.SIGKILL)
        wait_successor(running, words, victim)
    eventually(running.is_ready, "ready again")

    # Ctrl-C: all gone within five seconds
    everyone = running.everyone()
    before = time.monotonic()
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(timeout=10) == 0
    assert time.monotonic() - before < 5
    assert alive(everyone) == set()


def test_a_killed_supervisor_leaves_nothing_and_the_next_start_is_clean(start: Callable[..., Running]) -> None:
    running = start()
    wait_ready(running)
    everyone = running.everyone()
    assert len(everyone) > 8

    running.process.kill()
    running.process.wait()

    wait_gone(everyone)
    again = start()
    wait_ready(again)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"PORT": "none"}, "PORT must be a whole number from 1 to 65535, not 'none'"),
        (
            {"LEASE_SECONDS": "3"},
            "LEASE_SECONDS (3) must be longer than SEND_DEADLINE_SECONDS + HTTP_TIMEOUT_SECONDS (50)",
        ),
        ({"DATABASE_URL": "sqlite:///x"}, "DATABASE_URL must start with one of postgres:, postgresql:"),
    ],
)
def test_a_wrong_variable_is_one_line_and_makes_nothing(tmp_path: Path, changes: dict[str, str], line: str) -> None:
    ended = supervise("up", **{"DATA_DIR": str(tmp_path / "data"), **changes})

    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", f"millrace: {line}\n")
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()  # root may write everywhere, but not below a file

    ended = supervise("up", DATA_DIR=str(tmp_path / "file" / "data"), PORT=str(free_port()))

    assert ended.returncode == 2
    assert re.fullmatch(r"millrace: the data folder \S+ cannot be written: .+\n", ended.stderr)


def test_an_unknown_verb_is_wrong_use() -> None:
    ended = supervise("fly")

    assert ended.returncode == 2
    assert ended.stderr.startswith("millrace: use ./run")


def test_a_command_alone_brings_its_own_servers_and_takes_them_away(prepared: Path, folder: Path) -> None:
    home = copy(prepared, folder)

    unknown = supervise("manage", "nonsense", DATA_DIR=str(home))

    assert unknown.returncode == 2
    assert unknown.stderr == "millrace: there is no command 'nonsense': `./run manage help` lists them\n"
    assert not [line for line in command_lines().values() if str(home) in line]
    assert supervise("clean", DATA_DIR=str(home)).returncode == 0
    assert not home.exists()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_command_that_is_told_to_stop_leaves_nothing(prepared: Path, folder: Path, how: signal.Signals) -> None:
    home = copy(prepared, folder)
    command = [
        sys.executable,
        "-m",
        "config.supervisor",
        "manage",
        "shell",
        "--command",
        "import time; time.sleep(300)",
    ]
    process = subprocess.Popen(command, cwd=ROOT, env=environ(DATA_DIR=str(home)), text=True)
    running = Running(process, home, 0)
    eventually(lambda: bool(running.children("time.sleep(300)")), "a command that runs")
    everyone = running.everyone()

    process.send_signal(how)

    process.wait(timeout=30)
    wait_gone(everyone)


@pytest.mark.django_db(transaction=True)
def test_servers_of_your_own_are_used_and_none_is_started(process_environ: dict[str, str], folder: Path) -> None:
    given = {name: process_environ[name] for name in ("DATABASE_URL", "DATABASE_ADMIN_URL", "REDIS_URL")}

    ended = supervise("manage", "migrate", "--check", DATA_DIR=str(folder / "data"), **given)

    assert ended.returncode == 0, ended.stderr
    assert not (folder / "data" / "postgres").exists()
    assert not (folder / "data" / "valkey").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the database as somebody else")
def test_root_in_a_closed_folder_keeps_the_folder_closed(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    place = find_place(closed)
    server = Postgres(place=place, passwords=Passwords.fresh(), log=folder / "log", settings={"fsync": "off"})

    server.start()
    with psycopg.connect(server.url()) as connection:
        answer = connection.execute("SELECT current_user").fetchone()
    server.stop()

    assert answer == ("millrace_app",)
    assert place.moved_to is not None
    assert place.moved_to.parent == Path("/var/lib/millrace")
    assert place.cluster.is_relative_to(place.moved_to)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert list(closed.iterdir()) == []
    assert supervise("clean", DATA_DIR=str(closed)).returncode == 0
    assert not place.moved_to.exists()
