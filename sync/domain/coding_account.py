"""Which account a movement is booked on: rule, returned movement, category, remembered, default. Pure."""

from __future__ import annotations

from connectors.contract.records import Account, Movement
from sync.domain.coding_case import DEFAULT_WORDS, Case, DecidedBy, Notes
from sync.domain.references import account_objection, label


def choose_account(case: Case, notes: Notes) -> Account | None:
    """The account, also where something stands against it (then with a finding); None where there is none at all."""
    if case.movement is Movement.FX:
        why = "conversions go through the clearing account"
        return _by_default_named("fx_clearing", DecidedBy.POLICY, why, case, notes)
    if case.in_suspense:
        why = "nobody has completed it at Amnis yet"
        return _by_default_named("suspense", DecidedBy.POLICY, why, case, notes)
    if case.then.account:
        return account_named(case.then.account, DecidedBy.RULE, case.rule_words, case, notes)
    if case.returned.account:
        return account_named(case.returned.account, DecidedBy.ORIGIN, case.returned.why, case, notes)
    account = _by_category(case, notes)
    if account is None and case.memory.account:
        return account_named(case.memory.account, DecidedBy.CONTACT, case.memory.why, case, notes)
    return account or _by_default(case, notes)


def account_named(text: str, by: DecidedBy, why: str, case: Case, notes: Notes) -> Account | None:
    """The account with this code, name or id; every objection to it becomes a finding."""
    account = case.chart.account(text)
    if account is None:
        notes.review("account_missing", f"Account {text} ({why}) does not exist in Xero.", detail=text)
        return None
    objection = account_objection(account)
    if objection:
        notes.review("account_unusable", f"Account {label(account)} ({why}) {objection}.", detail=label(account))
    notes.decide("account", label(account), by, why)
    return account


def _by_category(case: Case, notes: Notes) -> Account | None:
    """The account that the source's category names, where a line may stand on it; else the next one decides."""
    category = case.transaction.category
    if category is None:
        return None
    named = [text for text in (category.account_code, category.external_id) if text]
    for text in named:
        account = case.chart.account(text)
        if account and not account_objection(account):
            notes.decide("account", label(account), DecidedBy.CATEGORY, f"category “{category.name}” at Amnis")
            return account
    if named:
        message = (
            f"The category “{category.name}” at Amnis names account {named[0]}, on which no line can stand in Xero. "
            "It was not used."
        )
        notes.note("category_account_unusable", message, detail=named[0])
    return None


def _by_default(case: Case, notes: Notes) -> Account | None:
    if case.movement is Movement.RETURNED_PAYMENT:
        message = (
            "A payment came back, and the one it belongs to was not found. Say in a rule on which account returned payments "
            "go, or skip it and book it by hand."
        )
        notes.review("return_unmatched", message)
        return None
    if case.movement is Movement.CASHBACK and case.defaults.cashback:
        return _by_default_named("cashback", DecidedBy.DEFAULT, "your default for cashback", case, notes)
    if case.movement is Movement.CASHBACK:
        why = "your default for income, because none is set for cashback"
        return _by_default_named("income", DecidedBy.DEFAULT, why, case, notes)
    kind = "expense" if case.is_expense else "income"
    name = "fee" if case.movement is Movement.FEE else kind
    return _by_default_named(name, DecidedBy.DEFAULT, f"your default for {DEFAULT_WORDS[name]}", case, notes)


def _by_default_named(name: str, by: DecidedBy, why: str, case: Case, notes: Notes) -> Account | None:
    text = getattr(case.defaults, name)
    if not text:
        notes.review(
            "default_missing", f"No default account for {DEFAULT_WORDS[name]} is set. Choose one.", detail=name
        )
        return None
    return account_named(text, by, why, case, notes)
