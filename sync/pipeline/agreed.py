"""A question about a posted document that answers itself: what stands in the books and what the source says agree again.

Somebody corrected the document in Xero, or the source took its change back. The review ends without a person, and the
history says why; nothing is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from connectors.contract.errors import Finding, Severity
from connectors.contract.records import MirrorDocument
from sync import store_amend
from sync.domain import amending, documents, match, plan
from sync.models import Amendment, EntryState
from sync.models import MirrorDocument as MirrorRow
from sync.models.amendment import ON_THE_WAY
from sync.pipeline import findings, gone
from sync.pipeline.context import Context
from sync.pipeline.mirror import from_row

Old = Mapping[str, Any]  # an entry as it stands
ASKED = frozenset({gone.CHANGED, gone.WITHDREW, gone.UNLIKE_ORIGINAL})
ENDS = ASKED | {match.DIFFERS}


def codes(old: Old) -> set[str]:
    """Of what a person is asked about it; none where nobody is."""
    told = old["findings"] if old["state"] == EntryState.REVIEW else ()
    return {it["code"] for it in told or () if it["severity"] == Severity.REVIEW}


def shown(ctx: Context, olds: Sequence[Old]) -> dict[int, MirrorDocument]:
    """By entry, how the documents read of which nobody is asked another question, if they stand and nothing is on its way to
    them: what somebody corrected already is not asked about. Two statements, and none without one."""
    asked = {old["destination_id"]: old["id"] for old in olds if _may_agree(old)}
    if not asked:
        return {}
    moving = Amendment.objects.filter(entry__in=asked.values(), state__in=ON_THE_WAY)
    busy = set(moving.values_list("entry_id", flat=True))
    rows = MirrorRow.objects.filter(connection=ctx.connection, document_id__in=list(asked)).values()
    found = {asked[row["document_id"]]: from_row(dict(row)) for row in rows}
    return {pk: it for pk, it in found.items() if it.is_live and pk not in busy}


def _may_agree(old: Old) -> bool:
    return bool(old["state"] == EntryState.CONFIRMED or (codes(old) and codes(old) <= ENDS))


def is_corrected(old: Old, wanted: Mapping[str, Any] | None, found: MirrorDocument | None) -> bool:
    """Did somebody change the document into what the source calls for now? How it is coded is theirs to say."""
    if found is None or wanted is None or not differences(old, old["document"], found):
        return False
    return not differences(old, wanted, found)


def differences(old: Old, document: Mapping[str, Any], found: MirrorDocument) -> tuple[Finding, ...]:
    rate = old["posted_rate"]
    read = documents.from_json(dict(document))
    return match.differences(read, found, answered_rate=None if rate is None else Decimal(rate))


def take_over(ctx: Context, corrected: Sequence[tuple[Old, Mapping[str, Any], Mapping[str, Any]]]) -> None:
    """(entry, what the source calls for, the columns that follow from it) of those that somebody corrected. What was read
    back first is kept: other lines than those stay somebody's work. Inside `commit`."""
    if not corrected:
        return
    reason = "corrected in Xero by hand: day and amount are as Amnis says now; how it is coded stays as it stands"
    store_amend.withdraw_proposals([old["id"] for old, _, _ in corrected], note=reason)
    moves = [{**_end(old, reason), "document": dict(wanted), **columns} for old, wanted, columns in corrected]
    store_amend.finish_entries(moves, run_id=ctx.run_id)


def as_posted(olds: Sequence[Old], found: Mapping[int, MirrorDocument]) -> list[dict[str, Any]]:
    """The source calls for what was posted, or Xero shows it again: what was proposed meanwhile would now spoil a good
    document. One that somebody changed otherwise is still asked about."""
    if not olds:
        return []
    store_amend.withdraw_proposals([old["id"] for old in olds], note="What is posted is what is called for.")
    return [_as_posted(old, found[old["id"]]) for old in olds if old["id"] in found]


def _as_posted(old: Old, found: MirrorDocument) -> dict[str, Any]:
    different = differences(old, old["document"], found)
    if different:
        note = {"step": "confirm", "document": found.document_id}
        return {"id": old["id"], "state": EntryState.REVIEW, "findings": findings.as_json(different), "note": note}
    move = _end(old, _why(old))
    return move if old["read_back"] else {**move, "read_back": amending.read_back_of(found)}


def _why(old: Old) -> str:
    if match.DIFFERS in codes(old):
        return "Xero shows again what was posted"
    if gone.UNLIKE_ORIGINAL in codes(old):
        return "coded like what it gives back again"
    if old["leg"] in (plan.SOLD, plan.BOUGHT):
        return "it stands as the other half of its exchange calls for"
    return "the source says again what is posted"


def _end(old: Old, reason: str) -> dict[str, Any]:
    """`agreed` is what the database lets pass without a person."""
    kept = [it for it in old["findings"] if it["severity"] != Severity.REVIEW]
    note = {"step": "confirm", "agreed": True, "reason": reason}
    return {"id": old["id"], "state": EntryState.CONFIRMED, "findings": kept, "note": note}
