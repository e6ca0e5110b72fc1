"""Changes and removals of posted documents: judged by a fresh reading, sent under an intent, done once the document shows it.

As with new documents: claim, call, record. What an answer says is only a hint; the document itself is read afterwards, and
a lost answer is settled the same way. A document that somebody reconciled, locked or edited meanwhile is left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import groupby
from typing import Any

from connectors import faults
from connectors.contract.errors import Finding
from connectors.contract.records import (
    Amending,
    BankTransaction,
    Change,
    DocumentKind,
    Endpoint,
    MirrorDocument,
    Removal,
)
from sync import store, store_amend
from sync.domain import amending, documents
from sync.models import AmendmentState, EntryState, Record, RecordState
from sync.pipeline import findings, locks, mirror, push, returned
from sync.pipeline.afresh import Wanted, read_afresh
from sync.pipeline.again import post_again
from sync.pipeline.context import Context, Progress
from sync.pipeline.settle import Claim, settle
from tenants.scoping import tenant_scope

SLICE = 50
LOOK_AGAIN_SECONDS = 10.0
PATIENCE = 20  # readings after a success that the document does not show, before a person looks
OTHER_LEG = "other_leg_refused"


# --------------------------------------------------------------------- sending


def amend(ctx: Context) -> Progress:
    """Send what is asked and due, one slice. Nothing due: no call at all."""
    if ctx.is_held:
        return Progress.nothing()
    with ctx.commit():
        rows = _whole(store_amend.due_amendments(flow_id=ctx.flow_id, limit=SLICE))
    if not rows:
        return Progress.nothing()
    locks.refresh(ctx, force=not ctx.amend_prepared)
    ctx.amend_prepared = True
    found = read_afresh(ctx.destination, ctx.flow, [_wanted(row) for row in rows])
    claims = _claim(ctx, rows, found)
    if claims:
        calls = [push.call(ctx, claim) for claim in claims]
        with ctx.commit():
            settle(ctx, calls)
        for called in calls:
            push.follow_up(ctx, called.classified)
    return Progress(moved=len(rows), more=True)


def _whole(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Both halves of a deal are judged and sent in one slice: one that a full slice cuts in two waits for the next."""
    if len(rows) < SLICE or not rows[-1]["unit"]:
        return rows
    return rows[:-1] if sum(row["unit"] == rows[-1]["unit"] for row in rows) == 1 else rows


def _claim(ctx: Context, rows: Sequence[dict[str, Any]], found: Mapping[str, MirrorDocument]) -> list[Claim]:
    """Refuse what may not be touched any more, and commit an intent for the rest."""
    claimed_at = ctx.monotonic()
    with ctx.commit():
        mine = store_amend.still_asked([row["id"] for row in rows])
        rows = [row for row in rows if row["id"] in mine]
        mirror.keep_documents(ctx, list(found.values()))
        refusals = _refusals(ctx, rows, found)
        ctx.begin_run()
        store_amend.move_amendments([_refused(row, refusals[row["id"]]) for row in rows if row["id"] in refusals])
        _propose_refused_policy(ctx, [row for row in rows if row["id"] in refusals], refusals)
        _remember_before(rows, refusals, found)
        drafts = [_draft(ctx, call, claimed_at) for call in _calls(ctx, rows, refusals)]
        ids = _write_intents(ctx, drafts) if drafts else {}
    return [replace(draft, intent_id=ids[draft.key]) for draft in drafts]


def _remember_before(
    rows: Sequence[dict[str, Any]], refusals: Mapping[int, Finding], found: Mapping[str, MirrorDocument]
) -> None:
    """What a policy asked for was read by nobody before: how the document stands now is kept. Inside `commit`."""
    first = [row for row in rows if row["id"] not in refusals and not row["before"]]
    moves = [
        {
            "id": row["id"],
            "state": AmendmentState.ASKED,
            "before": amending.snapshot(found[row["document_id"]], posted=documents.from_json(row["document"])),
        }
        for row in first
    ]
    store_amend.move_amendments(moves)
    for row, move in zip(first, moves, strict=True):
        row["before"] = move["before"]


def _refusals(ctx: Context, rows: Sequence[dict[str, Any]], found: Mapping[str, MirrorDocument]) -> dict[int, Finding]:
    """By amendment. Of a deal both halves go or none."""
    refused = {}
    for row in rows:
        problem = _obstacle(ctx, row, found.get(row["document_id"]))
        if problem is not None:
            refused[row["id"]] = problem
        elif row["rest_refused"]:
            refused[row["id"]] = other_leg(Finding(code=OTHER_LEG, message=row["rest_refused"]))
    for unit in {row["unit"] for row in rows if row["unit"] and row["id"] in refused}:
        halves = [row for row in rows if row["unit"] == unit]
        first = next(refused[row["id"]] for row in halves if row["id"] in refused)
        for row in halves:
            refused.setdefault(row["id"], other_leg(first))
    return refused


def other_leg(problem: Finding) -> Finding:
    """What keeps one half of a deal keeps the other."""
    message = f"The other document of the same movement cannot be changed: {problem.message}"
    return Finding(code=OTHER_LEG, message=message, detail=problem.code)


def _obstacle(ctx: Context, row: Mapping[str, Any], found: MirrorDocument | None) -> Finding | None:
    wanted = row["wanted"]
    problem = amending.obstacle(
        documents.from_json(row["document"]),
        found,
        read_back=row["read_back"],
        lock_date=ctx.connection.lock_date,
        day=date.fromisoformat(wanted["date"]) if wanted else None,
        contact_id=row["destination_contact"] or "",
    )
    if problem is None or problem.code != amending.TOUCHED or not row["touched_confirmed"]:
        return problem
    assert found is not None
    if amending.still_reads(found, row["before"]):
        return None  # named by a person, and it reads as it did then
    return problem


def _refused(row: Mapping[str, Any], problem: Finding) -> dict[str, Any]:
    return {"id": row["id"], "state": AmendmentState.REFUSED, "code": problem.code, "note": problem.message}


def _propose_refused_policy(ctx: Context, rows: Sequence[Mapping[str, Any]], refusals: Mapping[int, Finding]) -> None:
    """What a policy asked for and the books forbid is a person's to decide: the entry says so. Inside `commit`."""
    moves = [
        {
            "id": row["entry_id"],
            "state": EntryState.REVIEW,
            "findings": findings.review(
                "recode_refused", f"{row['reason']}, but it could not be changed. {refusals[row['id']].message}"
            ),
            "note": {"step": "amend"},
        }
        for row in rows
        if row["asked_by"] == "" and row["entry_state"] == EntryState.CONFIRMED
    ]
    store.move_entries(moves, run_id=ctx.run_id)


def _calls(ctx: Context, rows: Sequence[dict[str, Any]], refusals: Mapping[int, Finding]) -> list[list[dict[str, Any]]]:
    """The rows that go, cut into calls; a change and a removal travel apart."""
    going = [row for row in rows if row["id"] not in refusals]
    calls: list[list[dict[str, Any]]] = []
    size = ctx.destination.batch_size(_endpoint(rows[0]), amending=True) if rows else 1
    for _, group in groupby(sorted(going, key=lambda row: row["deed"]), key=lambda row: row["deed"]):
        calls += _cut(list(group), size)
    return calls[: push.SINGLES]


def _cut(rows: list[dict[str, Any]], size: int) -> list[list[dict[str, Any]]]:
    alone = [[row] for row in rows if row["alone"]]
    together = [row for row in rows if not row["alone"]]
    return [together[at : at + size] for at in range(0, len(together), size)] + alone


def _endpoint(row: Mapping[str, Any]) -> Endpoint:
    return next(endpoint for endpoint, types in push.TYPES.items() if row["destination_type"] in types)


def _draft(ctx: Context, rows: list[dict[str, Any]], claimed_at: float) -> Claim:
    items = tuple(_item(row) for row in rows)
    return Claim(
        key=push.new_key(ctx),
        prepared=ctx.destination.prepare(_endpoint(rows[0]), items),
        items=items,
        subjects=tuple(rows),
        claimed_at=claimed_at,
    )


def _item(row: Mapping[str, Any]) -> Amending:
    if row["deed"] == "void":
        return Removal(
            document_id=row["document_id"], document_kind=DocumentKind(row["destination_type"]), marker=row["marker"]
        )
    return Change(document_id=row["document_id"], entry=_wanted_entry(row))


def _wanted_entry(row: Mapping[str, Any]) -> BankTransaction:
    entry = documents.from_json(row["wanted"])
    assert isinstance(entry, BankTransaction)
    return entry


def _write_intents(ctx: Context, drafts: Sequence[Claim]) -> dict[str, int]:
    items = [_as_item(draft, row, at) for draft in drafts for at, row in enumerate(draft.subjects)]
    return store_amend.open_intents(push.as_intents(ctx, drafts, items))


def _as_item(draft: Claim, row: Mapping[str, Any], position: int) -> dict[str, Any]:
    named = {"id": row["id"], "entry": row["entry_id"], "deed": row["deed"], "marker": row["marker"]}
    return {"key": draft.key, "position": position, **named}


def _wanted(row: Mapping[str, Any]) -> Wanted:
    return Wanted(kind=DocumentKind(row["destination_type"]), document_id=row["document_id"])


# ------------------------------------------------------------------ reading back


def take_over(ctx: Context) -> None:
    """Amendments whose sender died are looked at in the books, like all that were sent."""
    with ctx.commit():
        store_amend.take_over(flow_id=ctx.flow_id)


def read_back(ctx: Context) -> Progress:
    """Read every document whose change or removal was sent, and say what became of it."""
    with ctx.commit():
        rows = store_amend.sent_amendments(flow_id=ctx.flow_id, limit=SLICE)
    if not rows:
        return Progress.nothing()
    changes = [row for row in rows if row["deed"] == "change"]
    removals = [row for row in rows if row["deed"] == "void"]
    found = read_afresh(ctx.destination, ctx.flow, [_wanted(row) for row in removals])
    found |= read_afresh(ctx.destination, ctx.flow, [_wanted(row) for row in changes], singly=True)
    done = [row for row in rows if _is_done(row, found.get(row["document_id"]))]
    rest = [row for row in rows if row not in done]
    faults.point("before_amendment_done")
    with ctx.commit():
        ctx.begin_run()
        mirror.keep_documents(ctx, list(found.values()))
        moves = [_still_open(ctx, row, found.get(row["document_id"])) for row in rest]
        _close(moves)
        store_amend.move_amendments(moves)
    for asked_by, group in groupby(sorted(done, key=lambda row: row["asked_by"]), key=lambda row: row["asked_by"]):
        _finish(ctx, asked_by, list(group), found)
    return Progress(moved=len(done), more=len(rows) >= SLICE)


def _is_done(row: Mapping[str, Any], found: MirrorDocument | None) -> bool:
    if found is None:
        return False
    if row["deed"] == "void":
        return not found.is_live
    return amending.shown_as(_wanted_entry(row), found)


def _still_open(ctx: Context, row: Mapping[str, Any], found: MirrorDocument | None) -> dict[str, Any]:
    """Not as wanted. As before: look again, or send again once the quarantine of an unclear answer is over."""
    if found is not None and not amending.still_reads(found, row["before"]):
        problem = (
            "The document in Xero reads neither as before nor as wanted: somebody worked on it meanwhile. Compare it."
        )
        return {"id": row["id"], "state": AmendmentState.REFUSED, "code": amending.TOUCHED, "note": problem}
    if row["intent"] is not None:
        waited = row["now"] - row["last_send"]
        if waited < ctx.timing.quarantine:
            rest = (ctx.timing.quarantine - waited).total_seconds()
            return {"id": row["id"], "state": AmendmentState.UNCONFIRMED, "wait": rest}
        return {"id": row["id"], "state": AmendmentState.ASKED, "wait": 0, "attempts": row["attempts"] + 1}
    if row["attempts"] >= PATIENCE:
        problem = "Xero said that it did this, but its own record does not show it. Look at the document in Xero."
        return {"id": row["id"], "state": AmendmentState.REFUSED, "code": "not_shown", "note": problem}
    kept = {"wait": LOOK_AGAIN_SECONDS, "attempts": row["attempts"] + 1}
    return {"id": row["id"], "state": AmendmentState.UNCONFIRMED, **kept}


def _close(moves: Sequence[Mapping[str, Any]]) -> None:
    for state, outcome in ((AmendmentState.ASKED, "absent"), (AmendmentState.REFUSED, "unclear")):
        ids = [move["id"] for move in moves if move["state"] == state]
        if ids:
            store_amend.close_items(ids, outcome=outcome)


def _finish(ctx: Context, asked_by: str, rows: Sequence[dict[str, Any]], found: Mapping[str, MirrorDocument]) -> None:
    """In the name of the person who asked: what only people may do is done for them here."""
    with tenant_scope(ctx.tenant_id, actor=asked_by):
        store_amend.close_items([row["id"] for row in rows], outcome="found")
        told = {"void": "Removed: Xero shows it as deleted.", "change": "Changed: Xero shows it as wanted."}
        store_amend.move_amendments(
            [{"id": row["id"], "state": AmendmentState.DONE, "note": told[row["deed"]]} for row in rows]
        )
        store_amend.finish_entries([_entry_move(row, found[row["document_id"]]) for row in rows], run_id=ctx.run_id)
        changed = [row["entry_id"] for row in rows if row["deed"] == "change"]
        Record.objects.filter(entries__in=changed).update(state=RecordState.FETCHED)  # it may have changed meanwhile
        returned.decide_anew([row["record_id"] for row in rows if row["deed"] == "change"])
        again = [row["entry_id"] for row in rows if row["then"] == "again"]
        if again:
            post_again(again, organisation_id=ctx.connection.external_id, reason="posted anew as Amnis says it now")
    counted: dict[str, int] = defaultdict(int)
    for row in rows:
        counted["undone" if row["deed"] == "void" else "changed_in_xero"] += 1
    ctx.counts.update(counted)


def _entry_move(row: Mapping[str, Any], found: MirrorDocument) -> dict[str, Any]:
    note = {"step": "amend", "reason": row["reason"]}
    if row["deed"] == "void":
        return {"id": row["entry_id"], "state": EntryState.UNDONE, "note": note}
    return {
        "id": row["entry_id"],
        "state": EntryState.CONFIRMED,
        "note": note,
        "document": row["wanted"],
        "posted_rate": None if found.rate is None else str(found.rate),
        "read_back": amending.read_back_of(found),
        **row["columns"],
    }
