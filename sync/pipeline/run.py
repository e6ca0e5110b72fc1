"""One pass over one flow: read this first. The pipeline is a table of steps and a loop.

Every step commits its own work, so a crash between two loses nothing. Everything foreign that goes wrong arrives here as
one of the connectors' five errors and becomes a sentence, an incident and a time to try again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, OuterRef

from connectors import services as connector_services
from connectors.contract.errors import ConnectorError, RetryLater
from connectors.contract.ports import Destination, Source
from sync import store
from sync.models import Backfill, Flow, Run
from sync.pipeline import amend, confirm, contact_changes, drift, log
from sync.pipeline.backfill import backfill
from sync.pipeline.books import load_books
from sync.pipeline.context import Context, LeaseLost, Progress, Timing
from sync.pipeline.dependents import release
from sync.pipeline.fetch import fetch
from sync.pipeline.push import push
from sync.pipeline.reconcile import reconcile
from sync.pipeline.result import NotConnected, Result
from sync.pipeline.transform import transform
from sync.pipeline.validate import validate
from tenants.scoping import tenant_scope

Step = tuple[str, str, Callable[[Context], Progress]]  # where its time is counted, what it takes up, what it does
DECIDING: tuple[Step, ...] = (("transform", "records", transform), ("validate", "made", validate))
SENDING: tuple[Step, ...] = (("push", "ready", push), ("amend", "amendments", amend.amend))
CONFIRMING: tuple[Step, ...] = (("confirm", "sent", confirm.confirm),)
SETTLING: tuple[Step, ...] = (
    *CONFIRMING,
    ("amend", "amendments", amend.read_back),
    ("transform", "waiting", release),
)
SLICE_SECONDS = 20.0  # at most a sixth of the lease: the task's own time limits come long after it
FETCHES = 2  # a thousand rows
REFERENCE_FRESH = timedelta(hours=1)
logger = structlog.get_logger(__name__)


def slice_seconds() -> float:
    """How long one task works on a flow before the others have their turn."""
    return min(SLICE_SECONDS, Timing.from_settings().lease / 6)


class LeaseHeld(Exception):
    """Somebody else works on this flow at the moment."""


def run_pass(
    *,
    tenant_id: int,
    flow_id: int,
    trigger: str,
    actor: str = "",
    seconds: float | None = None,
    always_record: bool = False,
) -> Result:
    """Fetch to the source's end, then every step until nothing is due now, or until `seconds` are over.

    Raises LeaseHeld and NotConnected before anything happened. Defects are recorded and raised.
    """
    ctx = opened(tenant_id=tenant_id, flow_id=flow_id, trigger=trigger, actor=actor, seconds=seconds)
    try:
        if always_record:
            with ctx.commit():
                ctx.begin_run()
        finished, failure = _work(ctx)
        return log.close(ctx, finished=finished, failure=failure)
    except LeaseLost:
        logger.warning("lease_lost", flow_id=flow_id)
        return Result(run_id=ctx.run_id, counts=dict(ctx.counts), finished=False)
    except Exception as defect:
        log.defect(ctx, defect)
        raise


def opened(*, tenant_id: int, flow_id: int, trigger: str, actor: str, seconds: float | None) -> Context:
    timing = Timing.from_settings()
    with tenant_scope(tenant_id):
        lease = store.take_lease(flow_id, seconds=timing.lease)
        if lease is None:
            raise LeaseHeld
        epoch, opened_at = lease
        opened_tick = time.monotonic()
        filling = Backfill.objects.filter(flow=OuterRef("pk"), state=Backfill.State.RUNNING)
        flows = Flow.objects.annotate(is_filled=Exists(filling))
        flow = flows.select_related("tenant", "source__grant", "destination__grant").get(pk=flow_id)
        if flow.unclean:  # we hold the lease, so whoever was running is gone
            running = Run.objects.filter(flow=flow, state=Run.State.RUNNING)
            running.update(state=Run.State.ABANDONED, ended_at=opened_at, error="Its process died; this run went on.")
    try:
        source, destination = _adapters(flow)
        _fresh_reference(flow, opened_at)
        with tenant_scope(tenant_id):
            books = load_books(flow, flow.tenant)
    except ConnectorError as error:
        log.failed_to_open(flow, epoch, error)
        raise NotConnected(error.message) from error
    except Exception as error:
        log.could_not_open(flow, epoch, error)
        raise
    return Context(
        flow=flow,
        tenant=flow.tenant,
        epoch=epoch,
        trigger=trigger,
        actor=actor,
        source=source,
        destination=destination,
        books=books,
        timing=timing,
        opened_at=opened_at,
        opened_tick=opened_tick,
        nothing_to_fill=not flow.is_filled,
        deadline=None if seconds is None else time.monotonic() + seconds,
    )


@contextmanager
def hold_lease(ctx: Context) -> Iterator[None]:
    """Give the lease back at the end, however it ends; the flow's schedule stays as it was."""
    try:
        yield
    finally:
        with ctx.commit():
            store.give_back(ctx.flow_id, epoch=ctx.epoch)


def _adapters(flow: Flow) -> tuple[Source, Destination]:
    for connection, side in ((flow.source, "Amnis"), (flow.destination, "Xero")):
        if connection is None or not connection.is_usable:
            raise NotConnected(f"{side} is not connected. Connect it on the Connections page.")
        connection.tenant = flow.tenant  # read with the flow, so nobody asks for it again
    assert flow.source is not None
    assert flow.destination is not None
    return connector_services.open_source(flow.source), connector_services.open_destination(flow.destination)


def _fresh_reference(flow: Flow, now: datetime) -> None:
    """Accounts, tax rates and tracking of the destination, read at most once an hour."""
    assert flow.destination is not None
    if flow.reference_read_at is not None and now - flow.reference_read_at < REFERENCE_FRESH:
        return
    connector_services.refresh_reference(flow.destination)
    with tenant_scope(flow.tenant_id):
        Flow.objects.filter(pk=flow.pk).update(reference_read_at=now)


def _work(ctx: Context) -> tuple[bool, ConnectorError | None]:
    """(did everything that is due now get done, what stopped us)."""
    failure: ConnectorError | None = None
    try:
        _take_over(ctx)
        while ctx.may_continue():
            settled, problem = _round(ctx)
            failure = problem or failure
            if settled and ctx.may_continue():  # else nothing was moved for want of time
                drift.look(ctx)
                return True, failure
    except ConnectorError as error:
        return False, error
    return False, failure


def _take_over(ctx: Context) -> None:
    """What a dead process left behind comes first: nothing is sent beside a request that may have arrived."""
    if ctx.has_left("intents"):
        with ctx.timed("reconcile"):
            reconcile(ctx)
            amend.take_over(ctx)
        ctx.left = None


def _round(ctx: Context) -> tuple[bool, ConnectorError | None]:
    """A part of the source, and all that is due: decided, sent, read back. (Is nothing left to do, what kept the source from
    being read.)"""
    while ctx.may_continue() and ctx.has_left("sent") and confirm.is_overdue(ctx) and _each(ctx, SETTLING):
        pass  # a long first sync is confirmed as it goes, before it takes up the calls again
    ctx.mirror_fresh = False  # what is decided next is compared with the books as they stand after the source was read
    ctx.exhausted.clear()
    unread = _fetch_some(ctx)
    more, not_filled = _fill_back(ctx)
    contact_changes.keep_fresh(ctx)  # before entries are made, so that known contacts are not created again
    _drain(ctx, DECIDING)
    _drain(ctx, SENDING)
    ctx.renew_lease()
    at_end = ctx.source_at_end and not more
    if at_end:
        _drain(ctx, CONFIRMING)  # all of it, so that the second halves it sets free leave together
    # What a confirmation sets free has a round of its own, which reads the books first.
    settled = at_end and not _each(ctx, SETTLING) and not _each(ctx, DECIDING)
    return settled, not_filled or unread


def _fetch_some(ctx: Context) -> ConnectorError | None:
    """A few slices of the source. One that cannot be read does not keep back what was already read from it."""
    ctx.just_read.clear()  # what the last round made of it is made
    try:
        with ctx.timed("fetch"):
            for _ in range(FETCHES):
                if not ctx.source_at_end and ctx.may_continue():
                    fetch(ctx)
    except RetryLater as error:
        ctx.source_at_end = True
        return error
    return None


def _fill_back(ctx: Context) -> tuple[bool, ConnectorError | None]:
    """A month of the back-fill, after what is fresh: (is there more of it to read, what keeps it from being read)."""
    if not ctx.source_at_end:
        return False, None
    try:
        with ctx.timed("fetch"):
            return backfill(ctx).more, None
    except RetryLater as error:
        return False, error


def _drain(ctx: Context, steps: tuple[Step, ...]) -> None:
    """Each of these steps until it finds no more that is due, or the slice's time is over: what one makes in parts the next
    takes up as a whole."""
    for step in steps:
        more = ctx.has_left(step[1])
        while more and ctx.may_continue():
            more = _done(ctx, step).more
            ctx.renew_lease()


def _each(ctx: Context, steps: tuple[Step, ...]) -> Progress:
    """Each of these steps once, where there is something that it takes up."""
    total = Progress.nothing()
    for step in steps:
        if ctx.has_left(step[1]) and ctx.may_continue():
            total += _done(ctx, step)
    return total


def _done(ctx: Context, step: Step) -> Progress:
    name, _, work = step
    with ctx.timed(name):
        done = work(ctx)
    ctx.left = None
    return done
