"""Step 2: from fetched records to entries. Contact, account, tax, tracking, rate and marker are decided here, with reasons.

A record that changed after its entry was sent never yields a second document: a person sees the difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.contract.errors import Finding, Severity
from connectors.contract.records import BankTransaction, LedgerEntry, Movement, RawRecord, SourceTransaction
from sync import store
from sync.domain import documents, plan
from sync.domain.coding import Coding, code
from sync.domain.contacts import contact_key
from sync.domain.fingerprint import marker
from sync.domain.plan import Part, Planned, Skipped, plan_unit
from sync.domain.rules import match
from sync.models import ContactLink, Entry, EntryState, RecordState
from sync.pipeline import contacts, findings
from sync.pipeline.context import Context, Progress

REWRITABLE = frozenset(
    {
        EntryState.FETCHED,
        EntryState.WAITING,
        EntryState.READY,
        EntryState.REVIEW,
        EntryState.SKIPPED,
        EntryState.DUPLICATE,
        EntryState.FAILED,
    }
)
SLICE = 500
PARTNER_PATIENCE = timedelta(minutes=15)  # both rows of a deal are made within a second of each other
PROVIDER = "Amnis"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedRecord:
    """A record with its movement, as read from the table."""

    record: Mapping[str, Any]
    transaction: SourceTransaction
    coding: Coding


def transform(ctx: Context, *, limit: int = SLICE) -> Progress:
    """Decide what stands in the books for up to `limit` fetched records (with their partners), in one commit."""
    with ctx.commit():
        records = store.records_to_transform(flow_id=ctx.flow_id, limit=limit)
        if not records:
            return Progress.nothing()
        ctx.begin_run()
        rows = [coded(ctx, record) for record in records]
        outcomes = [outcome for unit in _units(rows) for outcome in _planned(ctx, unit)]
        _write(ctx, records, outcomes)
    skipped = sum(isinstance(outcome, Skipped) for outcome in outcomes)
    ctx.counts.update(transformed=len(records), skipped=skipped)
    return Progress(moved=len(records))


# ------------------------------------------------------------------- deciding


def coded(ctx: Context, record: Mapping[str, Any]) -> CodedRecord:
    transaction = normalised(ctx, record)
    hit = match(ctx.books.rules, transaction)
    coding = code(transaction, hit=hit, defaults=ctx.books.defaults, chart=ctx.books.chart)
    return CodedRecord(record=record, transaction=transaction, coding=coding)


def normalised(ctx: Context, record: Mapping[str, Any]) -> SourceTransaction:
    """The stored payload as a movement, exactly as it was when it was fetched."""
    payload = {name: value for name, value in record["payload"].items() if name != "key"}
    return ctx.source.normalise(
        RawRecord(
            account_id=record["account_id"],
            source_id=record["source_id"],
            updated_at=record["source_updated_at"],
            payload=payload,
        )
    )


def _units(rows: Sequence[CodedRecord]) -> Iterable[list[CodedRecord]]:
    """Rows of one event together, in the order of the first of them."""
    units: dict[str, list[CodedRecord]] = {}
    for row in rows:
        units.setdefault(row.record["unit"] or f"record:{row.record['id']}", []).append(row)
    return units.values()


def _planned(ctx: Context, unit: list[CodedRecord]) -> tuple[plan.Outcome, ...]:
    parts = tuple(part_of(ctx, row) for row in unit)
    return plan_unit(parts, markers=_markers(ctx, unit), rules=planning_rules(ctx))


def part_of(ctx: Context, row: CodedRecord) -> Part:
    wallet = ctx.books.wallets.get(row.record["account_id"])
    bank = ctx.books.chart.account(wallet.bank_account_id) if wallet and wallet.bank_account_id else None
    return Part(
        record_id=row.record["id"],
        transaction=row.transaction,
        coding=row.coding,
        bank=bank,
        ignored=(wallet.reason or "on purpose") if wallet and wallet.ignored else "",
        revision=row.record["revision"],
    )


def planning_rules(ctx: Context) -> plan.Rules:
    books = ctx.books
    return plan.Rules(
        cutoff=ctx.flow.cutoff,
        base_currency=books.base_currency,
        multi_currency=books.chart.chart.organisation.multi_currency,
        card_date=books.policy("card_date"),
        fx_date=books.policy("fx_date"),
        rounding=books.chart.rounding_account,
        rate_policy=books.policy("rate"),
        rates_on=books.rates_on if books.policy("rate") == "last_deal" else None,
    )


def _markers(ctx: Context, unit: Sequence[CodedRecord]) -> dict[tuple[int, str], str]:
    return {
        (row.record["id"], leg): marker(
            row.record["payload"]["key"], leg=leg, organisation_id=ctx.connection.external_id
        )
        for row in unit
        for leg in (plan.MAIN, plan.SOLD, plan.BOUGHT)
    }


# -------------------------------------------------------------------- writing


def _write(ctx: Context, records: Sequence[Mapping[str, Any]], outcomes: Sequence[plan.Outcome]) -> None:
    planned = [outcome for outcome in outcomes if isinstance(outcome, Planned)]
    by_record = {record["id"]: record for record in records}
    standing = _standing(ctx, list(by_record))
    links = contacts.links_for(ctx, _names(planned))
    fresh, moves = [], []
    for outcome in planned:
        old = standing.get((outcome.part.record_id, outcome.leg))
        row = _entry_row(ctx, outcome, links, by_record)
        if old is None or (old["state"] in REWRITABLE and old["destination_id"] is None and not old["held_back"]):
            fresh.append(row)
        else:
            moves += _amendment(old, row, outcome)
    moves += _withdrawn(standing, outcomes)
    moves += _taken_in(standing, planned)
    if fresh:
        store.write_entries(
            tenant_id=ctx.tenant_id,
            flow_id=ctx.flow_id,
            organisation_id=ctx.connection.external_id,
            run_id=ctx.run_id,
            entries=fresh,
        )
    store.move_entries(moves, run_id=ctx.run_id)
    store.settle_records(_record_states(outcomes))


def _taken_in(
    standing: Mapping[tuple[int, str], Mapping[str, Any]], planned: Sequence[Planned]
) -> list[dict[str, Any]]:
    """A receiving row that waited under an entry of its own now belongs to the sending row's transfer."""
    others = {outcome.other.record_id for outcome in planned if outcome.other is not None}
    note = {"step": "transform", "reason": "carried by the sending row of the same transfer"}
    return [
        {"id": old["id"], "state": EntryState.SKIPPED, "note": note}
        for (record_id, _), old in standing.items()
        if record_id in others and old["destination_id"] is None and old["state"] != EntryState.SKIPPED
    ]


def _standing(ctx: Context, record_ids: list[int]) -> dict[tuple[int, str], dict[str, Any]]:
    rows = Entry.objects.filter(record_id__in=record_ids).values(
        "id", "record_id", "leg", "state", "destination_id", "held_back", "document", "record_revision"
    )
    return {(row["record_id"], row["leg"]): dict(row) for row in rows}


def _names(planned: Sequence[Planned]) -> dict[str, bool]:
    """Contact names that documents need, and whether a card terminal wrote them."""
    return {
        outcome.document.contact_name: outcome.part.transaction.movement in (Movement.CARD, Movement.CARD_REFUND)
        for outcome in planned
        if isinstance(outcome.document, BankTransaction)
    }


def _entry_row(
    ctx: Context, outcome: Planned, links: Mapping[str, ContactLink], records: Mapping[int, Mapping[str, Any]]
) -> dict[str, Any]:
    transaction, document = outcome.part.transaction, outcome.document
    link = links.get(contact_key(document.contact_name)) if isinstance(document, BankTransaction) else None
    record = records[outcome.part.record_id]
    waits = _seconds_to_wait(outcome, record)
    return {
        "record_id": outcome.part.record_id,
        "other_record_id": outcome.other.record_id if outcome.other else None,
        "leg": outcome.leg,
        "unit": record["unit"],
        "movement": transaction.movement.value,
        "state": EntryState.WAITING if waits else EntryState.FETCHED,
        "wait": waits,
        "marker": marker(record["payload"]["key"], leg=outcome.leg, organisation_id=ctx.connection.external_id),
        "destination_type": _type(outcome),
        "bank_account_id": outcome.part.bank.account_id if outcome.part.bank else "",
        "contact_id": link.pk if link else None,
        "document": documents.to_json(document) if document else None,
        "decisions": _trace(outcome),
        "findings": findings.as_json(outcome.findings),
        "note": {"step": "transform", **({"waits_for": outcome.waits_for} if outcome.waits_for else {})},
        "booking_date": outcome.booking_date.isoformat() if outcome.booking_date else None,
        "amount": str(transaction.amount.amount),
        "currency": transaction.amount.currency,
        "record_revision": sum(record["revision"] for record in _unit_records(record, records)),
        "depends_on_id": None,
    }


def _unit_records(record: Mapping[str, Any], records: Mapping[int, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The records that an entry was made from: a partner's arrival counts as a revision of both."""
    if not record["unit"]:
        return [record]
    return [other for other in records.values() if other["unit"] == record["unit"]]


def _seconds_to_wait(outcome: Planned, record: Mapping[str, Any]) -> float:
    """Above zero for what waits: for the first leg's rate (no end), or for a partner (a quarter of an hour)."""
    if not outcome.waits_for:
        return 0.0
    if outcome.waits_for != "partner":
        return timedelta(days=1).total_seconds()
    changed: datetime | None = record["source_updated_at"]
    until = changed + PARTNER_PATIENCE if changed else record["now"]
    return max(0.0, float((until - record["now"]).total_seconds()))


def _type(outcome: Planned) -> str:
    if outcome.document is not None:
        return outcome.document.kind.value
    return "SPEND" if outcome.part.transaction.amount.amount < 0 else "RECEIVE"


def _trace(outcome: Planned) -> dict[str, Any]:
    return outcome.part.coding.trace() if outcome.part.coding else {}


def _record_states(outcomes: Sequence[plan.Outcome]) -> list[tuple[int, str, str]]:
    states = []
    for outcome in outcomes:
        if isinstance(outcome, Skipped):
            states.append((outcome.part.record_id, RecordState.SKIPPED.value, outcome.reason[:300]))
            continue
        states.append((outcome.part.record_id, RecordState.ENTERED.value, ""))
        if outcome.other is not None:
            states.append((outcome.other.record_id, RecordState.ENTERED.value, ""))
    return states


# ------------------------------------------------------- after it was sent


def _amendment(old: Mapping[str, Any], row: Mapping[str, Any], outcome: Planned) -> list[dict[str, Any]]:
    """The source says something else than what was posted: shown field by field, changed by a person alone."""
    if old["state"] not in (EntryState.CONFIRMED, EntryState.REVIEW) or old["document"] is None:
        return []
    changed = changed_fields(old["document"], outcome.document)
    if not changed:
        return []
    told = "; ".join(f"{name}: {before} → {after}" for name, before, after in changed)
    finding = Finding(
        code="source_changed",
        message=f"Amnis changed this movement after it was posted ({told}). Correct the document in Xero, or keep it.",
        severity=Severity.REVIEW,
    )
    note = {"step": "transform", "changed": [list(change) for change in changed]}
    return [{"id": old["id"], "state": EntryState.REVIEW, "findings": findings.as_json([finding]), "note": note}]


def changed_fields(before: Mapping[str, Any], after: LedgerEntry | None) -> list[tuple[str, str, str]]:
    """(field, posted, now) for everything that matters in the books; a contact's id and our own text do not."""
    if after is None:
        return [("document", "posted", "no longer called for")]
    now = documents.to_json(after)
    names = ("kind", "date", "total", "currency", "bank_account_id", "from_account_id", "to_account_id", "contact_name")
    changed = [
        (name, str(before[name]), str(now.get(name)))
        for name in names
        if name in before and before[name] != now.get(name)
    ]
    lines = [(line["account_code"], line["amount"], line["tax_type"]) for line in before.get("lines", [])]
    lines_now = [(line["account_code"], line["amount"], line["tax_type"]) for line in now.get("lines", [])]
    return changed if lines == lines_now else [*changed, ("lines", str(lines), str(lines_now))]


def _withdrawn(
    standing: Mapping[tuple[int, str], Mapping[str, Any]], outcomes: Sequence[plan.Outcome]
) -> list[dict[str, Any]]:
    """Entries whose movement now yields nothing: skipped if never sent, for review if something stands in the books."""
    reasons = {outcome.part.record_id: outcome.reason for outcome in outcomes if isinstance(outcome, Skipped)}
    moves = []
    for (record_id, _), old in standing.items():
        if record_id not in reasons:
            continue
        note = {"step": "transform", "reason": reasons[record_id]}
        if old["destination_id"] is None and old["state"] in (
            EntryState.FETCHED,
            EntryState.WAITING,
            EntryState.READY,
            EntryState.REVIEW,
        ):
            moves.append({"id": old["id"], "state": EntryState.SKIPPED, "note": note})
        elif old["state"] == EntryState.CONFIRMED:
            message = f"Amnis says now: {reasons[record_id]}. The document stands in Xero. Decide whether it stays."
            problem = findings.review("source_withdrew", message)
            moves.append({"id": old["id"], "state": EntryState.REVIEW, "findings": problem, "note": note})
    return moves
