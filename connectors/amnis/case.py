"""One row while it is being read: its parts, the tenant's zone, and what was found wrong. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from connectors.amnis.values import Wire, amount, day, text
from connectors.contract.errors import Finding, Severity
from connectors.contract.money import MINOR_UNITS, NO_CURRENCY, Money


@dataclass(slots=True, kw_only=True)
class Case:
    """One row while it is being read: its parts and what was found wrong with it."""

    row: Wire
    detail: Wire
    zone: ZoneInfo
    signed: bool | None
    findings: list[Finding] = field(default_factory=list)

    def note(self, code: str, message: str, *, detail: str = "", severity: Severity = Severity.REVIEW) -> None:
        self.findings.append(Finding(code=code, message=message, detail=detail, severity=severity))

    def day(self, source: Wire, key: str, name: str) -> date | None:
        """The date under `key`; a value that is no possible date is found and left out."""
        value = source.get(key)
        found = day(value, self.zone)
        if found is None and text(value):
            self.note("date_impossible", f"The {name} that Amnis gives is not a possible date: {text(value)[:40]}.")
        return found

    def money(self, value: object, currency: object) -> Money | None:
        """An amount of a detail; None where either half is missing or wrong."""
        number, code = amount(value), text(currency)
        return None if number is None or not is_currency(code) else Money(amount=number, currency=code)


def is_currency(code: str) -> bool:
    """Is this a currency that money can be kept in?"""
    return code in MINOR_UNITS and code != NO_CURRENCY
