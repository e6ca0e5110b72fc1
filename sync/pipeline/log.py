"""Step 6: the run's figures, the next time to wake, and what people must know. Incidents: one per cause, with a count."""

from __future__ import annotations

from datetime import timedelta

import structlog

from connectors import services as connector_services
from connectors.contract.errors import ActionRequired, BudgetUsedUp, ConnectorError, ContractBroken, RetryLater
from sync import incidents, store, store_figures
from sync.models import Flow, Run
from sync.pipeline import deals
from sync.pipeline.context import Context, Timing
from sync.pipeline.result import NotConnected, Result
from tenants.scoping import tenant_scope

logger = structlog.get_logger(__name__)


def close(ctx: Context, *, finished: bool, failure: ConnectorError | None) -> Result:
    """Write the run's row, open or close incidents, give the lease back with the next time to wake."""
    calls = connector_services.take_calls(ctx.source, ctx.destination)
    writes = sum(call.write for call in calls)
    with ctx.commit():
        if failure is not None or writes:
            ctx.begin_run()
        connector_services.store_calls(ctx.tenant_id, calls, run_id=ctx.run_id)
        _settle_incidents(ctx, failure)
        if ctx.run is not None:
            _finish(ctx, failure, api_calls=len(calls), write_calls=writes)
        if failure is None and finished:
            deals.look(ctx)
            ctx.store_flow(last_success_at=ctx.now())
        wait = _next_wake(ctx, finished, failure)
        store.end_lease(ctx.flow_id, epoch=ctx.epoch, wait=wait, was_due=ctx.flow.next_at)
    return Result(
        run_id=ctx.run_id,
        counts=dict(ctx.counts),
        api_calls=len(calls),
        write_calls=writes,
        finished=finished,
        error=failure.message if failure else "",
        error_class=error_class(failure) if failure else "",
    )


def error_class(error: ConnectorError) -> str:
    match error:
        case ActionRequired():
            return "auth"
        case ContractBroken():
            return "system"
        case _:
            return "transient"


def defect(ctx: Context, error: Exception) -> None:
    """Something unforeseen: recorded, alerted at once, and tried again later; nothing is lost."""
    logger.exception("defect", flow_id=ctx.flow_id)
    with tenant_scope(ctx.tenant_id):
        ctx.begin_run()
        assert ctx.run is not None
        Run.objects.filter(pk=ctx.run.pk).update(
            state=Run.State.FAILED,
            ended_at=ctx.now(),
            error=f"Something unforeseen happened ({type(error).__name__}). The team has been told; nothing is lost.",
            error_class="system",
        )
        _tell_of_defect(ctx.flow, error)
        store.end_lease(ctx.flow_id, epoch=ctx.epoch, wait=ctx.timing.schedule.first, was_due=ctx.flow.next_at)


def _tell_of_defect(flow: Flow, error: Exception) -> None:
    incidents.open(
        tenant_id=flow.tenant_id,
        flow=flow,
        cause=f"defect:{type(error).__name__}",
        severity="critical",
        error_class="system",
        title="A sync run ended unexpectedly",
        body=f"{type(error).__name__}: processing goes on with the next run. Tell the operators if it repeats.",
        action="runs",
    )


def failed_to_open(flow: Flow, epoch: int, error: ConnectorError) -> None:
    with tenant_scope(flow.tenant_id):
        _stop_or_wait(flow, error)
        store.end_lease(flow.pk, epoch=epoch, wait=Timing.from_settings().schedule.first, was_due=flow.next_at)


def could_not_open(flow: Flow, epoch: int, error: Exception) -> None:
    """The lease goes back at once; what is no missing connection but a defect is told to people."""
    with tenant_scope(flow.tenant_id):
        if not isinstance(error, NotConnected):
            _tell_of_defect(flow, error)
        store.end_lease(flow.pk, epoch=epoch, wait=Timing.from_settings().schedule.first, was_due=flow.next_at)


def _finish(ctx: Context, failure: ConnectorError | None, *, api_calls: int, write_calls: int) -> None:
    assert ctx.run is not None
    Run.objects.filter(pk=ctx.run.pk).update(
        state=Run.State.FAILED if failure else Run.State.DONE,
        ended_at=ctx.now(),
        counts=dict(ctx.counts),
        timings=dict(ctx.timings),
        api_calls=api_calls,
        write_calls=write_calls,
        error=failure.message if failure else "",
        error_class=error_class(failure) if failure else "",
    )


def _settle_incidents(ctx: Context, failure: ConnectorError | None) -> None:
    if failure is not None:
        _stop_or_wait(ctx.flow, failure)
        return
    over = ("reconnect:", "contract:", "defect:", "vendor:unreachable")
    incidents.close_causes(
        tenant_id=ctx.tenant_id,
        flow=ctx.flow,
        prefixes=over if ctx.flow.failures else (*over, "vendor:"),
        resolution="The next run went through.",
    )


def _stop_or_wait(flow: Flow, error: ConnectorError) -> None:
    """What an error of the whole flow means for it, and the one incident that tells people."""
    kind = error_class(error)
    if isinstance(error, BudgetUsedUp):
        return  # nothing is wrong: the call limit makes us wait
    if kind == "transient":
        incidents.open(
            tenant_id=flow.tenant_id,
            flow=flow,
            cause="vendor:unreachable",
            severity="warning",
            error_class=kind,
            title="A vendor cannot be reached",
            body=f"{error.message} It is tried again by itself.",
            action="connections",
        )
        return
    Flow.objects.filter(pk=flow.pk).update(state=Flow.State.STOPPED, stopped_because=error.message)
    incidents.open(
        tenant_id=flow.tenant_id,
        flow=flow,
        cause="reconnect:connection" if kind == "auth" else "contract:vendor",
        severity="critical",
        error_class=kind,
        title="A connection needs you" if kind == "auth" else "A vendor answered in a way that cannot be trusted",
        body=error.message,
        action="connections" if kind == "auth" else "runs",
    )


def _next_wake(ctx: Context, finished: bool, failure: ConnectorError | None) -> timedelta:
    """How long until this flow is due again: at once if work is left, else the poll interval or an earlier wake-up."""
    poll = timedelta(seconds=ctx.timing.poll or ctx.flow.frequency_minutes * 60)
    if isinstance(failure, RetryLater):
        return min(failure.wait or ctx.timing.schedule.first, poll)
    if not finished and failure is None:
        return timedelta()
    wake = store_figures.seconds_to_next_wake(ctx.flow_id)
    return poll if wake is None else max(timedelta(), min(poll, timedelta(seconds=wake)))
