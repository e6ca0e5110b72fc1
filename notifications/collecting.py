"""From incidents to rows: what has opened or closed and was not told yet is written down, once for each place.

Critical incidents go everywhere at once. Warnings go to the bell, and to the other channels with the daily summary.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, QuerySet

from notifications import messages
from notifications.messages import Trouble
from notifications.models import Channel, Delivery, DeliveryState, Kind
from notifications.pages import page_path
from notifications.preferences import Place, places
from sync.models import Incident
from tenants.models import Tenant
from tenants.scoping import platform_scope, tenant_scope

SLICE = 100
LOOK_BACK = timedelta(days=7)  # what closed longer ago, and was never told, is told no more
BELL = Place(channel=Channel.INAPP)
_WORDS = {Kind.ALERT: messages.alert, Kind.RESOLVED: messages.resolved}
_Told = dict[tuple[int, str], list[Place]]  # (incident, kind) -> where a row about it stands


def collect() -> int:
    """Write the missing rows of every tenant. Returns how many incidents had news. Twice, or by two at once, is once."""
    return sum(collect_tenant(tenant_id) for tenant_id in tenants_with_news())


def tenants_with_news(*, limit: int = 200) -> list[int]:
    """Whose incidents have opened or closed without a row about it; read in the dispatch role."""
    with platform_scope():
        found = Incident.platform.filter(_is_news(Delivery.platform.filter(channel=Channel.INAPP)))
        return sorted(found.values_list("tenant_id", flat=True).distinct()[:limit])


def collect_tenant(tenant_id: int) -> int:
    """Write this tenant's missing rows, at most a slice of them. Returns how many incidents had news."""
    with tenant_scope(tenant_id):
        news = _news()
        if news:
            Delivery.objects.bulk_create(_rows(news), ignore_conflicts=True)  # the unique key is the last word
        return len(news)


def trouble(incident: Incident, zone: ZoneInfo) -> Trouble:
    """An incident as messages see it."""
    return Trouble(
        title=incident.title,
        body=incident.body,
        is_critical=incident.severity == Incident.Severity.CRITICAL,
        count=incident.count,
        since=incident.opened_at.astimezone(zone),
        until=incident.closed_at.astimezone(zone) if incident.closed_at else None,
        resolution=incident.resolution,
    )


def _news() -> list[Incident]:
    """Locked, so that a second worker at the same moment goes past them."""
    waiting = Incident.objects.filter(_is_news(Delivery.objects.filter(channel=Channel.INAPP))).order_by("id")
    return list(waiting.select_for_update(skip_locked=True, no_key=True)[:SLICE])


def _is_news(bell: QuerySet[Delivery]) -> Q:
    """Open or just closed, and the bell lacks the row of its opening or of its end."""
    about = bell.filter(incident_id=OuterRef("pk"))
    unopened, unended = (~Q(Exists(about.filter(kind=kind))) for kind in (Kind.ALERT, Kind.RESOLVED))
    recent = Q(closed_at=None) | Q(closed_at__gt=datetime.now(UTC) - LOOK_BACK)
    return recent & (unopened | Q(closed_at__isnull=False) & unended)


def _rows(news: Sequence[Incident]) -> Iterator[Delivery]:
    tenant, everywhere, told = Tenant.objects.get(), places(), _told(news)
    for incident in news:
        for kind, where in _missing(incident, told, everywhere):
            yield from (_row(tenant, incident, kind, place) for place in where)


def _told(news: Sequence[Incident]) -> _Told:
    found: _Told = defaultdict(list)
    rows = Delivery.objects.filter(incident__in=news).values_list("incident_id", "kind", "channel", "address")
    for incident_id, kind, channel, address in rows:
        found[incident_id, kind].append(Place(channel=Channel(channel), address=address))
    return found


def _missing(incident: Incident, told: _Told, everywhere: Sequence[Place]) -> Iterator[tuple[Kind, list[Place]]]:
    """What has to be written, and for where. An end is told where the beginning was; what was over before anybody could
    be told of it is told once, as over."""
    is_over = incident.closed_at is not None
    at_once = [place for place in everywhere if place.cause != incident.cause] if _is_critical(incident) else []
    opened = told.get((incident.pk, Kind.ALERT), [])
    if BELL not in opened:
        yield Kind.ALERT, [BELL, *([] if is_over else at_once)]
    if is_over and BELL not in told.get((incident.pk, Kind.RESOLVED), []):
        yield Kind.RESOLVED, [BELL, *([place for place in opened if place != BELL] if BELL in opened else at_once)]


def _is_critical(incident: Incident) -> bool:
    return incident.severity == Incident.Severity.CRITICAL


def _row(tenant: Tenant, incident: Incident, kind: Kind, place: Place) -> Delivery:
    path = page_path(tenant, incident.action)
    message = _WORDS[kind](trouble(incident, ZoneInfo(tenant.timezone)), company=tenant.name, link=path)
    is_there = place == BELL
    return Delivery(
        channel=place.channel,
        address=place.address,
        kind=kind,
        key=f"{kind.value}:{incident.pk}",
        incident=incident,
        subject=message.subject,
        lines=list(message.lines),
        path=path,
        state=DeliveryState.SENT if is_there else DeliveryState.PENDING,
        sent_at=datetime.now(UTC) if is_there else None,
    )
