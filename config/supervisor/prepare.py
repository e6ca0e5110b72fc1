"""Migrations and the demo company: done once per database and version of the code, skipped while nothing changed."""

from __future__ import annotations

import hashlib
import signal
import sys
import time
from collections.abc import Callable

from config.supervisor import child
from config.supervisor.environment import ROOT
from config.supervisor.failure import StartError
from config.supervisor.servers import Servers

APPS = ("tenants", "connectors", "sync", "notifications", "dashboard")


def prepare(servers: Servers, *, pause: Callable[[float], None] = time.sleep) -> None:
    """Bring the database to the code's state. Raises StartError with the reason in one line, and what `pause` raises."""
    stamp = _stamp(servers)
    if servers.postgres is not None and servers.home.read_note("prepared").get("stamp") == stamp:
        return
    if servers.sandbox is not None:
        servers.sandbox.wait()
    log = servers.home.log("boot")
    already = log.stat().st_size if log.exists() else 0
    command = [sys.executable, "-m", "config.boot"]
    boot = child.spawn(command, environ=servers.environ, log=log, cwd=ROOT, death_signal=signal.SIGKILL)
    try:
        while boot.poll() is None:
            pause(0.05)
    finally:
        child.stop(boot, grace=1.0)
    if boot.returncode != 0:
        raise StartError(f"{_last_line(log.read_bytes()[already:])} (see {log})")
    servers.home.write_note("prepared", {"stamp": stamp})


def _stamp(servers: Servers) -> str:
    """Changes with every migration of ours, every locked package and the wish for a demo company."""
    digest = hashlib.sha256(b"sandbox" if servers.sandbox is not None else b"")
    files = [path for app in APPS for path in sorted((ROOT / app / "migrations").glob("*.py"))]
    for path in [*files, ROOT / "requirements.lock"]:
        digest.update(path.name.encode() + b"\0")
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("millrace: ") if lines else "the database could not be prepared"
