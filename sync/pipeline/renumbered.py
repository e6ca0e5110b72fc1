"""A movement that the source shows again under another number of the row. One statement for a slice."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.contract.errors import Finding
from sync import store_history
from sync.models import Entry

CODE = "under_another_number"


def under_another_number(entries: Sequence[Entry]) -> dict[int, list[Finding]]:
    """By entry: the row that told of the same event before. Equal movements are events of their own, so no twin is held."""
    known = store_history.told_before([entry.pk for entry in entries])
    return {entry: [_finding(earlier)] for entry, earlier in known.items()}


def _finding(earlier: str) -> Finding:
    return Finding(
        code=CODE,
        message=f"The source shows this movement a second time: the same event stood in its row {earlier} before, with the same "
        "account, day and amount. Skip it; accept it only if the money moved twice.",
        detail=earlier,
    )
