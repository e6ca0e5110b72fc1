"""Back-fills and the first day: what people ask for, with its bounds, and what it would post.

A back-fill is a row; the pipeline reads its months beside the fresh movements (`pipeline.backfill`).
"""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction

from sync import configuration, store
from sync.domain.backfill import DAY, Bounded, Window, bounded
from sync.domain.clearing import HELD_WITH
from sync.domain.reasons import BEFORE_CUTOFF
from sync.models import Backfill, Entry, EntryState, Flow, Record
from sync.pipeline.dryrun import dry_run
from sync.services import UNSENT, NotPossible, reopen
from tenants import audit
from tenants.models import Tenant
from tenants.scoping import tenant_scope


def backfill_bounds(*, tenant_id: int, flow_id: int, asked: Window, cutoff: date | None = None) -> Bounded:
    """What may be read of these days, with the reasons for the rest. Raises NotPossible where nothing is left.

    `cutoff`: as if this were the first day already.
    """
    if asked.until < asked.since:
        raise NotPossible("The last day comes before the first one.")
    with tenant_scope(tenant_id):
        flow = Flow.objects.select_related("destination").get(pk=flow_id)
        found = bounded(
            asked,
            cutoff=cutoff or flow.cutoff,
            lock_date=flow.destination.lock_date if flow.destination else None,
            today=_today(),
        )
    if not found.window.days:
        raise NotPossible(f"Nothing is left to read of these days. {' '.join(found.notes)}")
    return found


def backfill_preview(*, tenant_id: int, flow_id: int, asked: Window, actor: str) -> dict[str, Any]:
    """What a back-fill would post. Reads both vendors, keeps nothing. Raises NotPossible, LeaseHeld, NotConnected."""
    found = backfill_bounds(tenant_id=tenant_id, flow_id=flow_id, asked=asked)
    answer = dry_run(tenant_id=tenant_id, flow_id=flow_id, actor=actor, window=found.window)
    return {**_told(found), **answer}


def backfill_start(*, tenant_id: int, flow_id: int, asked: Window, actor: str) -> Backfill:
    """Ask for these days. One at a time; raises NotPossible while another one runs."""
    found = backfill_bounds(tenant_id=tenant_id, flow_id=flow_id, asked=asked)
    with tenant_scope(tenant_id, actor=actor):
        return _start(tenant_id, flow_id, found, actor=actor)


def backfill_stop(*, tenant_id: int, backfill_id: int, actor: str) -> bool:
    """What was read stays; what was not is left for another time. False where it had ended already."""
    with tenant_scope(tenant_id, actor=actor):
        running = Backfill.objects.filter(pk=backfill_id, state=Backfill.State.RUNNING)
        stopped = running.update(state=Backfill.State.STOPPED, ended_at=store.now())
        if stopped:
            audit.record("backfill.stop", target=f"backfill:{backfill_id}", actor=actor)
        return bool(stopped)


# --------------------------------------------------------------- the first day


def cutoff_preview(*, tenant_id: int, flow_id: int, cutoff: date, actor: str) -> dict[str, Any]:
    """What another first day would change: `documents` that an earlier one adds, or `left_out` and `stay` for a later one.

    Raises DayFault for a day that cannot be the first one, as `cutoff_move` does."""
    with tenant_scope(tenant_id):
        flow = Flow.objects.get(pk=flow_id)
        configuration.first_day_check(cutoff)
        if cutoff >= flow.cutoff:
            return {"stay": _posted_before(flow, cutoff), "left_out": len(_unsent_before(flow, cutoff))}
        asked = Window(since=cutoff, until=flow.cutoff - DAY)
    found = backfill_bounds(tenant_id=tenant_id, flow_id=flow_id, asked=asked, cutoff=cutoff)
    answer = dry_run(tenant_id=tenant_id, flow_id=flow_id, actor=actor, window=found.window, cutoff=cutoff)
    return {**_told(found), **answer}


def cutoff_move(*, tenant_id: int, flow_id: int, cutoff: date, actor: str, reason: str = "") -> None:
    """Another first day. Nothing that was posted is touched; what is not posted yet follows it."""
    with tenant_scope(tenant_id, actor=actor):
        flow = Flow.objects.get(pk=flow_id)
        before = flow.cutoff
        configuration.flow_change(flow=flow, actor=actor, reason=reason, cutoff=cutoff)
        cutoff_moved(tenant_id=tenant_id, flow_id=flow_id, before=before, actor=actor)


def cutoff_moved(*, tenant_id: int, flow_id: int, before: date, actor: str) -> None:
    """The consequences of a first day that was `before`. Inside the tenant's scope.

    Earlier: the days between are read and posted, and the books are read further back first, so that what stands there
    is found. Later: movements before it that are not posted yet are left out.
    """
    flow = Flow.objects.select_related("destination").get(pk=flow_id)
    if flow.cutoff == before or not Record.objects.filter(flow=flow).exists():
        return
    if flow.cutoff > before:
        reopen(_unsent_before(flow, flow.cutoff), actor=actor, reason="the first day was moved")
        return
    store.wake_before_cutoff(flow_id=flow_id, since=flow.cutoff, until=before - DAY)
    reopen([*_halves_held(flow), *_left_out_before(flow, before)], actor=actor, reason="the first day was moved")
    Flow.objects.filter(pk=flow_id).update(mirror_watermarks={}, next_at=store.now())
    lock_date = flow.destination.lock_date if flow.destination else None
    asked = Window(since=flow.cutoff, until=before - DAY)
    found = bounded(asked, cutoff=flow.cutoff, lock_date=lock_date, today=_today())
    if found.window.days:
        _start(tenant_id, flow_id, found, actor=actor)


def _start(tenant_id: int, flow_id: int, found: Bounded, *, actor: str) -> Backfill:
    since, until = found.window.since, found.window.until
    try:
        with transaction.atomic():
            made = Backfill.objects.create(
                tenant_id=tenant_id, flow_id=flow_id, since=since, until=until, reached=since,
                notes=list(found.notes), asked_by=actor,
            )  # fmt: skip
    except IntegrityError as error:
        raise NotPossible("Another back-fill is running. Wait for its end, or stop it.") from error
    Flow.objects.filter(pk=flow_id).update(next_at=store.now())
    after = {"since": since.isoformat(), "until": until.isoformat()}
    audit.record("backfill.start", target=f"backfill:{made.pk}", actor=actor, after=after)
    return made


def _posted_before(flow: Flow, day: date) -> int:
    return Entry.objects.filter(flow=flow, booking_date__lt=day, destination_id__isnull=False).count()


def _unsent_before(flow: Flow, day: date) -> list[Entry]:
    """Never sent and not in doubt; what a person put aside stays aside."""
    left = [state for state in UNSENT if state not in ("skipped", "duplicate")]
    rows = Entry.objects.filter(flow=flow, booking_date__lt=day, destination_id=None, state__in=left)
    return list(rows.exclude(intent_items__open=True).order_by("pk"))


def _left_out_before(flow: Flow, day: date) -> list[Entry]:
    """Decided once, and left out since only because a later first day said so."""
    rows = Entry.objects.filter(flow=flow, state="skipped", destination_id=None, booking_date__lt=day)
    return list(rows.filter(note__step="transform", note__reason__startswith=BEFORE_CUTOFF).order_by("pk"))


def _halves_held(flow: Flow) -> list[Entry]:
    """Never sent and not in doubt; their other halves may be of a day that is carried now."""
    asked = Entry.objects.filter(flow=flow, destination_id=None, state=EntryState.REVIEW)
    held = asked.filter(findings__contains=[{"code": HELD_WITH}])
    return list(held.exclude(intent_items__open=True).order_by("pk"))


def _told(found: Bounded) -> dict[str, Any]:
    return {
        "from": found.window.since.isoformat(),
        "to": found.window.until.isoformat(),
        "days": found.window.days,
        "notes": list(found.notes),
    }


def _today() -> date:
    """In the tenant's zone. Inside its scope."""
    return store.now().astimezone(ZoneInfo(Tenant.objects.get().timezone)).date()
