"""The figures of all runs as a table and as JSON. Medians with the distance between the quartiles, ratios within a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from statistics import median, quantiles
from typing import Any

from bench.figures import Figures

COLUMNS: tuple[tuple[str, Callable[[Figures], float], str], ...] = (
    ("tx/s of 2 cores", lambda f: f.per_second, "{:,.0f}"),
    ("tx/s by the clock", lambda f: f.rows / f.wall, "{:,.0f}"),
    ("CPU worker", lambda f: f.cpu_worker, "{:.1f} s"),
    ("Postgres", lambda f: f.cpu_postgres, "{:.1f} s"),
    ("vendors", lambda f: f.cpu_vendors, "{:.1f} s"),
    ("writes/1,000", lambda f: f.per_thousand(f.write_calls), "{:,.1f}"),
    ("SQL/1,000", lambda f: nan if f.statements is None else f.per_thousand(f.statements), "{:,.0f}"),
    ("commits/1,000", lambda f: f.per_thousand(f.commits), "{:,.0f}"),
    ("MB/process", lambda f: f.peak_megabytes, "{:.0f}"),
)
TOLD_ONLY: Mapping[str, Callable[[Figures], float]] = {  # in the JSON line alone
    "broker": lambda f: f.cpu_broker,
    "proof_seconds": lambda f: f.proof_seconds,
}


@dataclass(frozen=True, slots=True)
class Spread:
    """A median and the distance between the first and the third quartile."""

    middle: float
    iqr: float


def spread(values: Sequence[float]) -> Spread:
    if len(values) < 2:
        return Spread(values[0], 0.0)
    first, _, third = quantiles(values, n=4, method="inclusive")
    return Spread(median(values), third - first)


def race_table(runs: Sequence[Sequence[Figures]]) -> list[str]:
    """One line for ours and for each peer; `runs` holds the figures of all of them, run by run."""
    names = list(dict.fromkeys(figures.name for run in runs for figures in run))
    heads = ["", *(head for head, _, _ in COLUMNS), "ours : it", "duplicates", "losses", "difference"]
    return aligned([heads, *(_line(name, runs) for name in names)])


def _line(name: str, runs: Sequence[Sequence[Figures]]) -> list[str]:
    mine = [figures for run in runs for figures in run if figures.name == name]
    cells = [_cell([read(figures) for figures in mine], form) for _, read, form in COLUMNS]
    ratios = ratio_to(name, runs)
    zeros = [sum(f.verdict.duplicates for f in mine), sum(f.verdict.losses for f in mine)]
    cents = sum(f.verdict.cents for f in mine)
    return [name, *cells, _cell(ratios, "{:.2f}") if ratios else "-", *(str(zero) for zero in zeros), f"{cents:.2f}"]


def _cell(values: Sequence[float], form: str) -> str:
    found = spread(values)
    if isnan(found.middle):
        return "not counted"
    return form.format(found.middle) + (f" ±{form.format(found.iqr).removesuffix(' s')}" if found.iqr else "")


def ratio_to(name: str, runs: Sequence[Sequence[Figures]]) -> list[float]:
    """Ours divided by this peer, transactions per second of two cores, both of the same run."""
    found: list[float] = []
    for run in runs:
        speed = {figures.name: figures.per_second for figures in run}
        if "ours" in speed and name in speed and name != "ours":
            found.append(speed["ours"] / speed[name])
    return found


def race_json(runs: Sequence[Sequence[Figures]]) -> dict[str, Any]:
    names = list(dict.fromkeys(figures.name for run in runs for figures in run))
    return {name: _json_of(name, runs) for name in names}


def _json_of(name: str, runs: Sequence[Sequence[Figures]]) -> dict[str, Any]:
    mine = [figures for run in runs for figures in run if figures.name == name]
    reads = {**{head: read for head, read, _ in COLUMNS}, **TOLD_ONLY}
    figures = {head: _rounded(spread([read(one) for one in mine])) for head, read in reads.items()}
    ratios = ratio_to(name, runs)
    return {
        "rows": mine[0].rows,
        "runs": len(mine),
        **figures,
        **({"ours_to_it": _rounded(spread(ratios))} if ratios else {}),
        "duplicates": sum(one.verdict.duplicates for one in mine),
        "losses": sum(one.verdict.losses for one in mine),
        "waiting": sum(one.verdict.waiting for one in mine),
        "difference": f"{sum(one.verdict.cents for one in mine):.2f}",
        **({"balanced": all(one.balanced for one in mine)} if mine[0].balanced is not None else {}),
    }


def _rounded(found: Spread) -> dict[str, float] | None:
    if isnan(found.middle):
        return None
    return {"median": round(found.middle, 3), "iqr": round(found.iqr, 3)}


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns under each other: the first to the left, the others to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [_aligned(row, widths) for row in rows]


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
    return "  ".join([row[0].ljust(len(first)), *others]).rstrip()
