"""Migrations and the demo company: done once per database and version of the code, skipped while nothing changed."""

from __future__ import annotations

import hashlib
import subprocess
import sys

from config.supervisor.environment import ROOT
from config.supervisor.failure import StartError
from config.supervisor.servers import Servers

APPS = ("tenants", "connectors", "sync", "notifications", "dashboard")


def prepare(servers: Servers) -> None:
    """Bring the database to the code's state. Raises StartError with the reason in one line."""
    stamp = _stamp(servers)
    note = servers.home.read_note("prepared")
    if servers.postgres is not None and note.get("stamp") == stamp:
        return
    if servers.sandbox is not None:
        servers.sandbox.wait()
    log = servers.home.log("boot")
    done = subprocess.run(
        [sys.executable, "-m", "config.boot"],
        cwd=ROOT, env=servers.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False,
    )  # fmt: skip
    with log.open("ab") as file:
        file.write(done.stdout)
    if done.returncode != 0:
        raise StartError(f"{_last_line(done.stdout)} (see {log})")
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
