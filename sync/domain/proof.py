"""The balance proof: what moved at the source, what is held, what stands in the books, and every difference by name.

Pure. Both sides come from fresh readings of the vendors; of ours it uses only which row is held and for what reason, and
which document we say belongs to which row.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.contract.money import ZERO
from connectors.contract.records import DocumentKind, MirrorDocument
from sync.domain import explaining
from sync.domain.explaining import held_action
from sync.domain.lookalikes import LOOKALIKE_DAYS
from sync.domain.match import signed
from sync.domain.unproved import Stray, says, unproved, verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """An executed movement on a mapped wallet, booked on or after the cut-off; or the rest of one that became a payment and
    a rest, which is no movement more. `says`: a digest, of one without a number."""

    fingerprint: str
    source_id: str
    account_id: str
    booking_date: date
    amount: Decimal
    currency: str
    is_rest: bool = False
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What we say about one row: its state, why it is held (if it is), the document we posted (if any)."""

    state: str
    reason: str
    document_id: str
    marker: str
    other_document_id: str = ""  # a linked transfer that somebody typed as two documents
    record: int | None = None
    moving: bool = False  # it changed while the vendors were read: what was read may be older than what we say
    day: date | None = None  # of the document: another than the booking date where a lock date moved it on purpose
    share: Decimal | None = None  # of a movement that became a payment and a rest: what the payment takes

    @property
    def documents(self) -> tuple[str, ...]:
        return tuple(one for one in (self.document_id, self.other_document_id) if one)


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
    reconciled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A person said that this document belongs into the books although no movement stands behind it."""

    day: date
    amount: Decimal
    reason: str
    by: str


@dataclass(slots=True, kw_only=True)
class Line:
    """Sums of one account, or of one day of it. `accepted` is the part of `xero_sum` that a person accepted."""

    source_sum: Decimal = ZERO
    held: Decimal = ZERO
    ours: Decimal = ZERO
    xero_sum: Decimal = ZERO
    accepted: Decimal = ZERO
    movements: int = 0
    documents: int = 0

    @property
    def difference(self) -> Decimal:
        return self.source_sum - self.held - (self.xero_sum - self.accepted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    source_account_id: str
    bank_account_id: str
    currency: str


@dataclass(slots=True, kw_only=True)
class Balance:
    """The result. Balanced: there is an account, every difference is 0.00, and nothing is missing, duplicated, unexpected,
    different or left unproved. `skipped`: movements without an amount, which move nothing and wait for nobody."""

    accounts: dict[str, Line] = field(default_factory=dict)
    days: dict[str, dict[date, Line]] = field(default_factory=dict)
    held_items: list[dict[str, Any]] = field(default_factory=list)
    missing: list[dict[str, Any]] = field(default_factory=list)
    duplicated: list[dict[str, Any]] = field(default_factory=list)
    unexpected: list[dict[str, Any]] = field(default_factory=list)
    different: list[dict[str, Any]] = field(default_factory=list)
    accepted: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)
    unproved: list[dict[str, Any]] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        even = bool(self.accounts) and all(line.difference == 0 for line in self.accounts.values())
        even = even and all(line.difference == 0 for days in self.days.values() for line in days.values())
        return even and not (self.missing or self.duplicated or self.unexpected or self.different or self.unproved)


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
                reconciled=document.reconciled,
            )
            for account, amount in sides
        ]
    return found


Standing = dict[tuple[str, str], Leg]


def rest_key(fingerprint: str) -> str:
    """Under which the rest of a movement is told, beside its payment."""
    return f"{fingerprint}:rest"


def in_parts(row: SourceRow, ours: Mapping[str, Ours]) -> tuple[SourceRow, ...]:
    """The row as its payment and its rest, where it became both. Their sum is always the row as the source shows it."""
    paid = ours.get(row.fingerprint)
    rest = rest_key(row.fingerprint)
    if paid is None or paid.share is None or rest not in ours or paid.share == row.amount:
        return (row,)
    return (
        replace(row, amount=paid.share),
        replace(row, amount=row.amount - paid.share, fingerprint=rest, is_rest=True),
    )


def prove(
    *,
    wallets: Sequence[Wallet],
    rows: Sequence[SourceRow],
    ours: Mapping[str, Ours],
    books: Sequence[Leg],
    accepted: Mapping[tuple[str, str], Acceptance] | None = None,
    strays: Sequence[Stray] = (),
) -> Balance:
    """`ours` by fingerprint; `accepted` by document and account; `strays`: what we posted from other wallets. A row we
    know nothing of counts as held and is listed."""
    result = Balance(
        accounts={wallet.source_account_id: Line() for wallet in wallets},
        days={wallet.source_account_id: defaultdict(Line) for wallet in wallets},
    )
    standing = {(leg.document_id, leg.account_id): leg for leg in books}  # a list that shifted shows some twice
    books = list(standing.values())
    by_marker = {(leg.marker, leg.account_id): leg for leg in books if leg.marker}
    bank_of = {wallet.source_account_id: wallet.bank_account_id for wallet in wallets}
    told = _Told(standing={leg.document_id for leg in books})
    for row in rows:
        _count_row(result, told, row, ours.get(row.fingerprint), standing, by_marker, bank_of[row.account_id])
    told.strays = {document: stray for stray in strays for document in stray.documents}
    _count_books(result, told, wallets, books, accepted or {})
    result.unproved = unproved(strays, standing=standing, proved=bank_of.values())
    return result


@dataclass(slots=True, kw_only=True)
class _Told:
    """What the rows said: whose documents are expected, and which amounts are held or posted on which days."""

    standing: set[str] = field(default_factory=set)
    documents: set[str] = field(default_factory=set)
    strays: dict[str, Stray] = field(
        default_factory=dict
    )  # by document: posted movements of wallets that are not proved
    held: dict[tuple[str, Decimal], list[tuple[date, str, int | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    posted: dict[tuple[str, Decimal], list[tuple[date, str, int | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )


def _count_row(
    result: Balance,
    told: _Told,
    row: SourceRow,
    mine: Ours | None,
    standing: Standing,
    by_marker: Mapping[tuple[str, str], Leg],
    bank: str,
) -> None:
    found = _document_of(mine, standing, by_marker, bank)
    posted = found is not None or (mine is not None and mine.document_id != "" and not mine.moving)
    day = (found.day if found else mine.day if mine is not None and posted else None) or row.booking_date
    for line in (result.accounts[row.account_id], result.days[row.account_id][day]):
        line.source_sum += row.amount
        line.movements += not row.is_rest
        if posted:
            line.ours += row.amount
        else:
            line.held += row.amount
    item: dict[str, Any] = {
        "source": row.account_id,
        "source_id": row.source_id,
        "booking_date": row.booking_date.isoformat(),
        "amount": _text(row.amount),
        "currency": row.currency,
        "record": mine.record if mine else None,
    }
    (told.posted if posted else told.held)[bank, row.amount].append((day, row.source_id, item["record"]))
    if mine is not None:
        told.documents.update(mine.documents)
    if not posted:
        state, reason = (mine.state, mine.reason) if mine else ("fetched", explaining.NOT_FETCHED)
        told_of = result.skipped if state == "skipped" and not row.amount else result.held_items
        told_of.append({**item, "state": state, "reason": reason, "action": held_action(state, reason)})
    elif found is None:
        assert mine is not None
        action = explaining.MISSING if told.standing.isdisjoint(mine.documents) else explaining.ELSEWHERE
        gone = {"document": mine.document_id, "marker": mine.marker, "action": action}
        result.missing.append({**item, **gone})
    else:
        told.documents.add(found.document_id)
        _compare(result, item, row, found)


def _document_of(
    mine: Ours | None, standing: Standing, by_marker: Mapping[tuple[str, str], Leg], bank: str
) -> Leg | None:
    """What stands in the books for a row: the document we know, or the one that carries its marker (sent, and its answer
    lost or still on the way)."""
    if mine is None:
        return None
    known = (standing.get((one, bank)) for one in mine.documents)
    found = next((leg for leg in known if leg is not None), None)
    if found is not None or mine.documents:
        return found
    return by_marker.get((mine.marker, bank)) if mine.marker else None


def _compare(result: Balance, item: Mapping[str, Any], row: SourceRow, found: Leg) -> None:
    """A document that says another amount than its movement. The day is compared by the sums of each day."""
    if found.amount != row.amount:
        says = {"document": found.document_id, "xero_amount": _text(found.amount), "action": explaining.DIFFERENT}
        result.different.append({**item, **says})


def _count_books(
    result: Balance,
    told: _Told,
    wallets: Sequence[Wallet],
    books: Sequence[Leg],
    accepted: Mapping[tuple[str, str], Acceptance],
) -> None:
    source_of = {wallet.bank_account_id: wallet for wallet in wallets}
    legs_here = [leg for leg in books if leg.account_id in source_of]
    markers = Counter((leg.marker, leg.account_id) for leg in legs_here if leg.marker)
    for leg in legs_here:
        wallet = source_of[leg.account_id]
        lines = (result.accounts[wallet.source_account_id], result.days[wallet.source_account_id][leg.day])
        for line in lines:
            line.xero_sum += leg.amount
            line.documents += 1
        if leg.document_id in told.documents:
            continue
        said = accepted.get((leg.document_id, leg.account_id))
        if said is not None and (said.day, said.amount) == (leg.day, leg.amount):
            for line in lines:
                line.accepted += leg.amount
            result.accepted.append({**_described(leg, wallet), "reason": said.reason, "accepted_by": said.by})
        else:
            twin = markers[leg.marker, leg.account_id] > 1
            result.unexpected.append({**_described(leg, wallet), **_explained(leg, told, twin=twin)})
    result.duplicated = [
        {"marker": marker, "documents": n, "action": explaining.DUPLICATED}
        for (marker, _), n in sorted(markers.items())
        if n > 1
    ]


def _explained(leg: Leg, told: _Told, *, twin: bool) -> dict[str, Any]:
    stray = None if twin else told.strays.get(leg.document_id)
    if stray is not None:
        cause, explanation, action = explaining.moved_away(
            source_id=stray.source_id, wallet=stray.account_id, why=stray.why, is_held=stray.state == "review"
        )
        return {"cause": cause, "explanation": explanation, "action": action, "record": stray.record}
    waits, posted = (_near(found[leg.account_id, leg.amount], leg.day) for found in (told.held, told.posted))
    cause, explanation, action = explaining.unexpected(
        kind=leg.kind,
        reference=leg.reference,
        marker=leg.marker,
        twin=twin,
        reconciled=leg.reconciled,
        waits=waits[1] if waits else "",
        posted=posted[1] if posted else "",
    )
    like = waits or posted
    return {"cause": cause, "explanation": explanation, "action": action, "record": like[2] if like else None}


def _near(found: Sequence[tuple[date, str, int | None]], day: date) -> tuple[date, str, int | None] | None:
    close = [it for it in found if abs((it[0] - day).days) <= LOOKALIKE_DAYS]
    return min(close, key=lambda it: abs((it[0] - day).days), default=None)


def _described(leg: Leg, wallet: Wallet) -> dict[str, Any]:
    return {
        "source": wallet.source_account_id,
        "document": leg.document_id,
        "account_id": leg.account_id,
        "type": leg.kind,
        "date": leg.day.isoformat(),
        "amount": _text(leg.amount),
        "currency": wallet.currency,
        "reference": leg.reference,
        "marker": leg.marker,
    }


def _text(amount: Decimal) -> str:
    """At least two decimals, more only where the amount has more."""
    digits = -int(amount.as_tuple().exponent)
    return f"{amount:.{max(2, digits)}f}"


def report(result: Balance, wallets: Sequence[Wallet]) -> dict[str, Any]:
    """The proof as interfaces promise it: decimal strings, ISO dates."""
    currency = {wallet.source_account_id: wallet.currency for wallet in wallets}
    return {
        **_verdict(result),
        "accounts": [
            {
                "source": account,
                "currency": currency[account],
                **_figures(line),
                "movements": line.movements,
                "documents": line.documents,
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
        "different": result.different,
        "accepted": result.accepted,
        "skipped": result.skipped,
        "unproved": result.unproved,
    }


def _verdict(result: Balance) -> dict[str, Any]:
    known = {"balanced": result.balanced, "accounts": list(result.accounts)}
    return {"balanced": result.balanced, "verdict": verdict(known), "says": says(known)}


def _figures(line: Line) -> dict[str, str]:
    names = ("source_sum", "held", "ours", "xero_sum", "accepted", "difference")
    return {name: f"{getattr(line, name):.2f}" for name in names}
