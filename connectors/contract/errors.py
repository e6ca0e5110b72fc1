"""The five errors a connector may raise; everything foreign is translated into one of them at the border.

ConnectorError
├── RetryLater       nothing happened; try again (after `wait`, where the vendor said when: counts as no attempt)
│   └── BudgetUsedUp the call limit is used up for the moment: nothing is wrong, nobody needs to know
├── OutcomeUnknown   a write without an answer: it may have happened, so look before anything else
├── ActionRequired   a person must act (reconnect, grant a permission, pay the vendor); the flow pauses
├── EntryRejected    this one item was refused, with all reasons at once; its neighbours go on
└── ContractBroken   the vendor answered in a shape we cannot trust; processing of the flow stops, loudly
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Severity(StrEnum):
    NOTE = "note"  # shown, never blocks
    REVIEW = "review"  # a person decides before anything is posted


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong or remarkable about an item. `message` is for the bookkeeper: what, and what to do."""

    code: str
    message: str
    severity: Severity = Severity.REVIEW
    detail: str = ""  # groups findings with one root cause, e.g. the account that is not mapped


class ConnectorError(Exception):
    """`message` is for the tenant. `detail` goes to the log alone."""

    def __init__(self, message: str, *, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class RetryLater(ConnectorError):
    def __init__(
        self, message: str, *, wait: timedelta | None = None, whole_connection: bool = False, detail: str = ""
    ) -> None:
        super().__init__(message, detail=detail)
        self.wait = wait
        self.whole_connection = whole_connection


class BudgetUsedUp(RetryLater):
    pass


class OutcomeUnknown(ConnectorError):
    pass


class ActionRequired(ConnectorError):
    pass


class EntryRejected(ConnectorError):
    def __init__(self, message: str, *, findings: Sequence[Finding], detail: str = "") -> None:
        super().__init__(message, detail=detail)
        self.findings = tuple(findings)


class ContractBroken(ConnectorError):
    pass
