"""Incidents: one row for one cause with a count, closed when the cause is gone. Inside the tenant's scope."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q
from django.db.models.functions import Now

from sync import store
from sync.models import Flow, Incident


def open(
    *,
    tenant_id: int,
    flow: Flow | None,
    cause: str,
    severity: str,
    error_class: str,
    title: str,
    body: str,
    action: str = "",
) -> None:
    """Open the incident, or count one more strike of an open one."""
    store.run_sql(
        """INSERT INTO incident (tenant_id, flow_id, cause, severity, error_class, title, body, action, count, resolution)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 1, '')
           ON CONFLICT (tenant_id, cause) WHERE closed_at IS NULL DO UPDATE
              SET count = incident.count + 1, last_seen_at = clock_timestamp(), body = EXCLUDED.body""",
        [tenant_id, flow.pk if flow else None, cause, severity, error_class, title, body, action],
    )


def close(*, tenant_id: int, flow: Flow | None, causes: Sequence[str], resolution: str) -> int:
    """Close the open incidents of the flow (of none: of the tenant itself) with exactly these causes."""
    return _closed(Q(cause__in=causes), tenant_id=tenant_id, flow=flow, resolution=resolution)


def close_causes(*, tenant_id: int, flow: Flow | None, prefixes: Sequence[str], resolution: str) -> int:
    """Close every open incident of the flow (of none: of the tenant itself) whose cause begins so."""
    causes = Q()
    for prefix in prefixes:
        causes |= Q(cause__startswith=prefix)
    return _closed(causes, tenant_id=tenant_id, flow=flow, resolution=resolution)


def _closed(causes: Q, *, tenant_id: int, flow: Flow | None, resolution: str) -> int:
    standing = Incident.objects.filter(causes, tenant_id=tenant_id, flow=flow, closed_at=None)
    return standing.update(closed_at=Now(), resolution=resolution)
