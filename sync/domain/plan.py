"""From movements to what should stand in the books. Pure: one unit of source transactions in, planned entries out.

A unit is one row, or the two rows of a conversion or of an own transfer. Where something is missing or doubtful the
plan says so in findings; it never guesses and never raises on odd data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from connectors.contract.errors import Finding, Severity
from connectors.contract.money import NO_CURRENCY, ZERO, Money, minor_units, round_half_up
from connectors.contract.records import (
    Account,
    BankTransaction,
    BankTransfer,
    DocumentKind,
    Execution,
    LedgerEntry,
    LineItem,
    Movement,
    SourceTransaction,
    TaxMode,
)
from sync.domain import fx, reasons
from sync.domain.booking import booking_date
from sync.domain.coding import SKIPS_ONE_SIDE, Coding
from sync.domain.rate_tables import UsedRate
from sync.domain.references import ACTIVE

SOLD, BOUGHT, MAIN, REST = "sold", "bought", "main", "rest"
TRANSFERS = frozenset({Movement.OWN_TRANSFER, Movement.COLLATERAL})  # two rows, two wallets, one bank transfer


class OtherWallet(StrEnum):
    """What the tenant decided for the wallet on the other side of a transfer."""

    NONE = ""  # no transfer, or the other side is not told
    MAPPED = "mapped"
    LEFT_OUT = "left_out"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One row of a unit with what is decided for it. `bank`: its account in the books, None where it is not mapped."""

    record_id: int
    transaction: SourceTransaction
    coding: Coding | None
    bank: Account | None
    ignored: str = ""  # why its wallet is left out on purpose
    other_wallet: OtherWallet = OtherWallet.NONE
    revision: int = 1

    @property
    def leg(self) -> str:
        if self.transaction.movement is not Movement.FX:
            return MAIN
        return SOLD if self.transaction.amount.amount < 0 else BOUGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """One document of a deal that stands in the books: what the other one has to know of it. Amounts unsigned.

    `rate`: at which it is valued, None in base currency. `clearing`: its line on the clearing account, None for all of it.
    `is_linked`: somebody else made it, so it is never changed here. `sent_rate`, `account`: as in our document.
    """

    total: Decimal
    rate: Decimal | None
    clearing: Decimal | None = None
    is_linked: bool = False
    sent_rate: Decimal | None = None
    account: tuple[str, str] | None = None  # id and code

    @property
    def cleared(self) -> Decimal:
        return self.total if self.clearing is None else self.clearing

    @property
    def base(self) -> Decimal:
        """What it leaves on the clearing account, in base currency."""
        return fx.base_value(self.cleared, self.rate) if self.rate else self.cleared

    @property
    def as_it_is(self) -> fx.LegPlan:
        return fx.LegPlan(
            total=self.total, clearing=self.cleared, rounding=self.total - self.cleared, rate=self.sent_rate
        )

    @property
    def as_it_stands(self) -> fx.LegPlan:
        """Where the other half is made from it: at the rate that it has by now, where it carries one of ours."""
        return replace(self.as_it_is, rate=self.rate if self.sent_rate else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What planning goes by, from the tenant's settings."""

    cutoff: date
    base_currency: str
    multi_currency: bool
    card_date: str = "settlement"
    fx_date: str = "value"
    rounding: Account | None = None
    card_incomplete: str = "post"
    rate_policy: str = "xero_day"  # the destination's own rate of the day; else `rate_on` must know one
    rate_on: Callable[[str, date], UsedRate | None] | None = None  # the tenant's own rate for a currency and day
    booked: Mapping[int, Booked] = field(default_factory=dict)  # by record: its document that stands in the books
    rivals: Mapping[int, str] = field(default_factory=dict)  # by record: what could be the other side of a transfer
    stands_on: Mapping[int, Account] = field(
        default_factory=dict
    )  # by record, of what is left out by now: where it stands


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One entry to be. `document` is None where findings prevent one. `waits_for`: leg of the same unit that must be
    booked first, or "partner" for a row that has not arrived. `draft`: what is known of its document until then."""

    part: Part
    leg: str
    document: LedgerEntry | None = None
    draft: BankTransaction | None = None
    other: Part | None = None
    findings: tuple[Finding, ...] = ()
    booking_date: date | None = None
    waits_for: str = ""
    rate: UsedRate | None = None  # the tenant's own rate, where the document carries one
    told: Mapping[str, Any] = field(default_factory=dict)  # for the decision trace, besides how it is coded
    unit: str = ""  # where one row becomes several documents that belong together
    amount: Money | None = None  # its share of the row then, signed from the wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    part: Part
    reason: str


Outcome = Planned | Skipped


def plan_unit(parts: tuple[Part, ...], *, markers: Mapping[tuple[int, str], str], rules: Rules) -> tuple[Outcome, ...]:
    """What becomes of each row of a unit. `markers`: by record and leg."""
    parts = tuple(_where_it_stands(part, rules) for part in parts)
    settled = {part.record_id: _first_look(part, rules) for part in parts}
    going = tuple(part for part in parts if settled[part.record_id] is None)
    done = tuple(outcome for outcome in settled.values() if outcome is not None)
    if not going:
        return done
    one_sided = tuple(outcome for part in going if (outcome := _one_sided(part, markers, rules)) is not None)
    if one_sided:
        return (*done, *one_sided)
    if done:
        return (*done, *(_held_with(part, done[0], rules) for part in going))
    movement = going[0].transaction.movement
    if movement is Movement.FX:
        return (*done, *_conversion(going, markers, rules))
    if movement in TRANSFERS:
        return (*done, *_own_transfer(going, markers, rules))
    return (*done, *(_single(part, markers, rules) for part in going))


def _where_it_stands(part: Part, rules: Rules) -> Part:
    """What stands in the books keeps its account, and its other side, also where a wallet is left out by now."""
    account = rules.stands_on.get(part.record_id)
    if account is None:
        return part
    is_whole = len(rules.stands_on) > 1 and part.other_wallet is OtherWallet.LEFT_OUT
    other = OtherWallet.MAPPED if is_whole else part.other_wallet
    return replace(part, ignored="", bank=account if part.ignored else part.bank, other_wallet=other)


# ----------------------------------------------------------- what goes nowhere


def _first_look(part: Part, rules: Rules) -> Outcome | None:
    """Rows that yield nothing, or that a person must look at before anything can be built."""
    transaction = part.transaction
    day = booking_date(transaction, card_date=rules.card_date, fx_date=rules.fx_date)
    reason = _skip_reason(part, day, rules)
    if reason:
        return Skipped(part=part, reason=reason)
    findings = [finding for finding in transaction.findings if finding.severity is Severity.REVIEW]
    findings += _obstacles(part, day, rules)
    if findings:
        return Planned(part=part, leg=part.leg, findings=_distinct(findings), booking_date=day)
    return None


def _skip_reason(part: Part, day: date | None, rules: Rules) -> str:
    transaction = part.transaction
    if transaction.execution is Execution.PENDING:
        return "not executed yet"
    if transaction.execution is Execution.CANCELLED:
        return "cancelled, nothing moved"
    if transaction.amount.amount == 0 and transaction.movement is not Movement.UNKNOWN and not transaction.findings:
        return "its amount is zero"
    if part.ignored:
        return f"{reasons.WALLET_LEFT_OUT}: {part.ignored}"
    if not transaction.complete and rules.card_incomplete == "wait":
        return "not complete at Amnis yet"
    if day is not None and day < rules.cutoff:
        return f"{reasons.BEFORE_CUTOFF} {rules.cutoff:%-d %b %Y}"
    if part.coding is not None and part.coding.skip:
        return f"left out by {part.coding.hit.rule.name if part.coding.hit else 'a rule'}"
    return ""


def _obstacles(part: Part, day: date | None, rules: Rules) -> list[Finding]:
    transaction, found = part.transaction, []
    wallet = f"{transaction.amount.currency} wallet {transaction.account_id}"
    if day is None:
        found.append(_finding("date_missing", "The movement has no execution date. Ask Amnis, or handle it by hand."))
    if transaction.execution is Execution.UNKNOWN:
        found.append(_finding("unknown_status", UNKNOWN_STATUS))
    if transaction.movement is Movement.UNKNOWN:
        kind = transaction.raw_kind or "none"
        found.append(
            _finding(
                "unknown_movement",
                f"Amnis calls this movement “{kind}”, a kind that is not known. Decide how it is booked.",
                kind,
            )
        )
    if part.bank is None:
        message = (
            f"The {wallet} is not mapped to a bank account in Xero. Map it, and everything waiting for it follows."
        )
        found.append(_finding("account_not_mapped", message, transaction.account_id))
    elif part.bank.currency not in ("", transaction.amount.currency) and transaction.amount.currency != NO_CURRENCY:
        message = (
            f"The {wallet} is mapped to {part.bank.name}, which is kept in {part.bank.currency}. "
            "Map it to a bank account of its own currency."
        )
        found.append(_finding("currency_mismatch", message, transaction.account_id))
    elif part.bank.status != ACTIVE:
        message = (
            f"The {wallet} is mapped to {part.bank.name}, which is archived in Xero. Restore it there and try again, or map the "
            "wallet to another bank account."
        )
        found.append(_finding("account_archived", message, transaction.account_id))
    if not rules.multi_currency and transaction.amount.currency != rules.base_currency:
        message = "This Xero plan keeps books in one currency only. Upgrade it, or leave this wallet out."
        found.append(_finding("no_multi_currency", message, transaction.amount.currency))
    if not transaction.amount.is_exact or transaction.amount.amount != round_half_up(transaction.amount.amount, 2):
        message = f"{transaction.amount} has more decimals than Xero can keep. Ask Amnis for the exact amount."
        found.append(_finding("amount_not_exact", message))
    return found


# --------------------------------------------------------------- one document


def _single(part: Part, markers: Mapping[tuple[int, str], str], rules: Rules) -> Outcome:
    """SPEND for money out, RECEIVE for money in, with the lines that coding decided."""
    coding, bank = part.coding, part.bank
    assert coding is not None
    assert bank is not None
    document, used = None, _own_rate(part, _day(part, rules), rules)
    if coding.lines and coding.contact_name:
        document = _bank_transaction(part, coding.lines, MAIN, markers, rules, rate=used.value if used else None)
    missing = _rate_missing(part, rules) if document is not None and used is None else ()
    findings = (*coding.findings, *missing, *_asked_by_rule(coding))
    return Planned(part=part, leg=MAIN, document=document, findings=findings, booking_date=_day(part, rules), rate=used)


def _asked_by_rule(coding: Coding) -> tuple[Finding, ...]:
    if not coding.review or any(it.code == SKIPS_ONE_SIDE for it in coding.findings):
        return ()
    return (_finding("review_by_rule", "A rule asks for a person to look at this movement first."),)


def _bank_transaction(
    part: Part,
    lines: tuple[LineItem, ...],
    leg: str,
    markers: Mapping[tuple[int, str], str],
    rules: Rules,
    *,
    rate: Decimal | None = None,
) -> BankTransaction:
    transaction, coding, bank = part.transaction, part.coding, part.bank
    assert coding is not None
    assert bank is not None
    foreign = transaction.amount.currency != rules.base_currency
    return BankTransaction(
        kind=DocumentKind.SPEND if transaction.amount.amount < 0 else DocumentKind.RECEIVE,
        bank_account_id=bank.account_id,
        contact_id="",
        contact_name=coding.contact_name,
        date=_day(part, rules),
        total=abs(transaction.amount),
        reference=_reference(transaction),
        marker=markers[part.record_id, leg],
        lines=lines,
        tax_mode=coding.tax_mode,
        rate=rate if foreign else None,
    )


def _own_rate(part: Part, day: date, rules: Rules) -> UsedRate | None:
    """The tenant's own rate for a document; None leaves it to the destination, or says that there is none."""
    currency = part.transaction.amount.currency
    if rules.rate_on is None or currency == rules.base_currency:
        return None
    return rules.rate_on(currency, day)


def _rate_missing(part: Part, rules: Rules) -> tuple[Finding, ...]:
    """The finding of a foreign document for which the policy wants a rate of the tenant's own and there is none."""
    currency, day = part.transaction.amount.currency, _day(part, rules)
    if currency == rules.base_currency or rules.rate_policy == "xero_day":
        return ()
    if rules.rate_policy == "table":
        message = (
            f"Your rate table has no {currency} rate for {day:%-d %b %Y}. Add the one for {day:%B %Y} on the Rates page; "
            "this movement and all others that wait for it then go on by themselves."
        )
    else:
        message = (
            f"No exchange of {currency} was executed up to {day:%-d %b %Y}, so there is no last rate to use. "
            "Choose Xero's rate of the day or your own rate table in the settings, and retry."
        )
    return (_finding("rate_missing", message, f"{currency} {day:%Y-%m}"),)


def _reference(transaction: SourceTransaction) -> str:
    """What the bookkeeper looks for: the structured reference, else the remittance text, else the card."""
    if transaction.reference or transaction.text:
        return transaction.reference or transaction.text
    return f"Card {transaction.card.pan4}" if transaction.card and transaction.card.pan4 else ""


# ---------------------------------------------------------------- own transfer


def _one_sided(part: Part, markers: Mapping[tuple[int, str], str], rules: Rules) -> Outcome | None:
    """A transfer whose other wallet has no place in the books goes where a rule says, on purpose; None for all else.

    Collateral without one is for a person: whether the title to the money passed is a question of the contract.
    """
    movement = part.transaction.movement
    if movement not in TRANSFERS or part.other_wallet is OtherWallet.MAPPED:
        return None
    on_purpose = movement is Movement.COLLATERAL or part.other_wallet is OtherWallet.LEFT_OUT
    if on_purpose and part.coding is not None and part.coding.lines:
        return _single(part, markers, rules)
    if movement is not Movement.COLLATERAL:
        return None
    finding = _finding("collateral_movement", _COLLATERAL, part.transaction.account_id)
    return Planned(part=part, leg=MAIN, findings=(finding,), booking_date=_day(part, rules))


_COLLATERAL = (
    "Money moved to or from collateral; its title may have passed to Amnis. Map the collateral wallet to a bank account "
    "in Xero to keep it as yours, or say in a rule for collateral on which account it goes."
)


def _own_transfer(parts: tuple[Part, ...], markers: Mapping[tuple[int, str], str], rules: Rules) -> tuple[Outcome, ...]:
    """Two rows, one BankTransfer; the sending row carries the entry."""
    sender = next((part for part in parts if part.transaction.amount.amount < 0), None)
    receiver = next((part for part in parts if part.transaction.amount.amount > 0), None)
    if sender is None or receiver is None or len(parts) != 2:
        return tuple(_lonely(part, rules) for part in parts)
    if sender.transaction.amount != -receiver.transaction.amount:
        finding = _unequal(sender.transaction.amount, receiver.transaction.amount)
        return tuple(
            Planned(part=part, leg=MAIN, findings=(finding,), booking_date=_day(part, rules))
            for part in (sender, receiver)
        )
    assert sender.bank is not None
    assert receiver.bank is not None
    document = BankTransfer(
        from_account_id=sender.bank.account_id,
        to_account_id=receiver.bank.account_id,
        date=_day(sender, rules),
        total=abs(sender.transaction.amount),
        reference=_reference(sender.transaction) or "Own transfer",
        marker=markers[sender.record_id, MAIN],
    )
    return (
        Planned(
            part=sender,
            other=receiver,
            leg=MAIN,
            document=document,
            findings=(*_arrived_later(receiver, document.date, rules), *_held_by_rules((sender, receiver))),
            booking_date=document.date,
        ),
    )


def _held_by_rules(parts: Iterable[Part]) -> tuple[Finding, ...]:
    """What rules have to say of a transfer, which is coded by none: that a person looks first, on whichever side they say it."""
    said: list[Finding] = []
    for coding in (part.coding for part in parts if part.coding is not None):
        said += [it for it in coding.findings if it.code == SKIPS_ONE_SIDE]
        said += _asked_by_rule(coding)
    return _distinct(said)


_TRANSFER_ALONE = (
    "Only one side of this transfer between own wallets has arrived. It is posted as soon as the other is there."
)


def _lonely(part: Part, rules: Rules) -> Planned:
    """One side of a transfer. Where several rows could be the other one, nothing is guessed."""
    others = rules.rivals.get(part.record_id)
    if not others:
        return _alone(part, "other_side_missing", _TRANSFER_ALONE, rules)
    message = (
        f"More than one movement could be its other side: {others}. Ask Amnis which is which, and book them by hand."
    )
    return _alone(part, "other_side_ambiguous", message, rules)


def _unequal(sent: Money, received: Money) -> Finding:
    told = f"{abs(sent)} left one wallet and {received} reached the other."
    if sent.currency != received.currency:
        advice = "That is a conversion without a deal. Ask Amnis for its rate, and book it by hand."
    else:
        advice = "What is missing was kept on the way. Ask Amnis for the fee, and book both by hand."
    return _finding("transfer_unequal", f"{told} {advice}")


def _arrived_later(receiver: Part, day: date, rules: Rules) -> tuple[Finding, ...]:
    """One document has one date: where the sides differ, the sending one's counts and the other is told."""
    arrived = _day(receiver, rules)
    if arrived == day:
        return ()
    message = f"It left its wallet on {day:%-d %b %Y} and reached the other one on {arrived:%-d %b %Y}."
    return (Finding(code="arrived_another_day", message=message, severity=Severity.NOTE),)


# ------------------------------------------------------------------ conversion


def _conversion(parts: tuple[Part, ...], markers: Mapping[tuple[int, str], str], rules: Rules) -> tuple[Outcome, ...]:
    """One deal, two documents through the clearing account; the pair is posted as a unit or not at all."""
    sold = next((part for part in parts if part.leg == SOLD), None)
    bought = next((part for part in parts if part.leg == BOUGHT), None)
    if sold is None or bought is None or len(parts) != 2:
        return tuple(_alone(part, "fx_partner_missing", _DEAL_ALONE, rules) for part in parts)
    findings = _deal_findings(sold, bought, rules)
    if findings:
        return tuple(
            Planned(part=part, leg=part.leg, findings=findings, booking_date=_day(part, rules))
            for part in (sold, bought)
        )
    sold, bought = _on_one_account(sold, bought, rules)
    if rules.base_currency in (sold.transaction.amount.currency, bought.transaction.amount.currency):
        return _with_base_currency(sold, bought, markers, rules)
    return _two_foreign(sold, bought, markers, rules)


UNKNOWN_STATUS = (
    "Amnis gives this movement a status that is not known. It goes on by itself when Amnis corrects it; ask Amnis, or skip it "
    "and book it by hand."
)
_DEAL_ALONE = "Only one of the two rows of this conversion has arrived. It is posted as soon as the other one is there."


def _deal_findings(sold: Part, bought: Part, rules: Rules) -> tuple[Finding, ...]:
    found = [
        finding
        for part in (sold, bought)
        for finding in (part.coding.findings if part.coding else ())
        if finding.code != SKIPS_ONE_SIDE  # a yes answers it, so there is a document to say yes to
    ]
    if rules.rounding is None:
        message = "Xero's own rounding account was not found in the chart of accounts. A conversion needs it."
        found.append(_finding("rounding_account_missing", message))
    for part in (sold, bought):
        if part.coding is None or not part.coding.lines:
            found.append(_finding("clearing_account_missing", "Choose the clearing account for conversions."))
    if sold.transaction.amount.currency == bought.transaction.amount.currency:
        found.append(_finding("fx_one_currency", "Both rows of this conversion are in one currency."))
    return _distinct([finding for finding in found if finding.severity is Severity.REVIEW])


def _with_base_currency(
    sold: Part, bought: Part, markers: Mapping[tuple[int, str], str], rules: Rules
) -> tuple[Outcome, ...]:
    base, foreign = (sold, bought) if sold.transaction.amount.currency == rules.base_currency else (bought, sold)
    day = _deal_day(sold, bought, rules)
    if not fx.rate_for(_size(foreign), _size(base)):
        finding = _finding("deal_out_of_range", "No rate of six decimals can express this conversion. Book it by hand.")
        return tuple(Planned(part=part, leg=part.leg, findings=(finding,), booking_date=day) for part in (sold, bought))
    pair = fx.base_and_foreign(foreign=_size(foreign), base=_size(base))
    first, second = pair.first, pair.second
    differs: tuple[Finding, ...] = ()
    if _both_stand(foreign, base, rules):
        first, second = rules.booked[foreign.record_id].as_it_is, rules.booked[base.record_id].as_it_is
    elif (stands := _decides(foreign, base, rules)) is not None:
        first, second = stands.as_it_stands, fx.against(base=_size(base), cleared=stands.base)
        differs = _too_far_apart(stands, foreign, base, rules)
    elif (stands := _decides(base, foreign, rules)) is not None and stands.base != pair.second.clearing:
        made = fx.foreign_against(total=_size(foreign), cleared=stands.base, digits=_digits(foreign))
        first, second = made or pair.first, stands.as_it_stands
        differs = _rest_told(stands.base - fx.worth_of(first), rules)
    made_first, made_second = (
        _leg(part, leg, markers, rules, day=day) for part, leg in ((foreign, first), (base, second))
    )
    return (made_first, replace(made_second, findings=(*made_second.findings, *differs)))


def _on_one_account(sold: Part, bought: Part, rules: Rules) -> tuple[Part, Part]:
    """Where a half of ours stands on another clearing account than today's setting, the deal is closed on that one."""
    booked = (rules.booked.get(part.record_id) for part in (sold, bought))
    place = next((it.account for it in booked if it is not None and it.account), None)
    if place is None:
        return sold, bought
    return _cleared_on(sold, place), _cleared_on(bought, place)


def _cleared_on(part: Part, place: tuple[str, str]) -> Part:
    assert part.coding is not None
    line = replace(part.coding.lines[0], account_id=place[0], account_code=place[1])
    return replace(part, coding=replace(part.coding, lines=(line, *part.coding.lines[1:])))


def _both_stand(one: Part, other: Part, rules: Rules) -> bool:
    """Are both documents in the books, with the amounts that the movements have now?"""
    return all(_stands(part, rules) is not None for part in (one, other))


def _stands(part: Part, rules: Rules) -> Booked | None:
    booked = rules.booked.get(part.record_id)
    return booked if booked is not None and booked.total == _size(part) else None


def _decides(part: Part, other: Part, rules: Rules) -> Booked | None:
    """The document of `part`, where the other half follows from it: it stands alone, or it is not ours to change."""
    stands = _stands(part, rules)
    return stands if stands is not None and (stands.is_linked or other.record_id not in rules.booked) else None


def _too_far_apart(stands: Booked, foreign: Part, base: Part, rules: Rules) -> tuple[Finding, ...]:
    """A foreign half that stands at another rate than the deal's: more than rounding is a person's to decide."""
    apart = _size(base) - stands.base
    assert stands.rate is not None
    if abs(apart) <= fx.most_rounding(base=_size(base), rate=stands.rate):
        return ()
    worth = Money(amount=stands.base, currency=rules.base_currency)
    short = Money(amount=abs(apart), currency=rules.base_currency)
    message = (
        f"The other half of this exchange stands in Xero: {abs(foreign.transaction.amount)} at a rate of {stands.rate:f}, "
        f"which is {worth}. This half is {abs(base.transaction.amount)}: {short} apart, more than rounding. Correct the rate "
        f"there to {fx.rate_for(_size(foreign), _size(base)):f} and try again; or accept, and {short} go to Xero's rounding "
        "account."
    )
    return (_finding("fx_halves_differ", message, f"{short.amount}"),)


def _two_foreign(sold: Part, bought: Part, markers: Mapping[tuple[int, str], str], rules: Rules) -> tuple[Outcome, ...]:
    """The leg with fewer units per base goes first; both are worth the same, so that is the smaller amount. Where the
    other one stands in the books already, it decides what this one is worth, whatever the rate of the day."""
    first, second = sorted((sold, bought), key=_size)
    day = _deal_day(sold, bought, rules)
    if _both_stand(first, second, rules):
        kept = ((part, rules.booked[part.record_id].as_it_is) for part in (first, second))
        return tuple(_leg(part, leg, markers, rules, day=day) for part, leg in kept)
    if (stands := _decides(second, first, rules)) is not None:
        made = fx.foreign_against(total=_size(first), cleared=stands.base, digits=_digits(first))
        if made is not None:
            one, other = (
                _leg(it, leg, markers, rules, day=day) for it, leg in ((first, made), (second, stands.as_it_stands))
            )
            rest = _rest_told(stands.base - fx.worth_of(made), rules)
            return (replace(one, findings=(*one.findings, *rest)), other)
    booked = rules.booked.get(first.record_id)
    used = _own_rate(first, day, rules) if rules.rate_policy == "table" else None
    if booked is None and used is None and rules.rate_policy == "table":
        findings = _rate_missing(first, rules)
        return tuple(Planned(part=part, leg=part.leg, findings=findings, booking_date=day) for part in (first, second))
    if booked is None or booked.rate is None:
        whole = fx.LegPlan(total=_size(first), clearing=_size(first), rate=used.value if used else None)
        made_first = replace(_leg(first, whole, markers, rules, day=day), rate=used)
        return (made_first, replace(_drafted(second, markers, rules, day=day), waits_for=first.leg))
    if booked.total != _size(first):  # it changed: at the rate it was valued at, whatever the table says by now
        booked = replace(booked, total=_size(first), clearing=None)
    return (
        _leg(first, booked.as_it_is, markers, rules, day=day),
        second_leg(second, first=booked, markers=markers, rules=rules, day=day),
    )


def _drafted(part: Part, markers: Mapping[tuple[int, str], str], rules: Rules, *, day: date) -> Planned:
    """The second document without its lines and rate, which follow from the first one: enough to ask all that could hold it
    before that one goes, and nothing that could be sent."""
    assert part.coding is not None
    draft = replace(_bank_transaction(part, (), part.leg, markers, rules), tax_mode=TaxMode.NO_TAX, date=day)
    findings = (*part.coding.findings, *_asked_by_rule(part.coding))
    return Planned(part=part, leg=part.leg, draft=draft, findings=findings, booking_date=day)


def is_draft(entry: LedgerEntry) -> bool:
    return isinstance(entry, BankTransaction) and not entry.lines


def second_leg(
    part: Part, *, first: Booked, markers: Mapping[tuple[int, str], str], rules: Rules, day: date
) -> Planned:
    """The second document of a deal in two foreign currencies, once the first one stands in the books."""
    assert first.rate is not None
    pair = fx.second_foreign(first=first.cleared, first_rate=first.rate, second=_size(part), digits=_digits(part))
    planned = _leg(part, pair.second, markers, rules, day=day)
    return replace(planned, findings=(*planned.findings, *_rest_told(pair.rest, rules)))


def _rest_told(rest: Decimal, rules: Rules) -> tuple[Finding, ...]:
    if not rest:
        return ()
    note = f"{abs(rest)} {rules.base_currency} stays on the clearing account: no six-decimal rate closes this deal."
    return (Finding(code="fx_rest", message=note, severity=Severity.NOTE),)


def _digits(part: Part) -> int:
    return minor_units(part.transaction.amount.currency)


def _deal_day(sold: Part, bought: Part, rules: Rules) -> date:
    """Both documents of a deal carry one date: where the rows differ, the day on which the later side moved."""
    return max(_day(sold, rules), _day(bought, rules))


def _leg(part: Part, plan: fx.LegPlan, markers: Mapping[tuple[int, str], str], rules: Rules, *, day: date) -> Planned:
    assert part.coding is not None
    clearing = replace(part.coding.lines[0], amount=plan.clearing)
    lines = (clearing,) if plan.rounding == ZERO else (clearing, _rounding_line(clearing, plan.rounding, rules))
    document = _bank_transaction(part, lines, part.leg, markers, rules, rate=plan.rate)
    document = replace(document, tax_mode=TaxMode.NO_TAX, date=day)
    findings = (*part.coding.findings, *_asked_by_rule(part.coding))
    return Planned(part=part, leg=part.leg, document=document, findings=findings, booking_date=day)


def _rounding_line(clearing: LineItem, amount: Decimal, rules: Rules) -> LineItem:
    assert rules.rounding is not None
    return replace(
        clearing,
        description="Rounding of the conversion",
        amount=amount,
        account_id=rules.rounding.account_id,
        account_code=rules.rounding.code,
    )


# --------------------------------------------------------------------- shared


def _held_with(part: Part, other: Outcome, rules: Rules) -> Planned:
    """Half a unit is never posted: what holds the one row holds the other."""
    why = other.reason if isinstance(other, Skipped) else "it is held for review"
    if part.transaction.movement in TRANSFERS and other.part.ignored:
        why = f"{why}. Map that wallet, or say in a rule for transfers on which account it goes"
    finding = _finding("other_half_held", f"The other half of this movement is not posted: {why}.", other.part.leg)
    return Planned(part=part, leg=part.leg, findings=(finding,), booking_date=_day(part, rules))


def _alone(part: Part, code: str, message: str, rules: Rules) -> Planned:
    finding = _finding(code, message)
    return Planned(part=part, leg=part.leg, findings=(finding,), booking_date=_day(part, rules), waits_for="partner")


def _day(part: Part, rules: Rules) -> date:
    day = booking_date(part.transaction, card_date=rules.card_date, fx_date=rules.fx_date)
    assert day is not None  # rows without one were stopped at the first look
    return day


def _size(part: Part) -> Decimal:
    return abs(part.transaction.amount.amount)


def _finding(code: str, message: str, detail: str = "") -> Finding:
    return Finding(code=code, message=message, detail=detail)


def _distinct(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple({(finding.code, finding.detail): finding for finding in findings}.values())
