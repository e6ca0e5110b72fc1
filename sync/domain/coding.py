"""Coding: which account, tax, tracking, contact and text a movement gets, who decided each, and what stands against it.

Precedence per field: the rule; the movement that this one returns; what was captured at Amnis (category, cost centre,
VAT), where it is active and allowed in the books; what a person decided for this counterparty; the owner's default.
Pure: chart and memory are arguments. Every problem is a finding, all at once; a REVIEW finding keeps the entry back.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.contract.errors import Finding
from connectors.contract.money import ZERO
from connectors.contract.records import Account, LineItem, Movement, SourceTransaction, TaxMode, TrackingChoice
from sync.domain.coding_account import account_named, choose_account
from sync.domain.coding_case import (
    NOTHING_REMEMBERED,
    Case,
    CodingDefaults,
    DecidedBy,
    Decision,
    Notes,
    Remembered,
)
from sync.domain.coding_tax import choose_tax, tax_named, undecided_tax, without_tax
from sync.domain.coding_tracking import choose_tracking, options_named, overlaid
from sync.domain.contacts import clean_contact_name
from sync.domain.descriptions import describe
from sync.domain.references import ChartIndex
from sync.domain.rules import RuleHit, SplitPart, split_amounts
from sync.domain.tax_amounts import expected_tax

__all__ = ["Coding", "CodingDefaults", "DecidedBy", "Decision", "Remembered", "code"]

PROVIDER_CONTACT = "Amnis"  # fees, cashback, conversions and collateral are business with the provider itself
SKIPS_ONE_SIDE = "rule_skips_one_side"
# A rule that leaves out one side of these would leave the other one alone in the books.
_TWO_SIDED = frozenset({Movement.FX, Movement.OWN_TRANSFER})
_WITH_PROVIDER = frozenset({Movement.FX, Movement.FEE, Movement.CASHBACK, Movement.COLLATERAL})
_TRANSFERS = frozenset({Movement.OWN_TRANSFER, Movement.COLLATERAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """What is decided for one movement. `lines` are gross and add up to |amount|; empty where a finding prevents them.

    `account` is None where the lines have several accounts or none was found. `skip`: nothing is posted. `review`: a
    person looks first, even without a finding.
    """

    account: Account | None
    tax_mode: TaxMode
    tracking: tuple[TrackingChoice, ...]
    contact_name: str
    description: str
    lines: tuple[LineItem, ...]
    skip: bool
    review: bool
    findings: tuple[Finding, ...]
    decisions: tuple[Decision, ...]
    hit: RuleHit | None

    def trace(self) -> dict[str, Any]:
        """The decision trace as it is stored with the entry, ready for JSON."""
        return {
            "decisions": [decision.to_json() for decision in self.decisions],
            "rule": None if self.hit is None else self.hit.to_json(),
        }


def code(
    transaction: SourceTransaction,
    *,
    hit: RuleHit | None,
    defaults: CodingDefaults,
    chart: ChartIndex,
    memory: Remembered = NOTHING_REMEMBERED,
    origin: Remembered = NOTHING_REMEMBERED,
    suspend: bool = False,
    creates_options: bool = False,
) -> Coding:
    """Decide every field of one movement. Never raises on odd data.

    `memory`: what a person decided for this counterparty. `origin`: how the payment or purchase was coded that this
    movement gives back. `suspend`: it waits in the suspense account, unless a rule names another.
    `creates_options`: a tracking option that the books lack is asked for, to be created before the entry is posted.
    """
    case = Case(
        transaction=transaction,
        hit=hit,
        defaults=defaults,
        chart=chart,
        memory=memory,
        origin=origin,
        suspend=suspend,
        creates_options=creates_options,
    )
    notes = Notes(hit)
    skip, review = _flags(case, notes)
    bare = skip or (transaction.movement in _TRANSFERS and not case.names_account)
    if not bare:
        _doubt_unknown(case, notes)
    contact = _contact(case, notes, needed=not bare)
    description = describe(transaction, said=case.then.description)
    tracking = () if bare else choose_tracking(case, notes)
    lines, account = ((), None) if bare else _lines(case, tracking, description, notes)
    return Coding(
        account=account,
        tax_mode=TaxMode.NO_TAX if case.without_tax else TaxMode.INCLUSIVE,
        tracking=tracking,
        contact_name=contact,
        description=description,
        lines=lines,
        skip=skip,
        review=review,
        findings=tuple(notes.findings),
        decisions=tuple(notes.decisions),
        hit=hit,
    )


def _flags(case: Case, notes: Notes) -> tuple[bool, bool]:
    """(skip, review) as the rule says; half of a two-sided movement is never skipped."""
    if case.then.skip and case.movement in _TWO_SIDED:
        message = (
            f"The {case.rule_words} would leave out one side of a movement between your own wallets. "
            "Accept it to post it, change the rule, or skip both sides by hand."
        )
        notes.review(SKIPS_ONE_SIDE, message, detail=case.rule_words)
        return False, True
    for field, set_by_rule in (("skip", case.then.skip), ("review", case.then.review)):
        if set_by_rule:
            notes.decide(field, "yes", DecidedBy.RULE, case.rule_words)
    return case.then.skip, case.then.review


def _doubt_unknown(case: Case, notes: Notes) -> None:
    if case.movement is Movement.UNKNOWN:
        kind = case.transaction.raw_kind or "not named"
        message = f"This kind of movement ({kind}) is not known. Decide how it is booked."
        notes.review("unknown_movement", message, detail=case.transaction.raw_kind)


def _contact(case: Case, notes: Notes, *, needed: bool) -> str:
    """The name of the contact, fit for creating one; "" where nobody is named (a finding where one is needed)."""
    choices = [
        (case.then.contact, DecidedBy.RULE, case.rule_words),
        (case.returned.contact, DecidedBy.ORIGIN, case.returned.why),
        (case.memory.contact, DecidedBy.CONTACT, case.memory.why),
        (case.transaction.counterparty.name, DecidedBy.POLICY, "the name of the counterparty"),
    ]
    if case.movement in _WITH_PROVIDER:
        choices = [choices[0], (PROVIDER_CONTACT, DecidedBy.POLICY, f"the other side is {PROVIDER_CONTACT} itself")]
    for text, by, why in choices:
        name = clean_contact_name(text)
        if name:
            return notes.decide("contact", name, by, why)
    if needed:
        notes.review(
            "contact_missing", "The movement names nobody. Name its contact in a rule, or skip it and book it by hand."
        )
    return ""


def _lines(
    case: Case, tracking: tuple[TrackingChoice, ...], description: str, notes: Notes
) -> tuple[tuple[LineItem, ...], Account | None]:
    """The lines, and the account where all of them have one and the same decision."""
    if case.then.split and case.movement is not Movement.FX:
        return _split_lines(case, case.then.split, tracking, description, notes), None
    account = choose_account(case, notes)
    tax, captured = choose_tax(case, account, notes)
    if account is None:
        return (), None
    if not captured.lines:
        whole = abs(case.transaction.amount).amount
        return (_line(case, whole, account, tax, tracking, description),), account
    lines = (
        _line(case, part.gross, account, part.tax_type, tracking, f"{description} ({part.label})")
        for part in captured.lines
    )
    return tuple(lines), account


def _split_lines(
    case: Case,
    parts: tuple[SplitPart, ...],
    tracking: tuple[TrackingChoice, ...],
    description: str,
    notes: Notes,
) -> tuple[LineItem, ...]:
    """One line per part that is not zero; the rule's own tax and tracking hold for parts that name none."""
    amounts = split_amounts(case.transaction.amount, parts)
    if amounts is None:
        message = f"The {case.rule_words} splits off more than the whole amount."
        notes.review("split_exceeds_total", message, detail=case.rule_words)
        return ()
    lines: list[LineItem] = []
    for part, amount in zip(parts, amounts, strict=True):
        account = account_named(part.account, DecidedBy.RULE, case.rule_words, case, notes)
        tax = _part_tax(case, part, account, notes)
        choices = overlaid(tracking, options_named(part.tracking, case, notes), notes)
        if account is None:
            return ()
        if amount:
            lines.append(_line(case, amount, account, tax, choices, part.description or description))
    return tuple(lines)


def _part_tax(case: Case, part: SplitPart, account: Account | None, notes: Notes) -> str:
    if case.without_tax:
        return without_tax(case, notes)
    text = part.tax or case.then.tax
    if text:
        return tax_named(text, account, DecidedBy.RULE, case.rule_words, case, notes)
    return undecided_tax(case, account, notes)


def _line(
    case: Case, amount: Decimal, account: Account, tax: str, tracking: tuple[TrackingChoice, ...], description: str
) -> LineItem:
    return LineItem(
        description=description,
        amount=amount,
        account_id=account.account_id,
        account_code=account.code,
        tax_type=tax,
        tracking=tracking,
        tax=ZERO if case.without_tax else expected_tax(amount, tax, case.chart),
    )
