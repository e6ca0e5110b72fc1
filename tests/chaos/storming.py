"""One storm from the first company to the judgement: `./run chaos --size smoke|pr|nightly`."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.supervisor.environment import ROOT
from connectors.faults import POINTS
from tests.chaos.campaign import TIMES_AND_LIMITS, CampaignError, tail, vendors
from tests.chaos.company import Company
from tests.chaos.control import Control
from tests.chaos.crew import Crew
from tests.chaos.figures import Figures
from tests.chaos.monkey import Monkey
from tests.chaos.stage import DURABLE, Ground, ground
from tests.chaos.storm import COMPRESSED, Act, Size, planned
from tests.chaos.vendors import CALLS_A_MINUTE

PAUSE = 0.1
LOOK_SECONDS = 0.5
Progress = Callable[[str], None]

READ_BACK = {"before_amendment_done", "before_confirm_commit"}  # reached when all that waits is posted
DRAINED_SECONDS = 20.0


@dataclass(slots=True, kw_only=True)
class Storm:
    """One run. `keep` takes the logs afterwards."""

    size: Size
    seed: int
    progress: Progress
    keep: Path | None = None

    def run(self) -> Figures:
        started = time.monotonic()
        megabytes = 600 + self.size.movements // 20
        with ExitStack() as stack:
            place = stack.enter_context(
                ground(settings=DURABLE, times={**TIMES_AND_LIMITS, **COMPRESSED}, small_disk_megabytes=megabytes)
            )
            if self.keep is not None:
                stack.callback(_keep_logs, place.folder, self.keep)
            self.progress(f"database and broker after {time.monotonic() - started:.0f} s")
            monkey = self._prepare(stack, place)
            self.progress(f"connected after {time.monotonic() - started:.0f} s")
            self._rage(monkey)
            rest = self._come_to_rest(monkey)
            verdict = self._judge(monkey)
            return Figures(
                size=self.size,
                seed=self.seed,
                counts=monkey.counts,
                seen=monkey.seen,
                api_faults=_any(monkey).faults()["struck"],
                points=monkey.crew.count_hits(),
                verdict=verdict,
                rest=rest,
                seconds=time.monotonic() - started,
                small_disk=place.small_disk is not None,
            )

    def _prepare(self, stack: ExitStack, place: Ground) -> Monkey:
        """Vendors, connected companies, and the product's processes."""
        world = vendors(stack, place.environ, place.folder, ["--companies", str(self.size.tenants)])[0]
        environ = self._environ(place, world)
        self._office("connect", environ, place.folder)
        dice = random.Random(self.seed)
        crew = Crew(folder=place.folder, environ=environ, dice=dice, each_point=self.size.each_point)
        stack.callback(crew.stop)
        crew.start()
        companies = [Company(number=number) for number in range(1, self.size.tenants + 1)]
        controls = {
            company: Control(world["control"], company=company.client_id, organisation=company.organisation)
            for company in companies
        }
        return Monkey(ground=place, crew=crew, controls=controls, size=self.size, dice=dice)

    def _environ(self, place: Ground, world: dict[str, str]) -> dict[str, str]:
        return {
            **place.environ,
            **TIMES_AND_LIMITS,
            **COMPRESSED,
            "XERO_LIMIT_MINUTE": str(CALLS_A_MINUTE),
            "XERO_LIMIT_CONCURRENT": "5",
            "AMNIS_LIMIT_MINUTE": "600",
            "AMNIS_BASE_URL": world["amnis"],
            "XERO_LOGIN_URL": world["xero"],
            "XERO_IDENTITY_URL": world["xero"],
            "XERO_API_URL": world["xero"],
            "CHAOS_CONTROL": world["control"],
            "OPENBLAS_NUM_THREADS": "1",
        }

    def _office(self, act: str, environ: dict[str, str], folder: Path) -> None:
        argv = [sys.executable, "-m", "tests.chaos.office", act, str(folder), str(self.size.tenants)]
        log = folder / "office.log"
        with log.open("ab") as file:
            done = subprocess.run(argv, env=environ, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            raise CampaignError(f"the companies could not {act}: {tail(log)}")

    def _rage(self, monkey: Monkey) -> None:
        """The plan, evenly over the storm's time; then again what has not hit often enough, until it has."""
        began = time.monotonic()
        deadline = began + self.size.seconds - self.size.rest_seconds
        acts = planned(self.size, seed=self.seed)
        for number, act in enumerate(acts):
            due = began + number / len(acts) * self.size.storm_seconds
            while time.monotonic() < due:
                monkey.keep_up()
                time.sleep(min(PAUSE, max(0.0, due - time.monotonic())))
            if time.monotonic() > deadline and act is not Act.MOVE:
                continue  # what arrives arrives; for everything else the time is over
            monkey.carry_out(act)
            if number % 50 == 0:
                self.progress(f"{number} of {len(acts)} acts, {time.monotonic() - began:.0f} s, {dict(monkey.counts)}")
        for act in self._still_wanted(monkey):
            if time.monotonic() > deadline:
                break
            monkey.carry_out(act)
            time.sleep(PAUSE)

    def _still_wanted(self, monkey: Monkey) -> Iterator[Act]:
        while True:
            struck = sum(_any(monkey).faults()["struck"].values())
            wanted = [
                act
                for act, least in self.size.least.items()
                if (struck if act is Act.FAULT else monkey.counts[act]) < least
                and (act is not Act.FILL_DISK or monkey.ground.small_disk is not None)
            ]
            wanted += self._for_the_points(monkey)
            if not wanted:
                return
            yield from wanted

    def _for_the_points(self, monkey: Monkey) -> list[Act]:
        """What brings workers to the points that were not hit often enough: new workers, and occasions. Documents and changes
        are read back when all that waits is posted: for these, nothing more is moved."""
        hits = monkey.crew.count_hits()
        missing = {point for point in POINTS if hits[point] < self.size.each_point}
        occasions = {
            "before_amendment_done": Act.CHANGE,
            "after_refresh_before_store": Act.EXPIRE,
            "after_contacts_answered": Act.MOVE,
        }
        if missing and missing <= READ_BACK:
            return [Act.CHANGE, *([Act.DEPLOY] if monkey.crew.is_settled(DRAINED_SECONDS) else [])]
        found = [act for point, act in occasions.items() if point in missing]
        again = [Act.DEPLOY] if monkey.crew.is_settled() else []
        return [*found, Act.MOVE, *again] if missing else []

    def _come_to_rest(self, monkey: Monkey) -> float | None:
        """No fault any more, every worker well: how long until nothing moves? None: it never came to rest."""
        began = time.monotonic()
        monkey.crew.arms = False
        _any(monkey).act("faults/clear")
        monkey.end()
        monkey.crew.disarm()
        rows = sum(
            sum(1 for row in control.exports()[0]["rows"] if row["executed"]) for control in monkey.controls.values()
        )
        while time.monotonic() - began < self.size.rest_seconds:
            monkey.keep_up()
            if (left := monkey.left_to_do(rows=rows)) == 0:
                return round(time.monotonic() - began, 1)
            self.progress(f"{left} are on their way")
            time.sleep(LOOK_SECONDS)
        self.progress(f"it does not come to rest: {monkey.standing()}")
        return None

    def _judge(self, monkey: Monkey) -> dict[str, Any]:
        """With the product's processes stopped: nobody changes anything while it is read."""
        folder = monkey.ground.folder
        monkey.crew.stop()
        monkey.crew.members.clear()
        self._office("tell", dict(monkey.crew.environ), folder)
        argv = [sys.executable, "-m", "tests.chaos.verdict", monkey.crew.environ["CHAOS_CONTROL"], str(folder)]
        done = subprocess.run(
            [*argv, str(self.size.tenants)], env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}, cwd=ROOT,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise CampaignError(f"the judge did not come to an end: {done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


def _any(monkey: Monkey) -> Control:
    return next(iter(monkey.controls.values()))


def _keep_logs(folder: Path, kept: Path) -> None:
    kept.mkdir(parents=True, exist_ok=True)
    for file in [*folder.glob("*.log"), *folder.glob("*.csv"), *folder.glob("*.json")]:
        shutil.copy(file, kept)
