"""Text to `TenantFile`, or one FileFault that names the line. Touches nothing but the text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from connectors.contract.money import MINOR_UNITS
from sync.domain.rule_format import MAX_RULES, RuleError, parse_rules, shown_path
from sync.domain.rules import RuleSpec
from sync.tenantfile import nodes
from sync.tenantfile.aliases import parse_aliases
from sync.tenantfile.codings import parse_codings
from sync.tenantfile.nodes import FileFault, Mapping
from sync.tenantfile.spec import (
    DEFAULT_KEYS,
    POLICIES,
    REVIEW_ACTS,
    REVIEW_KEYS,
    REVIEW_NUMBERS,
    AccountLine,
    AmnisSection,
    FlowSection,
    NotificationsSection,
    SecretSource,
    TenantFile,
    XeroSection,
)

MAX_ACCOUNTS = 200
T = TypeVar("T")
MAX_PEOPLE = 50
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?")
_ADDRESS = re.compile(r"[^@\s<>\",;]{1,64}@[^@\s<>\",;]+\.[^@\s<>\",;.]{2,}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def parse(text: str) -> TenantFile:
    """Read a whole tenant file. Raises FileFault at the first fault."""
    file = nodes.read(text).only("tenant", "owners", "connections", "flow", "notifications")
    tenant = Mapping(file.require("tenant"), "tenant").only("slug", "name", "timezone")
    connections = _section(file, "connections")
    if connections is not None:
        connections.only("amnis", "xero")
    return TenantFile(
        slug=_slug(tenant.require("slug")),
        name=nodes.bounded(tenant.require("name"), "name", 200),
        timezone=_maybe(tenant, "timezone", _timezone),
        owners=_addresses(file.get("owners"), "owners"),
        amnis=_amnis(connections),
        xero=_xero(connections),
        flow=_flow(file),
        notifications=_notifications(file),
    )


# ----------------------------------------------------------------- connections


def _amnis(connections: Mapping | None) -> AmnisSection | None:
    section = _section(connections, "amnis")
    if section is None:
        return None
    section.only("client_id", "client_secret_env", "client_secret_file")
    secret = _secret(section, "client_secret")
    if secret is None:
        raise FileFault("client_secret_env or client_secret_file is missing from amnis", line=section.line)
    return AmnisSection(
        client_id=nodes.bounded(section.require("client_id"), "client_id", 200), client_secret=secret, line=section.line
    )


def _xero(connections: Mapping | None) -> XeroSection | None:
    section = _section(connections, "xero")
    if section is None:
        return None
    section.only("organisation", "organisation_id", "refresh_token_env", "refresh_token_file")
    name = _maybe(section, "organisation", nodes.text) or ""
    organisation_id = _maybe(section, "organisation_id", nodes.text) or ""
    if name and organisation_id:
        raise FileFault("xero has organisation or organisation_id, not both", line=section.line)
    return XeroSection(
        organisation=name,
        organisation_id=organisation_id,
        refresh_token=_secret(section, "refresh_token"),
        line=section.line,
    )


def _secret(section: Mapping, name: str) -> SecretSource | None:
    """`<name>_env` or `<name>_file`; the secret itself has no place in the file."""
    given = [(kind, node) for kind in ("env", "file") if (node := section.get(f"{name}_{kind}")) is not None]
    if len(given) > 1:
        line = section.line_of(f"{name}_file")
        raise FileFault(f"{name}_env and {name}_file are both there: keep one of them", line=line)
    for kind, node in given:
        key = f"{name}_{kind}"
        value = nodes.bounded(node, key, 500)
        if kind == "env" and not _VARIABLE.fullmatch(value):
            raise FileFault(f"{key} must be the name of an environment variable", line=section.line_of(key))
        return SecretSource(name=value, is_file=kind == "file", line=section.line_of(key))
    return None


# ------------------------------------------------------------------------ flow


def _flow(file: Mapping) -> FlowSection | None:
    flow = _section(file, "flow")
    if flow is None:
        return None
    flow.only(
        "source",
        "destination",
        "cutoff",
        "frequency_minutes",
        "accounts",
        "defaults",
        "policies",
        "review",
        "rules",
        "contacts",
        "codings",
    )
    for key, only in (("source", "amnis"), ("destination", "xero")):
        node = flow.get(key)
        if node is not None:
            nodes.choice(node, key, [only])
    defaults = _section(flow, "defaults")
    rules = flow.get("rules")
    return FlowSection(
        cutoff=nodes.day(flow.require("cutoff"), "cutoff"),
        frequency_minutes=_maybe(flow, "frequency_minutes", _frequency),
        accounts=_maybe(flow, "accounts", _accounts),
        contacts=_maybe(flow, "contacts", parse_aliases),
        codings=_maybe(flow, "codings", parse_codings),
        defaults=_defaults(defaults),
        policies=_policies(_section(flow, "policies")),
        review=_review(_section(flow, "review")),
        rules=None if rules is None else _rules(rules),
        line=flow.line,
        default_lines={key: defaults.line_of(key) for key, _ in defaults.items()} if defaults else {},
        rule_lines=() if rules is None else tuple(map(nodes.line_of, nodes.items(rules, "rules"))),
    )


def _accounts(node: yaml.Node, name: str) -> tuple[AccountLine, ...]:
    lines = [_account(item) for item in nodes.items(node, name, longest=MAX_ACCOUNTS)]
    for key in ("source", "xero"):
        seen: dict[str, AccountLine] = {}
        for line in lines:
            value = getattr(line, key)
            if value and value.casefold() in seen:
                raise FileFault(f"{key} {value!r} is mapped twice", line=line.line)
            seen[value.casefold()] = line
    return tuple(lines)


def _account(node: yaml.Node) -> AccountLine:
    account = Mapping(node, "an account").only("source", "xero", "ignore")
    xero = _maybe(account, "xero", nodes.text) or ""
    ignore = _maybe(account, "ignore", nodes.text) or ""
    if bool(xero) == bool(ignore):
        raise FileFault("an account has either xero (code, name or AccountID) or ignore (why)", line=account.line)
    return AccountLine(
        source=nodes.bounded(account.require("source"), "source", 100),
        xero=xero,
        ignore=ignore[:200],
        line=account.line,
    )


def _defaults(section: Mapping | None) -> dict[str, str] | None:
    if section is None:
        return None
    return {key: nodes.bounded(node, key, 150) for key, node in section.only(*DEFAULT_KEYS).items()}


def _policies(section: Mapping | None) -> dict[str, str] | None:
    if section is None:
        return None
    return {key: nodes.choice(node, key, POLICIES[key]) for key, node in section.only(*POLICIES).items()}


def _review(section: Mapping | None) -> dict[str, Any] | None:
    if section is None:
        return None
    return {key: _remark(node, key) for key, node in section.only(*REVIEW_KEYS).items()}


def _remark(node: yaml.Node, key: str) -> dict[str, str] | str:
    if key in REVIEW_ACTS:
        return nodes.choice(node, key, REVIEW_ACTS[key])
    if key in REVIEW_NUMBERS:
        _default, low, high = REVIEW_NUMBERS[key]
        return str(nodes.whole(node, key, low=low, high=high))
    return _limits(Mapping(node, key))


def _limits(section: Mapping) -> dict[str, str]:
    """Currency to amount, as decimal text."""
    found: dict[str, str] = {}
    for currency, node in section.items():
        if currency not in MINOR_UNITS:
            raise FileFault(f"{currency!r} is not a currency like CHF", line=section.line_of(currency))
        found[currency] = format(nodes.money(node, f"{section.name} {currency}"), "f")
    return found


def _rules(node: yaml.Node) -> tuple[RuleSpec, ...]:
    nodes.items(node, "rules", longest=MAX_RULES)
    try:
        return parse_rules(nodes.plain(node, "rules"))
    except RuleError as error:
        place, *inside = error.path or (0,)
        where = f"rule {place + 1 if isinstance(place, int) else place}, {shown_path(inside)}".rstrip(", ")
        raise FileFault(f"{where}: {error.message}", line=nodes.at_path(node, error.path)) from error


# ---------------------------------------------------------------- notifications


def _notifications(file: Mapping) -> NotificationsSection | None:
    section = _section(file, "notifications")
    if section is None:
        return None
    section.only("slack_webhook_env", "slack_webhook_file", "email", "daily", "weekly")
    email = section.get("email")
    return NotificationsSection(
        slack_webhook=_secret(section, "slack_webhook"),
        email=None if email is None else _addresses(email, "email"),
        daily=_maybe(section, "daily", nodes.switch),
        weekly=_maybe(section, "weekly", nodes.switch),
        line=section.line,
    )


# --------------------------------------------------------------------- values


def _section(parent: Mapping | None, key: str) -> Mapping | None:
    node = parent.get(key) if parent is not None else None
    return None if node is None else Mapping(node, key)


def _maybe(section: Mapping, key: str, read: Callable[[yaml.Node, str], T]) -> T | None:
    node = section.get(key)
    return None if node is None else read(node, key)


def _slug(node: yaml.Node) -> str:
    value = nodes.text(node, "slug")
    if not _SLUG.fullmatch(value):
        line = nodes.line_of(node)
        raise FileFault("slug must be 1 to 50 lower-case letters, digits and inner hyphens", line=line)
    return value


def _timezone(node: yaml.Node, name: str) -> str:
    value = nodes.text(node, name)
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise FileFault(f"there is no time zone {value!r}", line=nodes.line_of(node)) from error
    return value


def _frequency(node: yaml.Node, name: str) -> int:
    return nodes.whole(node, name, low=1, high=1440)


def _addresses(node: yaml.Node | None, name: str) -> tuple[str, ...]:
    """E-mail addresses in lower case, each once."""
    if node is None:
        return ()
    found: list[str] = []
    for item in nodes.items(node, name, longest=MAX_PEOPLE):
        address = nodes.text(item, name).lower()
        if not _ADDRESS.fullmatch(address) or len(address) > 254:
            raise FileFault(f"{address!r} in {name} is not an e-mail address", line=nodes.line_of(item))
        if address not in found:
            found.append(address)
    return tuple(found)
