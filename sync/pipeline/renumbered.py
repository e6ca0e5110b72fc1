"""A movement that the source shows again: under another number of the row, or perhaps, where it has none. One statement for
a slice, and one more where it holds rows without a number."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.contract.errors import Finding
from sync import store_history
from sync.domain.unnumbered import CHANGED_OR_SECOND, SHOWN_TWICE
from sync.models import Entry, Record
from sync.store_history import Earlier

CODE = "under_another_number"
DOUBT = "equal_without_number"
_DOUBTS = {
    CHANGED_OR_SECOND: "Amnis gives this movement no number, and an equal one is known already. It may be that one, touched "
    "again, or a second one. Skip it if the money moved once; accept it if it moved twice.",
    SHOWN_TWICE: "Amnis gives this movement no number and showed an equal one on another page of the same reading. It may be "
    "the same one, shown twice, or a second one. Skip it if the money moved once; accept it if it moved twice.",
}


def under_another_number(entries: Sequence[Entry]) -> dict[int, list[Finding]]:
    """By entry: the row that told of the same event before. Equal movements are events of their own, so no twin is held."""
    known = store_history.told_before([entry.pk for entry in entries])
    return {entry: [_finding(earlier)] for entry, earlier in known.items()}


def _finding(earlier: Earlier) -> Finding:
    stood = (
        f"The source shows this movement a second time: the same event stood in {_row(earlier.source_id)} before, with"
    )
    if earlier.alike:
        message = f"{stood} the same account, day and amount. Skip it; accept it only if the money moved twice."
    else:
        message = (
            f"{stood} another account, day or amount. If it changed, undo the earlier one and accept this one; else "
        )
        message += "skip this one. Accept both only if the money moved twice."
    return Finding(code=CODE, message=message, detail=earlier.source_id)


def _row(number: str) -> str:
    return f"its row {number}" if number else "a row without a number"


def in_doubt(entries: Sequence[Entry]) -> dict[int, list[Finding]]:
    """By entry: nobody can tell whether its movement, which has no number, is one of its own."""
    unnumbered = {entry.record_id: entry.pk for entry in entries if not entry.record.source_id}
    if not unnumbered:
        return {}
    known = Record.objects.filter(pk__in=list(unnumbered), payload__has_key="doubt")
    return {
        unnumbered[pk]: [Finding(code=DOUBT, message=_DOUBTS[doubt])]
        for pk, doubt in known.values_list("pk", "payload__doubt")
    }
