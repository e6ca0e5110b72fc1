"""Step 3: complete? allowed? remarkable? Everything that stands against an entry is said at once, and a person decides."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from connectors.contract.errors import Finding
from connectors.contract.records import BankTransaction, LedgerEntry
from sync import store
from sync.domain import documents, plan
from sync.domain.booking import is_locked
from sync.domain.payments import PAYMENT_TYPES
from sync.models import Entry, EntryState
from sync.pipeline import awaited, contacts, findings, foreign, linked, locks, mirror, pairs, rests, undecided
from sync.pipeline.context import Context, Progress
from sync.pipeline.remarkable import remarks_for
from sync.pipeline.renumbered import in_doubt, under_another_number

SLICE = 1200
READ = (  # a thousand whole rows cost more than all that is decided about them
    "tenant", "flow", "record", "contact", "counterparty", "unit", "leg", "movement", "state", "destination_type",
    "destination_id", "document", "findings", "accepted", "note", "option_ids", "lost_link", "booking_date", "amount", "currency",
    "decided_at",
    "contact__tenant", "contact__contact_id", "contact__name", "contact__state", "contact__findings", "contact__created_by_us",
    "counterparty__tenant", "counterparty__name", "counterparty__state", "counterparty__created_by_us",
    "record__tenant", "record__amount", "record__currency", "record__counterparty", "record__iban", "record__made_at",
    "record__source_id",
)  # fmt: skip


def validate(ctx: Context, *, limit: int = SLICE) -> Progress:
    """Fetched entries become ready, or go to review with all findings. Looks at the books as just read."""
    if not ctx.mirror_fresh:
        mirror.read_on(ctx)
    locks.refresh_for_held(ctx)
    return undecided.around(
        ctx, lambda size: _validate(ctx, limit=size), lambda kind: _hold_next(ctx, kind), limit=limit
    )


def _hold_next(ctx: Context, kind: str) -> list[int]:
    rows = list(_fetched(ctx).select_for_update(of=("self",), skip_locked=True)[:1])
    note = {"step": "validate", "findings": [undecided.CODE]}
    moves = [
        {"id": row.pk, "state": EntryState.REVIEW, "findings": [*undecided.told(kind), *row.findings], "note": note}
        for row in rows
    ]
    store.move_entries(moves, run_id=ctx.run_id)
    return [row.record_id for row in rows]


def _validate(ctx: Context, *, limit: int) -> Progress:
    with ctx.commit():
        mirror.adopt(ctx)  # what stands in the books already is never made ready to be sent
        rows = list(_fetched(ctx).select_for_update(of=("self",), skip_locked=True)[:limit])
        if not rows:
            return Progress.nothing()
        ctx.begin_run()
        entries = {row.pk: documents.from_json(row.document) for row in rows if row.document}
        others = foreign.of_others(ctx, rows, rests.as_movements(rows, entries))
        remarked = remarks_for(rows, limits=ctx.books.limits, zone=ctx.books.zone)
        again, doubts, lost = under_another_number(rows), in_doubt(rows), linked.still_there(ctx, rows, others.claims)
        for row in rows:
            told = [*doubts.get(row.pk, []), *lost.get(row.pk, [])]
            row.findings = [*row.findings, *findings.as_json(told)]
        moves = [
            _move(
                ctx,
                row,
                entries.get(row.pk),
                [*again.get(row.pk, []), *remarked.get(row.pk, [])],
                foreign.told_of(row, others),
            )
            for row in rows
        ]
        moves = rests.after_their_payment(ctx, rows, pairs.together(ctx, rows, moves))
        moves = awaited.after_their_originals(rows, moves)
        store.move_entries(moves, run_id=ctx.run_id)
    ctx.exhausted.clear()
    ctx.pays = ctx.pays or any(row.destination_type in PAYMENT_TYPES for row in rows)
    ctx.needs_options = ctx.needs_options or any(row.option_ids for row in rows)
    ctx.counts["review"] += sum(move["state"] == EntryState.REVIEW for move in moves)
    return Progress(moved=len(moves), more=len(rows) >= limit)


def _fetched(ctx: Context) -> Any:
    """Entries made and not yet validated; one whose record is about to be transformed again waits for that."""
    fetched = Entry.objects.filter(flow=ctx.flow, state=EntryState.FETCHED).exclude(record__state="fetched")
    return fetched.select_related("contact", "counterparty", "record").only(*READ).order_by("id")


def _move(
    ctx: Context, row: Entry, entry: LedgerEntry | None, remarked: Sequence[Finding], typed: list[dict[str, Any]]
) -> dict[str, Any]:
    found: list[dict[str, Any]] = list(row.findings)
    if entry is None and not found:
        found += findings.review("incomplete", "The movement is not complete enough to be posted. Look at its details.")
    if entry is not None:
        found += _objections(row, entry, remarked, typed)
    asked = contacts.undecided(row.contact)  # whatever was accepted: what is not linked is never sent
    blocking = [f for f in found if f["code"] in asked or findings.blocks(f, accepted=row.accepted)]
    if not blocking and entry is not None:
        redated = _behind_lock(ctx, row)
        if redated is not None:
            return redated
        told = {name: row.note[name] for name in ("redated_from", "to") if name in row.note}
        note: dict[str, Any] = {"step": "validate", **told}  # re-dating alone changes no state, so it is told here
        move = {"id": row.pk, "state": EntryState.READY, "findings": found, "wait": 0, "note": note}
        return pairs.until_the_first(row.leg, move) if plan.is_draft(entry) else move
    note = {"step": "validate", "findings": [f["code"] for f in blocking]}
    return {"id": row.pk, "state": EntryState.REVIEW, "findings": _distinct(found), "note": note}


def _objections(
    row: Entry, entry: LedgerEntry, remarked: Sequence[Finding], typed: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if row.contact is not None:
        found += contacts.objections(row.contact)
    if isinstance(entry, BankTransaction) and not plan.is_draft(entry):
        found += findings.as_json(_sum_finding(entry))
    found += findings.as_json(remarked)
    return found + typed


def _sum_finding(entry: BankTransaction) -> list[Finding]:
    total = sum((line.amount for line in entry.lines), Decimal(0))
    if total == entry.total.amount and total > 0:
        return []
    return [Finding(code="lines_do_not_add_up", message=f"The lines add up to {total}, the movement is {entry.total}.")]


def _behind_lock(ctx: Context, row: Entry) -> dict[str, Any] | None:
    lock_date, document = ctx.connection.lock_date, dict(row.document or {})
    if lock_date is None or not is_locked(documents.from_json(document).date, lock_date=lock_date):
        return None
    return locks.locked(row.pk, document, lock_date=lock_date, policy=ctx.books.policy("lock_date"))


def _distinct(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({(f["code"], f["detail"]): f for f in found}.values())
