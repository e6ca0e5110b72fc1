"""The independent judge of a storm, a process of its own: `python -m tests.chaos.verdict CONTROL FOLDER COMPANIES`.

It reads both vendors' exports, and of ours only what the operator's commands printed. Its last line is one JSON object.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.chaos.checker import IDS, Judgement, judge
from tests.chaos.company import Company
from tests.chaos.control import Control

AT_REST = frozenset({"confirmed", "skipped", "duplicate", "review", "failed", "undone"})
Lines = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One company's books and what was said about them."""

    company: Company
    judgement: Judgement
    lines: Lines
    rows: int
    documents: frozenset[str]


def main() -> int:
    address, folder, companies = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    found = [_judged(Company(number=number), address, folder) for number in range(1, companies + 1)]
    print(json.dumps(summed_up(found, over_limit=Control(address).faults()["over_limit"])))
    return 0


def _judged(company: Company, address: str, folder: Path) -> Told:
    control = Control(address, company=company.client_id, organisation=company.organisation)
    amnis, xero = control.exports()
    entries = (folder / f"{company.slug}.csv").read_text(encoding="utf-8")
    proof = json.loads((folder / f"{company.slug}.proof.json").read_text(encoding="utf-8"), parse_float=Decimal)
    judgement = judge(amnis=amnis, xero=xero, entries=entries, proof=proof, wallets=company.wallets)
    return Told(
        company=company,
        judgement=judgement,
        lines=list(csv.DictReader(io.StringIO(entries))),
        rows=sum(1 for row in amnis["rows"] if row["executed"]),
        documents=documents_of(xero),
    )


def documents_of(xero: Mapping[str, Any]) -> frozenset[str]:
    """Ids of everything that stands on a bank account."""
    kinds = ("bank_transactions", "bank_transfers", "payments", "batch_payments")
    return frozenset(
        str(next(document[name] for name in IDS if document.get(name)))
        for kind in kinds
        for document in xero.get(kind, [])
    )


def summed_up(found: Sequence[Told], *, over_limit: Mapping[str, int]) -> dict[str, Any]:
    """Everything together; every problem names its company."""
    problems = [f"{told.company.slug}: {text}" for told in found for text in sorted(told.judgement.problems)]
    problems += [f"{told.company.slug}: row {row} waits" for told in found for row in sorted(told.judgement.waiting)]
    problems += [*shared(found), *(f"{count} calls over the limit per {kind}" for kind, count in over_limit.items())]
    return {
        "rows": sum(told.rows for told in found),
        "documents": sum(len(told.documents) for told in found),
        "duplicates": sum(len(told.judgement.duplicates) for told in found),
        "losses": sum(len(told.judgement.losses) for told in found),
        "cents": f"{sum((told.judgement.difference for told in found), Decimal(0)):.2f}",
        "asleep": sum(line["state"] not in AT_REST for told in found for line in told.lines),
        "states": dict(Counter(line["state"] for told in found for line in told.lines)),
        "problems": problems,
        "named": [
            f"{told.company.slug}: {kind} {leg}"
            for told in found
            for kind, legs in (("twice", told.judgement.duplicates), ("lost", told.judgement.losses))
            for leg in sorted(legs)
        ],
    }


def shared(found: Sequence[Told]) -> list[str]:
    """What one company names and another has too: nothing may be."""
    problems = []
    for column in ("marker", "destination_id"):
        owners: dict[str, set[str]] = {}
        for told in found:
            for line in told.lines:
                if line[column]:
                    owners.setdefault(line[column], set()).add(told.company.slug)
        problems += [f"{column} {name} belongs to {sorted(who)}" for name, who in owners.items() if len(who) > 1]
    return problems


if __name__ == "__main__":
    sys.exit(main())
