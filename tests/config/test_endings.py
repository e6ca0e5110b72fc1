"""How a process that has made something ends when it is told to: what it made is taken away."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKER = """
import contextlib, subprocess, sys, time
from config.supervisor import child

child.end_in_order()
with contextlib.ExitStack() as stack:
    stack.callback(print, "taken away")
    stack.callback(subprocess.run, ["sleep", "1"])
    stack.callback(print, "asked", flush=True)
    print("made", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_whoever_is_told_to_end_takes_away_what_it_made_even_if_told_twice(how: signal.Signals) -> None:
    maker = subprocess.Popen([sys.executable, "-c", MAKER], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with maker:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "made\n"
        maker.send_signal(how)
        assert maker.stdout.readline() == "asked\n"
        maker.send_signal(signal.SIGTERM)

        assert maker.communicate(timeout=20)[0] == "taken away\n"

    assert maker.returncode == 128 + how


@pytest.mark.parametrize(
    "vendors",
    [["bench.vendors", "--rows", "ck_1=10000000"], ["tests.chaos.vendors", "--companies", "100000"]],
    ids=["bench", "chaos"],
)
def test_vendors_that_still_make_their_world_end_at_once(vendors: list[str], tmp_path: Path) -> None:
    making = subprocess.Popen([sys.executable, "-m", *vendors, "--note", str(tmp_path / "note")], cwd=ROOT)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            making.wait(timeout=8)
        making.terminate()
        assert making.wait(timeout=5) == -signal.SIGTERM
    finally:
        making.kill()
