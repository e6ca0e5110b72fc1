"""Step 4: claim, call, record. No request leaves without a committed intent that holds its exact bytes.

Two commits: the claim (intent, items, entries in flight, the moment of sending) and the settling (what came back, item by
item). Whatever kills the process between them leaves an intent from which `reconcile` tells what may have happened.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from connectors.contract.records import (
    Answer,
    BankTransaction,
    Classified,
    ContactDraft,
    Endpoint,
    Prepared,
    Writable,
)
from sync import faults, incidents, store
from sync.domain import documents
from sync.models import Entry, EntryState, Flow
from sync.pipeline import contacts, findings, locks, mirror
from sync.pipeline.context import Context, Progress
from sync.pipeline.settle import FAILURES_THAT_HOLD, is_connection_failure, settle

TYPES = {Endpoint.BANK_TRANSACTIONS: ("SPEND", "RECEIVE"), Endpoint.BANK_TRANSFERS: ("BANKTRANSFER",)}
ENDPOINTS = (Endpoint.CONTACTS, Endpoint.BANK_TRANSACTIONS, Endpoint.BANK_TRANSFERS)
SINGLES = 10  # calls of one document that are claimed together; they must leave within the send deadline
CAUTION_AFTER = 2
PROBE_WHILE_HELD = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A committed intent that is ours: what will be sent, and the rows it speaks for, in the order of the body."""

    intent_id: int
    epoch: int
    key: str
    prepared: Prepared
    items: tuple[Writable, ...]
    subjects: tuple[dict[str, Any], ...]
    claimed_at: float  # monotonic, from before the commit

    @property
    def is_contacts(self) -> bool:
        return self.prepared.endpoint is Endpoint.CONTACTS


def push(ctx: Context) -> Progress:
    """Send one batch: first the contacts that entries wait for, then documents. Nothing due: no call at all."""
    if not _may_push(ctx):
        return Progress.nothing()
    for endpoint in ENDPOINTS:
        claims = [] if endpoint in ctx.exhausted else _claim(ctx, endpoint)
        for claim in claims:
            _send(ctx, claim)
        if claims:
            return Progress(moved=sum(len(claim.items) for claim in claims))
    return Progress.nothing()


def _send(ctx: Context, claim: Claim) -> None:
    """The dangerous line, with nothing open: the call. An answer with ids is never followed by a second send."""
    faults.point("after_claim_before_call")
    answer = ctx.destination.send(claim.prepared, key=claim.key, allowed=_in_time(ctx, claim.claimed_at))
    faults.point("after_answer_before_settle")
    classified = ctx.destination.classify(claim.prepared, answer, items=claim.items)
    settle(ctx, claim, answer, classified)
    _react(ctx, classified, answer)


def _may_push(ctx: Context) -> bool:
    """A held flow waits. Every push run begins with a delta read to its end and with the lock dates."""
    if ctx.is_held:
        return False
    if not ctx.push_prepared and _anything_due(ctx):
        if not ctx.mirror_fresh:
            mirror.read_changes(ctx)
        locks.refresh(ctx)
        ctx.push_prepared = True
    if ctx.contacts_stale:
        contacts.read_contacts(ctx)
        with ctx.commit():
            contacts.match_again(ctx)
    return ctx.push_prepared and not ctx.is_held


def _anything_due(ctx: Context) -> bool:
    with ctx.commit():
        ready = Entry.objects.filter(flow=ctx.flow, state=EntryState.READY, held_back=False)
        return ready.filter(not_before__lte=Now()).exists()


def _claim(ctx: Context, endpoint: Endpoint) -> list[Claim]:
    """Lock what is due, build the exact bytes, commit the intents with their items and the subjects in flight.

    One intent is one call; where a call takes a single document, a few calls are claimed together.
    """
    claimed_at = time.monotonic()
    with ctx.commit():
        batches = [good for good in (_fit_to_send(ctx, endpoint, rows) for rows in _due(ctx, endpoint)) if good]
        if not batches:
            ctx.exhausted.add(endpoint)
            return []
        ctx.begin_run()
        return [_claimed(ctx, endpoint, rows, claimed_at) for rows in batches]


def _fit_to_send(ctx: Context, endpoint: Endpoint, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the ones that cannot be written at all: those go to review, their neighbours are sent."""
    if endpoint is Endpoint.CONTACTS or _problem(ctx, endpoint, rows) == "":
        return rows
    problems = {row["id"]: _problem(ctx, endpoint, [row]) for row in rows}
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


def _problem(ctx: Context, endpoint: Endpoint, rows: list[dict[str, Any]]) -> str:
    try:
        ctx.destination.prepare(endpoint, tuple(_writable(endpoint, row) for row in rows))
    except ValueError as error:
        return str(error) or type(error).__name__
    return ""


def _claimed(ctx: Context, endpoint: Endpoint, rows: list[dict[str, Any]], claimed_at: float) -> Claim:
    items = tuple(_writable(endpoint, row) for row in rows)
    prepared = ctx.destination.prepare(endpoint, items)
    key = f"{ctx.connection.external_id}-{uuid.uuid4().hex}"  # the vendor keeps keys per app, not per organisation
    return Claim(
        intent_id=_write_intent(ctx, prepared, rows, key),
        epoch=1,
        key=key,
        prepared=prepared,
        items=items,
        subjects=tuple(rows),
        claimed_at=claimed_at,
    )


def _due(ctx: Context, endpoint: Endpoint) -> list[list[dict[str, Any]]]:
    """What is due, cut into calls."""
    size = ctx.destination.batch_size(endpoint)
    if endpoint is Endpoint.CONTACTS:
        rows = store.due_contacts(flow_id=ctx.flow_id, limit=size)
        return [rows] if rows else []
    if size == 1:
        rows = store.due_entries(flow_id=ctx.flow_id, types=TYPES[endpoint], limit=SINGLES)
        return [[row] for row in rows]
    rows = store.due_entries(flow_id=ctx.flow_id, types=TYPES[endpoint], limit=size)
    if not rows or (len(rows) < size and not ctx.source_at_end):
        return []  # a batch leaves when it is full, or when the source has no more
    return [rows[: min(rows[0]["batch_limit"], _cautious(ctx, size))]]


def _cautious(ctx: Context, size: int) -> int:
    """After three slices that died without a word, ever smaller batches, until the poisonous one is alone."""
    return max(1, size >> max(0, ctx.flow.unclean - CAUTION_AFTER))


def _writable(endpoint: Endpoint, row: dict[str, Any]) -> Writable:
    if endpoint is Endpoint.CONTACTS:
        return ContactDraft(name=row["name"], number=row["marker"])
    entry = documents.from_json(row["document"])
    if isinstance(entry, BankTransaction) and row["destination_contact"]:
        return replace(entry, contact_id=row["destination_contact"])
    return entry


def _write_intent(ctx: Context, prepared: Prepared, rows: Sequence[dict[str, Any]], key: str) -> int:
    return store.open_intent(
        store.OPEN_CONTACT_INTENT if prepared.endpoint is Endpoint.CONTACTS else store.OPEN_ENTRY_INTENT,
        {
            "tenant": ctx.tenant_id,
            "flow": ctx.flow_id,
            "run": ctx.run_id,
            "organisation": ctx.connection.external_id,
            "endpoint": prepared.endpoint.value,
            "method": prepared.method,
            "path": prepared.path,
            "body": prepared.body,
            "key": key,
            "lease": ctx.timing.lease,
            "ids": [row["id"] for row in rows],
            "markers": [row["marker"] for row in rows],
        },
    )


def _in_time(ctx: Context, claimed_at: float) -> Callable[[], bool]:
    """Asked right before the first byte. The claim's commit stamped the send; one that is late by now must not leave."""

    def allowed() -> bool:
        return time.monotonic() - claimed_at <= ctx.timing.send_deadline

    return allowed


def _react(ctx: Context, classified: Classified, answer: Answer) -> None:
    """What the answer means for the whole connection: pause, hold, or look whether we are still allowed in."""
    if classified.pause_seconds is not None:
        _pause_organisation(ctx, seconds=classified.pause_seconds)
    elif is_connection_failure(answer):
        failures = ctx.flow.failures + 1
        held = ctx.now() + PROBE_WHILE_HELD if failures >= FAILURES_THAT_HOLD else None
        with ctx.commit():
            ctx.store_flow(failures=failures, held_until=held)
            if held is not None:
                _tell_of_outage(ctx, answer)
    elif ctx.flow.failures:
        with ctx.commit():
            ctx.store_flow(failures=0, held_until=None)
    if classified.reauthorise:
        ctx.destination.organisation()  # renews the token once; raises ActionRequired when a person must reconnect
    if any(finding.code == "period_locked" for item in classified.items for finding in item.findings):
        locks.refresh(ctx, force=True)


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
        ctx.connection.paused_until = until
        ctx.connection.save(update_fields=["paused_until"])
        Flow.objects.filter(destination=ctx.connection).update(held_until=until)
    ctx.flow.held_until = until
