"""Which tax a movement carries: rule, captured VAT, returned movement, remembered, default. Pure."""

from __future__ import annotations

from connectors.contract.records import Account, Movement
from sync.domain.coding_case import Case, DecidedBy, Notes
from sync.domain.references import ACTIVE, NO_TAX, label, may_carry
from sync.domain.vat import NO_LINES, VatLines, vat_lines

_SWISS_TAX_AREA = frozenset({"CH", "LI"})


def choose_tax(case: Case, account: Account | None, notes: Notes) -> tuple[str, VatLines]:
    """The tax type of the whole movement, and the lines that captured VAT asks for (none: one line, one tax)."""
    if case.without_tax:
        return without_tax(case, notes), NO_LINES
    if case.then.tax:
        return tax_named(case.then.tax, account, DecidedBy.RULE, case.rule_words, case, notes), NO_LINES
    captured = _captured(case, account, notes)
    if not captured.lines:
        return undecided_tax(case, account, notes), NO_LINES
    types = dict.fromkeys(line.tax_type for line in captured.lines if line.tax_type)
    return notes.decide("tax", ", ".join(types), DecidedBy.CATEGORY, "VAT captured at Amnis"), captured


def without_tax(case: Case, notes: Notes) -> str:
    why = "conversions carry no tax" if case.movement is Movement.FX else "the organisation pays no tax"
    if case.in_suspense:
        why = "no tax is claimed before somebody has said what it was for"
    return notes.decide("tax", NO_TAX, DecidedBy.POLICY, why)


def undecided_tax(case: Case, account: Account | None, notes: Notes) -> str:
    """The tax where neither a rule nor a capture names one. Abroad there is no input tax by default."""
    if case.returned.tax:
        return tax_named(case.returned.tax, account, DecidedBy.ORIGIN, case.returned.why, case, notes)
    if case.memory.tax:
        return tax_named(case.memory.tax, account, DecidedBy.CONTACT, case.memory.why, case, notes)
    if merchant_is_abroad(case):
        return notes.decide("tax", NO_TAX, DecidedBy.DEFAULT, "the merchant is abroad: no input tax")
    name = "tax_expense" if case.is_expense else "tax_income"
    text = getattr(case.defaults, name)
    if not text:
        notes.review("default_missing", f"No default for {name} is set. Choose one.", detail=name)
        return ""
    return tax_named(text, account, DecidedBy.DEFAULT, f"your default for {name}", case, notes)


def tax_named(text: str, account: Account | None, by: DecidedBy, why: str, case: Case, notes: Notes) -> str:
    """The tax type of this name; every objection to it becomes a finding."""
    rate = case.chart.tax_rate(text)
    if rate is None:
        notes.review("tax_missing", f"Tax {text} ({why}) does not exist in Xero.", detail=text)
        return ""
    if rate.status != ACTIVE:
        notes.review("tax_archived", f"Tax {rate.name} ({why}) is not active in Xero.", detail=rate.tax_type)
    if account and not may_carry(account, rate):
        message = f"Xero does not allow tax {rate.name} on account {label(account)} ({why})."
        notes.review("tax_not_allowed", message, detail=f"{rate.tax_type} on {label(account)}")
    return notes.decide("tax", rate.tax_type, by, why)


def merchant_is_abroad(case: Case) -> bool:
    """Is the merchant known to sit outside the tax area of the books? Liechtenstein shares the Swiss one."""
    card = case.transaction.card
    country = card.merchant_country.upper() if card else ""
    home = case.chart.chart.organisation.country.upper() or "CH"
    return bool(country) and country not in (_SWISS_TAX_AREA if home in _SWISS_TAX_AREA else {home})


def _captured(case: Case, account: Account | None, notes: Notes) -> VatLines:
    if account is None or not case.transaction.vats:
        return NO_LINES
    if merchant_is_abroad(case) and any(part.rate for part in case.transaction.vats):
        message = (
            "VAT was captured at Amnis, but the merchant is abroad, so no input tax was taken. "
            "A rule that names a tax decides otherwise."
        )
        notes.note("vat_abroad", message)
        return NO_LINES
    captured = vat_lines(case.transaction, account=account, chart=case.chart)
    notes.findings.extend(captured.findings)
    return captured
