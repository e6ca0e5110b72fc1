"""`./run chaos --bugs`: seeds each mistake of `bugs` alone and runs the check that must catch it.

Prints which check caught which bug and after how long; one JSON line last. It passes where every bug is caught and the same
checks are green without one.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from config.supervisor import child
from config.supervisor.environment import ROOT
from tests.chaos.bugs import BUGS, SIMULATION
from tests.chaos.mutate import VARIABLE

SEEDS = 120
LIMIT_SECONDS = 900
CAUGHT, GREEN = 1, 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """`code`: 1 is a red run, 0 a green one, everything else a run that could not be made."""

    bug: str
    rig: str
    code: int
    check: str
    seconds: float


def run(names: Sequence[str]) -> int:
    """The table, the JSON line and the exit code, for these bugs or for all."""
    started = time.monotonic()
    chosen = [BUGS[name] for name in names] or list(BUGS.values())
    trials = [_tried(bug.name, bug.rig) for bug in chosen]
    plain = [_tried("", rig) for rig in sorted({bug.rig for bug in chosen})]
    for trial in (*plain, *trials):
        _print(trial)
    missed = [trial.bug for trial in trials if trial.code != CAUGHT]
    red = [trial.rig for trial in plain if trial.code != GREEN]
    answer = {
        "size": "bugs", "bugs": len(trials), "caught": len(trials) - len(missed), "missed": missed,
        "red_without_a_bug": red, "seconds": round(time.monotonic() - started, 1),
        "trials": [asdict(trial) for trial in trials],
    }  # fmt: skip
    print(json.dumps(answer))
    return 1 if missed or red else 0


def _tried(bug: str, rig: str) -> Trial:
    started = time.monotonic()
    code, check = _simulated(bug) if rig == SIMULATION else _tested(bug, rig)
    seconds = round(time.monotonic() - started, 1)
    sys.stderr.write(f"{bug or 'no bug'}: {check or 'green'} ({seconds} s)\n")
    return Trial(bug=bug, rig=rig, code=code, check=check, seconds=seconds)


def _simulated(bug: str) -> tuple[int, str]:
    """Stops at the first seed that goes wrong; the check is the sentence that says what must never be."""
    code = "import tests.chaos.mutate, sys; from tests.simulation.command import main; sys.exit(main(seed=0, seeds=%d))"
    found = _run([sys.executable, "-c", code % SEEDS], bug)
    told = re.search(r"^seed (\d+): (.*)$", found.stdout, re.MULTILINE)
    if found.returncode == CAUGHT and told is None:
        return 4, f"did not run: {_last_line(found.stderr)}"
    return found.returncode, f"simulation, seed {told[1]}: {told[2]}" if told else ""


def _tested(bug: str, rig: str) -> tuple[int, str]:
    plugin = ["-p", "tests.chaos.mutate"] if bug else []
    found = _run([sys.executable, "-m", "pytest", *plugin, "-p", "no:xdist", "-q", "-x", rig], bug)
    told = re.search(r"^FAILED (\S+)", found.stdout, re.MULTILINE)
    if found.returncode == CAUGHT and told is None:
        return 4, f"did not run: {_last_line(found.stdout)}"
    if found.returncode in (CAUGHT, GREEN):
        return found.returncode, told[1] if told else ""
    return found.returncode, f"did not run: {_last_line(found.stdout + found.stderr)}"


def _run(command: list[str], bug: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)} | ({VARIABLE: bug} if bug else {})
    dies = child.dies_with(os.getpid(), signal.SIGINT)  # pytest stops its servers then
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False,
        preexec_fn=dies,
    )  # fmt: skip


def _last_line(text: str) -> str:
    return ([line for line in text.splitlines() if line.strip()] or ["no output"])[-1][:200]


def _print(trial: Trial) -> None:
    verdict = {CAUGHT: "red", GREEN: "green"}.get(trial.code, "did not run")
    print(f"{trial.bug or '(no bug)':26} {verdict:12} {trial.seconds:7.1f} s  {trial.check or trial.rig}"[:200])


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
