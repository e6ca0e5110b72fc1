"""Reads a golden ledger: see README.md for what stands in one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

_COLUMNS = re.compile(r"\s{2,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One movement at Amnis."""

    day: date
    kind: str
    wallet: str
    amount: str
    party: str = ""
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    account: str
    amount: Decimal
    tax: str
    tracking: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Document:
    """One document in Xero. `options` are compared only where the ledger says them."""

    day: date
    kind: str
    bank: str
    total: Decimal
    party: str
    lines: list[Line] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Situation:
    title: str
    number: int
    rows: list[Row] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    nothing: str | None = None
    waits: str | None = None


@dataclass(slots=True, kw_only=True)
class Ledger:
    settings: list[tuple[str, str]] = field(default_factory=list)
    situations: list[Situation] = field(default_factory=list)


class LedgerError(ValueError):
    """The ledger itself cannot be read; the message names the line."""


def read(path: Path) -> Ledger:
    ledger, section = Ledger(), "situations"
    lines = path.read_text("utf-8").splitlines()
    headings = {number for number, below in enumerate(lines) if below.startswith("===")}
    for number, text in enumerate(lines, start=1):
        bare = text.strip()
        try:
            if not bare or bare.startswith(("#", "===")) or number in headings:
                continue
            if not text.startswith(" "):
                section = "settings" if bare == "Settings" else "situations"
                if section == "situations":
                    ledger.situations.append(Situation(title=bare, number=number))
            elif section == "settings":
                name, _, value = bare.partition(": ")
                ledger.settings.append((name, value))
            else:
                _say(ledger.situations[-1], bare)
        except (ValueError, IndexError, ArithmeticError) as error:
            raise LedgerError(f"{path.name}, line {number}: {error} in “{bare}”") from error
    return ledger


def day_of(text: str) -> date:
    return datetime.strptime(text, "%d.%m.%Y").date()  # noqa: DTZ007  (a day has no zone)


def amount_of(text: str) -> Decimal:
    return Decimal(text.replace("'", ""))


def _say(situation: Situation, text: str) -> None:
    said, options = _parted(text)
    columns = _COLUMNS.split(said)
    match columns:
        case ["Amnis", day, kind, wallet, amount, *party]:
            situation.rows.append(
                Row(day=day_of(day), kind=kind, wallet=wallet, amount=amount, party=" ".join(party), options=options)
            )
        case ["Xero", "nothing", reason]:
            situation.nothing = reason
        case ["Xero", "waits", reason]:
            situation.waits = reason
        case ["Xero", day, kind, bank, total, party]:
            situation.documents.append(
                Document(day=day_of(day), kind=kind, bank=bank, total=amount_of(total), party=party, options=options)
            )
        case [account, amount, tax, *tracking]:
            line = Line(account=account, amount=amount_of(amount), tax=tax, tracking=tuple(tracking))
            situation.documents[-1].lines.append(line)
        case _:
            raise ValueError("this is neither a movement nor a document nor a line")


def _parted(text: str) -> tuple[str, dict[str, str]]:
    said, _, rest = text.partition(" | ")
    pairs = (part.partition(": ") for part in rest.split("; ")) if rest else ()
    return said.strip(), {name.strip(): value.strip() for name, _, value in pairs}
