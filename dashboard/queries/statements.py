"""Which months of which wallet were posted, and what of them has left in a statement file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.models import Reference
from sync import statements
from sync.domain.statement import parts_of
from sync.models import AccountMapping, Flow, StatementExport


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One month of a wallet. `exported`: lines that left in a file; `last`: the newest file."""

    day: date
    lines: int
    total: Decimal
    exported: int
    last: StatementExport | None

    @property
    def files(self) -> int:
        """Xero takes only so many lines in one import."""
        return parts_of(self.lines)

    @property
    def added(self) -> int:
        return max(0, self.lines - self.exported)


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletMonths:
    wallet_id: str
    name: str
    currency: str
    months: Sequence[Month]


def wallet_months(*, flow: Flow) -> list[WalletMonths]:
    """Every wallet with a bank account, newest month first. Four queries."""
    posted = statements.months_of(flow)
    exports = _exports(flow)
    banks = {it.external_id: it for it in Reference.objects.filter(connection=flow.destination, kind="account")}
    mappings = AccountMapping.objects.filter(flow=flow, ignored=False).exclude(destination_account_id="")
    return [
        WalletMonths(
            wallet_id=mapping.source_account_id,
            name=_name(banks.get(mapping.destination_account_id)),
            currency=_currency(banks.get(mapping.destination_account_id)),
            months=[_month(row, exports) for row in posted if row["account_id"] == mapping.destination_account_id],
        )
        for mapping in mappings.order_by("source_account_id")
    ]


def _exports(flow: Flow) -> dict[tuple[str, date], list[StatementExport]]:
    found: dict[tuple[str, date], list[StatementExport]] = {}
    for export in StatementExport.objects.filter(flow=flow).order_by("id"):
        found.setdefault((export.bank_account_id, export.month), []).append(export)
    return found


def _month(row: Mapping[str, Any], exports: Mapping[tuple[str, date], Sequence[StatementExport]]) -> Month:
    made = exports.get((row["account_id"], row["month"]), ())
    return Month(
        day=row["month"],
        lines=row["lines"],
        total=row["total"],
        exported=len({line["marker"] for export in made for line in export.lines}),
        last=made[-1] if made else None,
    )


def _name(bank: Reference | None) -> str:
    return f"{bank.code} {bank.name}".strip() if bank else ""


def _currency(bank: Reference | None) -> str:
    return bank.currency if bank else ""
