"""Settles what is unknown. Presence is proof at any time; absence is proof only after the quarantine, seen twice.

A look is a delta read from five minutes before the first send to the last page. One that fails raises and proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from connectors import faults
from connectors.contract.errors import OutcomeUnknown
from connectors.contract.records import Endpoint
from sync import store, store_evidence, store_intents
from sync.domain.retry import Looks, Move, judge
from sync.models import EntryState, PushIntent
from sync.pipeline import contacts, mirror, tracking
from sync.pipeline.context import Context, Progress
from sync.pipeline.settle import gave_up


def reconcile(ctx: Context) -> Progress:
    """Take over what a dead process left behind, then look for every unknown request whose look is due."""
    with ctx.commit():
        taken = _take_over(ctx)
        due = store_intents.unknown_intents(flow_id=ctx.flow_id)
    if not due:
        return Progress(moved=taken)
    looked_at = _look(ctx, due)
    faults.point("mid_reconcile")
    with ctx.commit():
        ctx.begin_run()
        _weigh(ctx, [intent["id"] for intent in due], looked_at)
    return Progress(moved=taken + len(due))


def _take_over(ctx: Context) -> int:
    """Intents whose sender is gone: never stamped means never sent; stamped means unknown. Inside `commit`."""
    orphans = store_intents.take_over_intents(flow_id=ctx.flow_id)
    if not orphans:
        return 0
    ctx.begin_run()
    unsent = [row["id"] for row in orphans if row["first_send"] is None]
    moves, links = [], []
    for item in store_evidence.open_items([row["id"] for row in orphans]):
        state = EntryState.READY if item["intent_id"] in unsent else EntryState.UNCONFIRMED
        note = {"step": "reconcile", "left_behind": "before sending" if state == EntryState.READY else "after sending"}
        if item["entry_id"] is not None:
            moves.append({"id": item["entry_id"], "state": state, "wait": 0, "note": note})
        else:
            links.append({"contact": item["contact_id"], "option": item["option_id"], "state": state.value})
    store.move_entries(moves, run_id=ctx.run_id)
    store_evidence.move_links_left_behind(links)
    if unsent:
        store_intents.close_items(unsent, outcome="never_sent")
    return len(orphans)


def _look(ctx: Context, due: list[dict[str, Any]]) -> datetime:
    """Read the books afresh for these requests; what is there is adopted by the reading itself."""
    since = min(intent["first_send"] for intent in due) - ctx.timing.margin
    asked = {Endpoint(intent["endpoint"]) for intent in due} - {Endpoint.CONTACTS, Endpoint.TRACKING_OPTIONS}
    endpoints = tuple(asked) or (Endpoint.BANK_TRANSACTIONS,)
    looked_at = mirror.read_changes(ctx, endpoints=endpoints, since=since)
    unknown = [intent["id"] for intent in due if intent["endpoint"] == Endpoint.CONTACTS]
    _look_for_contacts(ctx, unknown, since=since)
    tracking.look(ctx, [intent["id"] for intent in due if intent["endpoint"] == Endpoint.TRACKING_OPTIONS])
    return looked_at


def _look_for_contacts(ctx: Context, intent_ids: list[int], *, since: datetime) -> None:
    """A contact is found by its number, which is our marker. One delta read for all: one call each would use up the limit."""
    if not intent_ids:
        return
    with ctx.commit():
        wanted = {item["marker"]: item for item in store_evidence.open_items(intent_ids)}
    if not wanted:
        return
    for page in ctx.destination.contacts(since=since):
        with ctx.commit():
            contacts.keep(ctx, page)
            for found in page:
                if (item := wanted.get(found.number)) is not None:
                    store_evidence.adopt_contact(item, contact_id=found.contact_id)


def _weigh(ctx: Context, intent_ids: list[int], looked_at: datetime) -> None:
    """After a complete look: done where every item was found; else one more absence, or the proof of absence."""
    items: dict[int, list[dict[str, Any]]] = {}
    for item in store_evidence.open_items(intent_ids):
        items.setdefault(item["intent_id"], []).append(item)
    weighed, absent = [], []
    for row in store_evidence.still_open(intent_ids):
        looks = _looks(row)
        after = ctx.timing.evidence.after_look(looks, looked_at=looked_at)
        if row["id"] not in items:
            weighed.append(_as_weighed(ctx, row, replace(looks, probes=after.probes), PushIntent.State.DONE))
        elif after.prove_absence:
            weighed.append(_as_weighed(ctx, row, after, PushIntent.State.ABSENT))
            absent.append(row["id"])
        else:
            weighed.append(_as_weighed(ctx, row, after, PushIntent.State.OPEN))
    store_evidence.keep_weighed(weighed)
    if absent:
        _prove_absence(ctx, absent, [item for intent_id in absent for item in items[intent_id]])


def _looks(row: Mapping[str, Any]) -> Looks:
    return Looks(**{name: row[name] for name in ("last_send", "probes", "absences", "absent_seen_at")})


def _as_weighed(ctx: Context, row: Mapping[str, Any], looks: Looks, state: PushIntent.State) -> dict[str, Any]:
    """`next_probe` while the outcome is open."""
    probe = ctx.timing.evidence.next_probe(
        last_send=looks.last_send, probes_made=looks.probes, absent_seen_at=looks.absent_seen_at
    )
    return {
        "id": row["id"],
        "state": state.value,
        "probes": looks.probes,
        "absences": looks.absences,
        "absent_seen_at": looks.absent_seen_at and looks.absent_seen_at.isoformat(),
        "next_probe": probe.isoformat() if state is PushIntent.State.OPEN else None,
    }


def _prove_absence(ctx: Context, intent_ids: list[int], items: list[dict[str, Any]]) -> None:
    """These attempts surely did nothing: the entries are ready for a new intent with a new key, or have failed."""
    store_intents.close_items(intent_ids, outcome="absent")
    attempts = store_evidence.attempts_of([item["entry_id"] for item in items if item["entry_id"]])
    store.move_entries([_again(ctx, entry_id, made) for entry_id, made in attempts.items()], run_id=ctx.run_id)
    if contacts_absent := [item["contact_id"] for item in items if item["contact_id"]]:
        store_evidence.make_contacts_ready(contacts_absent)
    if options := [item["option_id"] for item in items if item["option_id"]]:
        tracking.absent(ctx, options)


def _again(ctx: Context, entry_id: int, made: int) -> dict[str, Any]:
    """Proven absence ends one attempt. The quarantine was the wait of the first ones; the schedule rules the rest."""
    note = {"step": "reconcile", "absence": "proven", "attempt": made + 1}
    if made >= len(ctx.timing.schedule):
        return {
            "id": entry_id,
            "state": EntryState.FAILED,
            "findings": gave_up("absent after every attempt"),
            "note": note,
        }
    verdict = judge(OutcomeUnknown("absent"), attempt=made, dice=ctx.dice.random(), schedule=ctx.timing.schedule)
    assert verdict.move is Move.LOOK_FIRST
    waited = ctx.timing.quarantine + ctx.timing.evidence.gap
    rest = max(ctx.timing.schedule.wait(made, ctx.dice.random()) - waited, timedelta())
    return {"id": entry_id, "state": EntryState.READY, "attempts": made + 1, "wait": rest.total_seconds(), "note": note}
