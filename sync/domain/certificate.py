"""A balance proof as a certificate: its canonical content, what its hash is taken over, and the CSV. Pure."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sync.domain import clearing
from sync.domain.printable import csv_cell
from sync.domain.unproved import BALANCED, says, verdict

VERSION = "v1"
FIGURES = ("movements", "documents", "source_sum", "held", "xero_sum", "accepted", "difference")
LISTS = (
    "held_items",
    "skipped",
    "accepted",
    "missing",
    "duplicated",
    "different",
    "unexpected",
    "unproved",
    "clearing",
    "moved_days",
)
_ITEM = (
    "source", "source_id", "document", "type", "booking_date", "date", "amount", "xero_amount", "currency", "state",
    "reference", "marker", "documents", "reason", "explanation", "accepted_by", "xero_currency",
)  # fmt: skip


def content(*, head: Mapping[str, str], result: Mapping[str, Any]) -> str:
    """One text for one proof, byte for byte: keys sorted, no spaces, lists in their own order. `head`: who, when, what."""
    body = {name: result[name] for name in ("balanced", "verdict", "accounts", *LISTS) if name in result}
    told = {"certificate": VERSION, **head, "proof": body}
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def as_csv(*, head: Mapping[str, str], result: Mapping[str, Any], sha256: str) -> bytes:
    """Everything that the certificate says, one part below the other; a cell never begins like a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    _rows(writer, (("certificate of balance", ""), *head.items(), *_verdict(result), ("sha256", sha256)))
    writer.writerow([])
    _rows(writer, (("account", "currency", *FIGURES), *(_account(row) for row in result["accounts"])))
    writer.writerow([])
    names = ("date", "source_sum", "held", "xero_sum", "accepted", "difference")
    _rows(writer, (("account", *names), *_days(result["accounts"], names)))
    for name in LISTS:
        writer.writerow([])
        items = result.get(name, [])
        _rows(writer, ((name, *_ITEM), *(("", *(item.get(key, "") for key in _ITEM)) for item in items)))
    return out.getvalue().encode("utf-8-sig")


def _verdict(result: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return (
        ("balanced", "yes" if verdict(result) == BALANCED else "no"),
        ("verdict", clearing.said(says(result), result.get("clearing", []))),
    )


def _account(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (str(row["source"]), str(row["currency"]), *(str(row.get(name, "")) for name in FIGURES))


def _days(accounts: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Iterable[tuple[str, ...]]:
    for account in accounts:
        for day in account["days"]:
            yield (str(account["source"]), *(str(day.get(name, "")) for name in names))


def _rows(writer: Any, rows: Iterable[Sequence[Any]]) -> None:
    for row in rows:
        writer.writerow([csv_cell(cell) for cell in row])
