"""Sending what is due: claim the row, send outside of every transaction, settle the row.

A worker that dies in between leaves a claimed row, which is due again when the claim ends. So a message may arrive twice
after a crash at the wrong moment, but is never lost; e-mails carry the same Message-ID then.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import structlog
from django.conf import settings

from notifications.channels.base import Letter, NotSent, Refused, Sender, TryAgain
from notifications.channels.email import Email
from notifications.channels.slack import Slack
from notifications.messages import Message
from notifications.models import DUE_STATES, Channel, Delivery, DeliveryState, Kind
from notifications.pages import full_address
from notifications.preferences import Place, places, webhook
from sync import incidents
from sync.domain.retry import Schedule
from tenants.models import Tenant
from tenants.scoping import platform_scope, tenant_scope

CLAIM = timedelta(seconds=60)  # longer than any channel's time-out
PASS_SECONDS = 20.0
LONGEST_TRY = timedelta(days=1)  # what was put off for so long helps nobody any more
LOOK_AT = 20

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One delivery in our hands until `until`, which is also the mark that it is still ours."""

    delivery: Delivery
    until: datetime
    letter: Letter
    webhook: str

    @property
    def place(self) -> Place:
        return Place(channel=Channel(self.delivery.channel), address=self.delivery.address)

    def sender(self) -> Sender:
        if self.place.channel is Channel.SLACK:
            if not self.webhook:
                raise Refused("The webhook cannot be read any more. Enter it again under Alerts.")
            return Slack(self.webhook, base_url=settings.ENV.slack_base_url)
        return Email(self.place.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of a delivery after a try."""

    state: DeliveryState
    error: str = ""
    wait: timedelta = timedelta()
    counts: bool = True


def deliver_due() -> int:
    """Send what is due, of every tenant. Returns how many messages arrived."""
    return sum(deliver_tenant(tenant_id) for tenant_id in tenants_with_due())


def tenants_with_due(*, limit: int = 200) -> list[int]:
    """Who has messages to be sent now; read in the dispatch role."""
    with platform_scope():
        due = Delivery.platform.filter(state__in=DUE_STATES, not_before__lte=datetime.now(UTC))
        return sorted(due.values_list("tenant_id", flat=True).distinct()[:limit])


def deliver_tenant(tenant_id: int, *, seconds: float = PASS_SECONDS) -> int:
    """Send this tenant's due messages for at most so long. Returns how many arrived."""
    end, sent = time.monotonic() + seconds, 0
    while time.monotonic() < end and (claim := _claim(tenant_id)) is not None:
        verdict = _send(claim)
        _settle(tenant_id, claim, verdict)
        sent += verdict.state is DeliveryState.SENT
    return sent


# ----------------------------------------------------------------------- claim


def _claim(tenant_id: int) -> Claim | None:
    """The first message that is due and still makes sense; what does not is given up or put off on the way."""
    with tenant_scope(tenant_id):
        now, wanted = datetime.now(UTC), places()
        due = Delivery.objects.filter(state__in=DUE_STATES, not_before__lte=now).order_by("not_before", "id")
        for row in due.select_for_update(skip_locked=True)[:LOOK_AT]:
            if _makes_sense(row, wanted, now):
                return _taken(row, now)
    return None


def _makes_sense(row: Delivery, wanted: list[Place], now: datetime) -> bool:
    """False for a row that has been settled or put off here instead of being sent."""
    place = Place(channel=Channel(row.channel), address=row.address)
    if place not in wanted:
        return _without_sending(row, DeliveryState.GIVEN_UP, error="This place is told no more.")
    if row.attempts > len(_schedule()):
        return _without_sending(row, DeliveryState.GIVEN_UP, error="Sending it was cut short every time.")
    opening = _unsent_opening(row)
    if opening is None:
        return True
    if opening.state == DeliveryState.GIVEN_UP:
        return _without_sending(row, DeliveryState.GIVEN_UP, error="What it ends never arrived here.")
    return _without_sending(row, row.state, not_before=max(opening.not_before, now + timedelta(seconds=1)))


def _unsent_opening(row: Delivery) -> Delivery | None:
    """The alert that this row resolves, while it has not arrived at the same place."""
    if row.kind != Kind.RESOLVED or row.incident_id is None:
        return None
    alerts = Delivery.objects.filter(incident_id=row.incident_id, kind=Kind.ALERT)
    return alerts.filter(channel=row.channel, address=row.address).exclude(state=DeliveryState.SENT).first()


def _without_sending(row: Delivery, state: str, **columns: object) -> bool:
    Delivery.objects.filter(pk=row.pk).update(state=state, **columns)
    return False


def _taken(row: Delivery, now: datetime) -> Claim:
    row.attempts, row.not_before = row.attempts + 1, now + CLAIM
    row.save(update_fields=["attempts", "not_before"])
    host = urlsplit(settings.ENV.public_url).hostname
    return Claim(
        delivery=row,
        until=row.not_before,
        letter=Letter(
            message=Message(subject=row.subject, lines=tuple(row.lines), link=row.path),
            url=full_address(row.path),
            reference=f"delivery-{row.pk}.{Tenant.objects.get().public_id}@{host}",
        ),
        webhook=webhook() if row.channel == Channel.SLACK else "",
    )


# ------------------------------------------------------------- send and settle


def _send(claim: Claim) -> Verdict:
    try:
        claim.sender().send(claim.letter)
    except NotSent as error:
        row = claim.delivery
        return judge(error, attempts=row.attempts, age=datetime.now(UTC) - row.created_at, dice=random.random())
    return Verdict(state=DeliveryState.SENT)


def judge(error: NotSent, *, attempts: int, age: timedelta, dice: float) -> Verdict:
    """What happens after the `attempts`-th try (from 1) failed. `dice` in [0, 1) spreads the waits of many messages."""
    schedule = _schedule()
    match error:
        case TryAgain(wait=timedelta() as wait) if age < LONGEST_TRY:
            return Verdict(state=DeliveryState.FAILED, error=error.reason, wait=wait, counts=False)
        case TryAgain() if attempts <= len(schedule):
            wait = schedule.wait(attempts - 1, dice)
            return Verdict(state=DeliveryState.FAILED, error=error.reason, wait=wait)
        case _:
            return Verdict(state=DeliveryState.GIVEN_UP, error=error.reason)


def _settle(tenant_id: int, claim: Claim, verdict: Verdict) -> None:
    """Write down what happened, unless the claim ran out and somebody else has the row."""
    now, row = datetime.now(UTC), claim.delivery
    with tenant_scope(tenant_id):
        is_ours = Delivery.objects.filter(pk=row.pk, not_before=claim.until, state__in=DUE_STATES).update(
            state=verdict.state,
            error=verdict.error,
            attempts=row.attempts if verdict.counts else row.attempts - 1,
            not_before=now + verdict.wait,
            sent_at=now if verdict.state is DeliveryState.SENT else None,
        )
        if is_ours:
            _tell_of_the_place(tenant_id, claim.place, verdict)
    tell = log.info if verdict.state is DeliveryState.SENT else log.warning
    tell(
        f"delivery_{verdict.state.value}",
        delivery=row.pk,
        channel=row.channel,
        attempts=row.attempts,
        why=verdict.error,
    )


def _tell_of_the_place(tenant_id: int, place: Place, verdict: Verdict) -> None:
    """A place that cannot be reached is an incident itself, told everywhere else, and closed when something arrives."""
    if verdict.state is DeliveryState.SENT:
        incidents.close_causes(
            tenant_id=tenant_id, flow=None, prefixes=(place.cause,), resolution="The next message arrived."
        )
    if verdict.state is DeliveryState.GIVEN_UP:
        name = "Slack" if place.channel is Channel.SLACK else place.address
        incidents.open(
            tenant_id=tenant_id,
            flow=None,
            cause=place.cause,
            severity="critical",
            error_class="system",
            title=f"Alerts do not reach {name}",
            body=f"{verdict.error} Until it works, look at the alerts in Millrace.",
            action="alerts",
        )


def _schedule() -> Schedule:
    return Schedule(waits=tuple(timedelta(seconds=wait) for wait in settings.ENV.retry_schedule_seconds))
