"""Step 4: claim, call, record. No request leaves without a committed intent that holds its exact bytes.

Two commits: the claim (intent, items, entries in flight, the moment of sending) and the settling (what came back, item by
item). Whatever kills the process between them leaves an intent from which `reconcile` tells what may have happened.

Order of events: claim (commit) -> call -> hold the organisation if the answer says so -> settle and claim the next batch
(one commit) -> ask the vendor again where an answer calls for it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Any

from connectors import faults
from connectors.contract.records import (
    Answer,
    BankTransaction,
    Classified,
    ContactDraft,
    Endpoint,
    OptionDraft,
    Transport,
    Writable,
)
from sync import incidents, store, store_evidence, store_intents, store_tracking
from sync.domain import documents
from sync.domain.payments import PAYMENT_TYPES
from sync.models import EntryState
from sync.pipeline import awaited, contact_changes, contacts, drift, findings, locks, mirror, tracking, transform
from sync.pipeline.context import Context, Progress
from sync.pipeline.settle import FAILURES_THAT_HOLD, Called, Claim, is_connection_failure, settle

TYPES = {
    Endpoint.BANK_TRANSACTIONS: ("SPEND", "RECEIVE"),
    Endpoint.BANK_TRANSFERS: ("BANKTRANSFER",),
    Endpoint.PAYMENTS: ("PAYMENT",),
    Endpoint.BATCH_PAYMENTS: ("BATCHPAYMENT",),
}
ALL_TYPES = tuple(kind for kinds in TYPES.values() for kind in kinds)
SINGLES = 10  # calls of one document that are claimed together; they must leave within the send deadline
BATCHES = 5  # the same for calls of many documents: fewer commits, and what leaves too late surely does not leave
CAUTION_AFTER = 2


def push(ctx: Context) -> Progress:
    """Send what is due: first options and contacts that entries wait for, then documents. Nothing due: no call at all."""
    if not _may_push(ctx):
        return Progress.nothing()
    _decide_anew_what_waited(ctx)
    options = _push_options(ctx) if ctx.needs_options else 0
    moved = _push_to(ctx, (Endpoint.CONTACTS, *mirror.ENDPOINTS, *(mirror.PAYMENTS if ctx.pays else ())))
    return Progress(moved=moved + options, more=ctx.contacts_stale)


def _decide_anew_what_waited(ctx: Context) -> None:
    """What waited for a limit, an outage or an answer that got lost is not sent as it is: meanwhile somebody may have booked
    it by hand, or taken the other half of its deal out. No more at once than the next round decides together."""
    with ctx.commit():
        records = store_intents.waited(flow_id=ctx.flow_id, types=ALL_TYPES, limit=transform.SLICE)
    if records:
        drift.look(ctx)
        with ctx.commit():
            store_intents.decide_anew(records)


def _push_options(ctx: Context) -> int:
    """Create what the owner still lets be created; a name that is taken already is looked up at once."""
    if not ctx.books.creates_options:
        tracking.hold_all(ctx)
        return 0
    moved = _push_to(ctx, (Endpoint.TRACKING_OPTIONS,))
    tracking.find_taken(ctx)
    return moved


def _push_to(ctx: Context, endpoints: Sequence[Endpoint]) -> int:
    """One after the other, each until nothing more is due there."""
    moved, left = 0, [endpoint for endpoint in endpoints if endpoint not in ctx.exhausted]
    while left:
        with ctx.commit():
            while left and not (claims := _claim(ctx, left[0])):
                left.pop(0)
        if left:
            moved += _push_claimed(ctx, left.pop(0), claims)
    return moved


def _push_claimed(ctx: Context, endpoint: Endpoint, claims: list[Claim]) -> int:
    """Batch after batch; what came back from one and the claim of the next share a commit."""
    moved = 0
    while claims:
        calls = [call(ctx, claim) for claim in claims]
        moved += sum(len(claim.items) for claim in claims)
        with ctx.commit():
            settle(ctx, calls)
            claims = _claim(ctx, endpoint) if _may_go_on(ctx, calls) else []
        for called in calls:
            follow_up(ctx, called.classified)
        ctx.renew_lease()
    return moved


def _may_go_on(ctx: Context, calls: Sequence[Called]) -> bool:
    """Not where the slice's time is over, the organisation is held, or an answer asks for a look at the vendor first: a
    contact that Xero knows and we do not would be sent again and again."""
    if ctx.contacts_stale:
        return False
    return ctx.may_continue() and not ctx.is_held and not any(_needs_look(called.classified) for called in calls)


def _needs_look(classified: Classified) -> bool:
    return classified.reauthorise or _met(classified, "period_locked") or _met(classified, contacts.ARCHIVED)


def _met(classified: Classified, code: str) -> bool:
    return any(finding.code == code for item in classified.items for finding in item.findings)


def call(ctx: Context, claim: Claim) -> Called:
    """The dangerous line, with nothing open: the call. An answer with ids is never followed by a second send."""
    faults.point("after_claim_before_call")
    answer = ctx.destination.send(claim.prepared, key=claim.key, allowed=_in_time(ctx, claim.claimed_at))
    faults.point("after_answer_before_settle")
    if claim.prepared.endpoint is Endpoint.CONTACTS:
        faults.point("after_contacts_answered")
    classified = ctx.destination.classify(claim.prepared, answer, items=claim.items)
    _hold(ctx, classified, answer)
    return Called(claim=claim, answer=answer, classified=classified)


def _may_push(ctx: Context) -> bool:
    """A held flow waits. Every push run begins with a delta read to its end and with the lock dates."""
    if ctx.is_held:
        return False
    if not ctx.push_prepared and _anything_due(ctx):
        if not ctx.mirror_fresh:
            mirror.read_on(ctx)
        locks.refresh(ctx)
        contacts.hold_undecided(ctx)
        ctx.push_prepared = True
    if ctx.contacts_stale:
        contacts.read_contacts(ctx)
        with ctx.commit():
            contacts.match_again(ctx)
    return ctx.push_prepared and not ctx.is_held


def _anything_due(ctx: Context) -> bool:
    with ctx.commit():
        found = store_intents.kinds_ready(flow_id=ctx.flow_id)
    ctx.pays = ctx.pays or any(kind in PAYMENT_TYPES for kind, _, _ in found)
    ctx.needs_options = ctx.needs_options or any(needs for _, _, needs in found)
    return any(is_due for _, is_due, _ in found)


def _claim(ctx: Context, endpoint: Endpoint) -> list[Claim]:
    """Lock what is due, build the exact bytes, commit the intents with their items and the subjects in flight.

    One intent is one call; a few calls are claimed together.
    """
    claimed_at = ctx.monotonic()
    with ctx.commit():
        drafted = (_drafted(ctx, endpoint, rows, claimed_at) for rows in _due(ctx, endpoint))
        drafts = [draft for draft in drafted if draft is not None]
        if not drafts:
            ctx.exhausted.add(endpoint)
            return []
        ctx.begin_run()
        ids = _write_intents(ctx, endpoint, drafts)
        return [replace(draft, intent_id=ids[draft.key]) for draft in drafts]


def _drafted(ctx: Context, endpoint: Endpoint, rows: list[dict[str, Any]], claimed_at: float) -> Claim | None:
    """The call for these rows, without the ones that cannot be written at all; None where no row is left."""
    try:
        return _draft(ctx, endpoint, rows, claimed_at)
    except ValueError:
        if endpoint not in TYPES:
            raise
    good = _without_unwritable(ctx, endpoint, rows)
    return _draft(ctx, endpoint, good, claimed_at) if good else None


def _without_unwritable(ctx: Context, endpoint: Endpoint, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What cannot be written goes to review, its neighbours are sent."""
    problems = {row["id"]: _problem(ctx, endpoint, row) for row in rows}
    told = "This movement cannot be written as a document for Xero ({}). Correct its coding and retry."
    moves = [
        {
            "id": entry_id,
            "state": EntryState.REVIEW,
            "findings": findings.review("cannot_be_written", told.format(problem)),
            "note": {"step": "push", "error": problem},
        }
        for entry_id, problem in problems.items()
        if problem
    ]
    store.move_entries(moves, run_id=ctx.run_id)
    return [row for row in rows if not problems[row["id"]]]


def _problem(ctx: Context, endpoint: Endpoint, row: dict[str, Any]) -> str:
    try:
        ctx.destination.prepare(endpoint, (_writable(endpoint, row),))
    except ValueError as error:
        return str(error) or type(error).__name__
    return ""


def _draft(ctx: Context, endpoint: Endpoint, rows: list[dict[str, Any]], claimed_at: float) -> Claim:
    """One call to be: its exact bytes and its key, not yet written."""
    items = tuple(_writable(endpoint, row) for row in rows)
    return Claim(
        key=new_key(ctx),
        prepared=ctx.destination.prepare(endpoint, items),
        items=items,
        subjects=tuple(rows),
        claimed_at=claimed_at,
    )


def new_key(ctx: Context) -> str:
    """For one attempt, never used again. The vendor keeps keys per app, not per organisation."""
    return f"{ctx.connection.external_id}-{uuid.UUID(int=ctx.dice.getrandbits(128), version=4).hex}"


def _due(ctx: Context, endpoint: Endpoint) -> list[list[dict[str, Any]]]:
    """What is due, cut into calls."""
    size = ctx.destination.batch_size(endpoint)
    if endpoint is Endpoint.CONTACTS:
        rows = store_intents.due_contacts(flow_id=ctx.flow_id, limit=size)
        return [rows] if rows else []
    if endpoint is Endpoint.TRACKING_OPTIONS:
        return [[row] for row in store_tracking.due_options(flow_id=ctx.flow_id, limit=SINGLES)]
    if size == 1:
        rows = store_intents.due_entries(flow_id=ctx.flow_id, types=TYPES[endpoint], limit=SINGLES)
        return [[row] for row in rows]
    rows = store_intents.due_entries(flow_id=ctx.flow_id, types=TYPES[endpoint], limit=size * _at_once(ctx))
    rows = awaited.not_with_their_originals(rows)
    return list(islice(_cut(ctx, rows, size), _at_once(ctx)))


def _cut(ctx: Context, rows: list[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    """A batch leaves when it is full, or when the source has no more."""
    while rows and (len(rows) >= size or ctx.source_at_end):
        most = min(rows[0]["batch_limit"], _cautious(ctx, size))
        yield rows[:most]
        rows = rows[most:]


def _at_once(ctx: Context) -> int:
    """One call a claim while a poisonous document is searched for."""
    return 1 if ctx.flow.unclean > CAUTION_AFTER else BATCHES


def _cautious(ctx: Context, size: int) -> int:
    """After three slices that died without a word, ever smaller batches, until the poisonous one is alone."""
    return max(1, size >> max(0, ctx.flow.unclean - CAUTION_AFTER))


def _writable(endpoint: Endpoint, row: dict[str, Any]) -> Writable:
    if endpoint is Endpoint.CONTACTS:
        return ContactDraft(name=row["name"], number=row["marker"])
    if endpoint is Endpoint.TRACKING_OPTIONS:
        return OptionDraft(category_id=row["category_id"], name=row["name"])
    entry = documents.from_json(row["document"])
    if not isinstance(entry, BankTransaction):
        return entry
    entry = tracking.with_ids(entry, row["destination_options"] or {})
    return replace(entry, contact_id=row["destination_contact"]) if row["destination_contact"] else entry


def _write_intents(ctx: Context, endpoint: Endpoint, drafts: Sequence[Claim]) -> dict[str, int]:
    items = [
        {"key": draft.key, "id": row["id"], "marker": row["marker"], "position": position}
        for draft in drafts
        for position, row in enumerate(draft.subjects)
    ]
    told = as_intents(ctx, drafts, items)
    if endpoint is Endpoint.TRACKING_OPTIONS:
        return store_tracking.open_intents(told)
    return store_intents.open_intents(told, contacts=endpoint is Endpoint.CONTACTS)


def as_intents(ctx: Context, drafts: Sequence[Claim], items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One intent for each draft, all to one endpoint, with the items that they speak for: as `open_intents` takes them."""
    return {
        "tenant": ctx.tenant_id,
        "flow": ctx.flow_id,
        "run": ctx.run_id,
        "organisation": ctx.connection.external_id,
        "endpoint": drafts[0].prepared.endpoint.value,
        "lease": ctx.timing.lease,
        "bodies": [draft.prepared.body for draft in drafts],
        "intents": store.as_json(
            [{"key": it.key, "method": it.prepared.method, "path": it.prepared.path} for it in drafts]
        ),
        "items": store.as_json(items),
    }


def _in_time(ctx: Context, claimed_at: float) -> Callable[[], bool]:
    """Asked right before the first byte. The claim's commit stamped the send; one that is late by now must not leave."""

    def allowed() -> bool:
        return ctx.monotonic() - claimed_at <= ctx.timing.send_deadline and not ctx.is_held

    return allowed


def follow_up(ctx: Context, classified: Classified) -> None:
    """After settling, because these ask the vendor again and may raise: are we still allowed in, is the period open, which
    contact is left of two?"""
    if classified.reauthorise:
        ctx.destination.organisation()  # renews the token once; raises ActionRequired when a person must reconnect
    if _met(classified, "period_locked"):
        locks.refresh(ctx, force=True)
    if _met(classified, contacts.ARCHIVED):
        contact_changes.read_and_follow(ctx)


def _hold(ctx: Context, classified: Classified, answer: Answer) -> None:
    """What the answer means for the whole organisation: a pause, one more failure, or the end of an outage."""
    if classified.pause_seconds is not None:
        _pause_organisation(ctx, seconds=classified.pause_seconds)
    elif is_connection_failure(answer):
        failures = ctx.flow.failures + 1
        held = ctx.now() + ctx.timing.schedule.first if failures >= FAILURES_THAT_HOLD else None
        with ctx.commit():
            ctx.store_flow(failures=failures, held_until=held)
            if held is not None:
                _tell_of_outage(ctx, answer)
    elif ctx.flow.failures and answer.transport is not Transport.WITHHELD:  # what did not leave says nothing of Xero
        with ctx.commit():
            ctx.store_flow(failures=0, held_until=None)


def _tell_of_outage(ctx: Context, answer: Answer) -> None:
    """One incident for an outage, however many movements wait for its end. Inside `commit`."""
    incidents.open(
        tenant_id=ctx.tenant_id,
        flow=ctx.flow,
        cause="vendor:destination",
        severity="warning",
        error_class="transient",
        title="Xero does not answer",
        body=f"Posting is held ({answer.error or f'status {answer.status}'}). It is tried once a minute, and goes on by itself.",
        action="connections",
    )


def _pause_organisation(ctx: Context, *, seconds: float) -> None:
    """A limit speaks for the whole organisation, so every flow into it waits; kept in rows, across restarts."""
    until = ctx.now() + timedelta(seconds=seconds)
    with ctx.commit():
        store_evidence.pause_organisation(ctx.connection.pk, until=until)
    ctx.connection.paused_until = ctx.flow.held_until = until
