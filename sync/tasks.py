"""Hints to look now. Due work is found in the database; a lost, doubled or late message costs at most one tick."""

from __future__ import annotations

from datetime import timedelta

import structlog
from celery import shared_task

from sync import selectors, watch
from sync.pipeline.result import NotConnected
from sync.pipeline.run import SLICE_SECONDS, LeaseHeld, run_pass
from tenants.tasks import TenantTask

logger = structlog.get_logger(__name__)


@shared_task(name="sync.tasks.tick", ignore_result=True)
def tick() -> int:
    """Send one hint for every flow that is due."""
    due = selectors.due_flows(limit=200)
    for flow in due:
        run_slice.delay(tenant_id=flow.tenant_id, flow_id=flow.flow_id)
    return len(due)


@shared_task(name="sync.tasks.run_slice", base=TenantTask, ignore_result=True)
def run_slice(*, tenant_id: int, flow_id: int, trigger: str = "schedule", actor: str = "") -> bool:
    """One slice of one flow, at most twenty seconds of it. True if it ran here."""
    if not selectors.is_due(tenant_id=tenant_id, flow_id=flow_id):
        return False
    try:
        run_pass(tenant_id=tenant_id, flow_id=flow_id, trigger=trigger, actor=actor, seconds=SLICE_SECONDS)
    except LeaseHeld:
        return False
    except NotConnected as problem:
        logger.warning("not_connected", flow_id=flow_id, reason=str(problem))
        return False
    return True


@shared_task(name="sync.tasks.nightly", ignore_result=True)
def nightly() -> None:
    """Hourly: the watchdog for sleepers and the sweeper for twins; once a night the source is read again further back."""
    for tenant_id, flow_id in selectors.active_flows():
        watch.look_for_sleepers(tenant_id=tenant_id, flow_id=flow_id, grace=timedelta(minutes=15))
        watch.look_for_twins(tenant_id=tenant_id, flow_id=flow_id)
        watch.read_further_back(tenant_id=tenant_id, flow_id=flow_id)
