"""Statement files: what was posted on a bank account in a month, for import in Xero where no bank feed exists.

Every file that leaves is written down, so that a second one can tell what was in the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from connectors.contract.records import (
    BankTransaction,
    BankTransfer,
    BatchPayment,
    LedgerEntry,
    MirrorDocument,
    Payment,
)
from sync import store, store_statements
from sync.domain import documents, statement
from sync.domain.match import signed
from sync.domain.statement import Since, StatementLine
from sync.models import AccountMapping, Flow, StatementExport
from sync.pipeline.mirror import from_row
from tenants import audit
from tenants.scoping import tenant_scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A bank account's month as it stands in the books, and what was exported of it before."""

    bank_account_id: str
    month: date
    lines: tuple[StatementLine, ...]
    since: Since
    exports: tuple[StatementExport, ...]
    not_posted: int

    @property
    def total(self) -> Decimal:
        return statement.sum_of(self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFile:
    """`text`: all of it; `files`: the same in files of as many lines as Xero takes in one import. Of one part: `cut_at`,
    when the month was cut into `parts`."""

    statement: Statement
    lines: tuple[StatementLine, ...]
    text: str
    cut_at: datetime | None = None
    parts: int = 1

    @property
    def files(self) -> list[str]:
        return [statement.to_csv(part) for part in statement.in_parts(self.lines)]


def statement_of(flow: Flow, *, bank_account_id: str, month: date) -> Statement:
    """Inside the tenant's scope."""
    since, before = month.replace(day=1), _next_month(month)
    account: dict[str, Any] = {"bank_account_id": bank_account_id, "since": since, "before": before}
    rows = store_statements.posted_on(flow_id=flow.pk, connection_id=flow.destination_id or 0, **account)
    lines = tuple(_line(row, bank_account_id) for row in rows)
    exports = tuple(
        StatementExport.objects.filter(flow=flow, bank_account_id=bank_account_id, month=since).order_by("id")
    )
    return Statement(
        bank_account_id=bank_account_id,
        month=since,
        lines=lines,
        since=statement.since_last(lines, (line for export in exports for line in export.lines)),
        exports=exports,
        not_posted=store_statements.not_posted_in(flow_id=flow.pk, **account),
    )


def statement_export(
    *,
    tenant_id: int,
    flow_id: int,
    bank_account_id: str,
    month: date,
    only_new: bool,
    actor: str,
    part: int | None = None,
    as_of: datetime | None = None,
    deliver: Callable[[StatementFile], object] | None = None,
) -> StatementFile:
    """The file's text; that it left is written down with its lines, after `deliver` has put it where it belongs: what that
    raises leaves nothing exported. Two exports at once see each other. `part`: of the
    month in files of as many lines as Xero takes, this one alone, counted from 1.

    The first part cuts the month, the others are parts of the newest cut (or of that of `as_of`), whatever was posted in
    between: no line is in two parts, none is missed. Raises ValueError where there is no such part or cut.
    """
    with tenant_scope(tenant_id, actor=actor):
        flow = Flow.objects.select_for_update(of=("self",)).get(pk=flow_id)
        told = statement_of(flow, bank_account_id=bank_account_id, month=month)
        cut = None if part is None else _cut(told, begins=part == 1, as_of=as_of)
        lines = told.lines if part is None or cut is None else cut.part(told.lines, part)
        lines = tuple(line for line in lines if line in told.since.new) if only_new else lines
        text = statement.to_csv(lines)
        at, parts = (cut.at, len(cut.parts)) if cut is not None else (None, 1)
        made = StatementFile(statement=told, lines=lines, text=text, cut_at=at, parts=parts)
        if deliver is not None:
            deliver(made)
        kept = StatementExport.objects.create(
            tenant_id=tenant_id,
            flow=flow,
            bank_account_id=bank_account_id,
            month=told.month,
            only_new=only_new,
            lines=[line.to_json() for line in lines],
            cut=cut.keys if cut is not None and cut.is_new else None,
            cut_at=cut.at if cut is not None else None,
            total=statement.sum_of(lines),
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            actor=actor[:254],
        )
        after = {
            "bank_account": bank_account_id,
            "month": f"{told.month:%Y-%m}",
            "lines": len(lines),
            "sum": f"{kept.total:.2f}",
            "only_new": only_new,
            "sha256": kept.sha256,
        }
        audit.record("export", target="statement", actor=actor, after=after)
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """A month cut into parts at one moment, by its movements: one that is posted again stays in its part."""

    keys: list[str]
    at: datetime
    is_new: bool

    @property
    def parts(self) -> list[tuple[str, ...]]:
        return statement.in_parts(self.keys)

    def part(self, lines: Sequence[StatementLine], number: int) -> tuple[StatementLine, ...]:
        """What of this part stands in the books today."""
        if not 1 <= number <= len(self.parts):
            raise ValueError(f"the month has {len(self.parts)} parts")
        wanted = frozenset(self.parts[number - 1])
        return tuple(line for line in lines if line.key in wanted or line.marker in wanted)


def _cut(told: Statement, *, begins: bool, as_of: datetime | None) -> _Cut:
    known = [(it.cut, it.cut_at) for it in told.exports if it.cut is not None and it.cut_at is not None]
    if as_of is not None:
        known = [(cut, at) for cut, at in known if at == as_of]
        if not known:
            raise ValueError(f"nothing was cut into parts at {as_of.isoformat()}")
    if not known or (begins and as_of is None):
        return _Cut(keys=[line.key for line in told.lines], at=store.now(), is_new=True)
    keys, at = known[-1]
    return _Cut(keys=keys, at=at, is_new=False)


def bank_account_of(flow: Flow, source_account_id: str) -> AccountMapping | None:
    """The mapping of this wallet where it has a bank account. Inside the tenant's scope."""
    found = AccountMapping.objects.filter(flow=flow, source_account_id=source_account_id, ignored=False)
    return found.exclude(destination_account_id="").first()


def months_of(flow: Flow) -> Sequence[Mapping[str, Any]]:
    """Every bank account and month with posted rows. Inside the tenant's scope."""
    return store_statements.posted_months(flow_id=flow.pk, connection_id=flow.destination_id or 0)


def _next_month(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _line(row: Mapping[str, Any], bank_account_id: str) -> StatementLine:
    found = from_row(dict(row["found"]))
    payee, description = _texts(documents.from_json(dict(row["document"]))) if row["document"] else ("", "")
    return StatementLine(
        marker=row["marker"],
        entry=str(row["entry"]),
        date=found.date,
        amount=_seen_from(found, bank_account_id),
        payee=payee,
        description=description,
        reference=found.reference,
    )


def _texts(posted: LedgerEntry) -> tuple[str, str]:
    """Payee and description of a document's statement line."""
    match posted:
        case BankTransaction():
            return posted.contact_name, posted.lines[0].description if posted.lines else ""
        case BankTransfer():
            return "", "Transfer between own accounts"
        case Payment() | BatchPayment():
            names = dict.fromkeys(part.contact_name for part in posted.allocations if part.contact_name)
            return ", ".join(names), ", ".join(part.number for part in posted.allocations if part.number)


def _seen_from(found: MirrorDocument, bank_account_id: str) -> Decimal:
    receives = found.other_account_id == bank_account_id and found.account_id != bank_account_id
    return found.total.amount if receives else signed(found)
