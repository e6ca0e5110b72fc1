"""The daily summary at seven in the tenant's morning, and the weekly one on Mondays: figures to rows, once a period."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, Sum

from notifications import messages
from notifications.collecting import trouble
from notifications.messages import Posted, Summary
from notifications.models import Channel, Delivery, Kind
from notifications.pages import overview_path
from notifications.preferences import Place, places, standing
from sync.models import Entry, EntryState, Flow, Incident
from sync.models.entry import AT_REST
from tenants.models import Tenant
from tenants.scoping import tenant_scope
from tenants.selectors import tenant_ids

HOUR = time(7)
MONDAY = 0
MOST_HELD = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One summary that a tenant may get this morning, over the days from `first` to yesterday."""

    kind: Kind
    key: str
    first: date
    places: tuple[Place, ...]


def daily(now: datetime | None = None) -> int:
    """Write the summaries that are due now, of every tenant. Returns how many rows were written."""
    return sum(summarise(tenant_id, now or datetime.now(UTC)) for tenant_id in tenant_ids())


def summarise(tenant_id: int, now: datetime) -> int:
    """Write this tenant's summaries, if its seven o'clock is over and they do not exist. Returns the number of rows."""
    with tenant_scope(tenant_id):
        tenant = Tenant.objects.get()
        zone = ZoneInfo(tenant.timezone)
        today = now.astimezone(zone).date()
        if not _is_time(tenant, now, due=datetime.combine(today, HOUR, zone).astimezone(UTC)):
            return 0
        return sum(_write(tenant, issue, today=today, zone=zone) for issue in _issues(today))


def figures(*, first: date, today: date, zone: ZoneInfo) -> Summary:
    """What the current tenant's summary says of the days from `first` to the one before `today`. Five queries."""
    start, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (first, today))
    waiting, last_success = _waiting(), _last_success()
    still_open = Incident.objects.filter(closed_at=None).order_by("severity", "-opened_at")
    return Summary(
        first=first,
        last=today - timedelta(days=1),
        posted=_posted(start, end),
        waiting=waiting,
        held=_held(),
        last_success=last_success.astimezone(zone) if last_success else None,
        open_troubles=tuple(trouble(incident, zone) for incident in still_open),
        resolved=Incident.objects.filter(closed_at__gte=start).count(),
    )


def _is_time(tenant: Tenant, now: datetime, *, due: datetime) -> bool:
    """A company gets its first summary on the morning after it was set up."""
    is_working = tenant.status == Tenant.Status.ACTIVE and now >= due
    return is_working and Flow.objects.filter(created_at__lt=due).exists()


def _issues(today: date) -> list[Issue]:
    stands, everywhere = standing(), places()
    mail = tuple(place for place in everywhere if place.channel is Channel.EMAIL)
    year, week, _ = today.isocalendar()
    issues = []
    if stands.daily:
        issues.append(
            Issue(kind=Kind.DAILY, key=f"daily:{today}", first=today - timedelta(days=1), places=tuple(everywhere))
        )
    if stands.weekly and today.weekday() == MONDAY:
        issues.append(
            Issue(kind=Kind.WEEKLY, key=f"weekly:{year}-W{week:02}", first=today - timedelta(days=7), places=mail)
        )
    return issues


def _write(tenant: Tenant, issue: Issue, *, today: date, zone: ZoneInfo) -> int:
    """Rows for every place, unless the summary exists: an address that came later waits for the next one."""
    if not issue.places or Delivery.objects.filter(key=issue.key).exists():
        return 0
    path = overview_path(tenant)
    message = messages.summary(figures(first=issue.first, today=today, zone=zone), company=tenant.name, link=path)
    rows = [
        Delivery(
            channel=place.channel,
            address=place.address,
            kind=issue.kind,
            key=issue.key,
            subject=message.subject,
            lines=list(message.lines),
            path=path,
        )
        for place in issue.places
    ]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)  # of two workers at once, the unique key lets one in
    return len(rows)


def _posted(start: datetime, end: datetime) -> tuple[Posted, ...]:
    """Own transfers change wallets, not what the company has, so they are neither in nor out."""
    own = Q(destination_type="BANKTRANSFER")
    confirmed = Entry.objects.filter(state=EntryState.CONFIRMED, confirmed_at__gte=start, confirmed_at__lt=end)
    sums = confirmed.values("currency").annotate(
        count=Count("id"),
        money_in=Sum("amount", filter=Q(amount__gt=0) & ~own),
        money_out=Sum("amount", filter=Q(amount__lt=0) & ~own),
        moved=Sum("amount", filter=own),
    )
    return tuple(
        Posted(
            currency=row["currency"],
            count=row["count"],
            money_in=row["money_in"] or Decimal(0),
            money_out=-(row["money_out"] or Decimal(0)),
            moved=abs(row["moved"] or Decimal(0)),
        )
        for row in sums.order_by("currency")
    )


def _held() -> tuple[tuple[str, int], ...]:
    """How many wait for a person, by the code of what holds them first; the most frequent first."""
    rows = Entry.objects.filter(state__in=(EntryState.REVIEW, EntryState.FAILED))
    said = rows.values_list("state", "findings", "accepted")[:MOST_HELD]
    codes = Counter(_reason(state, findings, accepted) for state, findings, accepted in said)
    return tuple(sorted(codes.items(), key=lambda item: (-item[1], item[0])))


def _reason(state: str, findings: Sequence[Mapping[str, Any]], accepted: Sequence[str]) -> str:
    if state == EntryState.FAILED:
        return "gave_up"
    blocking = [it for it in findings if it.get("severity") == "review" and it.get("code") not in accepted]
    return str((blocking or list(findings) or [{}])[0].get("code", ""))


def _waiting() -> int:
    return Entry.objects.exclude(state__in=AT_REST).count()


def _last_success() -> datetime | None:
    moments = Flow.objects.filter(last_success_at__isnull=False).order_by("-last_success_at")
    return moments.values_list("last_success_at", flat=True).first()
