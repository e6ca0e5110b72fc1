"""The peers' own packages, in an environment of their own that only the benchmark makes: `.venv/bench`."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from config.supervisor.environment import ROOT

LOCK = ROOT / "requirements-bench.lock"
PLACE = Path(sys.prefix) / "bench"
PYTHON = PLACE / "bin" / "python"


class NotInstalled(Exception):
    """The peers' packages cannot be had on this machine; the text says why."""


def peers_python() -> Path:
    """The interpreter that has the peers' packages; installs them first where they are not there yet."""
    stamp = PLACE / "lock.sha256"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return PYTHON
    print(f"installing {LOCK.name}", file=sys.stderr, flush=True)
    shutil.rmtree(PLACE, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(PLACE)])
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--require-hashes"]
    _run([str(PYTHON), "-m", "pip", "install", *options, "-r", str(LOCK)])
    stamp.write_text(wanted, encoding="ascii")
    return PYTHON


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        lines = done.stdout.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise NotInstalled(lines[-1][:200])
