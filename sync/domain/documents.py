"""Ledger entries as JSON and back, for the `document` column. Amounts are strings, dates ISO 8601."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from connectors.contract.money import Money
from connectors.contract.records import (
    Allocation,
    BankTransaction,
    BankTransfer,
    BatchPayment,
    DocumentKind,
    LedgerEntry,
    LineItem,
    Payment,
    TaxMode,
    TrackingChoice,
)


def to_json(entry: LedgerEntry) -> dict[str, Any]:
    common = {
        "kind": entry.kind.value,
        "date": entry.date.isoformat(),
        "total": str(entry.total.amount),
        "currency": entry.total.currency,
        "reference": entry.reference,
        "marker": entry.marker,
    }
    if isinstance(entry, BankTransfer):
        return {**common, "from_account_id": entry.from_account_id, "to_account_id": entry.to_account_id}
    if isinstance(entry, Payment | BatchPayment):
        return {**common, **_payment_to_json(entry)}
    return {
        **common,
        "bank_account_id": entry.bank_account_id,
        "contact_id": entry.contact_id,
        "contact_name": entry.contact_name,
        "tax_mode": entry.tax_mode.value,
        "rate": None if entry.rate is None else str(entry.rate),
        "url": entry.url,
        "lines": [_line_to_json(line) for line in entry.lines],
    }


def from_json(data: dict[str, Any]) -> LedgerEntry:
    total = Money(amount=Decimal(data["total"]), currency=data["currency"])
    day = date.fromisoformat(data["date"])
    if data["kind"] == DocumentKind.BANK_TRANSFER:
        return BankTransfer(
            from_account_id=data["from_account_id"],
            to_account_id=data["to_account_id"],
            date=day,
            total=total,
            reference=data["reference"],
            marker=data["marker"],
        )
    if data["kind"] in (DocumentKind.PAYMENT, DocumentKind.BATCH_PAYMENT):
        return _payment_from_json(data, day=day, total=total)
    return BankTransaction(
        kind=DocumentKind(data["kind"]),
        bank_account_id=data["bank_account_id"],
        contact_id=data["contact_id"],
        contact_name=data["contact_name"],
        date=day,
        total=total,
        reference=data["reference"],
        marker=data["marker"],
        lines=tuple(_line_from_json(line) for line in data["lines"]),
        tax_mode=TaxMode(data["tax_mode"]),
        rate=None if data["rate"] is None else Decimal(data["rate"]),
        url=data["url"],
    )


def _payment_to_json(entry: Payment | BatchPayment) -> dict[str, Any]:
    return {
        "bank_account_id": entry.bank_account_id,
        "incoming": entry.incoming,
        "rate": None if entry.rate is None else str(entry.rate),
        "allocations": [
            {
                "invoice_id": part.invoice_id,
                "number": part.number,
                "amount": str(part.amount),
                "currency": part.currency,
                "contact_id": part.contact_id,
                "contact_name": part.contact_name,
            }
            for part in entry.allocations
        ],
    }


def _payment_from_json(data: dict[str, Any], *, day: date, total: Money) -> Payment | BatchPayment:
    parts = tuple(Allocation(**{**part, "amount": Decimal(part["amount"])}) for part in data["allocations"])
    common: dict[str, Any] = {
        "bank_account_id": data["bank_account_id"],
        "incoming": data["incoming"],
        "date": day,
        "total": total,
        "reference": data["reference"],
        "marker": data["marker"],
        "rate": None if data["rate"] is None else Decimal(data["rate"]),
    }
    if data["kind"] == DocumentKind.BATCH_PAYMENT:
        return BatchPayment(allocations=parts, **common)
    return Payment(allocation=parts[0], **common)


def _line_to_json(line: LineItem) -> dict[str, Any]:
    return {
        "description": line.description,
        "amount": str(line.amount),
        "account_id": line.account_id,
        "account_code": line.account_code,
        "tax_type": line.tax_type,
        "tax": None if line.tax is None else str(line.tax),
        "tracking": [
            {
                "category_id": choice.category_id,
                "option_id": choice.option_id,
                "label": choice.label,
                **({"new": choice.new} if choice.new else {}),
            }
            for choice in line.tracking
        ],
    }


def _line_from_json(data: dict[str, Any]) -> LineItem:
    return LineItem(
        description=data["description"],
        amount=Decimal(data["amount"]),
        account_id=data["account_id"],
        account_code=data["account_code"],
        tax_type=data["tax_type"],
        tracking=tuple(TrackingChoice(**choice) for choice in data["tracking"]),
        tax=None if data.get("tax") is None else Decimal(data["tax"]),
    )
