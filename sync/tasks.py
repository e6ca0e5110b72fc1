"""Hints to look now. Due work is found in the database; a lost, doubled or late message costs at most one tick."""

from __future__ import annotations

from datetime import timedelta

import structlog
from celery import shared_task

from connectors.contract.errors import ConnectorError
from sync import proofs, selectors, watch
from sync.pipeline.result import NotConnected
from sync.pipeline.run import LeaseHeld, run_pass, slice_seconds
from tenants.tasks import TenantTask

PROOF_SECONDS = 3600
HINTS = 1000  # that wait at once: 100,000 companies, looked at every five minutes, are 333 a second
PROOFS = 200
logger = structlog.get_logger(__name__)


@shared_task(name="sync.tasks.tick", ignore_result=True)
def tick(*, most: int = HINTS) -> int:
    """One hint for each flow that is due, longest due first, until `most` of them wait for a worker.

    What is hinted at stays due until a worker takes it. So where they fall behind, only what they took is sent anew, and
    the queue does not grow with each tick.
    """
    due = selectors.due_flows(limit=_room("sync", most))
    for flow in due:
        run_slice.delay(tenant_id=flow.tenant_id, flow_id=flow.flow_id)
    return len(due)


def _room(queue: str, most: int) -> int:
    """How many more hints may wait there."""
    with run_slice.app.connection_or_acquire() as broker:
        declared = run_slice.app.amqp.queues[queue](broker.default_channel).queue_declare()
    return max(0, most - int(declared.message_count))


@shared_task(name="sync.tasks.run_slice", base=TenantTask, ignore_result=True)
def run_slice(*, tenant_id: int, flow_id: int, trigger: str = "schedule", actor: str = "") -> bool:
    """One slice of one flow, at most twenty seconds of it. True if it ran here."""
    if not selectors.is_due(tenant_id=tenant_id, flow_id=flow_id):
        return False
    try:
        run_pass(tenant_id=tenant_id, flow_id=flow_id, trigger=trigger, actor=actor, seconds=slice_seconds())
    except LeaseHeld:
        return False
    except NotConnected as problem:
        logger.warning("not_connected", flow_id=flow_id, reason=str(problem))
        return False
    return True


@shared_task(name="sync.tasks.nightly", ignore_result=True)  # of when it ran once a night: workers know it by this name
def look_hourly() -> None:
    """The watchdog for sleepers and the sweeper for twins; once a day the source is read again further back."""
    for tenant_id, flow_id in selectors.active_flows():
        watch.look_for_sleepers(tenant_id=tenant_id, flow_id=flow_id, grace=timedelta(minutes=15))
        watch.look_for_undecided(tenant_id=tenant_id, flow_id=flow_id)
        watch.look_for_twins(tenant_id=tenant_id, flow_id=flow_id)
        watch.look_for_strays(tenant_id=tenant_id, flow_id=flow_id)
        watch.read_further_back(tenant_id=tenant_id, flow_id=flow_id)


@shared_task(name="sync.tasks.prove_due", ignore_result=True)
def prove_due() -> int:
    """Each minute: a hint for every flow whose proof of the day is due, or was asked for by a person, as long as few wait."""
    due = selectors.due_proofs(limit=_room("maintenance", PROOFS))
    for flow in due:
        prove.delay(tenant_id=flow.tenant_id, flow_id=flow.flow_id)
    return len(due)


@shared_task(
    name="sync.tasks.prove",
    base=TenantTask,
    ignore_result=True,
    soft_time_limit=PROOF_SECONDS,
    time_limit=PROOF_SECONDS + 60,
)
def prove(*, tenant_id: int, flow_id: int) -> bool:
    """One proof, however long its reading takes within the vendors' limits. True if it was made here."""
    try:
        return proofs.prove_if_due(tenant_id=tenant_id, flow_id=flow_id) is not None
    except ConnectorError as error:
        logger.warning("proof_not_possible", flow_id=flow_id, reason=error.message)
        return False
