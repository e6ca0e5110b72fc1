"""The third part of a push: what came back becomes each item's own state, in one commit, where the intent is still ours."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from connectors.contract.errors import RetryLater
from connectors.contract.records import (
    Answer,
    Change,
    Classified,
    DestinationContact,
    Endpoint,
    ItemOutcome,
    Outcome,
    Prepared,
    Removal,
    Transport,
    Writable,
)
from sync import store, store_amend, store_intents, store_tracking
from sync.domain.booking import LockPolicy
from sync.domain.retry import Move, judge
from sync.models import AmendmentState, EntryState
from sync.pipeline import awaited, contacts, findings, tracking
from sync.pipeline.context import Context

EXCERPT = 20_000
FAILURES_THAT_HOLD = 3
APPLIED = (Outcome.APPLIED, Outcome.UNPROVEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A committed intent that is ours: what will be sent, and the rows it speaks for, in the order of the body."""

    key: str
    prepared: Prepared
    items: tuple[Writable, ...]
    subjects: tuple[dict[str, Any], ...]
    claimed_at: float  # monotonic, from before the commit
    intent_id: int = 0  # given by the commit
    epoch: int = 1

    @property
    def is_contacts(self) -> bool:
        return self.prepared.endpoint is Endpoint.CONTACTS

    @property
    def is_options(self) -> bool:
        return self.prepared.endpoint is Endpoint.TRACKING_OPTIONS

    @property
    def is_amending(self) -> bool:
        return any(isinstance(item, Change | Removal) for item in self.items)

    @property
    def is_payments(self) -> bool:
        return self.prepared.endpoint in (Endpoint.PAYMENTS, Endpoint.BATCH_PAYMENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A claim, what came back for it, and what that means."""

    claim: Claim
    answer: Answer
    classified: Classified


def settle(ctx: Context, calls: Sequence[Called]) -> None:
    """Record every item's outcome. Of an intent that somebody else took over meanwhile, nothing is changed."""
    contact_calls = calls[0].claim.is_contacts
    moves = [move for called in calls for move in _moves(ctx, called)]
    told = {
        "settlements": store.as_json([_settlement(ctx, called) for called in calls]),
        "items": store.as_json([item for called in calls for item in _items(called)]),
        "moves": store.as_json(moves),
        "run": ctx.run_id,
    }
    if calls[0].claim.is_amending:
        with ctx.commit():
            store_amend.settle_intents(told)
        return
    if calls[0].claim.is_options:
        with ctx.commit():
            tracking.settled(ctx, store_tracking.settle_intents(told), moves)
        return
    with ctx.commit():
        store_intents.settle_intents(told, contacts=contact_calls)
        if contact_calls:
            contacts.hold_waiting(ctx, moves)
            contacts.keep(ctx, _created(calls))
        else:
            awaited.after_a_refusal(ctx, _put_aside(calls, moves))
    if not contact_calls:
        ctx.sent_since_read = True
        _remember_sent(ctx, calls)
        ctx.items_fresh = ctx.items_fresh and not any(called.claim.is_payments for called in calls)
        ctx.counts["review"] += sum(move["state"] == EntryState.REVIEW for move in moves)
        ctx.counts["pushed"] += sum(item.outcome in APPLIED for called in calls for item in called.classified.items)


def _put_aside(calls: Sequence[Called], moves: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The claimed entries that are for a person now."""
    aside = {move["id"] for move in moves if move["state"] in (EntryState.REVIEW, EntryState.FAILED)}
    return [row for called in calls for row in called.claim.subjects if row["id"] in aside]


def _remember_sent(ctx: Context, calls: Sequence[Called]) -> None:
    """From which of the vendor's own stamps on the documents of these answers are read back."""
    for called in calls:
        documents = [it.receipt.document for it in called.classified.items if it.receipt is not None]
        stamps = [it.updated_at for it in documents if it is not None and it.updated_at is not None]
        endpoint = called.claim.prepared.endpoint
        if stamps:
            ctx.sent_from[endpoint] = min([*stamps, ctx.sent_from.get(endpoint, stamps[0])])


def _created(calls: Sequence[Called]) -> list[DestinationContact]:
    """Contacts that the answers show, for our list. Without their stamps: these say nothing about what others changed."""
    receipts = [item.receipt for called in calls for item in called.classified.items]
    return [replace(it.contact, updated_at=None) for it in receipts if it is not None and it.contact is not None]


def _moves(ctx: Context, called: Called) -> list[dict[str, Any]]:
    pairs = zip(called.claim.subjects, called.classified.items, strict=True)
    moves = [_move(ctx, row, item, called.classified, called.answer) for row, item in pairs]
    if not called.claim.is_amending:
        answered = zip(called.claim.subjects, called.classified.items, moves, strict=True)
        moves = [_to_follow(ctx, *it[:2], _to_redate(ctx, *it)) for it in answered]
    if called.claim.is_contacts:
        moves = [contacts.link_move(ctx, move) for move in moves]
    if called.claim.is_options:
        moves = [tracking.link_move(move) for move in moves]
    if called.claim.is_amending:
        moves = [amendment_move(move) for move in moves]
    return [{**move, "intent": called.claim.intent_id} for move in moves]


def amendment_move(move: Mapping[str, Any]) -> dict[str, Any]:
    """What becomes of an amendment that was sent. Also where Xero says that it was done: the document itself decides."""
    match move["state"]:
        case EntryState.UNCONFIRMED:
            return {"id": move["id"], "state": AmendmentState.UNCONFIRMED, "wait": 0}
        case EntryState.READY:
            kept = {name: move[name] for name in ("wait", "attempts") if name in move}
            alone = {"alone": True} if "batch_limit" in move else {}
            return {"id": move["id"], "state": AmendmentState.ASKED, **kept, **alone}
    [first, *_] = move["findings"]
    return {"id": move["id"], "state": AmendmentState.REFUSED, "code": first["code"], "note": first["message"]}


def _items(called: Called) -> list[dict[str, Any]]:
    return [
        {
            "intent": called.claim.intent_id,
            "position": position,
            "open": item.outcome is Outcome.UNKNOWN,
            "outcome": item.outcome.value,
        }
        for position, item in enumerate(called.classified.items)
    ]


def is_connection_failure(answer: Answer) -> bool:
    """No answer at all, or one that only an ailing server gives."""
    return answer.transport in (Transport.NOT_SENT, Transport.NO_ANSWER) or answer.status >= 500


def _settlement(ctx: Context, called: Called) -> dict[str, Any]:
    claim, answer, classified = called.claim, called.answer, called.classified
    outcomes = {item.outcome for item in classified.items}
    unknown = Outcome.UNKNOWN in outcomes
    first_look = ctx.timing.evidence.probes[0] if ctx.timing.evidence.probes else ctx.timing.quarantine
    return {
        "intent": claim.intent_id,
        "epoch": claim.epoch,
        "state": "open" if unknown else "done" if outcomes & set(APPLIED) else "rejected",
        "unknown": unknown,
        "probe": first_look.total_seconds() if unknown else None,
        "outcome": next(iter(outcomes)).value if len(outcomes) == 1 else "mixed",
        "http_status": answer.status,
        "milliseconds": answer.milliseconds,
        "correlation": answer.correlation_id[:100],
        "error": (answer.error or classified.message)[:2000],
        "answer": answer.body[:EXCERPT].decode("utf-8", "replace").replace("\x00", ""),
        "answer_sha256": hashlib.sha256(answer.body).hexdigest() if answer.body else "",
    }


def _move(
    ctx: Context, row: dict[str, Any], item: ItemOutcome, classified: Classified, answer: Answer
) -> dict[str, Any]:
    """One item's new state, by its outcome and by what befell the whole call."""
    note = {"step": "push", "outcome": item.outcome.value, **({"status": answer.status} if answer.status else {})}
    if item.outcome in APPLIED and item.receipt is not None:
        return _applied(row, item, note)
    if item.outcome is Outcome.REFUSED:
        return {"id": row["id"], "state": EntryState.REVIEW, "findings": findings.as_json(item.findings), "note": note}
    if item.outcome is Outcome.UNKNOWN:
        error = answer.error or classified.message
        return {"id": row["id"], "state": EntryState.UNCONFIRMED, "wait": 0, "note": {**note, "error": error}}
    if classified.batch_refused:
        return _halved(row, classified, note)
    return _not_applied(ctx, row, classified, answer, note)


def _to_redate(ctx: Context, row: dict[str, Any], item: ItemOutcome, move: dict[str, Any]) -> dict[str, Any]:
    """Refused because the period was locked since we last looked: where the policy is the first open day it waits for the
    lock dates, which are read at once. A document that is refused for its day again and again is for a person."""
    redates = ctx.books.policy("lock_date") == LockPolicy.NEXT_OPEN_DAY
    if not redates or not _met(item, "period_locked"):
        return move
    return _once_more(ctx, row, move, reason="the period was locked meanwhile")


def _to_follow(ctx: Context, row: dict[str, Any], item: ItemOutcome, move: dict[str, Any]) -> dict[str, Any]:
    """Refused because its contact was merged or archived since we last looked: it waits for the contacts, which are read at
    once, and goes to the one that is left, or to a person."""
    if not row.get("destination_contact") or not _met(item, contacts.ARCHIVED):
        return move
    return _once_more(ctx, row, move, reason="the contact was merged or archived meanwhile")


def _met(item: ItemOutcome, code: str) -> bool:
    return item.outcome is Outcome.REFUSED and any(finding.code == code for finding in item.findings)


def _once_more(ctx: Context, row: dict[str, Any], move: dict[str, Any], *, reason: str) -> dict[str, Any]:
    if row["attempts"] >= len(ctx.timing.schedule):
        return move
    note = {**move["note"], "reason": reason}
    return {"id": row["id"], "state": EntryState.READY, "wait": 0, "attempts": row["attempts"] + 1, "note": note}


def _applied(row: dict[str, Any], item: ItemOutcome, note: dict[str, Any]) -> dict[str, Any]:
    assert item.receipt is not None
    document = item.receipt.document
    warnings = [finding.message for finding in item.findings]
    return {
        "id": row["id"],
        "state": EntryState.UNCONFIRMED,
        "destination_id": item.receipt.document_id,
        "posted_rate": None if document is None or document.rate is None else str(document.rate),
        "wait": 0,
        "note": {**note, "document": item.receipt.document_id, **({"warnings": warnings} if warnings else {})},
    }


def _halved(row: dict[str, Any], classified: Classified, note: dict[str, Any]) -> dict[str, Any]:
    """The whole call was refused: halve until the culprit is alone, then it goes to review."""
    size = len(classified.items)
    if size > 1:
        half = max(1, size // 2)
        return {
            "id": row["id"],
            "state": EntryState.READY,
            "wait": 0,
            "batch_limit": half,
            "note": {**note, "halved": half},
        }
    reason = classified.message or "no reason given"
    finding = findings.review("refused_by_xero", f"Xero refused this document: {reason}. Correct the cause and retry.")
    return {"id": row["id"], "state": EntryState.REVIEW, "findings": finding, "note": note}


def _not_applied(
    ctx: Context, row: dict[str, Any], classified: Classified, answer: Answer, note: dict[str, Any]
) -> dict[str, Any]:
    """Surely not in the books: due again later, or given up after the last attempt of the schedule."""
    wait = _free_wait(ctx, classified, answer)
    error = RetryLater(classified.message or answer.error, wait=wait)
    verdict = judge(error, attempt=row["attempts"], dice=ctx.dice.random(), schedule=ctx.timing.schedule)
    told = {**note, "error": answer.error or classified.message}
    if verdict.move is Move.GIVE_UP:
        return {"id": row["id"], "state": EntryState.FAILED, "findings": gave_up(told["error"]), "note": told}
    return {
        "id": row["id"],
        "state": EntryState.READY,
        "wait": verdict.wait.total_seconds(),
        "attempts": row["attempts"] + verdict.counts_as_attempt,
        "note": told,
    }


def _free_wait(ctx: Context, classified: Classified, answer: Answer) -> timedelta | None:
    """The wait where this failure counts as no attempt: a limit, a missing right, our own holding back, a held flow."""
    if classified.pause_seconds is not None:
        return timedelta(seconds=classified.pause_seconds)
    if any(item.outcome is Outcome.REFUSED for item in classified.items):
        return timedelta()  # a neighbour was refused by name; this one may go again at once
    if classified.reauthorise or answer.transport is Transport.WITHHELD:
        return timedelta(seconds=answer.wait_seconds or 1)
    if is_connection_failure(answer) and ctx.flow.failures >= FAILURES_THAT_HOLD:
        return timedelta(seconds=60)
    return None


def gave_up(error: str) -> list[dict[str, Any]]:
    return findings.review(
        "attempts_used_up",
        f"None of the scheduled attempts reached Xero ({error or 'no answer'}). This movement is surely not in the books. "
        "Retry it when Xero is available again.",
    )
