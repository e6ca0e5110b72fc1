"""A tenant as a file again: what it prints imports to the same state. Secrets are named, never written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from connectors import selectors
from connectors.models import Connection
from sync.domain.references import ChartIndex, fold
from sync.domain.rules import RuleSpec
from sync.models import AccountMapping, Flow
from sync.tenantfile import aliases, codings
from sync.tenantfile.spec import DEFAULT_KEYS, POLICIES, REVIEW_KEYS
from sync.tenantfile.standing import Standing, read_standing

_PLAIN_TEXT = re.compile(r"[A-Za-zÀ-ɏ][\wÀ-ɏ .@/-]*")  # stands without quotes and can be nothing but text


def tenant_export() -> str:
    """The current tenant's file. Inside its scope."""
    standing = read_standing()
    tenant = standing.tenant
    file: dict[str, Any] = {"tenant": {"slug": tenant.slug, "name": tenant.name, "timezone": tenant.timezone}}
    owners = [*standing.owners, *(email for email in standing.invited if email not in standing.owners)]
    sections = {
        "owners": owners,
        "connections": _connections(standing),
        "flow": _flow(standing) if standing.flow else {},
        "notifications": _notifications(standing),
    }
    file |= {name: section for name, section in sections.items() if section}
    return yaml.dump(file, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=10_000)


def secret_name(slug: str, what: str) -> str:
    """The variable that an exported file names for a secret, e.g. MUSTER_XERO_TOKEN."""
    word = re.sub(r"[^A-Z0-9]", "_", slug.upper())
    return f"{'T_' if word[0].isdigit() else ''}{word}_{what}"


def _connections(standing: Standing) -> dict[str, Any]:
    slug = standing.tenant.slug
    found: dict[str, Any] = {}
    amnis, xero = standing.connections.get("amnis"), standing.connections.get("xero")
    if amnis is not None and amnis.grant is not None and amnis.grant.client_id:  # else consented in the browser
        found["amnis"] = {"client_id": amnis.external_id, "client_secret_env": secret_name(slug, "AMNIS_SECRET")}
    if xero is not None and xero.status != Connection.Status.DISCONNECTED:
        found["xero"] = {
            "organisation_id": xero.external_id,
            "refresh_token_env": secret_name(slug, "XERO_TOKEN"),
        }
    return found


def _flow(standing: Standing) -> dict[str, Any]:
    flow = standing.flow
    assert flow is not None
    chart = ChartIndex.of(selectors.chart(flow.destination)) if flow.destination else None
    return {
        "source": "amnis",
        "destination": "xero",
        "cutoff": flow.cutoff,
        "frequency_minutes": flow.frequency_minutes,
        "accounts": [_account(row, chart) for row in standing.mappings if row.ignored or row.destination_account_id],
        **_settings(flow),
        "rules": _rules(standing.rules),
        **({"contacts": aliases.exported(standing.contacts)} if standing.contacts else {}),
        **({"codings": codings.exported(standing.codings)} if standing.codings else {}),
    }


def _settings(flow: Flow) -> dict[str, Any]:
    return {
        "defaults": _known(flow.defaults, DEFAULT_KEYS),
        "policies": _known(flow.policies, POLICIES),
        "review": _known(flow.review, REVIEW_KEYS),
    }


def _known(values: Mapping[str, Any], keys: Any) -> dict[str, Any]:
    return {key: values[key] for key in keys if values.get(key)}


def _account(row: AccountMapping, chart: ChartIndex | None) -> dict[str, str]:
    if row.ignored:
        return {"source": row.source_account_id, "ignore": row.ignore_reason or "left out"}
    return {"source": row.source_account_id, "xero": _reference(row.destination_account_id, chart)}


def _reference(account_id: str, chart: ChartIndex | None) -> str:
    """The shortest word that means exactly this account: its code, its name, else its id."""
    account = chart.account(account_id) if chart else None
    for word in (account.code, account.name) if account and chart else ():
        if word and chart and chart.account(word) is account:
            return word
    return account_id


def _rules(rules: tuple[RuleSpec, ...]) -> list[dict[str, Any]]:
    """In their order. Rules of one name get numbers, because a file tells rules apart by their names."""
    found: list[dict[str, Any]] = []
    seen: set[str] = set()
    for rule in rules:
        name, number = rule.name, 2
        while fold(name) in seen:
            name, number = f"{rule.name} ({number})", number + 1
        seen.add(fold(name))
        found.append({**rule.to_json(), "name": name})
    return found


def _notifications(standing: Standing) -> dict[str, Any]:
    said = standing.notifications
    webhook = secret_name(standing.tenant.slug, "SLACK") if said.get("slack_webhook") else None
    keep = {key: said[key] for key in ("email", "daily", "weekly") if key in said}
    return {**({"slack_webhook_env": webhook} if webhook else {}), **keep}


class _Dumper(yaml.SafeDumper):
    """Quotes every text that could be taken for something else, and never uses anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = None if _PLAIN_TEXT.fullmatch(value) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
