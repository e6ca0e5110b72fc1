"""From a file and what stands to what shall be: the same facts twice, so that their difference is the import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.models import Connection
from sync.domain.references import ChartIndex, label
from sync.domain.rules import RuleSpec
from sync.models import AccountMapping
from sync.tenantfile import aliases, codings
from sync.tenantfile.facts import Facts
from sync.tenantfile.spec import (
    DEFAULT_KEYS,
    FREQUENCY_DEFAULT,
    POLICIES,
    REVIEW_KEYS,
    FlowSection,
    NotificationsSection,
    TenantFile,
)
from sync.tenantfile.standing import Standing
from sync.tenantfile.targets import Target
from sync.tenantfile.vendors import AmnisSide, XeroSide

TIMEZONE_DEFAULT = "Europe/Zurich"
NEW_SECRET = "(new)"
MEMBER, INVITED = "member", "invited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What the import found out before it plans: the vendors' sides, what lines point at, whether a webhook is new."""

    amnis: AmnisSide | None
    xero: XeroSide | None
    targets: tuple[Target, ...] | None
    new_webhook: bool


def standing_facts(standing: Standing, chart: ChartIndex | None) -> dict[str, Any]:
    """What stands."""
    facts: dict[str, Any] = {"tenant.name": standing.tenant.name, "tenant.timezone": standing.tenant.timezone}
    facts |= {f"owners.{email}": MEMBER for email in standing.owners}
    facts |= {f"owners.{email}": INVITED for email in standing.invited}
    facts |= {f"connections.{kind}": _connection(row) for kind, row in standing.connections.items()}
    flow = standing.flow
    if flow is not None:
        facts |= {"flow.cutoff": flow.cutoff.isoformat(), "flow.frequency_minutes": str(flow.frequency_minutes)}
        facts |= {
            f"flow.{side}": _connection(row)
            for side, row in (("source", flow.source), ("destination", flow.destination))
            if row
        }
        facts |= {
            f"flow.accounts.{row.source_account_id}": _mapped(row, chart)
            for row in standing.mappings
            if row.ignored or row.destination_account_id
        }
        facts |= _settings(flow.defaults, flow.policies, flow.review)
        facts |= _rules(standing.rules) | aliases.facts(standing.contacts)
        facts |= codings.facts(standing.codings)
    return facts | {f"notifications.{key}": _shown(value) for key, value in standing.notifications.items()}


def wanted_facts(file: TenantFile, learned: Learned, standing: Facts) -> dict[str, Any]:
    """What shall stand. A section that the file leaves out stays as it is; one that it has is taken whole."""
    facts = dict(standing)
    facts["tenant.name"] = file.name
    facts["tenant.timezone"] = file.timezone or standing.get("tenant.timezone", TIMEZONE_DEFAULT)
    for email in file.owners:
        facts.setdefault(f"owners.{email}", INVITED)
    for kind, side in (("amnis", learned.amnis), ("xero", learned.xero)):
        if side is not None and side.grant is not None:
            facts[f"connections.{kind}"] = f"{side.company.name} ({side.company.external_id})"
    if file.flow is not None:
        facts |= _flow(file.flow, learned, facts)
    if file.notifications is not None:
        facts |= _notifications(file.notifications, learned)
    return {path: value for path, value in facts.items() if value is not None}


def _flow(flow: FlowSection, learned: Learned, facts: Facts) -> dict[str, Any]:
    """The flow's own facts; None takes one away."""
    wanted: dict[str, Any] = {"flow.cutoff": flow.cutoff.isoformat()}
    frequency = flow.frequency_minutes or facts.get("flow.frequency_minutes", FREQUENCY_DEFAULT)
    wanted["flow.frequency_minutes"] = str(frequency)
    for side, kind in (("source", "amnis"), ("destination", "xero")):
        if f"connections.{kind}" in facts:
            wanted[f"flow.{side}"] = facts[f"connections.{kind}"]
    if learned.targets is not None:
        wanted |= _gone(facts, "flow.accounts.")
        wanted |= {
            f"flow.accounts.{target.line.source}": said for target in learned.targets if (said := _target(target))
        }
    for name, section in (("defaults", flow.defaults), ("policies", flow.policies), ("review", flow.review)):
        if section is not None:
            wanted |= _gone(facts, f"flow.{name}.") | _settings(**{name: section})
    if flow.rules is not None:
        wanted |= _gone(facts, "flow.rules") | _rules(flow.rules)
    if flow.contacts is not None:
        wanted |= aliases.facts(flow.contacts)
    if flow.codings is not None:
        wanted |= codings.facts(flow.codings)
    return wanted


def _notifications(section: NotificationsSection, learned: Learned) -> dict[str, Any]:
    said = {"email": section.email, "daily": section.daily, "weekly": section.weekly}
    wanted = {f"notifications.{key}": _shown(value) for key, value in said.items() if value is not None}
    return wanted | ({"notifications.slack_webhook": NEW_SECRET} if learned.new_webhook else {})


def _gone(facts: Facts, prefix: str) -> dict[str, None]:
    return {path: None for path in facts if path.startswith(prefix)}


def _settings(
    defaults: Mapping[str, Any] | None = None,
    policies: Mapping[str, Any] | None = None,
    review: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name, values, keys in (("defaults", defaults, DEFAULT_KEYS), ("policies", policies, POLICIES)):
        facts |= {f"flow.{name}.{key}": str(values[key]) for key in keys if values and values.get(key)}
    for key in REVIEW_KEYS:
        said = (review or {}).get(key) or {}
        if isinstance(said, Mapping):
            facts |= {f"flow.review.{key}.{currency}": str(amount) for currency, amount in said.items()}
        else:
            facts[f"flow.review.{key}"] = str(said)
    return facts


def _rules(rules: tuple[RuleSpec, ...]) -> dict[str, Any]:
    """Each rule by its name, and their order."""
    facts: dict[str, Any] = {"flow.rules": ", ".join(rule.name for rule in rules) or "(none)"}
    for rule in rules:
        facts[f"flow.rules.{rule.name}"] = {"when": rule.when.to_json(), "then": rule.then.to_json()}
    return facts


def _connection(row: Connection) -> str:
    said = f"{row.name or row.kind} ({row.external_id})"
    return said if row.is_usable else f"{said}, {row.get_status_display().lower()}"


def _mapped(row: AccountMapping, chart: ChartIndex | None) -> str:
    if row.ignored:
        return f"ignored: {row.ignore_reason}"
    account = chart.accounts_by_id.get(row.destination_account_id.lower()) if chart else None
    return f"{label(account)} ({account.account_id})" if account else row.destination_account_id


def _target(target: Target) -> str:
    if target.line.ignore:
        return f"ignored: {target.line.ignore}"
    return f"{label(target.account)} ({target.account.account_id})" if target.account else ""


def _shown(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
