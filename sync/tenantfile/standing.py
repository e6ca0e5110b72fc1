"""What stands for a tenant today, read in its scope, and the same as facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models.functions import Now

from connectors.models import Connection
from sync.domain.rule_format import parse_rule
from sync.domain.rules import RuleSpec
from sync.models import AccountMapping, Flow, Record, Rule
from sync.tenantfile.aliases import ContactLine, chosen
from sync.tenantfile.codings import CodingLine, decided
from sync.tenantfile.extensions import notification_settings
from tenants.models import Invitation, Membership, Role, Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The rows behind a tenant file. `flow` is the tenant's first one; a file describes one flow."""

    tenant: Tenant
    owners: tuple[str, ...]
    invited: tuple[str, ...]  # owners to be, whose link can still be used
    connections: Mapping[str, Connection]  # by kind
    flow: Flow | None
    mappings: tuple[AccountMapping, ...]
    rules: tuple[RuleSpec, ...]
    notifications: Mapping[str, Any]
    contacts: tuple[ContactLine, ...] = ()
    codings: tuple[CodingLine, ...] = ()
    in_use: bool = False  # something was read or posted between these two connections


def read_standing() -> Standing:
    """The current tenant's configuration. Inside its scope."""
    flow = Flow.objects.select_related("source", "destination").order_by("id").first()
    owners = Membership.objects.filter(role=Role.OWNER).order_by("user__email")
    waiting = Invitation.objects.filter(role=Role.OWNER, accepted_at=None, expires_at__gt=Now())
    of_flow = (flow.source, flow.destination) if flow else (None, None)
    found = zip((Connection.Kind.AMNIS, Connection.Kind.XERO), of_flow, strict=True)
    settings = notification_settings()
    return Standing(
        tenant=Tenant.objects.get(),
        owners=tuple(owners.values_list("user__email", flat=True)),
        invited=tuple(waiting.order_by("email").values_list("email", flat=True)),
        connections={kind.value: row for kind, its in found if (row := its or _newest(kind)) is not None},
        flow=flow,
        mappings=tuple(AccountMapping.objects.filter(flow=flow).order_by("source_account_id")) if flow else (),
        rules=_rules(flow) if flow else (),
        notifications=settings.told() if settings else {},
        contacts=chosen(flow) if flow else (),
        codings=decided(flow) if flow else (),
        in_use=flow is not None and Record.objects.filter(flow=flow).exists(),
    )


def _newest(kind: str) -> Connection | None:
    """The newest living connection of this kind: connected, but not yet in a flow."""
    living = Connection.objects.filter(kind=kind).exclude(status=Connection.Status.DISCONNECTED)
    return living.order_by("-id").first()


def _rules(flow: Flow) -> tuple[RuleSpec, ...]:
    """The rules that decide today, in their order; read again, because the database keeps no order of keys."""
    current = Rule.objects.filter(flow=flow, active=True, superseded_at=None).order_by("position", "id")
    return tuple(parse_rule(row.spec, version=row.version) for row in current)
