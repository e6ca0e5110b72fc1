"""Puts an adapter together: vendor address, tokens, budget, call log. Adapters themselves know no settings and no storage."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import cast
from weakref import WeakKeyDictionary

import redis
from django.conf import settings
from django.db.models.functions import Now

from connectors import providers
from connectors.contract.errors import ActionRequired
from connectors.contract.ports import Destination, Source
from connectors.contract.spec import CallRecord, Wiring
from connectors.credentials import Credentials, token_timing
from connectors.models import Call, Connection
from connectors.registry import spec
from connectors.throttle import Budget, Limits, connect
from tenants import audit
from tenants.scoping import current_tenant_id, tenant_scope

PATIENT_SECONDS = 75.0  # a minute's budget is whole again after a minute
CALLS_IN_A_PLACE = 3  # a place among the concurrent calls whose owner died is free after so many time-outs
MOST_CALLS = 2000  # of one slice; a slice that makes more has other troubles than its call log


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeCall:
    """One call that an adapter made, not yet in the table."""

    connection_id: int
    at: datetime
    record: CallRecord

    @property
    def write(self) -> bool:
        return self.record.write


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Keeps the calls of one adapter in memory until its slice has a transaction to write them in."""

    connection: Connection
    calls: list[MadeCall] = field(default_factory=list)
    refused: bool = False  # the vendor said that this company is not ours to see (any more)

    def __call__(self, record: CallRecord) -> None:
        # At Amnis a 403 may mean one list that our key does not open; at Xero it means the whole organisation.
        self.refused = self.refused or (record.status == 403 and self.connection.kind == providers.XERO)
        if len(self.calls) < MOST_CALLS:
            self.calls.append(MadeCall(connection_id=self.connection.pk, at=datetime.now(UTC), record=record))


_recorders: WeakKeyDictionary[object, Recorder] = WeakKeyDictionary()


def open_source(connection: Connection, *, background: bool = False, patient: bool = False) -> Source:
    """The source behind this connection. Calls nobody. Raises ActionRequired where it was never connected.

    `background`: for reads that may wait until tomorrow; they leave a fifth of the day's budget to everything else.
    `patient`: for long readings outside of a slice; each read waits in place until the minute's budget is there again.
    """
    return cast(Source, _open(connection, background=background, patient=patient))


def open_destination(connection: Connection, *, background: bool = False, patient: bool = False) -> Destination:
    """The destination behind this connection; see `open_source`."""
    return cast(Destination, _open(connection, background=background, patient=patient))


def take_calls(*adapters: object) -> list[MadeCall]:
    """The calls that these adapters made since they were last asked, oldest first.

    A connection whose vendor refused us meanwhile is marked as needing a person.
    """
    found: list[MadeCall] = []
    for adapter in adapters:
        recorder = _recorders.get(adapter)
        if recorder is None:
            continue
        found += recorder.calls
        recorder.calls = []
        if recorder.refused:
            connection_lost(connection=recorder.connection, message=f"{recorder.connection} is no longer open to us.")
    return sorted(found, key=lambda call: call.at)


def store_calls(tenant_id: int, calls: Sequence[MadeCall], *, run_id: int | None = None) -> None:
    """Write these calls into the call log, and which vendor answered. Works inside or outside of the tenant's scope."""
    rows = [_row(tenant_id, call, run_id) for call in calls]
    answered = {call.connection_id for call in calls if call.record.status == 200}
    if rows:
        with tenant_scope(tenant_id):
            Call.objects.bulk_create(rows, batch_size=100)
            well = Connection.objects.filter(pk__in=answered, status=Connection.Status.ACTIVE)
            well.update(last_ok_at=Now(), last_error="")


def connection_lost(*, connection: Connection, message: str, actor: str = "millrace") -> None:
    """The vendor lets us in no longer, so a person must reconnect. Said once, however often it is found; audited."""
    with tenant_scope(connection.tenant_id, actor=actor):
        still = Connection.objects.filter(pk=connection.pk, status=Connection.Status.ACTIVE)
        if still.update(status=Connection.Status.NEEDS_RECONNECT, last_error=message[:500]):
            target = f"{connection.kind} {connection.name or connection.external_id}"
            audit.record("connection_lost", target=target, actor=actor, reason=message)
    connection.last_error = message[:500]


def wiring(
    connection: Connection, *, grant_id: int, recorder: Callable[[CallRecord], None], timezone: str, limits: Limits
) -> Wiring:
    """What an adapter for this connection needs from outside. `limits` empty: only the application's own budget."""
    address = providers.base_url(connection.kind)
    return Wiring(
        base_url=address,
        tokens=Credentials(
            grant_id,
            record_call=recorder,
            on_lost=lambda message: connection_lost(connection=connection, message=message),
            timing=token_timing(settings.ENV.lease_seconds),
        ),
        throttle=Budget(
            store(),
            kind=connection.kind,
            organisation=connection.external_id or f"grant-{grant_id}",
            limits=limits,
            paused_until=connection.paused_until,
            remember_pause=lambda until: _remember_pause(connection, until),
            place_seconds=CALLS_IN_A_PLACE * settings.ENV.http_timeout_seconds,
        ),
        record_call=recorder,
        timezone=timezone,
        organisation_id=connection.external_id,
        short_code=connection.short_code,
        timeout_seconds=settings.ENV.http_timeout_seconds,
        transport=providers.transport(address),
    )


def budget(kind: str, organisation: str, limits: Limits) -> Budget:
    """A rate budget that no connection's row stands behind."""
    return Budget(store(), kind=kind, organisation=organisation, limits=limits)


def refuse_open_scope() -> None:
    """A scope is a transaction, and no vendor is called inside a transaction."""
    if current_tenant_id() is not None:
        raise RuntimeError("this calls a vendor: leave the tenant's scope first")


def store() -> redis.Redis:
    """This process's way to the store of the rate budgets."""
    return _store(settings.ENV.redis_url, os.getpid())


def _open(connection: Connection, *, background: bool, patient: bool) -> object:
    if connection.grant_id is None:
        raise ActionRequired(f"{connection.get_kind_display()} is not connected. Please connect it.")
    recorder = Recorder(connection=connection)
    wired = wiring(
        connection,
        grant_id=connection.grant_id,
        recorder=recorder,
        timezone=_timezone(connection),
        limits=providers.limits(connection.kind),
    )
    patience = PATIENT_SECONDS if patient else wired.patience_seconds
    adapter = spec(connection.kind).open(replace(wired, background=background, patience_seconds=patience))
    _recorders[adapter] = recorder
    return adapter


def _timezone(connection: Connection) -> str:
    if Connection.tenant.is_cached(connection):
        return connection.tenant.timezone
    with tenant_scope(connection.tenant_id):
        return connection.tenant.timezone


def _remember_pause(connection: Connection, until: datetime) -> None:
    """The vendor's Retry-After, where a flushed store cannot forget it."""
    connection.paused_until = until
    with tenant_scope(connection.tenant_id):
        Connection.objects.filter(pk=connection.pk).update(paused_until=until)


def _row(tenant_id: int, call: MadeCall, run_id: int | None) -> Call:
    record = call.record
    return Call(
        tenant_id=tenant_id,
        connection_id=call.connection_id,
        run_id=run_id,
        method=record.method[:8],
        path=record.path[:500],
        status=record.status,
        outcome=record.outcome[:20],
        milliseconds=record.milliseconds,
        correlation_id=record.correlation_id[:100],
        write=record.write,
        request_excerpt=record.request_excerpt,
        response_excerpt=record.response_excerpt,
        created_at=call.at,
    )


@lru_cache(maxsize=4)
def _store(url: str, process: int) -> redis.Redis:
    return connect(url)
