"""`./run`: everything a newcomer needs, until Ctrl-C."""

from __future__ import annotations

import contextlib
import errno
import http.client
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Protocol

from config.env import Env
from config.heartbeat_key import RUN
from config.supervisor.environment import ROOT, checked, handed_on
from config.supervisor.failure import StartError
from config.supervisor.home import Home
from config.supervisor.prepare import prepare
from config.supervisor.servers import Servers
from config.supervisor.stack import Alarm, Member, Stack, StopAsked, program, wait_until

READY_SECONDS = 60.0
QUEUES = "interactive,sync,notify,maintenance"
WORKER = ["celery", "-A", "config.celery", "worker", "--pool=prefork", "--concurrency=2", f"--queues={QUEUES}",
          "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=WARNING"]  # fmt: skip


def up(environ: Mapping[str, str]) -> int:
    """Serve until a signal. 0 after Ctrl-C or SIGTERM; StartError when something cannot start or keeps dying."""
    env = checked(environ)
    alarm = Alarm()
    home = Home(env.data_dir)
    home.refuse_if_taken()
    with contextlib.ExitStack() as cleanup:
        sockets = _bind(env.port)
        for listener in sockets:
            cleanup.callback(listener.close)
        home.create()
        home.take("./run")
        try:
            _serve(home, env, environ, sockets, alarm)
        except StopAsked:
            sys.stderr.write("stopping\n")
    return 0


def _serve(home: Home, env: Env, environ: Mapping[str, str], sockets: list[socket.socket], alarm: Alarm) -> None:
    # Heartbeats of an earlier run must not make this one look ready.
    environ = {**environ, RUN: secrets.token_hex(4)}
    with _running(Servers.start(home, environ, env)) as servers, _members(Stack(home)) as stack:
        alarm.check()
        stack.members += server_members(servers)
        prepare(servers, pause=alarm.sleep)
        home.write_note("running.json", handed_on(servers.environ))
        stack.members += _programs(home, servers.environ, sockets)
        wait_until(
            lambda: _is_ready(env.port),
            stack=stack,
            alarm=alarm,
            seconds=READY_SECONDS,
            failing=f"not ready within {READY_SECONDS:g} s: see {home.logs}",
        )
        _announce(home, env)
        stack.members.append(program("watch", ["config.supervisor.watch"], home=home, environ=servers.environ))
        _look_after(stack, alarm, servers.environ)


def _look_after(stack: Stack, alarm: Alarm, environ: Mapping[str, str]) -> None:
    """Until somebody asks us to stop. When a member cannot be kept alive the operators hear it before we end."""
    try:
        while True:
            stack.look(time.monotonic())
            alarm.sleep(1.0)
    except StartError as error:
        command = [sys.executable, "-m", "config.supervisor.watch", str(error)]
        subprocess.run(command, env=dict(environ), cwd=ROOT, stdout=subprocess.DEVNULL, timeout=20, check=False)
        raise


@contextlib.contextmanager
def _running(servers: Servers) -> Iterator[Servers]:
    try:
        yield servers
    finally:
        servers.home.drop_note("running.json")
        servers.stop()


@contextlib.contextmanager
def _members(stack: Stack) -> Iterator[Stack]:
    try:
        yield stack
    finally:
        stack.stop()


class Server(Protocol):
    """What Postgres, Valkey and the sandbox have in common."""

    process: subprocess.Popen[bytes] | None

    def start(self) -> None: ...


def server_members(servers: Servers) -> list[Member]:
    """The servers that are ours, as members that can be restarted; `Servers` itself stops them at the end."""
    found: dict[str, Server | None] = {
        "sandbox": servers.sandbox,
        "valkey": servers.valkey,
        "postgres": servers.postgres,
    }
    return [_server_member(name, server, servers.home) for name, server in found.items() if server is not None]


def _server_member(name: str, server: Server, home: Home) -> Member:
    def start() -> subprocess.Popen[bytes]:
        home.refuse_if_lost()
        server.start()
        return running()

    def running() -> subprocess.Popen[bytes]:
        assert server.process is not None
        return server.process

    return Member(name=name, start=start, stop=lambda: None, process=running())


def _programs(home: Home, environ: dict[str, str], sockets: list[socket.socket]) -> list[Member]:
    fds = tuple(listener.fileno() for listener in sockets)
    web = ["config.webserver", *(f"--fd={fd}" for fd in fds)]
    beat = ["celery", "-A", "config.beat", "beat", f"--schedule={home.path / 'beat' / 'schedule'}", "--pidfile=",
            "--loglevel=WARNING"]  # fmt: skip
    return [
        program("web", web, home=home, environ=environ, fds=fds),
        program("worker", WORKER, home=home, environ=environ),
        program("beat", beat, home=home, environ=environ),
    ]


def _bind(port: int) -> list[socket.socket]:
    """The public port on both loopback addresses, held by the supervisor so that a restart of web never loses it."""
    found: list[socket.socket] = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            listener = socket.socket(family)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            found.append(listener)
        except OSError as error:
            listener.close()
            if family == socket.AF_INET or error.errno == errno.EADDRINUSE:
                raise StartError(f"port {port} cannot be used ({error.strerror}): set PORT to another one") from error
    return found


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _announce(home: Home, env: Env) -> None:
    lines = [f"ready {env.public_url}"]
    demo = home.read_note("demo.json")
    if env.sandbox and demo:
        lines.append(f"sign in as {demo.get('email')} with {demo.get('password')}")
    control = home.read_note("sandbox.json").get("control")
    if env.sandbox and control:
        lines.append(f"play with the vendors' world at {control}")
    print("\n".join(lines), flush=True)
