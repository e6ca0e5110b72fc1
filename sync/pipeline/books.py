"""The tenant's settings as the steps need them: policies, mapping, rules, chart. Loaded once per slice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from connectors import selectors
from sync.domain.coding_case import CodingDefaults
from sync.domain.fx import rate_for
from sync.domain.limits import Limits
from sync.domain.references import ChartIndex
from sync.domain.rule_format import parse_rule
from sync.domain.rules import RuleSpec
from sync.models import AccountMapping, BookedConversion, Flow, Rule
from tenants.models import Tenant

DEFAULT_POLICIES = {
    "card_date": "settlement",
    "fx_date": "value",
    "lock_date": "hold",
    "rate": "xero_day",
    "contacts": "match_or_create",
    "contact_threshold": "100",
    "match_invoices": "suggest",
    "partner_minutes": "15",  # both rows of a deal are made within a second of each other
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """What a source account stands for in the books."""

    bank_account_id: str
    ignored: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    zone: ZoneInfo
    policies: Mapping[str, str]
    defaults: CodingDefaults
    limits: Limits
    wallets: Mapping[str, Wallet]
    rules: tuple[RuleSpec, ...]
    chart: ChartIndex
    deals: tuple[tuple[date, str, Decimal], ...] = ()  # value date, currency, foreign units per base unit; newest last

    def rates_on(self, day: date) -> dict[str, Decimal]:
        """By the policy "last deal": the rate of the last conversion executed up to this day, by currency."""
        return {currency: rate for value_date, currency, rate in self.deals if value_date <= day}

    def policy(self, name: str) -> str:
        return self.policies.get(name) or DEFAULT_POLICIES[name]

    @property
    def partner_patience(self) -> timedelta:
        """How long one row of a deal or own transfer waits for the other before a person is asked."""
        return timedelta(minutes=int(self.policy("partner_minutes")))

    @property
    def base_currency(self) -> str:
        return self.chart.chart.organisation.base_currency


def load_books(flow: Flow, tenant: Tenant) -> Books:
    """Read everything the steps decide by. Inside the tenant's scope; three statements besides the chart's."""
    assert flow.destination is not None
    mappings = AccountMapping.objects.filter(flow=flow)
    rules = Rule.objects.filter(flow=flow, active=True, superseded_at=None).order_by("position", "id")
    chart = ChartIndex.of(selectors.chart(flow.destination))
    return Books(
        zone=ZoneInfo(tenant.timezone),
        policies=flow.policies,
        defaults=CodingDefaults.from_json(flow.defaults),
        limits=Limits.of(flow.review),
        wallets={m.source_account_id: _wallet(m) for m in mappings},
        rules=tuple(parse_rule(rule.spec, version=rule.version) for rule in rules),
        chart=chart,
        deals=_deals(flow, chart.chart.organisation.base_currency) if flow.policies.get("rate") == "last_deal" else (),
    )


def _deals(flow: Flow, base: str) -> tuple[tuple[date, str, Decimal], ...]:
    """Every executed conversion against the base currency as a rate, oldest first."""
    found = []
    for deal in BookedConversion.objects.filter(flow=flow, value_date__isnull=False).order_by("value_date", "deal_id"):
        assert deal.value_date is not None
        if deal.sold == base:
            found.append((deal.value_date, deal.bought, rate_for(deal.amount_bought, deal.amount_sold)))
        elif deal.bought == base:
            found.append((deal.value_date, deal.sold, rate_for(deal.amount_sold, deal.amount_bought)))
    return tuple(found)


def _wallet(mapping: AccountMapping) -> Wallet:
    return Wallet(bank_account_id=mapping.destination_account_id, ignored=mapping.ignored, reason=mapping.ignore_reason)
