"""What a rule would have caught, tried on the company's own movements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connectors.contract.records import RawRecord, SourceTransaction
from dashboard.queries.transactions import TransactionRow, with_entries
from sync.domain.conditions import Facts
from sync.domain.rules import RuleSpec
from sync.models import Flow, Record

TRIED = 1000
SHOWN = 20
Normalise = Callable[[RawRecord], SourceTransaction]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTrial:
    """`caught` of the `tried` newest movements; `rows` are the first of them."""

    tried: int
    caught: int
    rows: Sequence[TransactionRow]


def try_rule(*, flow: Flow, rule: RuleSpec, normalise: Normalise) -> RuleTrial:
    """Try the rule on the newest movements as they were read. Two queries; nothing is changed."""
    records = list(Record.objects.filter(flow=flow).order_by("-booking_date", "-id")[:TRIED])
    caught = [it for it in records if rule.when.test(Facts.of(normalise(_raw(it))))]
    return RuleTrial(tried=len(records), caught=len(caught), rows=with_entries(flow=flow, records=caught[:SHOWN]))


def _raw(record: Record) -> RawRecord:
    payload = {name: value for name, value in record.payload.items() if name != "key"}
    return RawRecord(
        account_id=record.account_id,
        source_id=record.source_id,
        updated_at=record.source_updated_at,
        payload=payload,
    )
