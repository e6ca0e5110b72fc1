"""Settles what is unknown. Presence is proof at any time; absence is proof only after the quarantine, seen twice.

A look is a delta read from five minutes before the first send to the last page. One that fails raises and proves nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from connectors.contract.errors import OutcomeUnknown
from connectors.contract.records import DestinationContact, Endpoint
from sync import store
from sync.domain.retry import Move, judge
from sync.models import ContactLink, Entry, EntryState, PushIntent, PushIntentItem, TrackingLink
from sync.pipeline import contacts, mirror, tracking
from sync.pipeline.context import WATERMARK_MARGIN, Context, Progress
from sync.pipeline.settle import gave_up


def reconcile(ctx: Context) -> Progress:
    """Take over what a dead process left behind, then look for every unknown request whose look is due."""
    with ctx.commit():
        taken = _take_over(ctx)
        due = store.unknown_intents(flow_id=ctx.flow_id)
    if not due:
        return Progress(moved=taken)
    looked_at = _look(ctx, due)
    with ctx.commit():
        ctx.begin_run()
        for intent in due:
            _weigh(ctx, intent, looked_at)
    return Progress(moved=taken + len(due))


def _take_over(ctx: Context) -> int:
    """Intents whose sender is gone: never stamped means never sent; stamped means unknown. Inside `commit`."""
    orphans = store.orphan_intents(flow_id=ctx.flow_id)
    if not orphans:
        return 0
    ctx.begin_run()
    unsent = [row["id"] for row in orphans if row["first_send"] is None]
    items = PushIntentItem.objects.filter(intent__in=[row["id"] for row in orphans], open=True)
    moves, links, options = [], [], []
    for item in items:
        state = EntryState.READY if item.intent_id in unsent else EntryState.UNCONFIRMED
        note = {"step": "reconcile", "left_behind": "before sending" if state == EntryState.READY else "after sending"}
        if item.entry_id is not None:
            moves.append({"id": item.entry_id, "state": state, "wait": 0, "note": note})
        elif item.option_id is not None:
            options.append((item.option_id, state))
        else:
            links.append((item.contact_id or 0, state))
    store.move_entries(moves, run_id=ctx.run_id)
    for contact_id, state in links:
        ContactLink.objects.filter(pk=contact_id, state=ContactLink.State.IN_FLIGHT).update(state=state.value)
    for option_id, state in options:
        TrackingLink.objects.filter(pk=option_id, state=TrackingLink.State.IN_FLIGHT).update(state=state.value)
    if unsent:
        store.close_items(unsent, outcome="never_sent")
    return len(orphans)


def _look(ctx: Context, due: list[dict[str, Any]]) -> datetime:
    """Read the books afresh for these requests; what is there is adopted by the reading itself."""
    since = min(intent["first_send"] for intent in due) - WATERMARK_MARGIN
    asked = {Endpoint(intent["endpoint"]) for intent in due} - {Endpoint.CONTACTS, Endpoint.TRACKING_OPTIONS}
    endpoints = tuple(asked) or (Endpoint.BANK_TRANSACTIONS,)
    looked_at = mirror.read_changes(ctx, endpoints=endpoints, since=since)
    unknown = [intent["id"] for intent in due if intent["endpoint"] == Endpoint.CONTACTS]
    _look_for_contacts(ctx, unknown, since=since)
    tracking.look(ctx, [intent["id"] for intent in due if intent["endpoint"] == Endpoint.TRACKING_OPTIONS])
    return looked_at


def _look_for_contacts(ctx: Context, intent_ids: list[int], *, since: datetime) -> None:
    """A contact is found by its number, which is our marker. One delta read for all: one call each would use up the limit."""
    with ctx.commit():
        items = PushIntentItem.objects.filter(intent__in=intent_ids, open=True)
        wanted = {item.marker: item for item in items}
    if not wanted:
        return
    for page in ctx.destination.contacts(since=since):
        with ctx.commit():
            contacts.keep(ctx, page)
            for found in page:
                if (item := wanted.get(found.number)) is not None:
                    _adopt_contact(item, found)


def _adopt_contact(item: PushIntentItem, found: DestinationContact) -> None:
    ContactLink.objects.filter(pk=item.contact_id or 0).update(
        state=ContactLink.State.LINKED, contact_id=found.contact_id, created_by_us=True, how=ContactLink.How.CREATED
    )
    PushIntentItem.objects.filter(pk=item.pk).update(open=False, outcome="found")


def _weigh(ctx: Context, row: dict[str, Any], looked_at: datetime) -> None:
    """After a complete look: done where every item was found; else one more absence, or the proof of absence."""
    intent = PushIntent.objects.get(pk=row["id"])
    open_items = list(PushIntentItem.objects.filter(intent=intent, open=True))
    intent.probes += 1
    if intent.state != PushIntent.State.OPEN or not open_items:
        _close(intent, PushIntent.State.DONE)
        return
    assert intent.last_send is not None
    evidence = ctx.timing.evidence
    if evidence.counts_as_absence(
        last_send=intent.last_send, looked_at=looked_at, absent_seen_at=intent.absent_seen_at
    ):
        intent.absences += 1
        intent.absent_seen_at = intent.absent_seen_at or looked_at
    if intent.absences >= 2:
        _prove_absence(ctx, intent, open_items)
        return
    intent.next_probe = evidence.next_probe(
        last_send=intent.last_send, probes_made=intent.probes, absent_seen_at=intent.absent_seen_at
    )
    intent.save(update_fields=["probes", "absences", "absent_seen_at", "next_probe"])


def _close(intent: PushIntent, state: str) -> None:
    intent.state, intent.unknown, intent.next_probe = state, False, None
    intent.closed_at = store.now()
    intent.save(update_fields=["state", "unknown", "next_probe", "probes", "absences", "absent_seen_at", "closed_at"])


def _prove_absence(ctx: Context, intent: PushIntent, items: list[PushIntentItem]) -> None:
    """This attempt surely did nothing: the entries are ready for a new intent with a new key, or have failed."""
    _close(intent, PushIntent.State.ABSENT)
    store.close_items([intent.pk], outcome="absent")
    attempts = dict(Entry.objects.filter(pk__in=[item.entry_id for item in items]).values_list("id", "attempts"))
    moves = [_again(ctx, entry_id, made) for entry_id, made in attempts.items()]
    store.move_entries(moves, run_id=ctx.run_id)
    ContactLink.objects.filter(pk__in=[item.contact_id for item in items if item.contact_id]).update(
        state=ContactLink.State.READY, not_before=store.now()
    )
    tracking.absent(ctx, [item.option_id for item in items if item.option_id])


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
