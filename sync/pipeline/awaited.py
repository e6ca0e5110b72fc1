"""What comes back waits for its original as long as that one is held: how it is coded is known once that one stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.contract.money import Money, round_half_up
from sync import store, store_returns
from sync.domain.returns import GIVES_BACK, HELD, NOT_YET, named
from sync.models import Entry, EntryState
from sync.pipeline import findings
from sync.pipeline.context import Context

HOLDS = (EntryState.REVIEW, EntryState.WAITING, EntryState.FAILED)


def after_their_originals(rows: Sequence[Entry], moves: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The moves of a validated slice, so that nothing that comes back gets ready while its original is held, be that in
    this slice or from before; unless a person accepted it. One statement, none where nothing came back."""
    own = {move["id"]: move for move in moves}
    backs = [row.pk for row in rows if row.movement in GIVES_BACK and HELD not in row.accepted]
    going = [pk for pk in backs if pk in own and own[pk]["state"] == EntryState.READY]
    if not going:
        return moves
    held = {it["back"]: it for it in store_returns.originals(going) if _holds(it, own)}
    return [_held(move, held[move["id"]]) if move["id"] in held else move for move in moves]


def with_what_follows(ctx: Context, moves: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """These moves of ready entries, and those of what came back for them and is ready: it waits with its original. Inside
    `commit`; one statement, two where something came back."""
    moved = [move["id"] for move in moves]
    backs = Entry.objects.filter(flow=ctx.flow, state=EntryState.READY, movement__in=list(GIVES_BACK)).exclude(
        pk__in=moved
    )
    rows = list(backs.only("movement", "accepted", "findings"))
    going = [{"id": row.pk, "state": EntryState.READY, "findings": row.findings} for row in rows]
    return [move for move in after_their_originals(rows, [*moves, *going]) if move["state"] != EntryState.READY]


def not_with_their_originals(due: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of what is to be sent, without what comes back for something in it: that goes when it is known that its original was
    taken, because both in one call are taken or refused each by itself. Inside `commit`; one statement where something
    comes back, else none."""
    backs = [row["id"] for row in due if row["movement"] in GIVES_BACK]
    if not backs:
        return due
    here = {row["id"] for row in due}
    early = {it["back"] for it in store_returns.originals(backs) if it["id"] in here}
    return [row for row in due if row["id"] not in early]


def after_a_refusal(ctx: Context, refused: Sequence[Mapping[str, Any]]) -> None:
    """Hold what is ready and comes back for what Xero just refused. `refused`: the rows that were claimed. Inside `commit`; no
    statement where none of them can come back."""
    if any(row["movement"] in GIVES_BACK.values() for row in refused):
        store.move_entries(with_what_follows(ctx, []), run_id=ctx.run_id)


def _holds(original: Mapping[str, Any], moves: Mapping[int, Mapping[str, Any]]) -> bool:
    return moves.get(original["id"], original)["state"] in HOLDS


def _held(move: Mapping[str, Any], original: Mapping[str, Any]) -> dict[str, Any]:
    amount = Money(amount=round_half_up(abs(original["amount"]), 2), currency=original["currency"])
    what = named(amount, original["booking_date"], original["counterparty"])
    told = findings.review(HELD, f"It gives back {what}, {NOT_YET}.")
    note = {"step": "validate", "findings": [HELD]}
    return {"id": move["id"], "state": EntryState.REVIEW, "findings": [*move["findings"], *told], "note": note}
