"""From two connections to a flow: made as soon as both sides stand, resting until the owner lets it run."""

from __future__ import annotations

from datetime import date
from typing import Any

from connectors.models import Connection
from sync import configuration
from sync.models import Flow, Record
from sync.services import NotPossible, flow_ensure, flow_reconnected
from tenants.scoping import tenant_scope


def flow_complete(*, tenant_id: int, actor: str, today: date) -> Flow | None:
    """The tenant's flow with its working connections filled in, or None while one side is missing.

    A new flow is paused and begins with the year: nothing is posted before the owner has seen accounts and defaults.
    """
    with tenant_scope(tenant_id, actor=actor):
        source = _usable(Connection.Role.SOURCE)
        destination = _usable(Connection.Role.DESTINATION)
        flow = Flow.objects.select_related("source", "destination").order_by("id").first()
        if flow is None:
            if source is None or destination is None:
                return None
            return flow_ensure(
                tenant_id=tenant_id,
                actor=actor,
                source=source,
                destination=destination,
                cutoff=today.replace(month=1, day=1),
                state=Flow.State.PAUSED,
            )
        flow_reconnected(tenant_id=tenant_id, flow_id=flow.pk, actor=actor)
        return _filled(flow, source, destination, actor=actor)


def cutoff_change(*, tenant_id: int, flow_id: int, cutoff: date, actor: str) -> None:
    """Choose the first day while nothing was read yet. Raises NotPossible afterwards: what was posted cannot move."""
    with tenant_scope(tenant_id, actor=actor):
        flow = Flow.objects.select_for_update().get(pk=flow_id)
        if flow.cutoff == cutoff:
            return
        if Record.objects.filter(flow=flow).exists():
            raise NotPossible("The first day is fixed once movements were read.")
        configuration.flow_change(flow=flow, actor=actor, cutoff=cutoff)


def _usable(role: str) -> Connection | None:
    return Connection.objects.filter(role=role, status=Connection.Status.ACTIVE).order_by("-id").first()


def _filled(flow: Flow, source: Connection | None, destination: Connection | None, *, actor: str) -> Flow:
    """Only a side that is missing is filled in: another company is another flow, never a silent exchange."""
    changes: dict[str, Any] = {}
    if flow.source_id is None and source is not None:
        changes["source"] = source
    if flow.destination_id is None and destination is not None:
        changes["destination"] = destination
    return configuration.flow_change(flow=flow, actor=actor, **changes) if changes else flow
