"""Which payment came back, which purchase was refunded: the source names no link, so amount, name and date decide. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from connectors.contract.records import BankTransaction, LedgerEntry, Movement, SourceTransaction
from sync.domain.coding_case import NOTHING_REMEMBERED, Remembered
from sync.domain.contacts import normalised_name

GIVES_BACK = {Movement.RETURNED_PAYMENT: Movement.PAY_OUT, Movement.CARD_REFUND: Movement.CARD}
LOOK_BACK = timedelta(days=180)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A movement that may be given back, and how it was coded. `amount` unsigned."""

    movement: Movement
    counterparty: str
    currency: str
    amount: Decimal
    day: date
    coded: Remembered


def find_origin(transaction: SourceTransaction, *, day: date | None, candidates: Iterable[Origin]) -> Remembered:
    """How the movement that this one gives back was coded; nothing where none fits.

    A returned payment has the payout's exact amount; a refund may be a part of the purchase. The latest one wins, an
    exact amount before a larger one.
    """
    wanted = GIVES_BACK.get(transaction.movement)
    if wanted is None or day is None:
        return NOTHING_REMEMBERED
    is_card = wanted is Movement.CARD
    name = normalised_name(transaction.counterparty.name, card=is_card)
    amount = abs(transaction.amount.amount)
    fitting = [
        origin
        for origin in candidates
        if origin.movement is wanted
        and origin.currency == transaction.amount.currency
        and (origin.amount == amount or (is_card and origin.amount > amount))
        and day - LOOK_BACK <= origin.day <= day
        and name.agrees_with(normalised_name(origin.counterparty, card=is_card))
    ]
    best = max(fitting, key=lambda origin: (origin.amount == amount, origin.day), default=None)
    return best.coded if best else NOTHING_REMEMBERED


def remembered(document: LedgerEntry, *, why: str) -> Remembered:
    """How a document was coded, where all its lines agree on one account; nothing otherwise."""
    lines = document.lines if isinstance(document, BankTransaction) else ()
    if len({line.account_id for line in lines}) != 1:
        return NOTHING_REMEMBERED
    labels = (choice.label.partition(": ") for choice in lines[0].tracking)
    return Remembered(
        account=lines[0].account_id,
        tax=lines[0].tax_type if len({line.tax_type for line in lines}) == 1 else "",
        tracking={category: option for category, _, option in labels if option},
        contact=document.contact_name if isinstance(document, BankTransaction) else "",
        why=why,
    )
