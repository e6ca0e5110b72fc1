"""May this document of ours still be changed or removed, and what does removing it do to the accounts? Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.contract.errors import Finding
from connectors.contract.money import ZERO, Money
from connectors.contract.records import (
    Allocation,
    BankTransaction,
    BankTransfer,
    BatchPayment,
    LedgerEntry,
    LineItem,
    MirrorDocument,
    Payment,
)
from sync.domain.deleted import gone
from sync.domain.match import account_of, differences, signed
from sync.domain.payments import parts_that_stand

TOUCHED = "edited_in_xero"
LOCKED = "period_locked"
RECONCILED = "reconciled_in_xero"
NOT_SHOWN = "not_readable_in_xero"
PAYMENT_STAYS = "payment_stays"


def read_back_of(found: MirrorDocument) -> dict[str, Any]:
    """What is kept of a document when it is first read back: whatever differs later was somebody's work. `stamp`: what is newer
    was not seen then."""
    stamp = None if found.updated_at is None else found.updated_at.isoformat()
    return {
        "contact_id": found.contact_id,
        "reference": found.reference,
        "lines_hash": found.lines_hash,
        "stamp": stamp,
    }


def obstacle(
    posted: LedgerEntry,
    found: MirrorDocument | None,
    *,
    read_back: Mapping[str, Any] | None,
    lock_date: date | None,
    day: date | None = None,
    contact_id: str = "",
) -> Finding | None:
    """Why this document may not be touched, worst first; None where nothing stands against it.

    `found` is a fresh reading. `day`: the day it is to have afterwards. `contact_id`: where its contact was merged into.
    Only an edit (code TOUCHED) can be overruled, by a person who names the document.
    """
    if found is None:
        return Finding(code=NOT_SHOWN, message="Xero does not show this document. Look for it there first.")
    if not found.is_live:
        return gone(found.status)
    if found.reconciled:
        return Finding(
            code=RECONCILED,
            message="This document is reconciled with a statement line in Xero, and a reconciled document is never touched. "
            "Take the reconciliation back in Xero first, then ask again.",
        )
    locked = next((d for d in (found.date, day) if d is not None and lock_date is not None and d <= lock_date), None)
    if locked is not None:
        return Finding(
            code=LOCKED,
            message=f"{locked:%-d %b %Y} lies in a period that is locked in Xero up to {lock_date:%-d %b %Y}. Open the period "
            "in Xero and ask again, or book the correction by hand in an open period.",
            detail=lock_date.isoformat() if lock_date else "",
        )
    edited = edits(posted, found, read_back=read_back, contact_id=contact_id)
    if edited:
        return Finding(
            code=TOUCHED,
            message=f"Somebody edited this document in Xero ({', '.join(edited)}). It is left alone unless you name it.",
            detail=", ".join(edited),
        )
    return None


def edits(
    posted: LedgerEntry, found: MirrorDocument, *, read_back: Mapping[str, Any] | None, contact_id: str = ""
) -> tuple[str, ...]:
    """What somebody changed on the document since it was read back, in a bookkeeper's words."""
    kept = read_back or {}
    told = [finding.detail for finding in differences(posted, found)]
    if kept.get("lines_hash") and kept["lines_hash"] != found.lines_hash and "allocation" not in told:
        told.append("lines")
    if kept.get("reference") is not None and kept["reference"] != found.reference:
        told.append("reference")
    if kept.get("contact_id") and found.contact_id not in (kept["contact_id"], contact_id):
        told.append("contact")
    return tuple(told)


def still_reads(found: MirrorDocument, before: Mapping[str, Any]) -> bool:
    """Does the document stand exactly as it was when the amendment was asked for?"""
    return bool(snapshot(found, posted=None)["reading"] == before.get("reading"))


def snapshot(found: MirrorDocument, *, posted: LedgerEntry | None) -> dict[str, Any]:
    """A document as read, ready for JSON: `reading` decides equality, `lines` are for people.

    Lists carry no lines; where nobody edited them, the posted ones are the same.
    """
    reading = {
        "kind": found.kind.value,
        "status": found.status,
        "date": found.date.isoformat(),
        "total": format(found.total.amount, "f"),
        "currency": found.total.currency,
        "account_id": found.account_id,
        "contact_id": found.contact_id,
        "reference": found.reference,
        "lines_hash": found.lines_hash,
    }
    lines = found.lines or (posted.lines if isinstance(posted, BankTransaction) else ())
    return {
        "reading": {**reading, "total": format(found.total.rounded().amount, "f")},
        "lines": [{"account_id": line.account_id, "amount": format(line.amount, "f")} for line in lines],
    }


def as_it_stands(posted: LedgerEntry, before: Mapping[str, Any]) -> LedgerEntry:
    """The document with the figures of a `snapshot`, also where somebody edited it since it was posted."""
    reading = before.get("reading")
    if not reading:
        return posted
    total = Money(amount=Decimal(reading["total"]), currency=reading["currency"])
    day, account = date.fromisoformat(reading["date"]), reading["account_id"]
    match posted:
        case BankTransfer():
            return replace(posted, from_account_id=account, date=day, total=total)
        case BankTransaction():
            lines = tuple(
                LineItem(description="", amount=Decimal(line["amount"]), account_id=line["account_id"])
                for line in before["lines"]
            )
            return replace(posted, bank_account_id=account, date=day, total=total, lines=lines)
        case BatchPayment():
            left = parts_that_stand(posted.allocations, lines_hash=reading["lines_hash"])
            return replace(posted, bank_account_id=account, date=day, total=total, allocations=left)
    return replace(posted, bank_account_id=account, date=day, total=total)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """How the balance of one account moves, debit positive, in the document's currency."""

    account_id: str
    currency: str
    amount: Decimal


def effects(entry: LedgerEntry) -> tuple[Effect, ...]:
    """What posting this document does to each account that it names; tax is inside the gross amounts of the lines.

    What a payment pays is no account of ours to name: see `reopened`.
    """
    currency = entry.total.currency
    moved = [Effect(account_id=account_of(entry), currency=currency, amount=signed(entry))]
    match entry:
        case BankTransfer():
            moved.append(Effect(account_id=entry.to_account_id, currency=currency, amount=entry.total.amount))
        case BankTransaction():
            sign = -1 if signed(entry) > 0 else 1
            moved += [
                Effect(account_id=line.account_id, currency=currency, amount=line.amount * sign) for line in entry.lines
            ]
    return tuple(moved)


def taken_back(entries: Iterable[LedgerEntry]) -> tuple[Effect, ...]:
    """What removing these documents does to each account, one sum for each account and currency."""
    sums: dict[tuple[str, str], Decimal] = {}
    for entry in entries:
        for effect in effects(entry):
            key = (effect.account_id, effect.currency)
            sums[key] = sums.get(key, ZERO) - effect.amount
    return tuple(
        Effect(account_id=account, currency=currency, amount=amount)
        for (account, currency), amount in sorted(sums.items())
        if amount
    )


def exchanged(posted: LedgerEntry, wanted: LedgerEntry | None) -> tuple[Effect, ...]:
    """How each account moves when one document takes the place of another (or of nothing)."""
    sums = {(it.account_id, it.currency): it.amount for it in taken_back([posted])}
    for effect in effects(wanted) if wanted is not None else ():
        key = (effect.account_id, effect.currency)
        sums[key] = sums.get(key, ZERO) + effect.amount
    return tuple(
        Effect(account_id=account, currency=currency, amount=amount)
        for (account, currency), amount in sorted(sums.items())
        if amount
    )


def reopened(entries: Iterable[LedgerEntry]) -> tuple[Allocation, ...]:
    """The invoices and bills that are due again when these payments are removed, and with how much."""
    return tuple(part for entry in entries if isinstance(entry, Payment | BatchPayment) for part in entry.allocations)


def is_payment(entry: LedgerEntry) -> bool:
    return isinstance(entry, Payment | BatchPayment)


def payment_stays() -> Finding:
    """What a payment would become is not known before it is gone: its invoice is due again only then, and the settings of
    today may make something else of the movement. So no change of it is applied."""
    return Finding(
        code=PAYMENT_STAYS,
        message="Xero cannot change a payment. Keep what is posted; or undo it, which makes its invoice due again, and post "
        "it again: then your settings of today decide what it pays.",
    )


def can_change(before: LedgerEntry, wanted: LedgerEntry) -> bool:
    """May the document be changed where it stands? Only its kind and account decide; every other field can be edited.

    Xero edits spend and receive money; transfers and payments can only be removed and posted anew.
    """
    return (
        isinstance(before, BankTransaction)
        and isinstance(wanted, BankTransaction)
        and before.kind is wanted.kind
        and before.bank_account_id == wanted.bank_account_id
        and before.marker == wanted.marker
    )


def only_coding_differs(before: LedgerEntry, wanted: LedgerEntry) -> bool:
    """Same money, same day, same bank account: only what it was for is said anew."""
    return can_change(before, wanted) and (before.total, before.date) == (wanted.total, wanted.date)


def shown_as(wanted: BankTransaction, found: MirrorDocument) -> bool:
    """Does the document that was read by its id (so with its lines) read as wanted?"""
    return found.is_live and not differences(wanted, found) and _line_sums(wanted.lines) == _line_sums(found.lines)


def _line_sums(lines: Iterable[LineItem]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for line in lines:
        key = line.account_id.lower()
        sums[key] = sums.get(key, ZERO) + line.amount
    return {account: amount for account, amount in sums.items() if amount}
