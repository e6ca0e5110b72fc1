from __future__ import annotations

from typing import Any

from connectors.models import Connection
from sync import selectors
from sync.management.base import DONE, TenantCommand
from sync.models import Flow
from tenants.models import Tenant
from tenants.scoping import tenant_scope


class Command(TenantCommand):
    help = "Shows where a tenant stands: last success, pending, errors, freshness, connections, incidents."

    def act(self, tenant: Tenant, flow: Flow, **_options: Any) -> tuple[int, dict[str, Any]]:
        with tenant_scope(tenant.pk):
            totals = selectors.flow_totals(flow.pk)
            fresh = selectors.freshness_p95(flow.pk)
            last = selectors.last_success(flow.pk)
            connections = [_connection(one) for one in Connection.objects.select_related("grant").order_by("id")]
            incidents = [
                {
                    "cause": one.cause,
                    "severity": one.severity,
                    "title": one.title,
                    "count": one.count,
                    "since": one.opened_at.isoformat(),
                }
                for one in selectors.open_incidents()
            ]
        return DONE, {
            "last_success": last.isoformat() if last else None,
            "pending": totals["open"],
            "errors": totals["review"] + totals["failed"],
            "freshness_p95_seconds": None if fresh is None else round(fresh, 1),
            "connections": connections,
            "incidents": incidents,
        }


def _connection(connection: Connection) -> dict[str, Any]:
    expires = connection.grant.access_expires_at if connection.grant else None
    return {
        "kind": connection.kind,
        "status": connection.status,
        "expires_at": expires.isoformat() if expires else None,
    }
