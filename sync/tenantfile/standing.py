"""What stands for a tenant today, read in its scope, and the same as facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.models import Connection
from sync.models import AccountMapping, Flow, Rule
from sync.tenantfile.extensions import notification_settings
from tenants.models import Membership, Role, Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The rows behind a tenant file. `flow` is the tenant's first one; a file describes one flow."""

    tenant: Tenant
    owners: tuple[str, ...]
    amnis: Connection | None
    xero: Connection | None
    flow: Flow | None
    mappings: tuple[AccountMapping, ...]
    rules: tuple[Rule, ...]
    notifications: Mapping[str, Any]


def read_standing() -> Standing:
    """The current tenant's configuration. Inside its scope."""
    flow = Flow.objects.select_related("source", "destination").order_by("id").first()
    owners = Membership.objects.filter(role=Role.OWNER).order_by("user__email")
    settings = notification_settings()
    return Standing(
        tenant=Tenant.objects.get(),
        owners=tuple(owners.values_list("user__email", flat=True)),
        amnis=_connection(flow.source if flow else None, Connection.Kind.AMNIS),
        xero=_connection(flow.destination if flow else None, Connection.Kind.XERO),
        flow=flow,
        mappings=tuple(AccountMapping.objects.filter(flow=flow).order_by("source_account_id")) if flow else (),
        rules=_rules(flow) if flow else (),
        notifications=settings.told() if settings else {},
    )


def _connection(of_flow: Connection | None, kind: str) -> Connection | None:
    """The flow's connection, else the newest living one of this kind (connected, but not yet in a flow)."""
    living = Connection.objects.filter(kind=kind).exclude(status=Connection.Status.DISCONNECTED)
    return of_flow or living.order_by("-id").first()


def _rules(flow: Flow) -> tuple[Rule, ...]:
    return tuple(Rule.objects.filter(flow=flow, active=True, superseded_at=None).order_by("position", "id"))
