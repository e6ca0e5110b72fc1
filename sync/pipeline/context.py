"""What every step needs: which flow, under which lease, with which adapters and settings."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Case, F, JSONField, Value, When

from connectors.contract.ports import Destination, Source
from connectors.contract.records import Endpoint, SourceTransaction
from connectors.models import Connection
from sync import store, store_evidence
from sync.domain.retry import Evidence, Schedule
from sync.models import Flow, Run
from sync.pipeline.books import Books
from tenants.models import Tenant
from tenants.scoping import tenant_scope

OVERLAP = timedelta(minutes=15)  # a row may become visible later than its stamp says
WATERMARK_MARGIN = timedelta(minutes=5)
LEAST_OVERLAP = timedelta(seconds=5)  # of both, however short the quarantine
STALE_MIRROR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The program's times, from the environment."""

    lease: float
    quarantine: timedelta
    send_deadline: float
    poll: float | None
    schedule: Schedule
    evidence: Evidence
    read_back: timedelta  # so long may a document wait for its confirmation while the source has more

    @property
    def overlap(self) -> timedelta:
        """How far each look at the source goes back; with the usual quarantine 15 minutes."""
        return min(OVERLAP, max(self.quarantine * 1.5, LEAST_OVERLAP))

    @property
    def margin(self) -> timedelta:
        """How far a look at the destination goes back before what it looks for; with the usual quarantine 5 minutes."""
        return min(WATERMARK_MARGIN, max(self.quarantine / 2, LEAST_OVERLAP))

    @classmethod
    def from_settings(cls) -> Timing:
        env = settings.ENV
        quarantine = timedelta(seconds=env.quarantine_seconds)
        return cls(
            lease=env.lease_seconds,
            quarantine=quarantine,
            send_deadline=env.send_deadline_seconds,
            poll=env.poll_seconds,
            schedule=Schedule(waits=tuple(timedelta(seconds=s) for s in env.retry_schedule_seconds)),
            evidence=Evidence(
                probes=tuple(timedelta(seconds=s) for s in env.probe_seconds),
                quarantine=quarantine,
                gap=timedelta(seconds=env.probe_gap_seconds),
            ),
            read_back=timedelta(seconds=env.read_back_seconds),
        )


class LeaseLost(Exception):
    """Another process holds the flow now: stop without touching anything."""


@dataclass(slots=True, kw_only=True)
class Context:
    """One slice of work on one flow. Holds the lease's epoch; counts what happened for the run's figures."""

    flow: Flow
    tenant: Tenant
    epoch: int
    trigger: str
    source: Source
    destination: Destination
    books: Books
    timing: Timing
    actor: str = ""
    dice: random.Random = field(default_factory=random.Random)
    monotonic: Callable[[], float] = time.monotonic  # for what lasts; what is due is the database's to say
    run: Run | None = None
    counts: Counter[str] = field(default_factory=Counter)
    timings: Counter[str] = field(default_factory=Counter)
    deadline: float | None = None  # monotonic
    opened_at: datetime  # the database's clock when the slice began, and the process's at the same moment
    opened_tick: float
    lease_tick: float = field(default_factory=time.monotonic)
    left: frozenset[str] | None = None  # what the steps could take up, at the last look; None: look again
    source_at_end: bool = False
    nothing_to_fill: bool = False  # no back-fill is asked for; one that comes meanwhile wakes the flow again
    amend_prepared: bool = False  # lock dates were read anew in this slice
    push_prepared: bool = False  # books and lock dates were read, so that sending may begin
    exhausted: set[Endpoint] = field(default_factory=set)  # nothing was due there, and nothing was made ready since
    mirror_read: bool = False  # all of it, in this slice
    mirror_fresh: bool = False  # read on in this round, since the source was read: what is decided is compared with it
    newest_seen: dict[Endpoint, str] = field(default_factory=dict)  # the largest change stamps, ISO, in this slice
    sent_from: dict[Endpoint, datetime] = field(default_factory=dict)  # first stamp of what was sent, not yet read
    sent_since_read: bool = True  # something may stand in the books that the mirror has not shown yet
    uses_payments: bool = False  # payments may be sent too; found out when movements are first matched
    pays: bool = False  # payments wait to be sent
    needs_options: bool = False  # entries wait for tracking options that may not exist yet
    items_fresh: bool = False  # open invoices and bills were read after the last payment was sent
    just_read: dict[str, tuple[str, SourceTransaction]] = field(default_factory=dict)  # see `sync.pipeline.coded`
    shown_rates: dict[tuple[str, date], Decimal] = field(default_factory=dict)  # see `sync.pipeline.shown_rates`
    undecided: int = 0  # movements over which the program failed, in this slice
    contacts_stale: bool = False  # the destination knows a contact that our list does not

    @property
    def tenant_id(self) -> int:
        return self.tenant.pk

    @property
    def flow_id(self) -> int:
        return self.flow.pk

    @property
    def run_id(self) -> int | None:
        return self.run.pk if self.run else None

    @property
    def connection(self) -> Connection:
        assert self.flow.destination is not None
        return self.flow.destination

    def may_continue(self) -> bool:
        return self.deadline is None or self.monotonic() < self.deadline

    @contextmanager
    def commit(self) -> Iterator[None]:
        """One transaction in the tenant's scope, in the program's own name: what only people may do stays closed."""
        run = self.run
        try:
            with tenant_scope(self.tenant_id):
                yield
        except BaseException:
            self.run = run  # one that was begun inside went with the transaction
            raise

    def now(self) -> datetime:
        """The database's time, carried on by the monotonic clock: no statement, and no trust in this machine's date."""
        return self.opened_at + timedelta(seconds=self.monotonic() - self.opened_tick)

    @property
    def is_held(self) -> bool:
        return self.flow.held_until is not None and self.flow.held_until > self.now()

    def renew_lease(self) -> None:
        """Where a quarter of the lease is over. Raises LeaseLost when it is no longer ours."""
        if self.monotonic() - self.lease_tick < self.timing.lease / 4:
            return
        self.lease_tick = self.monotonic()
        with self.commit():
            if not store.keep_lease(self.flow_id, epoch=self.epoch, seconds=self.timing.lease):
                raise LeaseLost

    def has_left(self, what: str) -> bool:
        """Is there anything of this for a step to take up? One statement where something was done since the last look."""
        if self.left is None:
            with self.commit():
                self.left = store_evidence.what_is_left(flow_id=self.flow_id)
        return what in self.left

    def begin_run(self) -> None:
        """Write the run's row as soon as there is something to tell; an idle look leaves none. Inside `commit`."""
        if self.run is None:
            self.run = Run.objects.create(
                tenant_id=self.tenant_id, flow=self.flow, trigger=self.trigger, actor=self.actor
            )

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self.timings[step] += round((time.monotonic() - started) * 1000)

    def store_flow(self, **columns: Any) -> None:
        """Change columns of the flow where the lease is still ours. Inside `commit`."""
        told = {**columns}
        if "mirror_watermarks" in told:  # taken away by whoever moved the first day meanwhile: then all is read again
            marks = Value(told["mirror_watermarks"], output_field=JSONField())
            told["mirror_watermarks"] = Case(When(cutoff=self.flow.cutoff, then=marks), default=F("mirror_watermarks"))
        if not Flow.objects.filter(pk=self.flow_id, epoch=self.epoch).update(**told):
            raise LeaseLost
        for name, value in columns.items():
            setattr(self.flow, name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What one step did: `moved` items changed; nothing moved means nothing was due. `more`: there may be more due."""

    moved: int = 0
    more: bool = False

    @classmethod
    def nothing(cls) -> Progress:
        return cls()

    def __add__(self, other: Progress) -> Progress:
        return Progress(moved=self.moved + other.moved, more=self.more or other.more)

    def __bool__(self) -> bool:
        return self.moved > 0
