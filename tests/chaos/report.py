"""The campaign's result: a table for people, and one JSON line."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from config.supervisor.environment import ROOT
from tests.chaos.campaign import Outcomes
from tests.chaos.plan import Point, Target

COLUMNS = (
    "point", "trials", "killed there", *(target.value.lower() for target in Target), "duplicates", "losses", "waiting",
    "cents", "seconds",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What all trials came to, against the number of deaths that was wanted at each point."""

    outcomes: Outcomes
    times: int
    seed: int
    seconds: float

    @property
    def passed(self) -> bool:
        """Every point was hit as often as wanted, and nothing is wrong anywhere."""
        return self.balanced and all(self._of(point, hit=True) >= self.times for point in Point)

    @property
    def balanced(self) -> bool:
        return not any(
            outcome["duplicates"] or outcome["losses"] or Decimal(outcome["cents"]) or outcome["problems"]
            for outcome in self.outcomes
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "size": "crash",
            "seed": self.seed,
            "version": version(),
            "points": {point.value: self._line(point) for point in Point},
            "duplicates": _total(self.outcomes, "duplicates"),
            "losses": _total(self.outcomes, "losses"),
            "waiting": _total(self.outcomes, "waiting"),
            "cents": f"{_cents(self.outcomes):.2f}",
            "balanced": self.balanced,
            "seconds": round(self.seconds, 1),
        }

    def table(self) -> str:
        """One line for each point, then whatever was wrong."""
        rows = [COLUMNS, *(tuple(str(cell) for cell in self._row(point)) for point in Point)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, *self._complaints()])

    def _line(self, point: Point) -> dict[str, Any]:
        mine = [outcome for outcome in self.outcomes if outcome["point"] == point]
        return {
            "trials": len(mine),
            "killed": self._of(point, hit=True),
            "targets": {target.value: self._of(point, hit=True, target=target) for target in Target},
            "duplicates": _total(mine, "duplicates"),
            "losses": _total(mine, "losses"),
            "waiting": _total(mine, "waiting"),
            "cents": f"{_cents(mine):.2f}",
            "seconds": round(sum(float(outcome["seconds"]) for outcome in mine), 1),
        }

    def _row(self, point: Point) -> tuple[Any, ...]:
        line = self._line(point)
        return (
            point.value,
            line["trials"],
            line["killed"],
            *line["targets"].values(),
            line["duplicates"],
            line["losses"],
            line["waiting"],
            line["cents"],
            line["seconds"],
        )

    def _of(self, point: Point, *, hit: bool, target: Target | None = None) -> int:
        return sum(
            outcome["point"] == point and outcome["hit"] == hit and target in (None, outcome["target"])
            for outcome in self.outcomes
        )

    def _complaints(self) -> list[str]:
        told = []
        for outcome in self.outcomes:
            where = f"{outcome['point']} ({outcome['target']})"
            told += [f"{where}: {problem}" for problem in outcome["problems"]]
            if not outcome["hit"]:
                told.append(f"{where}: missed, {outcome['evidence'] or 'the process was not killed'}")
        return told


def version() -> str:
    """The project's version, and the commit where there is one."""
    number = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    asked = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
    except OSError:
        return str(number)
    commit = done.stdout.strip()
    return f"{number}+{commit}" if done.returncode == 0 and commit else str(number)


def _total(outcomes: Sequence[dict[str, Any]], name: str) -> int:
    return sum(int(outcome[name]) for outcome in outcomes)


def _cents(outcomes: Sequence[dict[str, Any]]) -> Decimal:
    return sum((Decimal(outcome["cents"]) for outcome in outcomes), Decimal(0))
