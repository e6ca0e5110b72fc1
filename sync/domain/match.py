"""Is what stands in the books our document?"""

from __future__ import annotations

from decimal import Decimal

from connectors.contract.allocations import allocations_hash
from connectors.contract.errors import Finding
from connectors.contract.money import ZERO, Money
from connectors.contract.records import (
    BankTransaction,
    BankTransfer,
    BatchPayment,
    DocumentKind,
    LedgerEntry,
    MirrorDocument,
    Payment,
)
from sync.domain.fx import RATE_DIGITS

DIFFERS = "read_back_differs"
PAYMENTS = (DocumentKind.PAYMENT, DocumentKind.BATCH_PAYMENT)
_OUTGOING = (DocumentKind.SPEND, DocumentKind.SPEND_TRANSFER, DocumentKind.BANK_TRANSFER)


def differences(
    wanted: LedgerEntry, found: MirrorDocument, *, answered_rate: Decimal | None = None
) -> tuple[Finding, ...]:
    """What a read-back document says otherwise than the one we sent; empty means confirmed.

    `answered_rate`: the rate of the first answer, where the destination chose it; it must not have moved since.

    The contact and the lines are not compared; what a payment pays is. The date is, too: a document that somebody edited
    before the read-back is reported.
    """
    pairs: list[tuple[str, object, object]] = [
        ("type", wanted.kind.value, found.kind.value),
        ("account", account_of(wanted), found.account_id),
        ("date", wanted.date, found.date),
        ("currency", wanted.total.currency, found.total.currency),
        ("amount", wanted.total, Money(amount=found.total.amount, currency=wanted.total.currency)),
    ]
    rate = _six_digits((wanted.rate or answered_rate) if isinstance(wanted, BankTransaction) else None)
    if rate is not None:
        pairs.append(("rate", rate, _six_digits(found.rate)))
    if isinstance(wanted, BankTransfer):
        pairs.append(("receiving account", wanted.to_account_id, found.other_account_id))
    if isinstance(wanted, Payment | BatchPayment):
        pairs.append(("direction", _way(wanted.incoming), _way(found.incoming)))
        paid = allocations_hash((part.invoice_id, part.amount) for part in wanted.allocations)
        if paid != found.lines_hash:
            pairs.append(("allocation", "to " + _listed(wanted), "to other invoices or amounts"))
    return tuple(
        Finding(
            code=DIFFERS,
            message=f"Xero shows another {name} than the one posted{_instead(name, theirs, ours)}. Compare the document.",
            detail=name,
        )
        for name, ours, theirs in pairs
        if ours != theirs
    )


def _instead(name: str, theirs: object, ours: object) -> str:
    """Nothing for accounts: of them only the ids are known here."""
    return "" if name.endswith("account") else f": {theirs} instead of {ours}"


def account_of(entry: LedgerEntry) -> str:
    return entry.from_account_id if isinstance(entry, BankTransfer) else entry.bank_account_id


def _way(incoming: bool) -> str:
    return "money in" if incoming else "money out"


def _listed(entry: Payment | BatchPayment) -> str:
    return ", ".join(f"{part.number or 'an invoice'} {part.amount}" for part in entry.allocations)


def signed(document: LedgerEntry | MirrorDocument) -> Decimal:
    """The total from the view of the account that `account_of` names: out is negative."""
    amount = document.total.amount
    if isinstance(document, BankTransaction | BankTransfer) or document.kind not in PAYMENTS:
        return ZERO - amount if document.kind in _OUTGOING else amount
    return amount if document.incoming else ZERO - amount


def _six_digits(rate: Decimal | None) -> Decimal | None:
    return None if rate is None else round(rate, RATE_DIGITS)
