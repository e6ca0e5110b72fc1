"""The tenant's settings as the steps need them: policies, mapping, rules, chart. Loaded once per slice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from connectors import selectors
from connectors.contract.records import SourceTransaction
from sync.domain.coding_case import NOTHING_REMEMBERED, CodingDefaults, Remembered, direction_of
from sync.domain.contacts import contact_key
from sync.domain.fx import rate_for
from sync.domain.limits import Limits
from sync.domain.rate_tables import TableOfRates, TableRate, UsedRate
from sync.domain.references import ChartIndex
from sync.domain.rule_format import parse_rule
from sync.domain.rules import RuleSpec
from sync.models import AccountMapping, BookedConversion, ContactLink, Flow, RateTableRow, Rule
from tenants.models import Tenant

DEFAULT_POLICIES = {
    "card_date": "settlement",
    "fx_date": "value",
    "card_incomplete": "post",
    "lock_date": "hold",
    "rate": "xero_day",
    "contacts": "match_or_create",
    "contact_threshold": "100",
    "match_invoices": "suggest",
    "partner_minutes": "15",  # both rows of a deal are made within a second of each other
    "match_invoices_from": "90",
    "tracking_options": "match",
    "overpaid": "review",
    "duplicate_days": "3",
    "proof_time": "05:00",
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
    remembered: Mapping[tuple[str, str], Remembered] = field(default_factory=dict)  # by contact key and direction
    deals: tuple[tuple[date, str, Decimal], ...] = ()  # value date, currency, foreign units per base unit; newest last
    table: TableOfRates = field(default_factory=TableOfRates)

    def own_rate(self, currency: str, day: date) -> UsedRate | None:
        """By the policies `table` and `last_deal`: the tenant's own rate of that day; None where there is none."""
        if self.policy("rate") == "table":
            row = self.table.on(currency, day)
            if row is None:
                return None
            return UsedRate(value=row.per_base, by="rate_table", why=row.why, version=row.version)
        last = [(on, rate) for on, other, rate in self.deals if other == currency and on <= day]
        if not last:
            return None
        return UsedRate(value=last[-1][1], by="last_deal", why=f"the exchange of {last[-1][0]:%-d %b %Y}")

    def memory_of(self, transaction: SourceTransaction) -> Remembered:
        """What a person decided for this counterparty, where its movement goes in this direction."""
        key = contact_key(transaction.counterparty.name) if self.remembered else ""
        return self.remembered.get((key, direction_of(transaction)), NOTHING_REMEMBERED)

    def policy(self, name: str) -> str:
        return self.policies.get(name) or DEFAULT_POLICIES[name]

    @property
    def creates_options(self) -> bool:
        """May a tracking option that the books lack be created?"""
        return self.policy("tracking_options") == "create"

    @property
    def partner_patience(self) -> timedelta:
        """How long one row of a deal or own transfer waits for the other before a person is asked."""
        return timedelta(minutes=int(self.policy("partner_minutes")))

    @property
    def match_threshold(self) -> int:
        """From which score on, of 100, the policy "auto" lets a payment post itself."""
        return int(self.policy("match_invoices_from"))

    @property
    def base_currency(self) -> str:
        return self.chart.chart.organisation.base_currency


def load_books(flow: Flow, tenant: Tenant) -> Books:
    """Read everything the steps decide by. Inside the tenant's scope; four statements besides the chart's."""
    assert flow.destination is not None
    mappings = AccountMapping.objects.filter(flow=flow)
    rules = Rule.objects.filter(flow=flow, active=True, superseded_at=None).order_by("position", "id")
    chart = ChartIndex.of(selectors.chart(flow.destination))
    base = chart.chart.organisation.base_currency
    return Books(
        zone=ZoneInfo(tenant.timezone),
        policies=flow.policies,
        defaults=CodingDefaults.from_json(flow.defaults),
        limits=Limits.of(flow.review),
        wallets={m.source_account_id: _wallet(m) for m in mappings},
        rules=tuple(parse_rule(rule.spec, version=rule.version) for rule in rules),
        chart=chart,
        remembered=remembered_for(flow),
        deals=executed_deals(flow, base) if flow.policies.get("rate") == "last_deal" else (),
        table=table_of(flow) if flow.policies.get("rate") == "table" else TableOfRates(),
    )


def remembered_for(flow: Flow) -> dict[tuple[str, str], Remembered]:
    """What people decided for counterparties. One statement."""
    links = ContactLink.objects.filter(flow=flow).exclude(coding={}).values_list("key", "coding")
    return {
        (key, direction): Remembered(
            account=said["account"],
            tax=said["tax"],
            why=f"{said['by']} decided it for this counterparty, {said['day']}",
        )
        for key, coding in links
        for direction, said in coding.items()
    }


def table_of(flow: Flow) -> TableOfRates:
    """The tenant's own rates that may still be needed. One statement."""
    rates: dict[str, list[TableRate]] = {}
    rows = RateTableRow.objects.filter(table__flow=flow, valid_to__gte=flow.cutoff).select_related("table")
    for row in rows.order_by("currency", "valid_from", "table__version"):
        rate = TableRate(
            per_base=row.per_base,
            version=row.table.version,
            source=row.table.source,
            valid_from=row.valid_from,
            valid_to=row.valid_to,
        )
        rates.setdefault(row.currency, []).append(rate)
    return TableOfRates(rates=rates)


def executed_deals(flow: Flow, base: str) -> tuple[tuple[date, str, Decimal], ...]:
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
