"""Reading: what is due, where things stand. Constant numbers of statements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from sync import store_figures
from sync.models import Amendment, Entry, EntryState, Flow, Incident
from sync.models.amendment import ON_THE_WAY
from sync.models.entry import AT_REST
from tenants.scoping import platform_scope, tenant_scope


@dataclass(frozen=True, slots=True, kw_only=True)
class DueFlow:
    tenant_id: int
    flow_id: int


def due_flows(*, limit: int) -> list[DueFlow]:
    """Flows whose time has come and that nobody works on, longest due first; read in the dispatch role.

    A flow begins with the tick that is nearest to its time: one that is due a moment after a tick would wait for the whole
    of the next.
    """
    with platform_scope():
        rows = (
            Flow.platform.filter(state=Flow.State.ACTIVE, next_at__lte=_about_now())
            .filter(Q(lease_until=None) | Q(lease_until__lt=Now()))
            .order_by("next_at", "id")
            .values_list("tenant_id", "id")[:limit]
        )
        return [DueFlow(tenant_id=tenant_id, flow_id=flow_id) for tenant_id, flow_id in rows]


def active_flows() -> list[tuple[int, int]]:
    with platform_scope():
        return list(Flow.platform.filter(state=Flow.State.ACTIVE).order_by("id").values_list("tenant_id", "id"))


def due_proofs(*, limit: int) -> list[DueFlow]:
    """Flows whose daily proof is due or was never scheduled; read in the dispatch role."""
    with platform_scope():
        rows = (
            Flow.platform.filter(state=Flow.State.ACTIVE)
            .filter(Q(proof_due_at=None) | Q(proof_due_at__lte=Now()))
            .order_by("id")
            .values_list("tenant_id", "id")[:limit]
        )
        return [DueFlow(tenant_id=tenant_id, flow_id=flow_id) for tenant_id, flow_id in rows]


def is_due(*, tenant_id: int, flow_id: int) -> bool:
    with tenant_scope(tenant_id):
        return Flow.objects.filter(pk=flow_id, state=Flow.State.ACTIVE, next_at__lte=_about_now()).exists()


def _about_now() -> CombinedExpression:
    """The database's time and half a tick."""
    return Now() + timedelta(seconds=settings.ENV.tick_seconds / 2)


def flow_totals(flow_id: int) -> dict[str, Any]:
    """Where the flow's entries stand. Inside the tenant's scope."""
    counts = store_figures.state_counts(flow_id)
    return {
        "review": counts.get(EntryState.REVIEW, 0),
        "failed": counts.get(EntryState.FAILED, 0),
        "unconfirmed": counts.get(EntryState.UNCONFIRMED, 0),
        "open": sum(count for state, count in counts.items() if state not in AT_REST),
    }


def is_at_rest(flow_id: int) -> bool:
    """No entry and no change of a posted document is on its way."""
    on_the_way = Amendment.objects.filter(flow_id=flow_id, state__in=ON_THE_WAY)
    return not Entry.objects.filter(flow_id=flow_id).exclude(state__in=AT_REST).exists() and not on_the_way.exists()


def open_incidents() -> list[Incident]:
    """Of the tenant in scope, worst and newest first."""
    return list(Incident.objects.filter(closed_at=None).order_by("severity", "-last_seen_at"))


def freshness_p95(flow_id: int) -> float | None:
    """Seconds from the first sight of a movement to its confirmation, 95th percentile of those confirmed last."""
    return store_figures.freshness(flow_id, percentile=0.95)


def last_success(flow_id: int) -> datetime | None:
    return Flow.objects.values_list("last_success_at", flat=True).get(pk=flow_id)


def flow_of(tenant_id: int) -> Flow | None:
    """The tenant's flow (the first, should it have several)."""
    with tenant_scope(tenant_id):
        return Flow.objects.select_related("source", "destination").order_by("id").first()
