"""Captured VAT as gross lines: each part with the tax type that the books have for it, the rest without tax. Pure.

Xero computes the tax of a gross line itself and refuses any other figure, so what it will compute is compared with
what was captured, and a difference is a finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from connectors.contract.errors import Finding, Severity
from connectors.contract.money import ZERO, Money, round_half_up
from connectors.contract.records import Account, SourceTransaction, TaxRate, VatPart
from sync.domain.references import ACTIVE, NO_TAX, ChartIndex, label, may_carry
from sync.domain.tax_amounts import CENT, tax_within


@dataclass(frozen=True, slots=True, kw_only=True)
class VatLine:
    """`gross` is unsigned and includes the tax."""

    gross: Decimal
    tax_type: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VatLines:
    """Lines that add up to the whole amount, or none where the captured parts cannot be used."""

    lines: tuple[VatLine, ...] = ()
    findings: tuple[Finding, ...] = ()


NO_LINES = VatLines()


def vat_lines(transaction: SourceTransaction, *, account: Account, chart: ChartIndex) -> VatLines:
    """The lines that the captured VAT asks for on this account, and everything that stands against them."""
    whole = abs(transaction.amount)
    parts, notes = _with_tax([part for part in transaction.vats if part.gross], whole.amount)
    rest = whole.amount - sum((abs(part.gross) for part in parts), ZERO)
    if not parts:
        return NO_LINES
    if rest < 0:
        return VatLines(findings=(_exceeds(whole, rest),))
    lines: list[VatLine] = []
    findings: list[Finding] = notes
    for part in parts:
        rate, problem = _rate_for(part, account=account, chart=chart)
        findings.extend(problem)
        if rate is not None:
            findings.extend(_differences(part, rate))
        unclaimed = ", not claimed" if part.rate and rate is None else ""
        words = f"VAT {percent(part.rate)}{unclaimed}"
        lines.append(VatLine(gross=abs(part.gross), tax_type=rate.tax_type if rate else NO_TAX, label=words))
    if rest:
        lines.append(VatLine(gross=rest, tax_type=NO_TAX, label="without VAT"))
    return VatLines(lines=tuple(lines), findings=tuple(findings))


def _with_tax(parts: Sequence[VatPart], whole: Decimal) -> tuple[list[VatPart], list[Finding]]:
    """The parts with their tax inside. A capture is one way for all its lines: where the tax of one of them fits only on
    top of what is called gross, and the movement has room for it, all were captured without their tax."""
    net = [part for part in parts if _fits_on_top(part)]
    with_tax = [replace(part, gross=abs(part.gross) + abs(part.amount)) if part in net else part for part in parts]
    surely = any(not _fits_inside(part) for part in net)
    if not surely or sum((abs(part.gross) for part in with_tax), ZERO) > whole:
        return list(parts), []
    return with_tax, [_without_tax(part) for part in net]


def _fits_inside(part: VatPart) -> bool:
    return abs(tax_within(abs(part.gross), part.rate) - abs(part.amount)) <= CENT


def _fits_on_top(part: VatPart) -> bool:
    return part.rate > 0 and abs(part.amount) == round_half_up(abs(part.gross) * part.rate / 100, 2)


def _without_tax(part: VatPart) -> Finding:
    gross, tax = abs(part.gross), abs(part.amount)
    message = (
        f"VAT of {tax:f} ({percent(part.rate)}) was captured on {gross:f} without tax. It was booked as {gross + tax:f} "
        "with its tax inside, because that is what the bank moved."
    )
    return Finding(code="vat_exclusive", message=message, severity=Severity.NOTE, detail=percent(part.rate))


def _rate_for(part: VatPart, *, account: Account, chart: ChartIndex) -> tuple[TaxRate | None, tuple[Finding, ...]]:
    """The tax rate that the capture names, else the only one of this percentage that the account may carry."""
    named = chart.tax_rate(part.external_id) if part.external_id else None
    if named and named.status == ACTIVE and may_carry(account, named):
        return named, ()
    if not part.rate:
        return None, ()
    fitting = [rate for rate in chart.rates_of(account) if rate.rate == part.rate]
    preferred = [rate for rate in fitting if rate.tax_type == account.tax_type] or fitting
    if len(preferred) == 1:
        return preferred[0], ()
    reason = "Several tax rates" if preferred else "No active tax rate"
    message = (
        f"{reason} of {percent(part.rate)} may stand on account {label(account)} in Xero. "
        "Name the tax type as external id of the VAT at Amnis, or decide it in a rule. If you accept it as it is, "
        f"{abs(part.gross):f} is booked without tax, and no input tax is claimed."
    )
    return None, (Finding(code="vat_unmapped", message=message, detail=f"{percent(part.rate)} on {label(account)}"),)


def _differences(part: VatPart, rate: TaxRate) -> tuple[Finding, ...]:
    if rate.rate != part.rate:
        message = (
            f"VAT of {percent(part.rate)} was captured, but tax {rate.name} in Xero is {percent(rate.rate)}. "
            "Correct one of them."
        )
        return (Finding(code="vat_rate_differs", message=message, detail=rate.tax_type),)
    computed = tax_within(abs(part.gross), rate.rate)
    difference = abs(computed - abs(part.amount))
    if not difference:
        return ()
    message = f"VAT of {abs(part.amount):f} was captured; Xero computes {computed:f} on {abs(part.gross):f}."
    severity = Severity.NOTE if difference <= CENT else Severity.REVIEW
    return (Finding(code="vat_amount_differs", message=message, severity=severity, detail=rate.tax_type),)


def _exceeds(whole: Money, rest: Decimal) -> Finding:
    message = f"The captured VAT parts are {abs(rest):f} more than the whole amount {whole}. Correct them at Amnis."
    return Finding(code="vat_exceeds_total", message=message)


def percent(rate: Decimal) -> str:
    """A rate in words: 8.1 %."""
    text = format(rate, "f")
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"
