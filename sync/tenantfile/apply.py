"""Applying a tenant file that was found right: one transaction, through the services, each change with its audit event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from connectors import consent, providers
from connectors.models import Connection
from sync import configuration, services
from sync.backfilling import cutoff_moved
from sync.models import AccountMapping, Flow
from sync.tenantfile.aliases import apply_aliases
from sync.tenantfile.codings import apply_codings
from sync.tenantfile.extensions import notification_settings
from sync.tenantfile.nodes import FileFault
from sync.tenantfile.plan import TIMEZONE_DEFAULT, Learned
from sync.tenantfile.spec import (
    DEFAULT_KEYS,
    FREQUENCY_DEFAULT,
    POLICIES,
    REVIEW_KEYS,
    FlowSection,
    NotificationsSection,
    TenantFile,
)
from sync.tenantfile.standing import read_standing
from sync.tenantfile.targets import Target
from tenants import audit
from tenants import services as tenant_services
from tenants.models import Membership, Role, Tenant, User
from tenants.scoping import tenant_scope
from tenants.selectors import open_invitation


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A sign-in link, shown once and kept nowhere."""

    email: str
    url: str


def apply(
    file: TenantFile, learned: Learned, *, tenant: Tenant | None, webhook: str | None, actor: str
) -> tuple[Link, ...]:
    """Make everything as the file says, or nothing. Returns the links of people who are new."""
    with transaction.atomic():
        tenant = tenant or tenant_services.tenant_create(
            slug=file.slug, name=file.name, timezone=file.timezone or TIMEZONE_DEFAULT, actor=actor
        )
        with tenant_scope(tenant.pk, actor=actor):
            tenant_services.tenant_change(actor=actor, name=file.name, timezone=file.timezone or tenant.timezone)
            links = [link for email in file.owners if (link := _owner(email, actor)) is not None]
            _connections(learned, actor)
            if file.flow is not None:
                _flow(file.flow, learned, tenant_id=tenant.pk, actor=actor)
            if file.notifications is not None:
                _notifications(file.notifications, webhook=webhook, actor=actor)
    return tuple(links)


def _owner(email: str, actor: str) -> Link | None:
    """Make the person an owner; a stranger gets a link instead, once. People who are not named keep their roles."""
    user = User.objects.filter(email=email).first()
    if user is None:
        if open_invitation(email) is not None:
            return None
        link = tenant_services.invitation_create(email=email, role=Role.OWNER, actor=actor)
        return Link(email=email, url=link.url)
    membership = Membership.objects.filter(user=user).first()
    if membership is None:
        tenant_services.membership_add(user=user, role=Role.OWNER, actor=actor)
    else:
        tenant_services.membership_change(membership=membership, role=Role.OWNER, actor=actor)
    return None


def _connections(learned: Learned, actor: str) -> None:
    for kind, side in ((providers.AMNIS, learned.amnis), (providers.XERO, learned.xero)):
        if side is not None and side.grant is not None:
            consent.activate(side.company, side.grant, kind=kind, actor=actor)


def _flow(section: FlowSection, learned: Learned, *, tenant_id: int, actor: str) -> None:
    ends = {"source": _connection("amnis", learned), "destination": _connection("xero", learned)}
    settings: dict[str, Any] = {"cutoff": section.cutoff}
    settings |= {name: row for name, row in ends.items() if row is not None}
    flow = read_standing().flow
    settings |= _settings(section, flow)
    if section.frequency_minutes is not None or flow is None:
        settings["frequency_minutes"] = section.frequency_minutes or FREQUENCY_DEFAULT
    if flow is None:
        flow = configuration.flow_create(actor=actor, **settings)
    else:
        before = flow.cutoff
        configuration.flow_change(flow=flow, actor=actor, **settings)
        try:
            cutoff_moved(tenant_id=tenant_id, flow_id=flow.pk, before=before, actor=actor)
        except services.NotPossible as problem:
            raise FileFault(str(problem), line=section.line) from problem
    if learned.targets is not None:
        _mappings(flow, learned.targets, tenant_id=tenant_id, actor=actor)
    if section.contacts is not None:
        apply_aliases(flow, section.contacts, actor=actor)
    if section.codings is not None:
        apply_codings(flow, section.codings, actor=actor)
    if section.rules is not None:
        configuration.rules_set(flow=flow, rules=section.rules, actor=actor)


def _settings(section: FlowSection, flow: Flow | None) -> dict[str, Any]:
    """Each section that the file has, taken whole; what a file cannot say is kept."""
    said = (
        ("defaults", section.defaults, DEFAULT_KEYS),
        ("policies", section.policies, POLICIES),
        ("review", section.review, REVIEW_KEYS),
    )
    settings: dict[str, Any] = {}
    for name, values, keys in said:
        if values is not None:
            standing = getattr(flow, name) if flow else {}
            settings[name] = {key: value for key, value in standing.items() if key not in keys} | dict(values)
    return settings


def _connection(kind: str, learned: Learned) -> Connection | None:
    """The connection that was just made or renewed, else the one that stands."""
    side = learned.amnis if kind == providers.AMNIS else learned.xero
    if side is None:
        return None
    return Connection.objects.get(kind=kind, external_id=side.company.external_id)


def _mappings(flow: Flow, targets: tuple[Target, ...], *, tenant_id: int, actor: str) -> None:
    """The flow's whole mapping. Wallets that give up their bank account do so first, so that two may change places."""
    standing = {row.source_account_id: row for row in AccountMapping.objects.filter(flow=flow)}
    wanted = {target.line.source: target.account.account_id if target.account else "" for target in targets}
    for source, row in standing.items():
        if row.destination_account_id and row.destination_account_id != wanted.get(source):
            _map(flow, source, "", tenant_id=tenant_id, actor=actor)
    AccountMapping.objects.filter(flow=flow).exclude(source_account_id__in=wanted).delete()
    if gone := sorted(set(standing) - set(wanted)):
        audit.record("mapping.remove", target=f"flow:{flow.pk}", actor=actor, before={"wallets": gone})
    for target in targets:
        if target.line.ignore:
            services.mapping_ignore(
                tenant_id=tenant_id, flow_id=flow.pk, source_account_id=target.line.source,
                reason=target.line.ignore, actor=actor, currency=target.currency,
            )  # fmt: skip
        else:
            account_id = target.account.account_id if target.account else ""
            _map(flow, target.line.source, account_id, tenant_id=tenant_id, actor=actor, currency=target.currency)


def _map(flow: Flow, source: str, account_id: str, *, tenant_id: int, actor: str, currency: str = "") -> None:
    services.mapping_set(
        tenant_id=tenant_id, flow_id=flow.pk, source_account_id=source, destination_account_id=account_id,
        actor=actor, currency=currency,
    )  # fmt: skip


def _notifications(section: NotificationsSection, *, webhook: str | None, actor: str) -> None:
    settings = notification_settings()
    if settings is None:
        return
    said: dict[str, Any] = {"email": section.email, "daily": section.daily, "weekly": section.weekly}
    said["slack_webhook"] = webhook
    changes = {key: value for key, value in said.items() if value is not None}
    try:
        settings.change(actor=actor, **changes)
    except ValueError as error:
        raise FileFault(str(error), line=section.line) from error
