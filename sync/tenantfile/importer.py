"""Importing a tenant file: read, ask the vendors, compare, and apply what differs in one transaction.

The order matters: everything that can be wrong is found out before the transaction begins, and the vendors are asked
before it as well. So a file is applied whole or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.utils import timezone

from connectors import services as connector_services
from connectors.contract.errors import ConnectorError
from connectors.models import Connection
from sync.domain.days import DayFault, refuse_first_day
from sync.domain.references import ChartIndex
from sync.tenantfile.apply import Link, apply
from sync.tenantfile.codings import coding_doubts, refuse_unknown_codings
from sync.tenantfile.extensions import notification_settings
from sync.tenantfile.facts import Change, differences
from sync.tenantfile.nodes import FileFault
from sync.tenantfile.parser import parse
from sync.tenantfile.plan import TIMEZONE_DEFAULT, Learned, standing_facts, wanted_facts
from sync.tenantfile.secrets import SecretStore
from sync.tenantfile.spec import TenantFile
from sync.tenantfile.standing import Standing, read_standing
from sync.tenantfile.targets import Target, bank_accounts, doubts, refuse_unknown_defaults
from sync.tenantfile.vendors import (
    AmnisSide,
    XeroSide,
    is_meant,
    reach_amnis,
    reach_xero,
    standing_amnis,
    standing_xero,
)
from tenants.models import Tenant
from tenants.scoping import tenant_scope
from tenants.selectors import tenant_by_slug


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an import changed (or would change), what it doubts, and the sign-in links of new people."""

    slug: str
    changes: tuple[Change, ...]
    findings: tuple[str, ...]
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    amnis: AmnisSide | None
    xero: XeroSide | None


def tenant_import(text: str, *, secrets: SecretStore, actor: str, dry_run: bool = False) -> Report:
    """Bring the tenant to what the file says. Raises FileFault (nothing has changed) and Unreachable (try again later).

    Must be called outside of every scope, because it calls the vendors.
    """
    file = parse(text)
    standing = _standing(file.slug)
    _refuse_first_day(file, standing)
    webhook = _new_webhook(file, standing, secrets)
    sides = _sides(file, standing, secrets)
    sides, targets = _targets(file, sides, standing)
    chart = ChartIndex.of(sides.xero.chart) if sides.xero else None
    learned = Learned(amnis=sides.amnis, xero=sides.xero, targets=targets, new_webhook=webhook is not None)
    before = standing_facts(standing, chart) if standing else {}
    changes = differences(before, wanted_facts(file, learned, before))
    findings = tuple(_findings(file, chart))
    if dry_run or not changes:
        return Report(slug=file.slug, changes=changes, findings=findings)
    tenant = standing.tenant if standing else None
    links = apply(file, learned, tenant=tenant, webhook=webhook, actor=actor)
    return Report(slug=file.slug, changes=changes, findings=(*findings, *_read_references(file.slug)), links=links)


def _standing(slug: str) -> Standing | None:
    try:
        tenant = tenant_by_slug(slug)
    except Tenant.DoesNotExist:
        return None
    with tenant_scope(tenant.pk):
        return read_standing()


def _refuse_first_day(file: TenantFile, standing: Standing | None) -> None:
    """Before the vendors are asked, and in a dry run too; the one that stands already is nobody's change."""
    stands = standing.flow.cutoff if standing and standing.flow else None
    if file.flow is None or file.flow.cutoff == stands:
        return
    try:
        refuse_first_day(file.flow.cutoff, today=timezone.localdate(timezone=ZoneInfo(_zone(file, standing))))
    except DayFault as fault:
        raise FileFault(f"cutoff: {fault}", line=file.flow.line) from fault


def _zone(file: TenantFile, standing: Standing | None) -> str:
    return file.timezone or (standing.tenant.timezone if standing else TIMEZONE_DEFAULT)


# --------------------------------------------------------------------- vendors


def _sides(file: TenantFile, standing: Standing | None, secrets: SecretStore) -> _Sides:
    connections: Mapping[str, Connection] = standing.connections if standing else {}
    zone = _zone(file, standing)
    sides = _Sides(
        amnis=_amnis(file, connections.get("amnis"), secrets, zone),
        xero=_xero(file, connections.get("xero"), secrets, zone),
    )
    if standing is not None and standing.in_use:
        _refuse_another(connections.get("amnis"), sides.amnis, line=file.amnis.line if file.amnis else 1)
        _refuse_another(connections.get("xero"), sides.xero, line=file.xero.line if file.xero else 1)
    return sides


def _refuse_another(standing: Connection | None, side: AmnisSide | XeroSide | None, *, line: int) -> None:
    """A flow that was used stays between its two companies: what it sent is looked for in those books alone."""
    if standing is None or side is None or side.company.external_id == standing.external_id:
        return
    message = (
        f"movements were already carried for {standing.name!r}: {side.company.name!r} is another company, "
        "so give it a tenant of its own"
    )
    raise FileFault(message, line=line)


def _amnis(file: TenantFile, standing: Connection | None, secrets: SecretStore, zone: str) -> AmnisSide | None:
    """By the file's key; where that is not at hand, the connection that stands for the same key goes on."""
    section = file.amnis
    if section is None:
        return standing_amnis(standing) if standing and standing.is_usable else None
    secret = secrets.find(section.client_secret)
    if secret is None and standing and standing.is_usable and standing.external_id == section.client_id:
        return standing_amnis(standing)
    secret = secret or secrets.require(section.client_secret)
    return reach_amnis(section, secret=secret, timezone=zone, standing=standing)


def _xero(file: TenantFile, standing: Connection | None, secrets: SecretStore, zone: str) -> XeroSide | None:
    """By the file's token; where that is not at hand, the organisation that is connected goes on, or none yet."""
    section, usable = file.xero, standing if standing and standing.is_usable else None
    if section is None:
        return standing_xero(usable) if usable else None
    token = secrets.find(section.refresh_token)
    if token is not None:
        return reach_xero(section, token=token, timezone=zone, standing=standing)
    side = standing_xero(usable) if usable else None
    if side is not None and is_meant(side.company, section):
        return side
    if section.refresh_token is not None:
        secrets.require(section.refresh_token)
    if side is not None:
        wanted = section.organisation_id or section.organisation
        raise FileFault(
            f"connected to {side.company.name!r}, not to {wanted!r}: disconnect it first", line=section.line
        )
    return None


def _targets(file: TenantFile, sides: _Sides, standing: Standing | None) -> tuple[_Sides, tuple[Target, ...] | None]:
    """What the file's account lines mean. What our memory of the vendors cannot explain is looked up afresh."""
    if file.flow is None:
        return sides, None
    try:
        return sides, _resolved(file, sides)
    except FileFault:
        fresh = _afresh(sides, standing)
        if fresh == sides:
            raise
        return fresh, _resolved(file, fresh)


def _resolved(file: TenantFile, sides: _Sides) -> tuple[Target, ...] | None:
    assert file.flow is not None
    chart = ChartIndex.of(sides.xero.chart) if sides.xero else None
    if chart is not None:
        refuse_unknown_defaults(file.flow, chart)
        refuse_unknown_codings(file.flow.codings or (), chart)
    if file.flow.accounts is None:
        return None
    wallets = {wallet.account_id: wallet for wallet in sides.amnis.accounts} if sides.amnis else {}
    return bank_accounts(file.flow.accounts, chart=chart, wallets=wallets)


def _afresh(sides: _Sides, standing: Standing | None) -> _Sides:
    """Both sides read now where they came from memory; sides that were just read stay."""
    connections: Mapping[str, Connection] = standing.connections if standing else {}
    amnis, xero = sides.amnis, sides.xero
    if amnis is not None and amnis.grant is None:
        amnis = standing_amnis(connections["amnis"], afresh=True)
    if xero is not None and xero.grant is None:
        xero = standing_xero(connections["xero"], afresh=True)
    return _Sides(amnis=amnis, xero=xero)


def _read_references(slug: str) -> list[str]:
    """Fill the memory of a new connection, so that the pages show names at once. A failure is not the import's."""
    standing = _standing(slug)
    told: list[str] = []
    for connection in standing.connections.values() if standing else ():
        if connection.is_usable and connection.reference_at is None:
            try:
                connector_services.refresh_reference(connection)
            except ConnectorError as error:
                told.append(f"{connection}: {error.message}")
    return told


# -------------------------------------------------------------------- the rest


def _new_webhook(file: TenantFile, standing: Standing | None, secrets: SecretStore) -> str | None:
    """The webhook to be stored: None where the file names none, or the one that stands."""
    source = file.notifications.slack_webhook if file.notifications else None
    settings = notification_settings()
    if source is None or settings is None:
        return None
    url = secrets.find(source)
    if url is None:
        if standing is None or not standing.notifications.get("slack_webhook"):
            secrets.require(source)
        return None
    if standing is None:
        return url
    with tenant_scope(standing.tenant.pk):
        return None if settings.is_webhook(url) else url


def _findings(file: TenantFile, chart: ChartIndex | None) -> list[str]:
    found: list[str] = []
    if file.notifications is not None and notification_settings() is None:
        found.append(
            f"line {file.notifications.line}: this installation has no notifications; the section was left out"
        )
    if file.flow is None:
        return found
    if chart is not None:
        return [*found, *doubts(file.flow, chart), *coding_doubts(file.flow.codings or (), chart)]
    if any(line.xero for line in file.flow.accounts or ()):
        found.append("Xero is not connected yet: connect it in the browser, then import again to map the accounts")
    return found
