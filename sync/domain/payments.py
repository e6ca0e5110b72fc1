"""Payments as documents: built from what they pay, and judged against what is still due. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import Any

from connectors.contract.allocations import allocations_hash
from connectors.contract.money import ZERO, Money
from connectors.contract.records import Allocation, BatchPayment, DocumentKind, Payment
from sync.domain.open_items import OpenItems

MOST_APART = 3  # gone or left; of 50 parts 20,825 sets each
PAYMENT_TYPES = (DocumentKind.PAYMENT.value, DocumentKind.BATCH_PAYMENT.value)


def payment(
    parts: tuple[Allocation, ...],
    *,
    bank_account_id: str,
    amount: Money,
    day: date,
    reference: str,
    marker: str,
    rate: Decimal | None,
) -> Payment | BatchPayment:
    """One part is a payment, several are a batch. `amount` is signed from the wallet.

    `rate` (foreign units per base unit) only counts where the invoice is in the wallet's own currency.
    """
    common: dict[str, Any] = {
        "bank_account_id": bank_account_id,
        "incoming": amount.amount > 0,
        "date": day,
        "total": abs(amount),
        "reference": reference,
        "marker": marker,
        "rate": rate if all(part.currency == amount.currency for part in parts) else None,
    }
    return Payment(allocation=parts[0], **common) if len(parts) == 1 else BatchPayment(allocations=parts, **common)


def parts_that_stand(parts: Sequence[Allocation], *, lines_hash: str) -> tuple[Allocation, ...]:
    """What is left of a batch out of which somebody took payments. A payment is never edited, only removed, so that is the set
    of parts with this hash. All of them where no set has it, or where there are too many sets to look through."""
    for gone in (it for it in range(len(parts)) if min(it, len(parts) - it) <= MOST_APART):
        for left in combinations(parts, len(parts) - gone):
            if allocations_hash((part.invoice_id, part.amount) for part in left) == lines_hash:
                return left
    return tuple(parts)


def allocations_of(document: Mapping[str, Any]) -> tuple[Allocation, ...]:
    """What a stored document pays."""
    return tuple(Allocation(**{**part, "amount": Decimal(part["amount"])}) for part in document["allocations"])


def parts_of(chosen: Sequence[Mapping[str, Any]], items: OpenItems) -> tuple[Allocation, ...] | None:
    """A person's choice as allocations; None where an invoice of it is not known any more."""
    found = []
    for part in chosen:
        item = items.by_id.get(str(part["invoice_id"]))
        if item is None:
            return None
        found.append(
            Allocation(
                invoice_id=item.invoice_id,
                number=item.number,
                amount=Decimal(str(part["amount"])),
                currency=item.total.currency,
                contact_id=item.contact_id,
                contact_name=item.contact_name,
            )
        )
    return tuple(found)


def obstacle(parts: Sequence[Allocation], *, total: Money, items: OpenItems, over: Decimal = ZERO) -> str:
    """Why these parts cannot be paid with this movement, as a sentence; "" where they can. `over`: booked apart."""
    for part in parts:
        left = items.left(items.by_id[part.invoice_id])
        if part.amount <= 0 or part.amount > left:
            return f"{part.number}: {part.currency} {left:,.2f} is due, {part.amount:,.2f} was to be paid."
    currencies = {part.currency for part in parts}
    if currencies == {total.currency} and sum((part.amount for part in parts), over) != total.amount:
        return f"The movement is {total} by now."
    if len(parts) > 1 and currencies != {total.currency}:
        return "Several invoices can only be paid in the currency of the wallet."
    return ""
