"""A fetched record with its coding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.contract.ports import Source
from connectors.contract.records import RawRecord, SourceTransaction
from sync.domain.coding import Coding, code
from sync.domain.coding_case import NOTHING_REMEMBERED, Remembered
from sync.domain.returns import Found
from sync.domain.rules import match
from sync.pipeline.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedRecord:
    """A record with its movement, as read from the table."""

    record: Mapping[str, Any]
    transaction: SourceTransaction
    coding: Coding
    gives_back: Found | None = None  # for returned payments and refunds: what they give back


def coded(
    ctx: Context, record: Mapping[str, Any], *, origin: Remembered = NOTHING_REMEMBERED, leaves_out: bool = True
) -> CodedRecord:
    """One record with its coding. `origin`: how the movement that it gives back was coded. `leaves_out`: by a rule that says
    so; else as if that rule were not there."""
    transaction = _just_read(ctx, record) or normalised(ctx, record)
    hit = match(ctx.books.rules, transaction)
    if hit is not None and hit.rule.then.skip and not leaves_out:
        hit = None
    coding = code(
        transaction,
        hit=hit,
        defaults=ctx.books.defaults,
        chart=ctx.books.chart,
        memory=ctx.books.memory_of(transaction),
        origin=origin,
        suspend=not transaction.complete and ctx.books.policy("card_incomplete") == "suspense",
        creates_options=ctx.books.creates_options,
    )
    return CodedRecord(record=record, transaction=transaction, coding=coding)


def _just_read(ctx: Context, record: Mapping[str, Any]) -> SourceTransaction | None:
    """The movement as this slice has fetched it, so that no row is read twice; None where the table says another thing."""
    content_hash, read = ctx.just_read.get(record.get("fingerprint", ""), ("", None))
    same = (
        read is not None and content_hash == record["content_hash"] and read.updated_at == record["source_updated_at"]
    )
    return read if same else None


def normalised(ctx: Context, record: Mapping[str, Any]) -> SourceTransaction:
    """The stored payload as a movement, exactly as it was when it was fetched."""
    return of_record(ctx.source, record)


def of_record(source: Source, record: Mapping[str, Any]) -> SourceTransaction:
    """The same outside a run."""
    payload = {name: value for name, value in record["payload"].items() if name != "key"}
    return source.normalise(
        RawRecord(
            account_id=record["account_id"],
            source_id=record["source_id"],
            updated_at=record["source_updated_at"],
            payload=payload,
        )
    )
