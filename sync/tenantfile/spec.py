"""What a tenant file says, typed. `line` is where it says so; None means "not said", which changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sync.domain import limits
from sync.domain.rules import RuleSpec
from sync.tenantfile.aliases import ContactLine
from sync.tenantfile.codings import CodingLine

# The possible values of each policy, the first one being the default.
POLICIES: Mapping[str, tuple[str, ...]] = {
    "card_date": ("settlement", "execution"),
    "card_incomplete": ("post", "suspense", "wait"),
    "fx_date": ("value", "deal"),
    "lock_date": ("hold", "next_open_day"),
    "rate": ("xero_day", "table", "last_deal"),
    "contacts": ("match_or_create", "match_only", "preview"),
    "contact_threshold": ("100", *(str(score) for score in range(99, 49, -1)), "0"),  # 0: likeness says nothing
    "match_invoices": ("suggest", "off", "auto"),
    "match_invoices_from": ("90", *(str(score) for score in range(100, 49, -1) if score != 90)),
    "overpaid": ("review", "suspense"),
    "partner_minutes": ("15", "5", "30", "60", "240", "1440"),
    "duplicate_days": ("3", "0", "1", "2", "5", "7", "10", "14"),
    "proof_time": ("05:00", *(f"{hour:02}:00" for hour in range(24) if hour != 5)),
    "tracking_options": ("match", "create"),
}
DEFAULT_KEYS = (
    "income",
    "expense",
    "fee",
    "cashback",
    "fx_clearing",
    "suspense",
    "tax_income",
    "tax_expense",
    "tracking_category",
)
REVIEW_AMOUNTS = limits.AMOUNTS  # each a map of currency and amount
REVIEW_ACTS = limits.ACTS
REVIEW_NUMBERS = limits.NUMBERS
REVIEW_KEYS = (*REVIEW_AMOUNTS, *REVIEW_ACTS, *REVIEW_NUMBERS)
FREQUENCY_DEFAULT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """Where a secret stands: the name of an environment variable or of a file. The file itself never holds it."""

    name: str
    is_file: bool
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AmnisSection:
    client_id: str
    client_secret: SecretSource
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class XeroSection:
    """Which organisation, by name or id; the refresh token may be left out (then the browser connects it)."""

    organisation: str
    organisation_id: str
    refresh_token: SecretSource | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    """A wallet and the bank account it stands for, or why it is left out."""

    source: str
    xero: str
    ignore: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSection:
    cutoff: date
    frequency_minutes: int | None
    accounts: tuple[AccountLine, ...] | None
    defaults: Mapping[str, str] | None
    policies: Mapping[str, str] | None
    review: Mapping[str, Any] | None
    rules: tuple[RuleSpec, ...] | None
    line: int
    contacts: tuple[ContactLine, ...] | None = None
    codings: tuple[CodingLine, ...] | None = None
    default_lines: Mapping[str, int] = field(default_factory=dict)
    rule_lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationsSection:
    slack_webhook: SecretSource | None
    email: tuple[str, ...] | None
    daily: bool | None
    weekly: bool | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantFile:
    slug: str
    name: str
    timezone: str | None
    owners: tuple[str, ...]
    amnis: AmnisSection | None
    xero: XeroSection | None
    flow: FlowSection | None
    notifications: NotificationsSection | None
