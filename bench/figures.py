"""What is measured of one run of ours or of a peer, and of everything else that has a target."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

from bench.judge import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One run of ours or of a peer. CPU in seconds; the vendors' and the broker's are told apart. nan: not measured there."""

    name: str
    rows: int
    wall: float
    cpu_worker: float
    cpu_postgres: float
    cpu_vendors: float
    cpu_broker: float = nan
    write_calls: int
    read_calls: int
    documents: int  # of those that 50 fit into a call
    single_calls: int = 0  # transfers, which Xero takes one at a time, and calls that create contacts
    statements: int | None  # None: cannot be counted there
    commits: int
    peak_megabytes: float
    verdict: Verdict
    kills: int = 0  # that it was killed and started again
    balanced: bool | None = None
    proof_seconds: float = nan

    @property
    def per_second(self) -> float:
        """Transactions per second of two cores: rows / (CPU seconds of worker and Postgres / 2)."""
        return self.rows / ((self.cpu_worker + self.cpu_postgres) / 2)

    def per_thousand(self, count: float) -> float:
        return count * 1000 / self.rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One line of the table of targets. `figure` is in the unit that `wanted` names."""

    name: str
    figure: float | None
    limit: float
    unit: str = ""
    at_least: bool = False
    remark: str = ""

    @property
    def is_reached(self) -> bool | None:
        if self.figure is None:
            return None
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit

    @property
    def wanted(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.limit:,g} {self.unit}".rstrip()
