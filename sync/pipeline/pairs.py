"""A deal, or a payment with its rest, is two documents or none: what holds the one holds the other, as long as neither
stands in the books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Q

from connectors.contract.records import Movement
from sync.domain import plan, rests
from sync.models import Entry, EntryState
from sync.pipeline import findings
from sync.pipeline.context import Context

STOPPED = (EntryState.REVIEW, EntryState.FAILED, EntryState.SKIPPED, EntryState.UNDONE)
ON_THE_WAY = (EntryState.READY, EntryState.WAITING)
LONG = timedelta(days=1).total_seconds()  # the first document's own confirmation wakes it


def together(ctx: Context, rows: Sequence[Entry], moves: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The moves of a validated slice, so that no half of a deal gets ready while the other one is held.

    One statement, and none where the slice has no deal. A half whose document stands in the books holds nothing back.
    """
    units = {row.unit for row in rows if is_whole(row.unit, row.movement)}
    if not units:
        return moves
    own = {row.pk: row for row in rows}
    found = Entry.objects.filter(flow=ctx.flow, unit__in=units, destination_id=None)
    absent = [it for it in found.values("id", "unit", "leg", "state", "findings") if it["id"] not in own]
    stopped: dict[str, Mapping[str, Any]] = {it["unit"]: dict(it) for it in absent if it["state"] in STOPPED}
    stopped |= {own[move["id"]].unit: _as_other(own[move["id"]], move) for move in moves if _is_held(own, move, units)}
    kept = [_with_other(own[move["id"]], move, stopped) for move in moves]
    return kept + [held(it["id"], other=stopped[it["unit"]]) for it in absent if _goes_along(it, stopped)]


def is_whole(unit: str, movement: str) -> bool:
    """Do the entries of this unit go together or not at all?"""
    return bool(unit) and (movement == Movement.FX or unit.startswith(rests.UNIT))


def whole_units() -> Q:
    """The same as a condition on entries."""
    return (Q(movement=Movement.FX) & ~Q(unit="")) | Q(unit__startswith=rests.UNIT)


def held(entry_id: int, *, other: Mapping[str, Any]) -> dict[str, Any]:
    """The move of a half whose other half is held, with what keeps that one back."""
    why = _why(other["findings"])
    what = "half of this conversion" if other["leg"] in (plan.SOLD, plan.BOUGHT) else "document of this movement"
    message = f"The other {what} is not posted: {why} Once that is settled, retry; both go together."
    return {
        "id": entry_id,
        "state": EntryState.REVIEW,
        "findings": findings.review("other_half_held", message, detail=other["leg"]),
        "note": {"step": "validate", "findings": ["other_half_held"]},
    }


def _why(told: Sequence[Mapping[str, Any]]) -> str:
    """What keeps the other half back, but never its own sentence about this one."""
    blocking = [it for it in told if it["severity"] == "review"]
    causes = [str(it["message"]) for it in blocking if it["code"] != "other_half_held"]
    if causes:
        return causes[0]
    return "it is held with this one." if blocking else "it is put aside."


def until_the_first(leg: str, move: Mapping[str, Any]) -> dict[str, Any]:
    """The move of a second half that nothing holds: it waits until the first one, which decides its rate, was read back."""
    first = plan.BOUGHT if leg == plan.SOLD else plan.SOLD
    return {**move, "state": EntryState.WAITING, "wait": LONG, "note": {**move["note"], "waits_for": first}}


def _is_held(own: Mapping[int, Entry], move: Mapping[str, Any], units: set[str]) -> bool:
    return own[move["id"]].unit in units and move["state"] == EntryState.REVIEW


def _as_other(row: Entry, move: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": row.pk, "unit": row.unit, "leg": row.leg, "findings": move["findings"]}


def _with_other(row: Entry, move: dict[str, Any], stopped: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    other = stopped.get(row.unit) if is_whole(row.unit, row.movement) else None
    if other is None or move["state"] == EntryState.REVIEW:
        return move
    return held(row.pk, other=other)


def _goes_along(row: Mapping[str, Any], stopped: Mapping[str, Any]) -> bool:
    return row["unit"] in stopped and row["state"] in ON_THE_WAY
