"""Which tax a movement carries: rule, captured VAT, returned movement, remembered, default. Pure."""

from __future__ import annotations

from connectors.contract.records import Account, Movement, TaxRate
from sync.domain.coding_case import DEFAULT_WORDS, Case, DecidedBy, Notes
from sync.domain.references import ACTIVE, NO_TAX, label, may_carry
from sync.domain.tax_law import SINCE_2024, SWISS_TAX_AREA, percent_on
from sync.domain.vat import NO_LINES, VatLines, percent, vat_lines


def choose_tax(case: Case, account: Account | None, notes: Notes) -> tuple[str, VatLines]:
    """The tax type of the whole movement, and the lines that captured VAT asks for (none: one line, one tax)."""
    if case.without_tax:
        return without_tax(case, notes), NO_LINES
    if case.then.tax:
        return tax_named(case.then.tax, account, DecidedBy.RULE, case.rule_words, case, notes), NO_LINES
    captured = _captured(case, account, notes)
    if not captured.lines:
        return undecided_tax(case, account, notes), NO_LINES
    types = dict.fromkeys(line.tax_type for line in captured.lines)
    unclaimed = any(finding.code == "vat_unmapped" for finding in captured.findings)
    why = "VAT captured at Amnis" + ("; what no tax in Xero fits is booked without tax" if unclaimed else "")
    return notes.decide("tax", ", ".join(types), DecidedBy.CATEGORY, why), captured


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
        notes.review("default_missing", f"No default for {DEFAULT_WORDS[name]} is set. Choose one.", detail=name)
        return _none_chosen(f"no default for {DEFAULT_WORDS[name]} is set", notes)
    return tax_named(text, account, DecidedBy.DEFAULT, f"your default for {DEFAULT_WORDS[name]}", case, notes)


def tax_named(text: str, account: Account | None, by: DecidedBy, why: str, case: Case, notes: Notes) -> str:
    """The tax type of this name; every objection to it becomes a finding."""
    rate = case.chart.tax_rate(text)
    if rate is None:
        notes.review("tax_missing", f"Tax {text} ({why}) does not exist in Xero.", detail=text)
        return _none_chosen(f"tax {text} does not exist in Xero", notes)
    rate = _of_the_day(rate, account, by, why, case, notes)
    if rate.status != ACTIVE:
        notes.review("tax_archived", f"Tax {rate.name} ({why}) is not active in Xero.", detail=rate.tax_type)
    if account and not may_carry(account, rate):
        message = f"Xero does not allow tax {rate.name} on account {label(account)} ({why})."
        notes.review("tax_not_allowed", message, detail=f"{rate.tax_type} on {label(account)}")
    return notes.decide("tax", rate.tax_type, by, why)


def _none_chosen(why: str, notes: Notes) -> str:
    """A line that names no tax would get the one that Xero holds ready for the account, which nobody chose."""
    return notes.decide("tax", NO_TAX, DecidedBy.POLICY, f"{why}, so no tax is claimed")


def _of_the_day(rate: TaxRate, account: Account | None, by: DecidedBy, why: str, case: Case, notes: Notes) -> TaxRate:
    """The organisation's own rate that was law on the day of the supply, where the one that is named was not.

    A rule that names an older rate may know of a supply of those days, and a refund gives back the tax of its purchase:
    both are taken at their word, and noted.
    """
    day = case.transaction.execution_date
    home = case.chart.chart.organisation.country.upper()
    if day is None or home not in SWISS_TAX_AREA or percent_on(rate.rate, day) == rate.rate:
        return rate
    lawful = percent_on(rate.rate, day)
    told = f"{percent(rate.rate)} ({rate.name}, {why}) is not the rate of {day:%-d %b %Y}, which is {percent(lawful)}."
    if by in (DecidedBy.RULE, DecidedBy.ORIGIN) and lawful > rate.rate:
        if rate.status == ACTIVE:
            notes.note("tax_of_other_days", f"{told} It is right for a supply before {SINCE_2024:%-d %b %Y} only.")
        return rate
    fitting = [it for it in case.chart.rates_of(account) if it.rate == lawful] if account else []
    if len(fitting) == 1:
        notes.note("tax_of_the_day", f"{told} {fitting[0].name} was used.", detail=fitting[0].tax_type)
        return fitting[0]
    todo = "Several tax rates of this percentage" if fitting else "No active tax rate of this percentage"
    message = f"{told} {todo} may stand on the account in Xero. Name one in a rule, or restore it in Xero."
    notes.review("tax_of_other_days", message, detail=f"{rate.tax_type} {percent(lawful)}")
    return rate


def merchant_is_abroad(case: Case) -> bool:
    """Is the merchant known to sit outside the tax area of the books? Liechtenstein shares the Swiss one."""
    card = case.transaction.card
    country = card.merchant_country.upper() if card else ""
    home = case.chart.chart.organisation.country.upper() or "CH"
    return bool(country) and country not in (SWISS_TAX_AREA if home in SWISS_TAX_AREA else {home})


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
