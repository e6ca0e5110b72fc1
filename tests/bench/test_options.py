"""`./run bench` with sizes of which nobody would see the end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from config.supervisor.environment import ROOT


@pytest.mark.parametrize(("option", "most"), [("--rows", "1000000"), ("--runs", "100"), ("--growth", "10000000")])
def test_a_size_without_an_end_is_wrong_use(option: str, most: str) -> None:
    argv = [sys.executable, "-m", "bench", option, "99999999999999"]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"is not a whole number from 1 to {most}" in ended.stderr.splitlines()[-1]
