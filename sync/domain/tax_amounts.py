"""The tax that the destination will find within a gross line, and what it means if it finds another one. Pure.

Xero computes tax for each line by itself, to the cent, and adds up; of a gross line it takes line - round(line / (1 + rate)).
Which way it rounds a half is nowhere written; away from zero is assumed, and a difference of a cent a line is told, not
fought.
"""

from __future__ import annotations

from decimal import Decimal

from connectors.contract.errors import Finding, Severity
from connectors.contract.money import ZERO, round_half_up
from connectors.contract.records import BankTransaction, LedgerEntry, MirrorDocument
from sync.domain.references import ChartIndex

CENT = Decimal("0.01")


def tax_within(gross: Decimal, percent: Decimal) -> Decimal:
    """The tax inside a gross amount, to the cent. Two digits in every currency: the destination keeps no others."""
    return gross - round_half_up(gross / (1 + percent / 100), 2) if percent else ZERO


def expected_tax(gross: Decimal, tax_type: str, chart: ChartIndex) -> Decimal | None:
    """As `tax_within`, by the organisation's own rate; None where the tax type is not known."""
    rate = chart.tax_rate(tax_type) if tax_type else None
    return None if rate is None else tax_within(gross, rate.rate)


def tax_total(entry: LedgerEntry) -> Decimal | None:
    """The tax that we expect on the whole document; None where a line's is not known."""
    if not isinstance(entry, BankTransaction):
        return None
    known = [line.tax for line in entry.lines if line.tax is not None]
    return sum(known, ZERO) if len(known) == len(entry.lines) else None


def tax_difference(wanted: LedgerEntry, found: MirrorDocument) -> Finding | None:
    """What is to be said where the destination shows another tax: a note for a cent a line, else a matter for a person."""
    ours = tax_total(wanted)
    if ours is None or found.tax_total is None or ours == found.tax_total:
        return None
    assert isinstance(wanted, BankTransaction)
    taxed = sum(line.tax != 0 for line in wanted.lines)
    small = abs(ours - found.tax_total) <= CENT * taxed
    told = f"Xero computes {found.tax_total:.2f} tax on this document, Millrace expected {ours:.2f}."
    todo = "It is a rounding of Xero's." if small else "Check the tax rate in Xero: its percentage may have changed."
    return Finding(
        code="tax_differs",
        message=f"{told} {todo}",
        severity=Severity.NOTE if small else Severity.REVIEW,
        detail=", ".join(dict.fromkeys(line.tax_type for line in wanted.lines if line.tax_type)),
    )
