"""A bank statement in Xero's import layout, made of the documents that stand in the books. Pure.

The columns and their order are those of Xero's own template (the two with an asterisk are required), dates are
day/month/year, money out is negative: https://central.xero.com/s/article/Import-a-CSV-bank-statement
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from connectors.contract.money import ZERO
from sync.domain.printable import csv_cell, visible

COLUMNS = ("*Date", "*Amount", "Payee", "Description", "Reference", "Check Number")
_Line = TypeVar("_Line")
MAX_TEXT = 255
MOST_LINES = 1_000  # that Xero takes in one file: "split up the file if it contains more", says its help page


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One movement of the bank account; `amount` is signed from its view. `marker` tells it from every other line, `entry`
    also where the movement was posted again, which gives it another marker and moves the bank account no second time."""

    marker: str
    entry: str = ""
    date: date
    amount: Decimal
    payee: str = ""
    description: str = ""
    reference: str = ""

    @property
    def key(self) -> str:
        return self.entry or self.marker

    def to_json(self) -> dict[str, str]:
        return {
            "marker": self.marker,
            "entry": self.entry,
            "date": self.date.isoformat(),
            "amount": f"{self.amount:.2f}",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """How the lines of today stand to those that were exported before."""

    new: tuple[StatementLine, ...]
    same: tuple[StatementLine, ...]
    changed: tuple[tuple[StatementLine, Mapping[str, Any]], ...]  # with what was exported
    gone: tuple[Mapping[str, Any], ...]


def since_last(lines: Sequence[StatementLine], exported: Iterable[Mapping[str, Any]]) -> Since:
    """Compare with every line that ever left for this account and month; of one movement the last export counts."""
    entry_of = {line.marker: line.key for line in lines}
    before: dict[str, Mapping[str, Any]] = {}
    for line in exported:  # an early one says no more than its marker
        before[line.get("entry") or entry_of.get(line["marker"], line["marker"])] = line
    now = {line.key for line in lines}
    known = [(line, before[line.key]) for line in lines if line.key in before]
    return Since(
        new=tuple(line for line in lines if line.key not in before),
        same=tuple(line for line, left in known if _reads_like(line, left)),
        changed=tuple((line, left) for line, left in known if not _reads_like(line, left)),
        gone=tuple(line for key, line in before.items() if key not in now),
    )


def in_parts(lines: Sequence[_Line]) -> list[tuple[_Line, ...]]:
    """In files of as many lines as Xero takes; one empty part where there are none."""
    starts = range(0, len(lines), MOST_LINES) or (0,)
    return [tuple(lines[start : start + MOST_LINES]) for start in starts]


def parts_of(lines: int) -> int:
    """How many files so many lines make."""
    return max(1, -(-lines // MOST_LINES))


def file_names(wallet: str, month: date, *, files: int) -> list[str]:
    """What the files of a wallet's month are called, numbered where they are several."""
    name = f"statement-{''.join(c for c in wallet if c.isalnum())}-{month:%Y-%m}"
    return [f"{name}-part-{n}-of-{files}.csv" for n in range(1, files + 1)] if files > 1 else [f"{name}.csv"]


def sum_of(lines: Iterable[StatementLine]) -> Decimal:
    return sum((line.amount for line in lines), ZERO)


def to_csv(lines: Iterable[StatementLine]) -> str:
    """The file's text. No byte order mark: Xero would read it as part of the first column's name."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(_cells(line) for line in lines)
    return text.getvalue()


def neutral(text: str) -> str:
    """Foreign text in one line that no spreadsheet runs."""
    return csv_cell(visible(text))[:MAX_TEXT]


def _cells(line: StatementLine) -> tuple[str, ...]:
    texts = (neutral(line.payee), neutral(line.description), neutral(line.reference))
    return (f"{line.date:%d/%m/%Y}", f"{line.amount:.2f}", *texts, "")


def _reads_like(line: StatementLine, before: Mapping[str, Any]) -> bool:
    return (line.date.isoformat(), line.amount) == (before["date"], Decimal(before["amount"]))
