"""One tenant with a world, a database and a process of its own: trial after trial, each ending in a judgement.

`python -m tests.chaos.cell JOB`: the job's JSON names the world's control address, the trials, the folder and the file
to which one line per trial is written. Several cells run side by side, so that their quarantines pass together.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.chaos import worker
from tests.chaos.checker import Judgement, judge
from tests.chaos.company import Company
from tests.chaos.control import Control
from tests.chaos.deeds import Deeds
from tests.chaos.movements import add_movements
from tests.chaos.plan import Point, Target, Trial

REST_SECONDS = 60.0
PAUSE = 0.2
VICTIM_SECONDS = 20.0
HELD = {Point.DURING_CALL: "before", Point.ANSWER_UNREAD: "after"}
CALL_NUMBER = {Target.BANK_TRANSACTIONS: 2, Target.BANK_TRANSFERS: 3}  # of the calls of one pass; others are the first
DONE, HELD_BACK = 0, 1  # exit codes: all is at rest, and perhaps something waits for a person
COMPANY = Company()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One trial. `hit`: it died by SIGKILL, at the wanted point of the wanted call; if not, `evidence` says why."""

    point: str
    target: str
    killed: bool
    hit: bool
    duplicates: int
    losses: int
    waiting: int
    cents: str
    problems: list[str]
    evidence: str
    seconds: float


class Cell:
    """Runs trials."""

    def __init__(self, control: Control, *, number: int, folder: Path) -> None:
        self._control, self._number, self._folder = control, number, folder
        self._made = 0
        self._before = Judgement()
        self._deeds = Deeds(control, rest=self._successor)

    def connect(self) -> None:
        """Import the tenant, as its owner would with a file. Raises RuntimeError where that is refused."""
        file = self._folder / f"cell-{self._number}.yaml"
        file.write_text(yaml.safe_dump(COMPANY.file(), allow_unicode=True), encoding="utf-8")
        os.environ |= {"CHAOS_AMNIS_SECRET": "cs_demo", "CHAOS_XERO_TOKEN": self._control.refresh_token()}
        code, printed = worker.done(partial(worker.command, "tenant_import", str(file)))
        if code != 0:
            raise RuntimeError(f"the tenant could not be imported ({code}): {printed}")

    def run(self, trial: Trial) -> Outcome:
        """New movements, one death, a successor until everything is at rest, and both vendors compared."""
        started = time.monotonic()
        self._made += 1
        dice, name = random.Random(trial.seed), f"{self._number}-{self._made}"
        add_movements(self._control, dice, name=name)
        self._deeds.propose(dice, name=name)
        self._deeds.arrange(trial.target, dice, name=name)
        status, evidence = self._death(trial)
        self._deeds.decide(dice)
        code = self._successor()
        found = self._judgement()
        new, self._before = found.since(self._before), found
        problems = sorted(new.problems)
        if code != DONE and not (code == HELD_BACK and found.waiting):
            problems.append(f"the successor ended with {code}")
        return Outcome(
            point=trial.point,
            target=trial.target,
            killed=status == -signal.SIGKILL,
            hit=status == -signal.SIGKILL and not evidence,
            duplicates=len(new.duplicates),
            losses=len(new.losses),
            waiting=len(new.waiting),
            cents=f"{new.difference:.2f}",
            problems=problems,
            evidence=evidence,
            seconds=round(time.monotonic() - started, 1),
        )

    def _death(self, trial: Trial) -> tuple[int, str]:
        """(how the victim ended, what speaks against its having died at the point: nothing, when all is as wanted)."""
        before = self._control.counts(trial.target.path)
        held, when = True, HELD.get(trial.point)
        sync = partial(worker.command, "sync", worker.SLUG)
        if when is None:
            victim = worker.start(sync, point=f"{trial.point}:{CALL_NUMBER.get(trial.target, 1)}")
        else:
            self._control.arm(endpoint=trial.target.path, when=when)
            victim = worker.start(sync)
            held = self._control.is_held(seconds=VICTIM_SECONDS)
            if held:
                victim.kill()
        status, _ = victim.result(seconds=VICTIM_SECONDS)
        after = self._control.counts(trial.target.path)
        self._control.let_go(after=trial.arrives_after)
        if not held:
            return status, "the call was never made"
        return status, self._doubt(trial, arrived=after[0] - before[0], carried_out=after[1] - before[1])

    def _doubt(self, trial: Trial, *, arrived: int, carried_out: int) -> str:
        """The victim must have left one request behind, and the vendor must know as much of it as the point implies."""
        left = worker.done(worker.open_requests)
        wanted = {Point.AFTER_CLAIM: (0, 0), Point.DURING_CALL: (1, 0)}.get(trial.point, (1, 1))
        if left != ([] if trial.point is Point.BEFORE_DONE else [trial.target.endpoint]):
            return f"it left {left or 'nothing'} behind"
        if (arrived, carried_out) != wanted:
            return f"{arrived} requests had arrived, {carried_out} had been carried out"
        return ""

    def _successor(self) -> int:
        """Another process runs until everything is at rest, also what was posted and is to change; its exit code."""
        wait = partial(worker.command, "sync", worker.SLUG, "--wait", f"{REST_SECONDS:g}")
        deadline = time.monotonic() + REST_SECONDS
        while True:
            code = int(worker.done(wait, seconds=REST_SECONDS * 2)[0])
            if time.monotonic() > deadline or not worker.done(worker.on_the_way):
                return code
            time.sleep(PAUSE)

    def _judgement(self) -> Judgement:
        ours: dict[str, Any] = worker.done(worker.audit)
        amnis, xero = self._control.exports()
        return judge(
            amnis=amnis,
            xero=xero,
            entries=ours["entries"],
            proof=ours["proof"],
            wallets=COMPANY.wallets,
            taken_back=self._deeds.taken_back,
            contacts=self._deeds.contacts,
        )


def run_all(cell: Cell, trials: list[Trial], tell: Callable[[Outcome], None]) -> None:
    """Every trial; one that missed its point is repeated once, and both are told."""
    for trial in trials:
        outcome = cell.run(trial)
        tell(outcome)
        if not outcome.hit:
            tell(cell.run(trial))


def main() -> int:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    results = Path(job["results"])

    def tell(outcome: Outcome) -> None:
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(outcome)) + "\n")

    cell = Cell(Control(job["control"]), number=job["number"], folder=results.parent)
    cell.connect()
    run_all(cell, [Trial.from_json(trial) for trial in job["trials"]], tell)
    return 0


if __name__ == "__main__":
    sys.exit(main())
