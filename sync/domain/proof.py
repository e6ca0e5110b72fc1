"""The balance proof: what moved at the source, what is held, what stands in the books, and every difference by name.

Pure. Both sides come from fresh readings of the vendors; of ours it uses only which row is held and for what reason, and
which document we say belongs to which row.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.contract.money import ZERO
from connectors.contract.records import DocumentKind, MirrorDocument
from sync.domain.match import signed


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """An executed movement on a mapped wallet, booked on or after the cut-off."""

    fingerprint: str
    source_id: str
    account_id: str
    booking_date: date
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What we say about one row: its state, why it is held (if it is), the document we posted (if any)."""

    state: str
    reason: str
    document_id: str
    marker: str
    day: date | None = None  # of the document: another than the booking date where a lock date moved it on purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One document's effect on one bank account, signed from the account's view."""

    document_id: str
    account_id: str
    day: date
    amount: Decimal
    marker: str
    reference: str
    kind: str


@dataclass(slots=True, kw_only=True)
class Line:
    source_sum: Decimal = ZERO
    held: Decimal = ZERO
    ours: Decimal = ZERO
    xero_sum: Decimal = ZERO

    @property
    def difference(self) -> Decimal:
        return self.source_sum - self.held - self.xero_sum


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    source_account_id: str
    bank_account_id: str
    currency: str


@dataclass(slots=True, kw_only=True)
class Balance:
    """The result. Balanced: every difference 0.00, nothing missing, duplicated or unexpected."""

    accounts: dict[str, Line] = field(default_factory=dict)
    days: dict[str, dict[date, Line]] = field(default_factory=dict)
    held_items: list[dict[str, Any]] = field(default_factory=list)
    missing: list[dict[str, Any]] = field(default_factory=list)
    duplicated: list[dict[str, Any]] = field(default_factory=list)
    unexpected: list[dict[str, Any]] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        even = all(line.difference == 0 for line in self.accounts.values())
        even = even and all(line.difference == 0 for days in self.days.values() for line in days.values())
        return even and not (self.missing or self.duplicated or self.unexpected)


def legs(documents: Iterable[MirrorDocument]) -> list[Leg]:
    """Every live document's effect on its bank accounts; a bank transfer has two, a payment has its own direction."""
    found = []
    for document in documents:
        if not document.is_live:
            continue
        sides = [(document.account_id, signed(document))]
        if document.kind is DocumentKind.BANK_TRANSFER:
            sides.append((document.other_account_id, document.total.amount))
        found += [
            Leg(
                document_id=document.document_id,
                account_id=account,
                day=document.date,
                amount=amount,
                marker=document.marker,
                reference=document.reference,
                kind=document.kind.value,
            )
            for account, amount in sides
        ]
    return found


def prove(
    *, wallets: Sequence[Wallet], rows: Sequence[SourceRow], ours: Mapping[str, Ours], books: Sequence[Leg]
) -> Balance:
    """`ours` by fingerprint. A row we know nothing of counts as held ("not fetched yet") and is listed."""
    result = Balance(
        accounts={wallet.source_account_id: Line() for wallet in wallets},
        days={wallet.source_account_id: defaultdict(Line) for wallet in wallets},
    )
    standing = {(leg.document_id, leg.account_id) for leg in books}
    bank_of = {wallet.source_account_id: wallet.bank_account_id for wallet in wallets}
    for row in rows:
        _count_row(result, row, ours.get(row.fingerprint), standing, bank_of)
    _count_books(result, wallets, rows, ours, books)
    return result


def _count_row(
    result: Balance, row: SourceRow, mine: Ours | None, standing: set[tuple[str, str]], bank_of: Mapping[str, str]
) -> None:
    posted = mine is not None and mine.document_id != ""
    day = (mine.day if mine is not None and posted else None) or row.booking_date
    lines = (result.accounts[row.account_id], result.days[row.account_id][day])
    for line in lines:
        line.source_sum += row.amount
        if posted:
            line.ours += row.amount
        else:
            line.held += row.amount
    item = {
        "source": row.account_id,
        "source_id": row.source_id,
        "booking_date": row.booking_date.isoformat(),
        "amount": str(row.amount),
        "currency": row.currency,
    }
    if mine is None:
        result.held_items.append({**item, "state": "fetched", "reason": "not fetched yet"})
    elif not posted:
        result.held_items.append({**item, "state": mine.state, "reason": mine.reason})
    elif (mine.document_id, bank_of[row.account_id]) not in standing:
        result.missing.append({**item, "document": mine.document_id, "marker": mine.marker})


def _count_books(
    result: Balance,
    wallets: Sequence[Wallet],
    rows: Sequence[SourceRow],
    ours: Mapping[str, Ours],
    books: Sequence[Leg],
) -> None:
    source_of = {wallet.bank_account_id: wallet for wallet in wallets}
    expected = {ours[row.fingerprint].document_id for row in rows if row.fingerprint in ours}
    markers: Counter[tuple[str, str]] = Counter()
    for leg in books:
        wallet = source_of.get(leg.account_id)
        if wallet is None:
            continue
        for line in (result.accounts[wallet.source_account_id], result.days[wallet.source_account_id][leg.day]):
            line.xero_sum += leg.amount
        markers[leg.marker, leg.account_id] += bool(leg.marker)
        if leg.document_id not in expected:
            result.unexpected.append(_described(leg, wallet))
    result.duplicated = [{"marker": marker, "documents": n} for (marker, _), n in sorted(markers.items()) if n > 1]


def _described(leg: Leg, wallet: Wallet) -> dict[str, Any]:
    return {
        "source": wallet.source_account_id,
        "document": leg.document_id,
        "type": leg.kind,
        "date": leg.day.isoformat(),
        "amount": str(leg.amount),
        "currency": wallet.currency,
        "reference": leg.reference,
        "marker": leg.marker,
    }


def report(result: Balance, wallets: Sequence[Wallet]) -> dict[str, Any]:
    """The proof as interfaces promise it: decimal strings, ISO dates."""
    currency = {wallet.source_account_id: wallet.currency for wallet in wallets}
    return {
        "balanced": result.balanced,
        "accounts": [
            {
                "source": account,
                "currency": currency[account],
                **_figures(line),
                "days": [
                    {"date": day.isoformat(), **_figures(one)} for day, one in sorted(result.days[account].items())
                ],
            }
            for account, line in result.accounts.items()
        ],
        "held_items": result.held_items,
        "missing": result.missing,
        "duplicated": result.duplicated,
        "unexpected": result.unexpected,
    }


def _figures(line: Line) -> dict[str, str]:
    names = ("source_sum", "held", "ours", "xero_sum", "difference")
    return {name: f"{getattr(line, name):.2f}" for name in names}
