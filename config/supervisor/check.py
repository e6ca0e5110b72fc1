"""`./run check`: every check by name, all of them, even after the first that fails."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from config.supervisor.environment import ROOT

PACKAGES = ("config", "tenants", "connectors", "sync", "notifications", "dashboard", "sandbox", "tests", "bench")
CHECKS: tuple[tuple[str, list[str]], ...] = (
    ("format", ["ruff", "format", "--check", "--quiet", "."]),
    ("lint", ["ruff", "check", "--quiet", "."]),
    ("types", ["mypy", "manage.py"]),
    ("imports", ["importlinter.cli"]),
    ("migrations", ["django", "makemigrations", "--check", "--dry-run"]),
    ("templates", ["djlint", "--quiet", "--lint", "templates"]),
)


def check(environ: Mapping[str, str]) -> int:
    """0 when everything is in order, 1 when something is not; each check's output follows its name."""
    settings = {**environ, "DJANGO_SETTINGS_MODULE": "config.settings_test", "PYTHONPATH": str(ROOT)}
    failed = [name for name, argv in CHECKS if not _passes(name, argv, settings)]
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def _passes(name: str, argv: list[str], environ: dict[str, str]) -> bool:
    print(f"== {name}", flush=True)
    packages = [package for package in PACKAGES if (ROOT / package).is_dir()] if name == "types" else []
    return subprocess.run([sys.executable, "-m", *argv, *packages], cwd=ROOT, env=environ, check=False).returncode == 0
