"""`./run check`: every check by name, all of them, even after the first that fails."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from config.supervisor.environment import ROOT

BIN = Path(sys.executable).parent
PACKAGES = ("config", "tenants", "connectors", "sync", "notifications", "dashboard", "sandbox", "tests", "bench")
CHECKS: tuple[tuple[str, list[str]], ...] = (
    ("format", ["ruff", "format", "--check", "."]),
    ("lint", ["ruff", "check", "."]),
    ("types", ["mypy", "manage.py", *(name for name in PACKAGES if (ROOT / name).is_dir())]),
    ("imports", ["lint-imports"]),
    ("migrations", ["python", "-W", "ignore", "manage.py", "makemigrations", "--check", "--dry-run"]),
    ("templates", ["djlint", "--lint", "--quiet", "templates"]),
)


def check(environ: Mapping[str, str]) -> int:
    """0 when everything is in order, 1 when something is not; each check's output follows its name."""
    settings = {**environ, "DJANGO_SETTINGS_MODULE": "config.settings_test", "PYTHONPATH": str(ROOT)}
    failed = [name for name, argv in CHECKS if not _passes(name, argv, settings)]
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def _passes(name: str, argv: list[str], environ: dict[str, str]) -> bool:
    print(f"== {name}", flush=True)
    program, *arguments = argv
    return subprocess.run([str(BIN / program), *arguments], cwd=ROOT, env=environ, check=False).returncode == 0
