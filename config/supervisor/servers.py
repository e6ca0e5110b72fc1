"""Database, broker and sandbox: what the product stands on, started together and stopped in reverse."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from config.env import Env
from config.supervisor import child
from config.supervisor.environment import ROOT, has, sandbox_variables, with_secrets
from config.supervisor.failure import StartError
from config.supervisor.home import Home, Secrets
from config.supervisor.postgres import OWNER_ROLE, Passwords, Postgres, find_place
from config.supervisor.valkey import Valkey, free_port

SANDBOX_SECONDS = 30.0
SANDBOX_PORTS = ("amnis", "xero", "control")


@dataclass(slots=True, kw_only=True)
class Sandbox:
    """The vendors' world as one process on three loopback ports."""

    home: Home
    ports: Mapping[str, int]
    environ: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def urls(self) -> dict[str, str]:
        return {name: f"http://localhost:{port}" for name, port in self.ports.items()}

    def start(self) -> None:
        ports = [part for name, port in self.ports.items() for part in (f"--{name}-port", str(port))]
        argv = [sys.executable, "-m", "sandbox", "--data", str(self.home.path / "sandbox"), *ports]
        self.process = child.spawn(argv, environ=self.environ, log=self.home.log("sandbox"), cwd=ROOT)

    def wait(self) -> None:
        """Until every port answers. Raises StartError when the process ends or takes too long."""
        deadline = time.monotonic() + SANDBOX_SECONDS
        while not all(_answers(port) for port in self.ports.values()):
            if self.process is None or self.process.poll() is not None:
                raise StartError(f"the sandbox did not start: see {self.home.logs / 'sandbox.log'}")
            if time.monotonic() > deadline:
                raise StartError(f"the sandbox was not ready in time: see {self.home.logs / 'sandbox.log'}")
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            child.stop(self.process, grace=1.0)
            self.process = None


@dataclass(slots=True)
class Servers:
    """What runs of the three, and the environment that leads to them."""

    home: Home
    environ: dict[str, str]
    postgres: Postgres | None = None
    valkey: Valkey | None = None
    sandbox: Sandbox | None = None
    _stops: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @classmethod
    def start(cls, home: Home, environ: Mapping[str, str], env: Env) -> Servers:
        """Start what the environment does not name. Whatever was started is stopped again when one of them fails."""
        secrets = home.secrets()
        servers = cls(home, with_secrets(environ, home, secrets))
        try:
            if env.sandbox:
                servers._start_sandbox(secrets, env.public_url)
            else:
                home.drop_note("sandbox.json")
            if not has(environ, "REDIS_URL"):
                servers._start_valkey(secrets)
            if not has(environ, "DATABASE_URL"):
                servers._start_postgres(secrets)
        except BaseException:
            servers.stop()
            raise
        return servers

    def stop(self) -> None:
        self._stops.close()

    def _start_sandbox(self, secrets: Secrets, public_url: str) -> None:
        ports = _sandbox_ports(self.home)
        sandbox = Sandbox(home=self.home, ports=ports, environ=self.environ)
        self._lead(sandbox_variables(sandbox.urls, secrets, public_url=public_url))
        self.sandbox = sandbox
        self._stops.callback(sandbox.stop)
        sandbox.start()
        self.home.write_note("sandbox.json", sandbox.urls)

    def _start_valkey(self, secrets: Secrets) -> None:
        valkey = Valkey(
            folder=self.home.path / "valkey",
            port=free_port(_noted_port(self.home, "valkey")),
            password=secrets.broker,
            log=self.home.log("valkey"),
        )
        self.valkey = valkey
        self._stops.callback(valkey.stop)
        valkey.start()
        self._lead({"REDIS_URL": valkey.url})

    def _start_postgres(self, secrets: Secrets) -> None:
        place = find_place(self.home.path)
        if place.moved_to is not None:
            sys.stderr.write(f"database folder: {place.moved_to} (removed by ./run clean)\n")
        passwords = Passwords(
            superuser=secrets.database_superuser, owner=secrets.database_owner, app=secrets.database_app
        )
        postgres = Postgres(place=place, passwords=passwords, log=self.home.log("postgres"))
        self.postgres = postgres
        self._stops.callback(postgres.stop)
        postgres.start()
        self._lead({"DATABASE_URL": postgres.url(), "DATABASE_ADMIN_URL": postgres.url(OWNER_ROLE)})

    def _lead(self, variables: Mapping[str, str]) -> None:
        """Set variables; a `NAME_FILE` of the caller's would contradict them."""
        self.environ.update(variables)
        for name in variables:
            self.environ.pop(f"{name}_FILE", None)


def _sandbox_ports(home: Home) -> dict[str, int]:
    """The ports of the last run where they are still free, so that bookmarks and stored links keep working."""
    ports: dict[str, int] = {}
    for name in SANDBOX_PORTS:
        port = free_port(_noted_port(home, name))
        while port in ports.values():
            port = free_port()
        ports[name] = port
    return ports


def _noted_port(home: Home, name: str) -> int:
    with contextlib.suppress(ValueError):
        return int(str(home.read_note("sandbox.json").get(name, "")).rpartition(":")[2])
    return 0


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False
