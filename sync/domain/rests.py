"""What a movement pays too much: a document of its own on the suspense account, beside the payment. Pure.

Both carry markers of one movement and belong to one unit: the payment first, the rest after it was read back.
"""

from __future__ import annotations

from collections.abc import Iterable

from connectors.contract.money import ZERO, Money
from connectors.contract.records import (
    Account,
    Allocation,
    BankTransaction,
    BatchPayment,
    DocumentKind,
    LineItem,
    Payment,
    TaxMode,
)
from sync.domain.coding_case import DecidedBy, Decision
from sync.domain.plan import REST, Planned
from sync.domain.references import NO_TAX, label

UNIT = "rest:"  # of entries: a payment and its overpaid rest


def unit_of(record_id: int) -> str:
    return f"{UNIT}{record_id}"


def share_of(parts: Iterable[Allocation], whole: Money) -> Money:
    """What these parts take of a movement, signed as it is."""
    paid = sum((part.amount for part in parts), ZERO)
    return Money(amount=paid if whole.amount > 0 else -paid, currency=whole.currency)


def rest_of(payment: Planned, *, account: Account, marker: str) -> Planned:
    """The other document of a payment that leaves a rest: same day, bank account and contact, no tax."""
    assert isinstance(payment.document, Payment | BatchPayment)
    assert payment.amount is not None
    paid, parts = payment.document, payment.document.allocations
    whole = payment.part.transaction.amount
    rest = Money(amount=whole.amount - payment.amount.amount, currency=whole.currency)
    contact = parts[0].contact_name or payment.part.transaction.counterparty.name
    words = overpaid_words(parts)
    document = BankTransaction(
        kind=DocumentKind.RECEIVE if rest.amount > 0 else DocumentKind.SPEND,
        bank_account_id=paid.bank_account_id,
        contact_id=parts[0].contact_id,
        contact_name=contact,
        date=paid.date,
        total=abs(rest),
        reference=words,
        marker=marker,
        lines=(_line(words, abs(rest), account),),
        tax_mode=TaxMode.NO_TAX,
        rate=paid.rate,
    )
    return Planned(
        part=payment.part,
        leg=REST,
        document=document,
        booking_date=payment.booking_date,
        rate=payment.rate,
        unit=payment.unit,
        amount=rest,
        told={"decisions": [it.to_json() for it in _decisions(words, account, contact)], "rule": None},
    )


def overpaid_words(parts: Iterable[Allocation]) -> str:
    numbers = [part.number or "without a number" for part in parts]
    return f"Overpaid rest of invoice{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"


def _line(words: str, rest: Money, account: Account) -> LineItem:
    return LineItem(
        description=words,
        amount=rest.amount,
        account_id=account.account_id,
        account_code=account.code,
        tax_type=NO_TAX,
        tax=ZERO,
    )


def _decisions(words: str, account: Account, contact: str) -> tuple[Decision, ...]:
    why = f"{words[0].lower()}{words[1:]}: it waits on the suspense account, as your settings say"
    return (
        Decision(field="contact", value=contact, by=DecidedBy.POLICY, why="the contact of what was paid"),
        Decision(field="account", value=label(account), by=DecidedBy.POLICY, why=why),
        Decision(field="tax", value=NO_TAX, by=DecidedBy.POLICY, why="no tax before somebody has said what it is"),
    )
