"""Step 4: claim, call, record. No request leaves without a committed intent that holds its exact bytes.

Three commits: the claim (intent, items, entries in flight), the stamp (the moment of sending, where the epoch is still
ours), the settling (what came back, item by item). Whatever kills the process between two of them leaves an intent from
which `reconcile` tells what may have happened.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from connectors.contract.records import (
    Answer,
    BankTransaction,
    Classified,
    ContactDraft,
    Endpoint,
    Prepared,
    Writable,
)
from sync import faults, store
from sync.domain import documents
from sync.models import Entry, EntryState, Flow
from sync.pipeline import contacts, locks, mirror
from sync.pipeline.context import Context, Progress
from sync.pipeline.settle import FAILURES_THAT_HOLD, is_connection_failure, settle

TYPES = {Endpoint.BANK_TRANSACTIONS: ("SPEND", "RECEIVE"), Endpoint.BANK_TRANSFERS: ("BANKTRANSFER",)}
FULL_BATCH = 50
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

    @property
    def is_contacts(self) -> bool:
        return self.prepared.endpoint is Endpoint.CONTACTS


def push(ctx: Context) -> Progress:
    """Send one batch: first the contacts that entries wait for, then documents. Nothing due: no call at all."""
    if not _worth_pushing(ctx) or not _ready_to_push(ctx):
        return Progress.nothing()
    for endpoint in (Endpoint.CONTACTS, Endpoint.BANK_TRANSACTIONS, Endpoint.BANK_TRANSFERS):
        claim = _claim(ctx, endpoint)
        if claim is not None:
            faults.point("after_claim_before_call")
            answer = ctx.destination.send(claim.prepared, key=claim.key, allowed=_stamp(ctx, claim))
            faults.point("after_answer_before_settle")
            classified = ctx.destination.classify(claim.prepared, answer, items=claim.items)
            settle(ctx, claim, answer, classified)
            _react(ctx, classified, answer)
            return Progress(moved=len(claim.items))
    return Progress.nothing()


def _worth_pushing(ctx: Context) -> bool:
    """A batch leaves when it is full or when the source has no more; a held flow waits."""
    with ctx.commit():
        due = Entry.objects.filter(flow=ctx.flow, state=EntryState.READY, not_before__lte=store.now(), held_back=False)
        count = due[:FULL_BATCH].count()
        held = ctx.flow.held_until is not None and ctx.flow.held_until > store.now()
    return not held and (count == FULL_BATCH or (count > 0 and ctx.source_at_end))


def _ready_to_push(ctx: Context) -> bool:
    """Every push run begins with a delta read to its end and with the lock dates."""
    if not ctx.mirror_fresh:
        mirror.read_changes(ctx)
    if ctx.contacts_stale:
        contacts.read_contacts(ctx)
        with ctx.commit():
            contacts.match_again(ctx)
    locks.refresh(ctx)
    return ctx.flow.held_until is None or ctx.flow.held_until <= _now(ctx)


def _claim(ctx: Context, endpoint: Endpoint) -> Claim | None:
    """Lock what is due, build the exact bytes, commit the intent with its items and the subjects in flight."""
    with ctx.commit():
        rows = _due(ctx, endpoint)
        if not rows:
            return None
        items = tuple(_writable(endpoint, row) for row in rows)
        prepared = ctx.destination.prepare(endpoint, items)
        key = f"{ctx.connection.external_id}-{uuid.uuid4().hex}"  # the vendor keeps keys per app, not per organisation
        ctx.begin_run()
        intent_id = _write_intent(ctx, prepared, rows, key)
    return Claim(intent_id=intent_id, epoch=1, key=key, prepared=prepared, items=items, subjects=tuple(rows))


def _due(ctx: Context, endpoint: Endpoint) -> list[dict[str, Any]]:
    size = ctx.destination.batch_size(endpoint)
    if endpoint is Endpoint.CONTACTS:
        return store.due_contacts(flow_id=ctx.flow_id, limit=size)
    rows = store.due_entries(flow_id=ctx.flow_id, types=TYPES[endpoint], limit=size)
    return rows[: rows[0]["batch_limit"]] if rows else []


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


def _stamp(ctx: Context, claim: Claim) -> Callable[[], bool]:
    """Asked right before the first byte: is the intent still ours, and did its stamp take no longer than the deadline?"""

    def allowed() -> bool:
        before = time.monotonic()
        with ctx.commit():
            stamped = store.stamp_send(claim.intent_id, epoch=claim.epoch)
        faults.point("after_stamp_before_send")
        return stamped and time.monotonic() - before <= ctx.timing.send_deadline

    return allowed


def _react(ctx: Context, classified: Classified, answer: Answer) -> None:
    """What the answer means for the whole connection: pause, hold, or look whether we are still allowed in."""
    now = _now(ctx)
    with ctx.commit():
        if classified.pause_seconds is not None:
            _pause_organisation(ctx, until_seconds=classified.pause_seconds)
        elif is_connection_failure(answer):
            failures = ctx.flow.failures + 1
            held = now + PROBE_WHILE_HELD if failures >= FAILURES_THAT_HOLD else None
            ctx.store_flow(failures=failures, held_until=held)
        elif ctx.flow.failures:
            ctx.store_flow(failures=0, held_until=None)
    if classified.reauthorise:
        ctx.destination.organisation()  # renews the token once; raises ActionRequired when a person must reconnect
    if any(finding.code == "period_locked" for item in classified.items for finding in item.findings):
        locks.refresh(ctx, force=True)


def _pause_organisation(ctx: Context, *, until_seconds: float) -> None:
    """A limit speaks for the whole organisation, so every flow into it waits. Inside `commit`."""
    until = store.now() + timedelta(seconds=until_seconds)
    ctx.connection.paused_until = until
    ctx.connection.save(update_fields=["paused_until"])
    Flow.objects.filter(destination=ctx.connection).update(held_until=until)
    ctx.flow.held_until = until


def _now(ctx: Context) -> Any:
    with ctx.commit():
        return store.now()
