"""Each fetched record with its coding; what gives a payment or purchase back is coded like the original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from connectors.contract.records import Movement, RawRecord, SourceTransaction
from sync.domain import documents
from sync.domain.booking import booking_date
from sync.domain.coding import Coding, code
from sync.domain.coding_case import NOTHING_REMEMBERED, Remembered
from sync.domain.returns import GIVES_BACK, Origin, find_origin, remembered
from sync.domain.rules import match
from sync.models import Entry
from sync.pipeline.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedRecord:
    """A record with its movement, as read from the table."""

    record: Mapping[str, Any]
    transaction: SourceTransaction
    coding: Coding


def coded_all(ctx: Context, records: Sequence[Mapping[str, Any]]) -> list[CodedRecord]:
    """All records; what gives a payment or purchase back is coded like it, be it in this slice or long posted."""
    rows = [coded(ctx, record) for record in records]
    backs = [row for row in rows if row.transaction.movement in GIVES_BACK]
    if not backs:
        return rows
    candidates = [*_posted_origins(ctx, backs), *_origins_among(ctx, rows)]
    again = {
        row.record["id"]: coded(ctx, row.record, origin=_origin(ctx, row.transaction, candidates)) for row in backs
    }
    return [again.get(row.record["id"], row) for row in rows]


def coded(ctx: Context, record: Mapping[str, Any], *, origin: Remembered = NOTHING_REMEMBERED) -> CodedRecord:
    """One record with its coding. `origin`: how the movement that it gives back was coded."""
    transaction = normalised(ctx, record)
    hit = match(ctx.books.rules, transaction)
    coding = code(transaction, hit=hit, defaults=ctx.books.defaults, chart=ctx.books.chart, origin=origin)
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


def _origin(ctx: Context, transaction: SourceTransaction, candidates: Sequence[Origin]) -> Remembered:
    return find_origin(transaction, day=_booking_day(ctx, transaction), candidates=candidates)


def _origins_among(ctx: Context, rows: Sequence[CodedRecord]) -> list[Origin]:
    """Payouts and purchases of this slice that a document could be made of."""
    found = []
    for row in rows:
        day = _booking_day(ctx, row.transaction)
        if row.transaction.movement in GIVES_BACK.values() and row.coding.account is not None and day is not None:
            coded_as = Remembered(
                account=row.coding.account.account_id,
                tax=row.coding.lines[0].tax_type if row.coding.lines else "",
                tracking=dict(choice.label.split(": ", 1) for choice in row.coding.tracking if ": " in choice.label),
                contact=row.coding.contact_name,
                why=f"as the payment of {day:%d.%m.%Y} that came back",
            )
            found.append(_as_origin(row.transaction, day, coded_as))
    return found


def _as_origin(transaction: SourceTransaction, day: date, coded_as: Remembered) -> Origin:
    return Origin(
        movement=transaction.movement,
        counterparty=transaction.counterparty.name,
        currency=transaction.amount.currency,
        amount=abs(transaction.amount.amount),
        day=day,
        coded=coded_as,
    )


def _posted_origins(ctx: Context, backs: Sequence[CodedRecord]) -> list[Origin]:
    """Earlier payouts and purchases in these currencies that have a document. One statement."""
    entries = Entry.objects.filter(
        flow=ctx.flow,
        movement__in=[movement.value for movement in GIVES_BACK.values()],
        currency__in={row.transaction.amount.currency for row in backs},
        record__counterparty__in={row.transaction.counterparty.name[:400] for row in backs},
        document__isnull=False,
        booking_date__isnull=False,
    ).values("movement", "currency", "amount", "booking_date", "document", "record__counterparty")
    return [
        Origin(
            movement=Movement(entry["movement"]),
            counterparty=entry["record__counterparty"],
            currency=entry["currency"],
            amount=abs(entry["amount"]),
            day=entry["booking_date"],
            coded=remembered(
                documents.from_json(dict(entry["document"])),
                why=f"as the payment of {entry['booking_date']:%d.%m.%Y} that came back",
            ),
        )
        for entry in entries
        if entry["amount"] is not None and entry["document"] and entry["booking_date"]
    ]


def _booking_day(ctx: Context, transaction: SourceTransaction) -> date | None:
    return booking_date(transaction, card_date=ctx.books.policy("card_date"), fx_date=ctx.books.policy("fx_date"))
