"""A storm's result against what it had to reach: a table for people, and one JSON line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.faults import POINTS
from tests.chaos.report import version
from tests.chaos.storm import Act, Size

SHOWN_PROBLEMS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """`rest`: seconds from the last fault until nothing moved any more; None where that never was."""

    size: Size
    seed: int
    counts: Mapping[str, int]
    seen: Mapping[str, int]
    api_faults: Mapping[str, int]
    points: Mapping[str, int]
    verdict: Mapping[str, Any]
    rest: float | None
    seconds: float
    small_disk: bool

    @property
    def kills(self) -> int:
        """By SIGKILL while something was in flight: children, whole workers, and those that died at a named point."""
        return self.counts.get(Act.KILL, 0) + self.counts.get(Act.KILL_GROUP, 0) + sum(self.points.values())

    def missed(self) -> list[str]:
        """Every target that was not reached, with its figure."""
        return [
            f"{name}: {figure}, wanted {wanted}" for name, figure, wanted, reached in self._targets() if not reached
        ]

    def _targets(self) -> Iterator[tuple[str, object, object, bool]]:
        for act, least in self.size.least.items():
            if act is Act.FAULT:
                struck = sum(self.api_faults.values())
                yield "api faults that struck", struck, least, struck >= least
            elif act is not Act.FILL_DISK or self.small_disk:
                yield act.value, self.counts.get(act, 0), least, self.counts.get(act, 0) >= least
        wanted = self.size.least[Act.KILL] + self.size.least[Act.KILL_GROUP]
        yield "killed in flight", self.kills, wanted, self.kills >= wanted
        for point in POINTS:
            hits = self.points.get(point, 0)
            yield f"point {point}", hits, self.size.each_point, hits >= self.size.each_point
        rows = int(self.verdict.get("rows", 0))
        yield "movements", rows, self.size.movements, rows >= self.size.movements
        for name in ("duplicates", "losses", "asleep"):
            yield name, self.verdict.get(name, "?"), 0, self.verdict.get(name) == 0
        yield "difference", self.verdict.get("cents", "?"), "0.00", self.verdict.get("cents") == "0.00"
        yield "problems", len(self.verdict.get("problems", ["?"])), 0, not self.verdict.get("problems", ["?"])
        limit = self.size.rest_seconds
        yield "seconds to rest", self.rest, limit, self.rest is not None and self.rest <= limit
        yield "seconds", round(self.seconds), self.size.seconds, self.seconds < self.size.seconds

    def table(self) -> str:
        """One line for each target, then whatever was wrong."""
        rows = [("what", "figure", "wanted", "")]
        rows += [
            (name, str(figure), str(wanted), "" if ok else "MISSED") for name, figure, wanted, ok in self._targets()
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        problems = [*self.verdict.get("named", []), *self.verdict.get("problems", [])]
        return "\n".join([*lines, *problems[:SHOWN_PROBLEMS], *_more(problems)])

    def as_json(self) -> dict[str, Any]:
        return {
            "size": self.size.name,
            "seed": self.seed,
            "part": self.size.part,
            "pace": self.size.pace,
            "version": version(),
            "tenants": self.size.tenants,
            "movements": self.verdict.get("rows"),
            "documents": self.verdict.get("documents"),
            "kills": self.kills,
            "group_kills": self.counts.get(Act.KILL_GROUP, 0),
            "faults": {act.value: self.counts.get(act, 0) for act in self.size.least},
            "seen": dict(self.seen),
            "api_faults": sum(self.api_faults.values()),
            "api_faults_by_kind": dict(sorted(self.api_faults.items())),
            "points": {point: self.points.get(point, 0) for point in POINTS},
            "disk": "small file system" if self.small_disk else "not filled: mounting is not permitted",
            "duplicates": self.verdict.get("duplicates"),
            "losses": self.verdict.get("losses"),
            "cents": self.verdict.get("cents"),
            "asleep": self.verdict.get("asleep"),
            "problems": len(self.verdict.get("problems", ["?"])),
            "seconds_to_rest": self.rest,
            "seconds": round(self.seconds, 1),
            "missed": self.missed(),
        }


def _more(problems: list[str]) -> list[str]:
    return [f"and {len(problems) - SHOWN_PROBLEMS} more"] if len(problems) > SHOWN_PROBLEMS else []
