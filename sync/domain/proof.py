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
from sync.domain.alike import PAYMENTS, Alike, adding_up, made_of, nearest
from sync.domain.explaining import held_action
from sync.domain.match import signed
from sync.domain.pairing import (
    EVER,
    Leg,
    Ours,
    SourceRow,
    Span,
    Undated,
    day_of,
    is_gone,
    known_of,
    own_day,
    pair,
    wholes,
)
from sync.domain.unproved import Stray, says, unproved, verdict


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
    different or left unproved. `skipped`: movements without an amount, which move nothing and wait for nobody.
    `moved_days`: movements whose document stands on another day; told and no difference, because both count on that day.
    `foreign`: by wallet and another currency than its account's, the sums of the movements that name it, by day. No document
    on that account is of their currency, so whatever they amount to differs, held or not."""

    accounts: dict[str, Line] = field(default_factory=dict)
    days: dict[str, dict[date, Line]] = field(default_factory=dict)
    currencies: dict[str, str] = field(default_factory=dict)  # of the bank accounts, by wallet
    foreign: dict[tuple[str, str], dict[date | None, Line]] = field(default_factory=dict)
    held_items: list[dict[str, Any]] = field(default_factory=list)
    missing: list[dict[str, Any]] = field(default_factory=list)
    duplicated: list[dict[str, Any]] = field(default_factory=list)
    unexpected: list[dict[str, Any]] = field(default_factory=list)
    different: list[dict[str, Any]] = field(default_factory=list)
    accepted: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)
    unproved: list[dict[str, Any]] = field(default_factory=list)
    moved_days: list[dict[str, Any]] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        even = bool(self.accounts) and all(line.difference == 0 for line in self.accounts.values())
        even = even and all(line.difference == 0 for days in self.days.values() for line in days.values())
        even = even and all(line.difference == 0 for days in self.foreign.values() for line in days.values())
        return even and not (self.missing or self.duplicated or self.unexpected or self.different or self.unproved)

    def is_foreign(self, account: str, currency: str) -> bool:
        own = self.currencies[account]
        return bool(own) and currency != own

    def lines(self, account: str, day: date | None, *, currency: str) -> list[Line]:
        """Where a movement counts: on its account as a whole, and on a day of it where it has one."""
        if self.is_foreign(account, currency):
            return [self.foreign.setdefault((account, currency), defaultdict(Line))[day]]
        return [self.accounts[account], *([self.days[account][day]] if day else [])]


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
                contact_id=document.contact_id,
                pays=document.pays,
            )
            for account, amount in sides
        ]
    return found


def rest_key(fingerprint: str) -> str:
    """Under which the rest of a movement is told, beside its payment."""
    return f"{fingerprint}:rest"


def in_parts(row: SourceRow, ours: Mapping[str, Ours]) -> tuple[SourceRow, ...]:
    """The row as its payment and its rest, where it became both. Their sum is always the row as the source shows it: of one
    that the source made smaller than what was paid, nothing is left as a rest."""
    paid = ours.get(row.fingerprint)
    rest = rest_key(row.fingerprint)
    if paid is None or paid.share is None or rest not in ours:
        return (row,)
    share = min(paid.share, row.amount, key=abs) if paid.share * row.amount > 0 else paid.share
    if share == row.amount and not ours[rest].document_id:
        return (row,)
    return (
        replace(row, amount=share),
        replace(row, amount=row.amount - share, fingerprint=rest, is_rest=True),
    )


def prove(
    *,
    wallets: Sequence[Wallet],
    rows: Sequence[SourceRow],
    ours: Mapping[str, Ours],
    books: Sequence[Leg],
    accepted: Mapping[tuple[str, str], Acceptance] | None = None,
    strays: Sequence[Stray] = (),
    undated: Sequence[Undated] = (),
    span: Span = EVER,
    not_looked_up: frozenset[str] = frozenset(),
) -> Balance:
    """`ours` by fingerprint; `accepted` by document and account; `strays`: what we posted from other wallets. A row we
    know nothing of counts as held and is listed.

    A movement and its document are one pair, and a pair belongs to the day of the document: the balance of an account on a
    day is what Xero says of that day. `rows` and `books` may reach beyond `span`, so that a pair over its border is seen.
    `not_looked_up`: documents that may stand before what was read of the books. `undated` are held whatever days are
    proved, because nobody knows that they are not of these.
    """
    result = Balance(
        accounts={wallet.source_account_id: Line() for wallet in wallets},
        days={wallet.source_account_id: defaultdict(Line) for wallet in wallets},
        currencies={wallet.source_account_id: wallet.currency for wallet in wallets},
    )
    books = list({leg.side: leg for leg in books}.values())  # a list that shifted shows some twice
    bank_of = {wallet.source_account_id: wallet.bank_account_id for wallet in wallets}
    told = _Told(span=span, standing={leg.document_id for leg in books}, not_looked_up=not_looked_up)
    pairs = pair(rows, ours, books, bank_of)
    for row, found in zip(rows, pairs, strict=True):
        _count_row(result, told, row, ours.get(row.fingerprint), found, bank_of[row.account_id])
    for whole, mine, found in wholes(rows, pairs, ours):
        if not result.is_foreign(whole.account_id, whole.currency):
            told.may_be_others(whole, mine, found, bank_of[whole.account_id])
    for one in undated:
        _count_undated(result, told, one, ours.get(one.fingerprint))
    told.strays = {document: stray for stray in strays for document in stray.documents}
    _count_books(result, told, wallets, books, ours, accepted or {})
    inside = [leg.side for leg in books if leg.day in span]
    result.unproved = unproved(strays, standing=inside, proved=bank_of.values())
    return result


@dataclass(slots=True, kw_only=True)
class _Told:
    """What the rows said: which sides of documents are theirs, and which amounts are held or posted on which days."""

    span: Span
    standing: set[str]
    not_looked_up: frozenset[str]
    read: set[str] = field(default_factory=set)  # fingerprints of the rows
    claimed: set[tuple[str, str]] = field(default_factory=set)
    claimed_documents: set[str] = field(default_factory=set)
    known: dict[str, list[tuple[str, Ours]]] = field(default_factory=dict)
    strays: dict[str, Stray] = field(
        default_factory=dict
    )  # by document: posted movements of wallets that are not proved
    held: dict[tuple[str, Decimal], list[Alike]] = field(default_factory=lambda: defaultdict(list))
    posted: dict[tuple[str, Decimal], list[Alike]] = field(default_factory=lambda: defaultdict(list))
    gone: dict[tuple[str, Decimal], list[Alike]] = field(
        default_factory=lambda: defaultdict(list)
    )  # posted, and the document stands no more; of all days that were read
    held_as: dict[int | None, Ours] = field(default_factory=dict)  # by record; of one in two parts its payment
    offered: Mapping[str, Ours] = field(
        default_factory=dict
    )  # by document of others: the movement that it is offered to
    parts: Mapping[str, Ours] = field(default_factory=dict)  # the same of those that make one movement together

    def may_be_others(self, row: SourceRow, mine: Ours | None, found: Leg | None, bank: str) -> None:
        """Documents of others may be this movement as well."""
        gone, day = is_gone(mine, found), day_of(row, mine, found)
        if gone or day in self.span:
            alike = self.gone if gone else self.posted if found else self.held
            alike[bank, row.amount].append(Alike(day, row, mine.record if mine else None))


def _count_row(result: Balance, told: _Told, row: SourceRow, mine: Ours | None, found: Leg | None, bank: str) -> None:
    told.read.add(row.fingerprint)
    if found is not None:
        told.claimed.add(found.side)
        told.claimed_documents.add(found.document_id)
    gone, day = is_gone(mine, found), day_of(row, mine, found)
    item: dict[str, Any] = {
        "source": row.account_id,
        "source_id": row.source_id,
        "booking_date": row.booking_date.isoformat(),
        "amount": _text(row.amount),
        "currency": row.currency,
        "record": mine.record if mine else None,
    }
    if found is not None and mine is not None:
        _tell_day(result, told, item, row, mine, found)
    if not result.is_foreign(row.account_id, row.currency):
        told.may_be_others(row, mine, found, bank)
    if day not in told.span:
        return
    _add(result, row, day, is_posted=found is not None or gone)
    if found is not None:
        _compare(result, item, row, found)
    elif gone and mine is not None:
        _tell_missing(result, told, item, row, mine)
    else:
        _tell_held(result, told, item, row.amount, mine)


def _add(result: Balance, one: SourceRow | Undated, day: date | None, *, is_posted: bool) -> None:
    is_foreign = result.is_foreign(one.account_id, one.currency)
    for line in result.lines(one.account_id, day, currency=one.currency):
        line.source_sum += one.amount
        line.movements += not one.is_rest
        if is_posted:
            line.ours += one.amount
        elif not is_foreign:
            line.held += one.amount


def _count_undated(result: Balance, told: _Told, one: Undated, mine: Ours | None) -> None:
    _add(result, one, None, is_posted=False)
    item = {
        "source": one.account_id,
        "source_id": one.source_id,
        "booking_date": "",
        "amount": _text(one.amount),
        "currency": one.currency,
        "record": mine.record if mine else None,
    }
    _tell_held(result, told, item, one.amount, mine)


def _tell_held(result: Balance, told: _Told, item: Mapping[str, Any], amount: Decimal, mine: Ours | None) -> None:
    state, reason = (mine.state, mine.reason) if mine else ("fetched", explaining.NOT_FETCHED)
    if mine is not None:
        told.held_as.setdefault(mine.record, mine)
    told_of = result.skipped if state == "skipped" and not amount else result.held_items
    kind = "half_undone" if mine is not None and mine.halfway else state
    action = held_action(kind, reason)
    if amount and result.is_foreign(item["source"], item["currency"]):
        action = explaining.in_other_currency(item["currency"], of=result.currencies[item["source"]])
    told_of.append({**item, "state": state, "reason": reason, "action": action})


def _tell_missing(result: Balance, told: _Told, item: Mapping[str, Any], row: SourceRow, mine: Ours) -> None:
    if row.is_rest and not row.amount:
        return  # nothing was left for that document
    lost = next((one for one in mine.documents if one not in told.standing), mine.document_id)
    step = {"document": lost, "marker": mine.marker, "action": _step_of_missing(told, mine)}
    result.missing.append({**item, **step})


def _step_of_missing(told: _Told, mine: Ours) -> str:
    if told.standing.issuperset(mine.documents):
        return explaining.ELSEWHERE
    return explaining.MISSING if told.not_looked_up.isdisjoint(mine.documents) else explaining.GONE_OR_EARLIER


def _tell_day(result: Balance, told: _Told, item: Mapping[str, Any], row: SourceRow, mine: Ours, found: Leg) -> None:
    """A movement whose document stands on another day, where either of the two is proved."""
    own = own_day(row, mine)
    if found.day == own or (found.day not in told.span and own not in told.span):
        return
    why = (
        "linked" if mine.is_linked
        else "transfer" if found.day == mine.booked and found.kind == DocumentKind.BANK_TRANSFER and found.amount > 0
        else "payment" if found.day == mine.booked and found.kind in PAYMENTS
        else "source" if found.day == mine.booked
        else "lock" if found.day == mine.day
        else "books"
    )  # fmt: skip
    explanation, action = explaining.moved_day(
        why=why, stands=found.day, counts=found.day in told.span, own_counts=own in told.span
    )
    says = {"document": found.document_id, "type": found.kind, "date": found.day.isoformat(), "marker": found.marker}
    counted = {"counted": found.day in told.span, "explanation": explanation, "action": action}
    result.moved_days.append({**item, "booking_date": own.isoformat(), **says, **counted})


def _compare(result: Balance, item: Mapping[str, Any], row: SourceRow, found: Leg) -> None:
    """A document that says another amount than its movement, or that in another currency, or whose movement may be none. Of
    the day `moved_days` tells."""
    own = result.currencies[row.account_id]
    if result.is_foreign(row.account_id, row.currency):
        action = explaining.in_other_currency(row.currency, of=own)
    elif row.in_doubt:
        action = explaining.IN_DOUBT
    elif found.amount != row.amount:
        action = explaining.different(is_payment=found.kind in PAYMENTS, is_nothing=not row.amount)
    else:
        return
    says = {"document": found.document_id, "xero_amount": _text(found.amount), "xero_currency": own, "action": action}
    result.different.append({**item, **says})


def _count_books(
    result: Balance,
    told: _Told,
    wallets: Sequence[Wallet],
    books: Sequence[Leg],
    ours: Mapping[str, Ours],
    accepted: Mapping[tuple[str, str], Acceptance],
) -> None:
    source_of = {wallet.bank_account_id: wallet for wallet in wallets}
    legs_here = [leg for leg in books if leg.account_id in source_of]
    markers = Counter((leg.marker, leg.account_id) for leg in legs_here if leg.marker)
    inside = [leg for leg in legs_here if leg.day in told.span]
    told.known = known_of((leg for leg in inside if leg.side not in told.claimed), ours)
    told.offered = {document: mine for mine in ours.values() for document in mine.offered}
    told.parts = {document: mine for mine in ours.values() for document in mine.in_parts}
    for leg in inside:
        wallet = source_of[leg.account_id]
        lines = (result.accounts[wallet.source_account_id], result.days[wallet.source_account_id][leg.day])
        for line in lines:
            line.xero_sum += leg.amount
            line.documents += 1
        if leg.side in told.claimed:
            continue
        said = accepted.get(leg.side)
        if said is not None and (said.day, said.amount) == (leg.day, leg.amount):
            for line in lines:
                line.accepted += leg.amount
            result.accepted.append({**_described(leg, wallet), "reason": said.reason, "accepted_by": said.by})
        else:
            twin = markers[leg.marker, leg.account_id] > 1
            result.unexpected.append({**_described(leg, wallet), **_explained(leg, told, twin=twin)})
    _explain_sums(result, told, [leg for leg in inside if leg.side not in told.claimed])
    shown = {(leg.marker, leg.account_id) for leg in inside}
    result.duplicated = [
        {"marker": marker, "documents": n, "action": explaining.DUPLICATED}
        for (marker, account), n in sorted(markers.items())
        if n > 1 and (marker, account) in shown
    ]


def _explained(leg: Leg, told: _Told, *, twin: bool) -> dict[str, Any]:
    stray = None if twin else told.strays.get(leg.document_id)
    if stray is not None:
        cause, explanation, action = explaining.moved_away(
            source_id=stray.source_id, wallet=stray.account_id, why=stray.why, is_held=stray.state == "review"
        )
        return {"cause": cause, "explanation": explanation, "action": action, "record": stray.record}
    known = None if twin else _known(leg, told)
    if known is not None:
        return known
    asked = None if twin else _asked_about(leg, told)
    if asked is not None:
        return asked
    waits, gone, posted = (
        nearest(alike.get((leg.account_id, leg.amount), ()), leg.day) for alike in (told.held, told.gone, told.posted)
    )
    cause, explanation, action = explaining.unexpected(
        kind=leg.kind,
        reference=leg.reference,
        marker=leg.marker,
        twin=twin,
        reconciled=leg.reconciled,
        waits=waits.source_id if waits else "",
        link=_link_step(leg, waits, told.held_as.get(waits.record)) if waits else "",
        gone=gone.source_id if gone else "",
        posted=posted.source_id if posted else "",
    )
    like = waits or gone or posted
    return {"cause": cause, "explanation": explanation, "action": action, "record": like.record if like else None}


def _explain_sums(result: Balance, told: _Told, legs: Sequence[Leg]) -> None:
    """Documents that no single movement explains, and that are movements in sum. `legs`: they, and those accepted before."""
    unclear = {
        (item["document"], item["account_id"]): item
        for item in result.unexpected
        if item["cause"] in explaining.BY_NOTHING_ELSE
    }
    if not unclear:
        return
    known = {(item["document"], item["account_id"]) for item in result.accepted} | unclear.keys()
    asked = [leg for leg in legs if leg.side in known]
    waits, posted, several = adding_up(asked, told.held), adding_up(asked, told.posted), made_of(asked, told.posted)
    for side, item in unclear.items():
        if side in waits or side in posted:
            one, others = waits.get(side) or posted[side]
            says = explaining.part_of(source_id=one.source_id, day=one.day, others=others, is_posted=side not in waits)
        elif side in several:
            one = several[side][0]
            says = explaining.sum_of([it.source_id for it in several[side]])
        else:
            continue
        item |= dict(zip(("cause", "explanation", "action"), says, strict=True)) | {"record": one.record}


def _asked_about(leg: Leg, told: _Told) -> dict[str, Any] | None:
    """A document, of whatever day, of which a person is asked whether it is a movement, or is one together with others."""
    mine, whole = told.offered.get(leg.document_id), told.parts.get(leg.document_id)
    if mine is not None:
        says = explaining.offered(source_id=mine.source_id, fits=mine.offer_fits)
    elif whole is not None:
        day, others = whole.booked or leg.day, len(whole.in_parts) - 1
        says = explaining.part_of(source_id=whole.source_id, day=day, others=others, is_posted=False)
    else:
        return None
    asked = mine or whole
    return dict(zip(("cause", "explanation", "action"), says, strict=True)) | {
        "record": asked.record if asked else None
    }


def _link_step(leg: Leg, waits: Alike, mine: Ours | None) -> str:
    """What to do where this document looks like a movement that is held."""
    if mine is None:
        return explaining.link_step("fetched")
    is_part = waits.row.is_rest or (bool(mine.share) and mine.share == waits.row.amount)
    return explaining.link_step(
        mine.state, is_offered=leg.document_id in mine.offered, fits=mine.offer_fits, is_rest=is_part
    )


def _known(leg: Leg, told: _Told) -> dict[str, Any] | None:
    """What our own tables say about a side of a document that no row claims."""
    found = told.known.get(leg.document_id) or told.known.get(leg.marker)
    if not found:
        return None
    fingerprint, mine = min(found, key=lambda it: it[0] not in told.read)  # of a transfer the row that was read
    if leg.document_id not in mine.documents and (fingerprint in told.read or leg.document_id in mine.former):
        return _of_its_past(leg, told, mine, is_read=fingerprint in told.read)
    cause, explanation, action = explaining.known(
        source_id=mine.source_id,
        wallet=mine.account_id,
        day=mine.booked,
        is_linked=mine.is_linked,
        is_its_document=leg.document_id in mine.documents,
        is_read=fingerprint in told.read,
        is_claimed=leg.document_id in told.claimed_documents,
    )
    return {"cause": cause, "explanation": explanation, "action": action, "record": mine.record}


def _of_its_past(leg: Leg, told: _Told, mine: Ours, *, is_read: bool) -> dict[str, Any]:
    """A document that was linked to a movement, or that carries a marker of one whose own document it is not."""
    whose: dict[str, Any] = {"source_id": mine.source_id, "wallet": mine.account_id, "day": mine.booked}
    own = next((one for one in mine.documents if one in told.standing), "")
    if leg.document_id in mine.former:
        cause, explanation, action = explaining.unlinked(**whose, has_other=bool(mine.documents), is_read=is_read)
    else:
        cause, explanation, action = explaining.copied(
            **whose, has_other=bool(own), is_out=mine.state == "undone", was_posted_again=leg.marker in mine.former
        )
    return {"cause": cause, "explanation": explanation, "action": action, "record": mine.record}


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
    own = [_account(it, currency[it], line, result.days[it].items()) for it, line in result.accounts.items()]
    return {
        **_verdict(result),
        "accounts": own + [_foreign(*place, days) for place, days in result.foreign.items()],
        "held_items": result.held_items,
        "missing": result.missing,
        "duplicated": result.duplicated,
        "unexpected": result.unexpected,
        "different": result.different,
        "accepted": result.accepted,
        "skipped": result.skipped,
        "unproved": result.unproved,
        "moved_days": result.moved_days,
    }


def _account(source: str, currency: str, line: Line, days: Iterable[tuple[date, Line]]) -> dict[str, Any]:
    return {
        "source": source,
        "currency": currency,
        **_figures(line),
        "movements": line.movements,
        "documents": line.documents,
        "days": [{"date": day.isoformat(), **_figures(one)} for day, one in sorted(days)],
    }


def _foreign(source: str, currency: str, days: Mapping[date | None, Line]) -> dict[str, Any]:
    """A wallet's movements of another currency than its bank account's, as an account of its own."""
    whole = Line(
        source_sum=sum((line.source_sum for line in days.values()), ZERO),
        ours=sum((line.ours for line in days.values()), ZERO),
        movements=sum(line.movements for line in days.values()),
    )
    return _account(source, currency, whole, ((day, line) for day, line in days.items() if day is not None))


def _verdict(result: Balance) -> dict[str, Any]:
    known = {"balanced": result.balanced, "accounts": list(result.accounts)}
    return {"balanced": result.balanced, "verdict": verdict(known), "says": says(known)}


def _figures(line: Line) -> dict[str, str]:
    names = ("source_sum", "held", "ours", "xero_sum", "accepted", "difference")
    return {name: _text((getattr(line, name) + ZERO).normalize()) for name in names}
