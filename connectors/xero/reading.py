"""Xero's JSON as our records: documents and contacts. Pure; every function raises ContractBroken for what cannot be trusted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.contract.errors import ContractBroken
from connectors.contract.money import MINOR_UNITS, ZERO, Money, MoneyError, decimal_of
from connectors.contract.ports import Shown
from connectors.contract.records import (
    EVER,
    DestinationContact,
    DocumentKind,
    LineItem,
    MirrorDocument,
    TrackingChoice,
)
from connectors.xero.dates import calendar_day, instant_or_none
from connectors.xero.text import clean, find_marker

Wire = Mapping[str, Any]
NO_ID = "00000000-0000-0000-0000-000000000000"
_TRANSFER_SIDES = frozenset({DocumentKind.SPEND_TRANSFER.value, DocumentKind.RECEIVE_TRANSFER.value})
_DIRECTIONS = (DocumentKind.SPEND, DocumentKind.RECEIVE)
_CENT = Decimal("0.01")


def text(element: Wire, key: str) -> str:
    """A string field; "" where it is missing or null."""
    value = element.get(key)
    return value if isinstance(value, str) else "" if value is None else str(value)


def identifier(element: Wire, key: str) -> str:
    """An id, in lower case; "" for a missing one and for the zeros that stand for "none"."""
    value = text(element, key).strip().lower()
    return "" if value == NO_ID else value


def part(element: Wire, key: str) -> Wire:
    """A nested object; empty where it is missing or something else."""
    value = element.get(key)
    return value if isinstance(value, dict) else {}


def parts(element: Wire, key: str) -> list[Wire]:
    """A list of nested objects, without what is none."""
    value = element.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def elements_of(answer: Any, plural: str) -> list[Wire]:
    """The elements of an envelope. Raises ContractBroken where there is no list of objects under `plural`."""
    found = answer.get(plural) if isinstance(answer, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
        raise ContractBroken(f"Xero's answer has no list of {plural}.")
    return found


def is_transfer_side(element: Wire) -> bool:
    """One of the two bank transactions that Xero shows for a bank transfer; the transfer itself is read elsewhere."""
    return text(element, "Type") in _TRANSFER_SIDES


def is_beyond_us(element: Wire) -> bool:
    """A document in a withdrawn or made-up currency, without a marker of ours: no wallet of ours can hold one."""
    currency = text(element, "CurrencyCode")
    return currency != "" and currency not in MINOR_UNITS and not find_marker(text(element, "Reference"))


def shown(element: Wire) -> Shown:
    """A spend or receive money transaction, as far as it tells whether it changed."""
    return Shown(
        document_id=identifier(element, "BankTransactionID"),
        updated_at=instant_or_none(element.get("UpdatedDateUTC")),
        status=_status(element),
        reconciled=_is_reconciled(element),
        total=str(_decimal(element.get("Total"))),
    )


def bank_transaction(element: Wire, *, lines_since: datetime = EVER) -> MirrorDocument:
    """A spend or receive money transaction. Over- and prepayments count by their direction."""
    reference, changed = text(element, "Reference"), instant_or_none(element.get("UpdatedDateUTC"))
    with_lines = (changed or EVER) >= lines_since
    return MirrorDocument(
        kind=_direction(element),
        document_id=required(element, "BankTransactionID"),
        account_id=required(part(element, "BankAccount"), "AccountID"),
        contact_id=identifier(part(element, "Contact"), "ContactID"),
        date=calendar_day(element.get("Date")),
        total=money(element.get("Total"), text(element, "CurrencyCode")),
        rate=decimal_or_none(element.get("CurrencyRate")),
        reference=reference,
        marker=find_marker(reference),
        status=_status(element),
        reconciled=_is_reconciled(element),
        lines_hash=_lines_hash(element) if with_lines else "",
        by_account=by_account(element) if with_lines else None,
        tax_total=tax_total(element),
        updated_at=changed,
    )


def _status(element: Wire) -> str:
    return text(element, "Status") or "AUTHORISED"


def _is_reconciled(element: Wire) -> bool:
    return element.get("IsReconciled") is True


def bank_transaction_with_lines(element: Wire) -> MirrorDocument:
    """The same with its lines, for a single document: lists leave them out to stay small."""
    return replace(bank_transaction(element), lines=tuple(line_item(line) for line in parts(element, "LineItems")))


def bank_transfer(element: Wire, *, currency_of: Callable[[str], str]) -> MirrorDocument:
    """A transfer; `currency_of` tells a bank account's currency, because Xero's transfers do not."""
    sender = required(part(element, "FromBankAccount"), "AccountID")
    return MirrorDocument(
        kind=DocumentKind.BANK_TRANSFER,
        document_id=required(element, "BankTransferID"),
        account_id=sender,
        other_account_id=required(part(element, "ToBankAccount"), "AccountID"),
        date=calendar_day(element.get("Date")),
        total=money(element.get("Amount"), currency_of(sender)),
        rate=decimal_or_none(element.get("CurrencyRate")),
        reference=text(element, "Reference"),
        marker=find_marker(text(element, "Reference")),
        status=text(element, "Status") or "AUTHORISED",
        reconciled=element.get("FromIsReconciled") is True or element.get("ToIsReconciled") is True,
        updated_at=instant_or_none(element.get("UpdatedDateUTC") or element.get("CreatedDateUTC")),
    )


def contact(element: Wire) -> DestinationContact:
    return DestinationContact(
        contact_id=required(element, "ContactID"),
        name=text(element, "Name"),
        number=text(element, "ContactNumber"),
        status=text(element, "ContactStatus") or "ACTIVE",
        merged_into=identifier(element, "MergedToContactID"),
        updated_at=instant_or_none(element.get("UpdatedDateUTC")),
    )


def tax_total(element: Wire) -> Decimal | None:
    return decimal_or_none(element.get("TotalTax"))


def lines_hash(lines: Iterable[LineItem]) -> str:
    """What the lines say, whatever their order: account, amount, tax, tracking and text; "" for no lines at all."""
    rows = sorted(
        "|".join(
            (
                line.account_id.lower(),
                format((line.amount + ZERO).quantize(_CENT), "f"),
                line.tax_type,
                ",".join(sorted(f"{choice.category_id}:{choice.option_id}".lower() for choice in line.tracking)),
                clean(line.description),
            )
        )
        for line in lines
    )
    return hashlib.sha256("\n".join(rows).encode()).hexdigest() if rows else ""


def by_account(element: Wire) -> dict[str, Decimal] | None:
    """What its lines put on each account, without the tax in it, unsigned as they are; None where no lines are shown.

    By the account's id, or by its code where Xero shows no id.
    """
    lines = list(parts(element, "LineItems"))
    includes_tax = text(element, "LineAmountTypes") == "Inclusive"
    sums: dict[str, Decimal] = {}
    for line in lines:
        account = identifier(line, "AccountID") or text(line, "AccountCode")
        tax = _decimal(line.get("TaxAmount") or 0) if includes_tax else ZERO
        sums[account] = sums.get(account, ZERO) + _decimal(line.get("LineAmount") or 0) - tax
    return sums or None


def line_item(element: Wire) -> LineItem:
    return LineItem(
        description=text(element, "Description"),
        amount=_decimal(element.get("LineAmount") or 0),
        account_id=identifier(element, "AccountID") or text(element, "AccountCode"),
        account_code=text(element, "AccountCode"),
        tax_type=text(element, "TaxType"),
        tracking=tuple(
            TrackingChoice(
                category_id=identifier(choice, "TrackingCategoryID"),
                option_id=identifier(choice, "TrackingOptionID"),
                label=f"{text(choice, 'Name')}: {text(choice, 'Option')}",
            )
            for choice in parts(element, "Tracking")
        ),
    )


def _lines_hash(element: Wire) -> str:
    return lines_hash(line_item(line) for line in parts(element, "LineItems"))


def _direction(element: Wire) -> DocumentKind:
    """SPEND, SPEND-OVERPAYMENT and SPEND-PREPAYMENT all spend; the same for RECEIVE."""
    found = text(element, "Type")
    for kind in _DIRECTIONS:
        if found == kind or found.startswith(f"{kind.value}-"):
            return kind
    raise ContractBroken(f"Xero sent a bank transaction of the unknown type {found[:40]!r}.")


def required(element: Wire, key: str) -> str:
    """An id that must be there. Raises ContractBroken."""
    found = identifier(element, key)
    if not found:
        raise ContractBroken(f"Xero sent a record without {key}.")
    return found


def money(amount: object, currency: str) -> Money:
    """An amount in a currency. Raises ContractBroken."""
    try:
        return Money.of(amount, currency)
    except MoneyError as error:
        raise ContractBroken(f"Xero sent an amount that cannot stand in a ledger: {error}.") from error


def _decimal(value: object) -> Decimal:
    try:
        return decimal_of(value)
    except MoneyError as error:
        raise ContractBroken(f"Xero sent a number that we cannot read: {error}.") from error


def decimal_or_none(value: object) -> Decimal | None:
    return None if value is None or value == "" else _decimal(value)
