"""Which payment came back, which purchase was refunded: the source names no link, so amount, name, text and date decide.

What is not certain is said with its degree; what could be several differently coded ones is left to a person. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from connectors.contract.errors import Finding, Severity
from connectors.contract.money import ZERO, Money
from connectors.contract.records import LineItem, MirrorDocument, Movement, SourceTransaction
from sync.domain.coding_case import NOTHING_REMEMBERED, Remembered
from sync.domain.contacts import normalised_name
from sync.domain.printable import visible

GIVES_BACK = {Movement.RETURNED_PAYMENT: Movement.PAY_OUT, Movement.CARD_REFUND: Movement.CARD}
LOOK_BACK = timedelta(days=180)
SHORTEST_TEXT = 6  # shorter texts are no sign of anything
MOST_RIVALS = 8
HELD, OF_PAYMENT = "original_held", "return_of_payment"

# Why it is not known how a payment or purchase stands in the books, and what to do.
GONE = "which stands in the books no longer: it was undone or deleted. Post that one again and retry, or leave both out"
NOT_YET = (
    "which is not in the books yet, because it is held. Once that one is posted, linked or left out, this one is decided by "
    "itself and coded as that one stands"
)
WITHDRAWN = (
    "which Amnis has taken back since: it is cancelled there, or not executed, so no money left the wallet. If this one is "
    "cancelled at Amnis as well, it goes with the next sync. As long as Amnis says that it was executed, the money did come in: "
    "say in a rule how it is coded, and retry. Leaving it out would leave the bank account short of it"
)
LEFT_OUT = "which was left out of the books. Leave this one out as well, or say in a rule how it is coded"
BOOKED_BY_HAND = (
    "which somebody booked by hand, so it stands in the books. Try that one again and link it to its document, and this one is "
    "coded as that; or say in a rule on which account this one goes"
)
UNCLEAR = (
    "whose document in Xero is not the one that was posted, and its lines cannot be taken over. Look at it there, and say in "
    "a rule how this one is coded"
)
_CODES = {NOT_YET: HELD, WITHDRAWN: "return_of_withdrawn"}


class How(StrEnum):
    """How what is given back fits what was paid, best first."""

    PERSON = "person"
    WHOLE = "whole"
    REST = "rest"  # what was left after earlier refunds
    PART = "part"
    MORE = "more"  # more than was left of it
    STRANGER = "stranger"  # the amount alone fits
    AMBIGUOUS = "ambiguous"  # several fit equally, and they are coded differently
    NONE = "none"


CERTAINTY = {How.PERSON: 100, How.WHOLE: 95, How.REST: 90, How.PART: 75, How.MORE: 50}
ONE_OF_SEVERAL = 60
_RANK = (How.WHOLE, How.REST, How.PART, How.MORE, How.STRANGER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A movement that may be given back, and how it was coded. Amounts unsigned; `returned` by currency so far."""

    record_id: int
    movement: Movement
    counterparty: str
    amount: Money
    original: Money | None = None  # a card payment in the merchant's currency
    text: str = ""
    day: date
    coded: Remembered
    lines: tuple[LineItem, ...] = ()  # of its document; none where it paid an invoice or bill
    lost: str = ""  # why its lines are not known, in words that follow its name; see above
    returned: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a movement gives back. `given` of `paid`, in one currency; `rivals`: what a person may choose from."""

    how: How
    origin: Origin | None = None
    certainty: int = 0
    given: Money | None = None
    paid: Money | None = None
    rivals: tuple[Origin, ...] = ()

    @property
    def coded(self) -> Remembered:
        return self.origin.coded if self.origin else NOTHING_REMEMBERED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    origin: Origin
    how: How
    given: Money
    paid: Money


def find_origin(transaction: SourceTransaction, *, day: date | None, candidates: Iterable[Origin]) -> Found:
    """The payment or purchase that this movement gives back.

    A returned payment has the payout's exact amount; a refund may be a part. Of equal ones that are coded alike the
    latest is taken, since the books are the same; where the coding differs, a person chooses. What the source has taken
    back cannot have come back: it is named only where nothing else fits.
    """
    wanted = GIVES_BACK.get(transaction.movement)
    if wanted is None or day is None:
        return Found(how=How.NONE)
    inside = (it for it in candidates if it.movement is wanted and day - LOOK_BACK <= it.day <= day)
    fits = [fit for origin in inside if (fit := _fit(transaction, origin)) is not None]
    fits = [fit for fit in fits if fit.origin.lost != WITHDRAWN] or fits
    fits.sort(key=lambda fit: (_RANK.index(fit.how), -fit.origin.day.toordinal(), -fit.origin.record_id))
    rivals = tuple(fit.origin for fit in fits[:MOST_RIVALS])
    best = [fit for fit in fits if fit.how is fits[0].how]
    if not best or best[0].how is How.STRANGER or _is_short(transaction, best[0]):
        return Found(how=How.NONE, rivals=rivals)
    if len({_coding_of(fit.origin) for fit in best}) > 1:
        return Found(how=How.AMBIGUOUS, rivals=rivals)
    certainty = CERTAINTY[best[0].how] if len(best) == 1 else min(ONE_OF_SEVERAL, CERTAINTY[best[0].how])
    return _found(best[0], certainty=certainty, rivals=rivals)


def chosen(transaction: SourceTransaction, origin: Origin, *, how: How, certainty: int) -> Found:
    """The link as it was decided before, with today's figures. `how`: who or what decided it then."""
    given, paid = _measured(transaction, origin) or (abs(transaction.amount), origin.amount)
    return Found(how=how, origin=origin, certainty=certainty, given=given, paid=paid, rivals=(origin,))


def exceeds(found: Found) -> Money | None:
    """By how much more is given back than was left of it; None where it is not more."""
    if found.origin is None or found.given is None or found.paid is None or found.given.currency != found.paid.currency:
        return None
    left = _left(found.origin, found.paid)
    over = found.given.amount - left
    return Money(amount=over, currency=found.paid.currency) if over > 0 else None


def _left(origin: Origin, paid: Money) -> Decimal:
    """What was not given back yet of what was `paid`. What came back in the other currency of a purchase counts by its share
    of the whole, because rates move."""
    wholes = {money.currency: abs(money).amount for money in (origin.original, origin.amount) if money is not None}
    back = ZERO
    for currency, amount in origin.returned.items():
        if currency == paid.currency:
            back += amount
        elif wholes.get(currency):
            share = Money(amount=paid.amount * amount / wholes[currency], currency=paid.currency)
            back += share.rounded().amount
    return paid.amount - back


def _fit(transaction: SourceTransaction, origin: Origin) -> _Fit | None:
    measured = _measured(transaction, origin)
    if measured is None:
        return None
    given, paid = measured
    left = _left(origin, paid)
    is_known = _same_party(transaction, origin) or _same_text(transaction, origin)
    if not is_known:
        is_twin = given == paid and left == paid.amount
        return _Fit(origin=origin, how=How.STRANGER, given=given, paid=paid) if is_twin else None
    if given.amount == left:
        how = How.WHOLE if left == paid.amount else How.REST
    else:
        how = How.PART if given.amount < left else How.MORE
    return _Fit(origin=origin, how=how, given=given, paid=paid)


def _measured(transaction: SourceTransaction, origin: Origin) -> tuple[Money, Money] | None:
    """(given back, paid) in a currency that both have: the merchant's where it differs, because rates move."""
    card = transaction.card
    given, paid = (card.original if card else None), origin.original
    if given is not None and paid is not None and given.amount and given.currency == paid.currency:
        return abs(given), abs(paid)
    if transaction.amount.currency == origin.amount.currency:
        return abs(transaction.amount), abs(origin.amount)
    return None


def _is_short(transaction: SourceTransaction, fit: _Fit) -> bool:
    """A payment comes back whole. Less means that a bank kept something, which is for a person to see; more is none."""
    return transaction.movement is Movement.RETURNED_PAYMENT and fit.how is not How.WHOLE


def _same_party(transaction: SourceTransaction, origin: Origin) -> bool:
    card = origin.movement is Movement.CARD
    name = normalised_name(transaction.counterparty.name, card=card)
    return name.agrees_with(normalised_name(origin.counterparty, card=card))


def _same_text(transaction: SourceTransaction, origin: Origin) -> bool:
    """The bank that returns a payment often repeats its text, under its own name."""
    if transaction.movement is not Movement.RETURNED_PAYMENT:
        return False
    ours, theirs = (" ".join(text.casefold().split()) for text in (origin.text, transaction.text))
    return len(ours) >= SHORTEST_TEXT and ours in theirs


def _coding_of(origin: Origin) -> tuple[object, ...]:
    stands = tuple((line.account_id, line.tax_type, line.tracking) for line in origin.lines)
    return (stands, origin.coded.contact)


def _found(fit: _Fit, *, certainty: int, rivals: tuple[Origin, ...]) -> Found:
    return Found(how=fit.how, origin=fit.origin, certainty=certainty, given=fit.given, paid=fit.paid, rivals=rivals)


def mirrored(found: Found, transaction: SourceTransaction) -> tuple[LineItem, ...]:
    """The original's lines for what gives back all of it, so that each tax goes back where it came from; else none."""
    origin = found.origin
    if origin is None or len(origin.lines) < 2:
        return ()
    return origin.lines if abs(transaction.amount) == origin.amount else ()


def lines_that_stand(document: MirrorDocument | None, *, total: Decimal) -> tuple[LineItem, ...]:
    """The lines of a document that was read by its id; one of the whole `total` where they are all coded alike. None where
    it is another amount by now, or where several lines do not add up because their tax is not in them."""
    if document is None or not document.is_live or document.total.amount != total or not document.lines:
        return ()
    if sum((line.amount for line in document.lines), ZERO) == total:
        return document.lines
    first = document.lines[0]
    is_one = len({(line.account_id, line.tax_type, line.tracking) for line in document.lines}) == 1
    return (replace(first, amount=total),) if is_one else ()


def objections(found: Found, transaction: SourceTransaction, *, by_rule: bool) -> list[Finding]:
    """What a person should know or decide about a link. `by_rule`: a rule says the account, so the link decides none."""
    over = exceeds(found)
    said = []
    if over is not None and found.how is not How.PERSON:
        message = f"{over} more comes back than was left of {told(found.origin)}. Is it its refund?"
        said.append(_review("refund_exceeds", message))
    return said if by_rule else [*said, *_about_coding(found, transaction)]


def _about_coding(found: Found, transaction: SourceTransaction) -> list[Finding]:
    """Where what is given back does not say how this is coded."""
    if found.how is How.AMBIGUOUS:
        choice = "; ".join(told(origin) for origin in found.rivals)
        message = f"It may give back one of several that are booked differently: {choice}. Choose."
        return [_review("return_ambiguous", message)]
    if found.origin is None:
        note = "The purchase that it gives back was not found. It is coded by your settings."
        is_card = transaction.movement is Movement.CARD_REFUND
        return [Finding(code="refund_unmatched", message=note, severity=Severity.NOTE)] if is_card else []
    if found.origin.lost:
        code = _CODES.get(found.origin.lost, "return_changed")
        return [_review(code, f"It gives back {told(found.origin)}, {found.origin.lost}.")]
    if not found.origin.lines:
        message = f"It gives back {told(found.origin)}, which paid an invoice or bill in Xero. Reopen that one, or use a rule."
        return [_review(OF_PAYMENT, message)]
    if len(found.origin.lines) > 1 and not mirrored(found, transaction) and not transaction.vats:
        part = "more than" if exceeds(found) else "a part of"
        message = f"It gives back {part} {told(found.origin)}, which has several lines. Say in a rule which one."
        return [_review("return_split", message)]
    return []


def told(origin: Origin | None) -> str:
    """A movement in a few words: "CHF 320.00 of 02.03.2026, LUFTLINIE EXEMPLA"."""
    if origin is None:
        return "a payment"
    return named(origin.amount, origin.day, origin.counterparty)


def named(amount: Money, day: date, counterparty: str) -> str:
    name = visible(counterparty)[:60]
    return f"{amount} of {day:%-d %b %Y}" + (f", {name}" if name else "")


def _review(code: str, message: str) -> Finding:
    return Finding(code=code, message=message)


def remembered(lines: tuple[LineItem, ...], *, contact: str, why: str) -> Remembered:
    """How a document was coded: its account, and its tax where all lines carry the same."""
    if not lines:
        return Remembered(contact=contact, why=why)
    labels = (choice.label.partition(": ") for choice in lines[0].tracking)
    return Remembered(
        account=lines[0].account_id,
        tax=lines[0].tax_type if len({line.tax_type for line in lines}) == 1 else "",
        tracking={category: option for category, _, option in labels if option},
        contact=contact,
        why=why,
    )
