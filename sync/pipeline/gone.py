"""A posted document that somebody deleted or voided in the books, and what the source says of its movement since.

Nothing stands any more, so nothing can be changed or kept: whatever the source says goes into a document that is posted again.
Both facts stay told until a person has it posted, or leaves it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.contract.errors import Finding, Severity
from sync import store_amend
from sync.domain import change_words, deleted
from sync.models import EntryState
from sync.pipeline import findings

CHANGED, WITHDREW = "source_changed", "source_withdrew"
UNLIKE_ORIGINAL = "coded_unlike_original"  # posted again, it is coded like what it gives back
Fields = Sequence[Sequence[str]]  # (field, posted, now), as a proposal names them
NO_LONGER = ("document", "posted", "no longer called for")


def is_gone(entry: Mapping[str, Any]) -> bool:
    """`entry`: the columns of one."""
    return entry["state"] == EntryState.REVIEW and deleted.is_told(entry["findings"])


def move(entry: Mapping[str, Any], *, status: str = "DELETED") -> dict[str, Any]:
    """The move of an entry whose document is seen to be gone. What a person was asked about a change of its movement comes
    along; `note`: as the question left it."""
    codes = {it["code"] for it in entry["findings"] or ()}
    kept = {} if UNLIKE_ORIGINAL in codes else entry["note"] or {}
    note = {"step": "confirm", **{name: value for name, value in kept.items() if name == "changed"}}
    code = WITHDREW if WITHDREW in codes else CHANGED
    told = findings.as_json([deleted.gone(status)]) + _since(note.get("changed", ()), code=code)
    return {"id": entry["id"], "state": EntryState.REVIEW, "findings": told, "note": note}


def changed(entry: Mapping[str, Any], fields: Fields, *, code: str = CHANGED, reason: str = "") -> list[dict[str, Any]]:
    """The move of one that is gone already where the source says something else of its movement than it did. `reason`: why
    nothing can be posted any more. [] where that is told."""
    kept = [it for it in entry["findings"] if it["code"] not in (CHANGED, WITHDREW)]
    told = kept + _since(fields, code=code, reason=reason)
    if told == entry["findings"]:
        return []
    note = {"step": "transform", "changed": [list(field) for field in fields]}
    return [{"id": entry["id"], "state": EntryState.REVIEW, "findings": told, "note": note}]


def withdraw_proposals(moves: Sequence[Mapping[str, Any]]) -> None:
    """What was proposed for documents that are gone by now. No statement where there is none. Inside `commit`."""
    ids = [it["id"] for it in moves if deleted.is_told(it.get("findings"))]
    if ids:
        store_amend.withdraw_proposals(ids, note="Somebody deleted the document in Xero.")


def _since(fields: Fields, *, code: str, reason: str = "") -> list[dict[str, Any]]:
    if not fields:
        return []
    why = f": {reason}" if reason else ""
    told = change_words.told(fields)
    if code == WITHDREW:
        message = f"Amnis has withdrawn the movement since{why}. Nothing of it stands in Xero: leave it out."
    elif tuple(map(tuple, fields)) == (NO_LONGER,):
        message = f"Amnis has changed the movement since it was posted, and as it reads now it cannot be posted{why}."
    else:
        message = (
            f"Amnis has changed the movement since it was posted ({told}). Posted again, it reads as Amnis says now."
        )
    return findings.as_json([Finding(code=code, message=message, severity=Severity.REVIEW)])
