"""Which open invoice or bill a movement pays: proposals with a score and its reasons, and when one of them may post itself.

Pure. Evidence adds up to at most 100: a structured reference 65, the whole number 60, a short number 40; the amount 30 (15
through a rate), the contact 30, the date 5. Nothing here learns from anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from connectors.contract.errors import Finding, Severity
from connectors.contract.money import ZERO, Money, round_half_up
from connectors.contract.records import Allocation, OpenItem
from sync.domain.contacts import normalised_name
from sync.domain.invoice_sets import MOST_ITEMS, sets_worth
from sync.domain.open_items import Naming, OpenItems
from sync.domain.payment_references import references_in
from sync.domain.worth import Reach, Worth, worth

# What a person accepts by booking a movement as money received or spent although an invoice may be meant.
DOUBTS = frozenset({"invoice_found", "invoice_closed", "overpaid", "paid_more_abroad", "third_currency", "choice_gone"})
FULL = 100
FLOOR = 35  # below, a proposal is noise
MARGIN = 15  # the best one posts itself only where the second best is this far behind
MOST_PROPOSALS = 5
AMOUNT, NEAR_AMOUNT, CONTACT, IN_TIME = 30, 15, 30, 5
BEFORE, AFTER = timedelta(days=10), timedelta(days=400)
DOUBTED = 75  # at the most where what is named cannot be told to be meant
SHORT_SHARE, SHORT_SUM = Decimal("0.03"), Decimal("1.00")  # a discount taken, a charge of the bank


class Pays(StrEnum):
    """What a proposal would do to what is due."""

    ALL = "all"
    PART = "part"
    SHORT = "short"  # all but a few cents or a discount: a person says which
    SEVERAL = "several"
    MORE = "more"  # more than is due: said; proposed only where the rest has a place
    CONVERTED = "converted"  # the invoice is in another currency than the wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A movement that may pay something; `amount` unsigned. `coded`: a rule says already how it is booked.

    `rates`: foreign units for one base unit, by currency, where one is known.
    """

    amount: Money
    incoming: bool
    day: date
    reference: str = ""
    text: str = ""
    name: str = ""
    contact_id: str = ""
    coded: bool = False
    base_currency: str = ""
    rates: Mapping[str, Decimal] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Payments that would be made. `rest`: what is left due of the items. `over`: what is left of the movement."""

    pays: Pays
    allocations: tuple[Allocation, ...]
    score: int
    reasons: tuple[str, ...]
    rest: Decimal = ZERO
    over: Decimal = ZERO
    proven: bool = False  # a reference or a whole number names every item
    doubted: bool = False  # never by itself and never with others at once, whatever it scores

    @property
    def key(self) -> str:
        return ",".join(f"{part.invoice_id}={part.amount}" for part in self.allocations)

    @property
    def total(self) -> Decimal:
        return sum((part.amount for part in self.allocations), ZERO)

    @property
    def may_post_itself(self) -> bool:
        """A part only where it is proven what it is a part of; a short sum never."""
        if self.pays is Pays.SHORT or self.doubted:
            return False
        return self.proven or self.pays is Pays.ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Proposals, best first, and what is to be said whatever becomes of them."""

    proposals: tuple[Proposal, ...] = ()
    findings: tuple[Finding, ...] = ()


def find(receipt: Receipt, items: OpenItems, *, rest_has_place: bool = False) -> Found:
    """What the movement may pay. `rest_has_place`: what is paid too much may be booked apart, so it is proposed as well."""
    named = items.named_in(receipt.reference, receipt.text, sales=receipt.incoming)
    singles = [it for it in (_single(receipt, item, items, named) for item in _candidates(receipt, items, named)) if it]
    proposals = [_said_whose(receipt, items, it) for it in (*singles, *_several(receipt, items, named, singles))]
    if receipt.coded:
        proposals = [proposal for proposal in proposals if proposal.proven or proposal.doubted]
    best = sorted(proposals, key=lambda it: (-it.score, it.pays is not Pays.ALL, it.key))
    payable = [proposal for proposal in best if not proposal.over or (rest_has_place and _says_all(proposal, best))]
    findings = (*_wrong_references(receipt), *_nothing_left(receipt, items, named, payable))
    return Found(proposals=tuple(payable[:MOST_PROPOSALS]), findings=findings)


def _says_all(proposal: Proposal, others: Sequence[Proposal]) -> bool:
    """May its rest be booked apart? Only where it is proven what is paid, and nothing else that is named is left out."""
    paid = {part.invoice_id for part in proposal.allocations}
    more = [{part.invoice_id for part in other.allocations} for other in others if other.over]
    return proposal.proven and not any(paid < other for other in more)


def _said_whose(receipt: Receipt, items: OpenItems, proposal: Proposal) -> Proposal:
    """Our own numbers are proof whoever pays. Suppliers number their bills themselves and alike, so the number of a bill is
    proof only together with its supplier."""
    paid = [items.by_id[part.invoice_id] for part in proposal.allocations]
    others = dict.fromkeys(item.contact_name for item in paid if not _is_contact(receipt, item))
    if not others or not (proposal.proven or proposal.doubted):
        return proposal
    who, whose = receipt.name or "somebody without a name", " and ".join(others)
    if receipt.incoming:
        said = f"paid by {who} for {whose}: the number is our own, so anybody may pay it"
        return replace(proposal, reasons=(*proposal.reasons, said))
    said = (
        f"but it is a bill of {whose}, and {who} is paid: suppliers number their bills themselves, so compare the two"
    )
    return _doubted(replace(proposal, reasons=(*proposal.reasons, said)))


def choose(found: Found, *, threshold: int) -> Proposal | None:
    """The proposal that may post itself: at or above the threshold, and clearly ahead of the second one."""
    if not found.proposals or any(finding.severity is Severity.REVIEW for finding in found.findings):
        return None
    best, *others = found.proposals
    if best.score < threshold or not best.may_post_itself:
        return None
    return None if others and best.score - others[0].score < MARGIN else best


# ---------------------------------------------------------------- one document


def _candidates(receipt: Receipt, items: OpenItems, named: Mapping[str, Naming]) -> Iterable[OpenItem]:
    found = [items.by_id[key] for key, naming in named.items() if naming]
    found += _of_contact(receipt, items)
    found += items.by_amount.get((receipt.incoming, receipt.amount.currency, receipt.amount.amount), ())
    return {item.invoice_id: item for item in found if items.left(item)}.values()


def _of_contact(receipt: Receipt, items: OpenItems) -> list[OpenItem]:
    keys = {receipt.contact_id, normalised_name(receipt.name).core} - {""}
    found = [item for key in keys for item in items.by_contact.get((receipt.incoming, key), ())]
    return [item for item in found if _is_contact(receipt, item) and items.left(item)]


def _is_contact(receipt: Receipt, item: OpenItem) -> bool:
    if receipt.contact_id and receipt.contact_id == item.contact_id:
        return True
    return normalised_name(receipt.name).agrees_with(normalised_name(item.contact_name))


def _single(receipt: Receipt, item: OpenItem, items: OpenItems, named: Mapping[str, Naming]) -> Proposal | None:
    naming, left = named.get(item.invoice_id, Naming.NOT), items.left(item)
    if not naming.is_proof and not _in_time(receipt, item):
        return None
    if item.total.currency != receipt.amount.currency:
        return _converted(receipt, item, left, naming)
    pays, rest = _outcome(receipt.amount.amount, left)
    if not naming and pays not in (Pays.ALL, Pays.PART, Pays.SHORT):
        return None
    exact = AMOUNT if pays is Pays.ALL else 0
    over = max(receipt.amount.amount - left, ZERO)
    said = _amount_words(pays, receipt.amount, rest or over)
    parts = (_part(item, min(receipt.amount.amount, left)),)
    found = _scored(receipt, parts, item, naming, exact, said, pays, rest)
    return None if found is None else replace(found, over=over)


def _outcome(amount: Decimal, left: Decimal) -> tuple[Pays, Decimal]:
    if amount == left:
        return Pays.ALL, ZERO
    if amount > left:
        return Pays.MORE, ZERO
    missing = left - amount
    is_short = missing <= max(SHORT_SUM, round_half_up(left * SHORT_SHARE, 2))
    return (Pays.SHORT if is_short else Pays.PART), missing


def _amount_words(pays: Pays, amount: Money, rest: Decimal) -> str:
    currency = amount.currency
    return {
        Pays.ALL: f"the amount {amount} is exactly what is due",
        Pays.PART: f"the amount {amount} is a part of what is due; {currency} {rest:,.2f} stays open",
        Pays.SHORT: f"{currency} {rest:,.2f} is missing: a discount, or a charge of the bank? It stays open",
        Pays.MORE: f"{currency} {rest:,.2f} more than is due",
    }[pays]


def _scored(
    receipt: Receipt,
    parts: tuple[Allocation, ...],
    item: OpenItem,
    naming: Naming,
    points: int,
    amount_words: str,
    pays: Pays,
    rest: Decimal,
) -> Proposal | None:
    reasons = [_naming_words(naming, item)] if naming else []
    reasons.append(amount_words)
    points += naming
    if _is_contact(receipt, item):
        points += CONTACT
        reasons.append(f"the name agrees with {item.contact_name}")
    if _in_time(receipt, item):
        points += IN_TIME
        reasons.append(_due_words(item))
    if points < FLOOR:
        return None
    return Proposal(
        pays=pays,
        allocations=parts,
        score=min(points, FULL),
        reasons=tuple(reasons),
        rest=rest,
        proven=naming.is_proof,
    )


def _naming_words(naming: Naming, item: OpenItem) -> str:
    if naming is Naming.REFERENCE:
        return f"the payment reference names {item.number or item.reference}"
    return f"the text names {item.number}" if naming is Naming.NUMBER else f"the text may mean {item.number}"


def _due_words(item: OpenItem) -> str:
    return f"due {item.due_date:%-d %b %Y}" if item.due_date else f"of {item.date:%-d %b %Y}"


def _in_time(receipt: Receipt, item: OpenItem) -> bool:
    """Paid after it was written (or a few days before), and not more than a year after it was due."""
    return item.date - BEFORE <= receipt.day <= (item.due_date or item.date) + AFTER


def _part(item: OpenItem, amount: Decimal) -> Allocation:
    return Allocation(
        invoice_id=item.invoice_id,
        number=item.number,
        amount=amount,
        currency=item.total.currency,
        contact_id=item.contact_id,
        contact_name=item.contact_name,
    )


# -------------------------------------------------------------- other currency


def _converted(receipt: Receipt, item: OpenItem, left: Decimal, naming: Naming) -> Proposal | None:
    """An invoice in another currency: proven by its reference, and worth it. Where it pays a part, how much is a person's to
    say; where nobody can compare the two, a person's alone."""
    found = _worth(receipt, item, left) if naming.is_proof else None
    if found is None or found.reach is Reach.MORE or not found.pays:
        return None
    is_whole = found.reach is Reach.ALL
    points = NEAR_AMOUNT if is_whole else 0
    parts = (_part(item, found.pays),)
    proposal = _scored(receipt, parts, item, naming, points, found.words, Pays.CONVERTED, left - found.pays)
    if proposal is None or is_whole:
        return proposal
    return _doubted(proposal) if found.reach is Reach.UNKNOWN else replace(proposal, proven=False)


def _doubted(proposal: Proposal) -> Proposal:
    """For a person who looks at it, and at nothing but it."""
    return replace(proposal, proven=False, doubted=True, score=min(proposal.score, DOUBTED))


def _worth(receipt: Receipt, item: OpenItem, left: Decimal) -> Worth | None:
    due = Money(amount=left, currency=item.total.currency)
    return worth(receipt.amount, due, base=receipt.base_currency, rates=receipt.rates or {}, own=item.rate)


# ------------------------------------------------------------ several documents


def _several(
    receipt: Receipt, items: OpenItems, named: Mapping[str, Naming], singles: Sequence[Proposal]
) -> list[Proposal]:
    """One movement for several items: those that the text lists, else the one set of the contact's with this sum."""
    listed = _listed(receipt, items, named)
    if len(listed) > 1:
        return _of_listed(receipt, items, listed)
    if any(proposal.pays is Pays.ALL and proposal.score >= AMOUNT + CONTACT for proposal in singles):
        return []
    own = [item for item in _distinct(_of_contact(receipt, items)) if item.total.currency == receipt.amount.currency]
    own = sorted((item for item in own if _in_time(receipt, item)), key=_oldest_first)
    if len(own) > MOST_ITEMS:
        return []
    sums = [(item.invoice_id, items.left(item)) for item in own]
    found = sets_worth(receipt.amount.amount, sums)
    return [_set_of(receipt, items, [items.by_id[key] for key in keys], unique=len(found) == 1) for keys in found]


def _listed(receipt: Receipt, items: OpenItems, named: Mapping[str, Naming]) -> list[OpenItem]:
    """Open items named by their whole numbers; of two with one number, the one of this contact."""
    sure = [items.by_id[key] for key, naming in named.items() if naming.is_proof]
    open_ones = [item for item in sure if items.left(item) and item.total.currency == receipt.amount.currency]
    by_number: dict[str, list[OpenItem]] = {}
    for item in open_ones:
        by_number.setdefault(item.number, []).append(item)
    return [
        item
        for alike in by_number.values()
        for item in (alike if len(alike) == 1 else [it for it in alike if _is_contact(receipt, it)][:1])
    ]


def _of_listed(receipt: Receipt, items: OpenItems, listed: list[OpenItem]) -> list[Proposal]:
    total = sum((items.left(item) for item in listed), ZERO)
    numbers = ", ".join(item.number for item in listed)
    of_contact = all(_is_contact(receipt, item) for item in listed)
    points = Naming.NUMBER + CONTACT * of_contact + IN_TIME
    reasons = [f"the text names {numbers}", *(["the name agrees"] if of_contact else [])]
    amount = receipt.amount.amount
    if total == amount:
        parts = tuple(_part(item, items.left(item)) for item in listed)
        return [_batch(parts, points + AMOUNT, [*reasons, f"together exactly {receipt.amount}"], proven=True)]
    if total < amount:
        parts = tuple(_part(item, items.left(item)) for item in listed)
        words = _amount_words(Pays.MORE, receipt.amount, amount - total)
        return [replace(_batch(parts, points, [*reasons, words], proven=True), pays=Pays.MORE, over=amount - total)]
    parts = _oldest_filled(amount, items, listed)
    rest = total - amount
    words = f"{receipt.amount.currency} {rest:,.2f} of them stays open; the oldest are paid first"
    return [_batch(parts, points, [*reasons, words], rest=rest)] if len(parts) > 1 else []


def _oldest_filled(amount: Decimal, items: OpenItems, listed: list[OpenItem]) -> tuple[Allocation, ...]:
    parts = []
    for item in sorted(listed, key=_oldest_first):
        paid = min(amount, items.left(item))
        if paid > 0:
            parts.append(_part(item, paid))
        amount -= paid
    return tuple(parts)


def _set_of(receipt: Receipt, items: OpenItems, chosen: list[OpenItem], *, unique: bool) -> Proposal:
    parts = tuple(_part(item, items.left(item)) for item in chosen)
    reasons = [
        f"{len(chosen)} open documents of {chosen[0].contact_name} make exactly {receipt.amount}",
        "no other ones do" if unique else "others do, too",
    ]
    return _batch(parts, AMOUNT + CONTACT + (IN_TIME if unique else -IN_TIME), reasons)


def _batch(
    parts: tuple[Allocation, ...], points: int, reasons: list[str], *, rest: Decimal = ZERO, proven: bool = False
) -> Proposal:
    return Proposal(
        pays=Pays.SEVERAL,
        allocations=parts,
        score=min(points, FULL),
        reasons=tuple(reasons),
        rest=rest,
        proven=proven,
    )


def _oldest_first(item: OpenItem) -> tuple[date, str]:
    return item.due_date or item.date, item.invoice_id


def _distinct(found: Iterable[OpenItem]) -> list[OpenItem]:
    return list({item.invoice_id: item for item in found}.values())


# ------------------------------------------------------------- what is said, too


def _wrong_references(receipt: Receipt) -> tuple[Finding, ...]:
    wrong = references_in(receipt.reference, receipt.text).wrong
    return tuple(
        Finding(
            code="reference_wrong",
            message=f"The payment reference {reference} has a wrong check digit, so no invoice was looked for by it.",
            severity=Severity.NOTE,
            detail=reference,
        )
        for reference in wrong
    )


def _nothing_left(
    receipt: Receipt, items: OpenItems, named: Mapping[str, Naming], proposals: Sequence[Proposal]
) -> tuple[Finding, ...]:
    """The movement names something that cannot take it: paid, voided, too small, or in a third currency."""
    sure = _surely_named(receipt, items, named)
    payable = {part.invoice_id for proposal in proposals for part in proposal.allocations}
    if not sure or any(item.invoice_id in payable for item in sure):
        return ()
    listed = ", ".join(dict.fromkeys(_whose_number(receipt, item) for item in sure))
    left = [item for item in sure if items.left(item)]
    if not left:
        return (_finding("invoice_closed", _closed_words(sure[0], listed), listed),)
    same = [items.left(item) for item in left if item.total.currency == receipt.amount.currency]
    if same:
        return (_finding("overpaid", _overpaid_words(receipt, listed, sum(same, ZERO)), listed),)
    found = _worth(receipt, left[0], items.left(left[0]))
    if found is not None and found.reach is Reach.MORE:
        return (_finding("paid_more_abroad", _more_words(receipt, listed, found), listed),)
    return (_finding("third_currency", _currency_words(receipt, left[0]), listed),)


def _surely_named(receipt: Receipt, items: OpenItems, named: Mapping[str, Naming]) -> list[OpenItem]:
    """Of bills of several suppliers with one number those of this one, where there are any."""
    sure = [items.by_id[key] for key, naming in named.items() if naming.is_proof]
    own = [] if receipt.incoming else [item for item in sure if _is_contact(receipt, item)]
    return own or sure


def _whose_number(receipt: Receipt, item: OpenItem) -> str:
    return item.number if receipt.incoming or _is_contact(receipt, item) else f"{item.number} of {item.contact_name}"


def _closed_words(item: OpenItem, listed: str) -> str:
    why = {"PAID": "paid or credited already", "VOIDED": "voided", "DELETED": "deleted"}.get(item.status)
    why = why or ("not approved yet" if item.status in ("DRAFT", "SUBMITTED") else "covered by another movement")
    return (
        f"This movement names {listed}, which is {why}. Was it paid twice? Book it as it is, for example to be paid back, or "
        "handle it by hand in Xero."
    )


def _overpaid_words(receipt: Receipt, listed: str, total: Decimal) -> str:
    over = receipt.amount.amount - total
    return (
        f"{receipt.amount} was paid for {listed}, of which {receipt.amount.currency} {total:,.2f} is due: {over:,.2f} too much. "
        "Millrace makes no overpayment, because nobody could take it back. Allocate it by hand in Xero, or book it as it is."
    )


def _currency_words(receipt: Receipt, item: OpenItem) -> str:
    return (
        f"This movement names {item.number}, which is in {item.total.currency}, and was paid with {receipt.amount}. Millrace "
        f"cannot tell how much of it is paid. Allocate it by hand in Xero, or book it as it is."
    )


def _more_words(receipt: Receipt, listed: str, found: Worth) -> str:
    return (
        f"{receipt.amount} was paid for {listed}, {found.words}. Millrace makes no overpayment, because nobody could take it "
        "back. Allocate it by hand in Xero, or book it as it is."
    )


def _finding(code: str, message: str, detail: str) -> Finding:
    return Finding(code=code, message=message, detail=detail)


def to_json(proposal: Proposal, items: OpenItems) -> dict[str, Any]:
    """For the decision trace: all that a person needs to compare both sides. Amounts as decimal strings."""
    return {
        "key": proposal.key,
        "pays": proposal.pays.value,
        "score": proposal.score,
        "doubted": proposal.doubted,
        "reasons": list(proposal.reasons),
        "rest": str(proposal.rest),
        "over": str(proposal.over),
        "items": [_item_json(part, items.by_id[part.invoice_id], items) for part in proposal.allocations],
    }


def _item_json(part: Allocation, item: OpenItem, items: OpenItems) -> dict[str, Any]:
    left = items.left(item)
    return {
        "invoice_id": item.invoice_id,
        "sales": item.sales,
        "number": item.number,
        "reference": item.reference,
        "contact": item.contact_name,
        "date": item.date.isoformat(),
        "due_date": item.due_date.isoformat() if item.due_date else None,
        "currency": item.total.currency,
        "total": str(item.total.amount),
        "due": str(left),
        "paid": str(part.amount),
        "stays": str(left - part.amount),
    }
