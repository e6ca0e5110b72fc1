"""The audit trail, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.http import QueryDict

from dashboard.paging import PAGE_SIZE, ListPage, read_id
from sync.domain.printable import clean_text
from sync.models import ContactLink
from tenants.models import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    search: str = ""
    action: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> AuditFilter:
        search = clean_text(query.get("q", "")).strip()[:200]
        return cls(search=search, action=query.get("action", "").replace("\x00", "")[:80])

    @property
    def is_set(self) -> bool:
        return bool(self.search or self.action)


def audit_page(*, filters: AuditFilter, after: str) -> ListPage[AuditEvent]:
    """One page. One query."""
    events, last_id = _filtered(filters), read_id(after)
    if last_id is not None:
        events = events.filter(position__lt=last_id)
    found = list(events[: PAGE_SIZE + 1])
    more = len(found) > PAGE_SIZE
    return ListPage(
        items=found[:PAGE_SIZE],
        next_cursor=str(found[PAGE_SIZE - 1].position) if more else "",
        is_later=last_id is not None,
    )


def contact_names(events: Iterable[AuditEvent]) -> dict[str, str]:
    """The counterparties that these events are about, by their number. One query, none where there is none."""
    numbers = {event.target.removeprefix("contact:") for event in events if event.target.startswith("contact:")}
    wanted = [number for number in map(read_id, numbers) if number is not None]
    if not wanted:
        return {}
    return {str(pk): name for pk, name in ContactLink.objects.filter(pk__in=wanted).values_list("pk", "name")}


def audit_export(*, filters: AuditFilter) -> Iterator[AuditEvent]:
    return _filtered(filters).iterator(chunk_size=1000)


def audit_actions() -> list[str]:
    return list(AuditEvent.objects.values_list("action", flat=True).distinct().order_by("action")[:100])


def _filtered(filters: AuditFilter) -> QuerySet[AuditEvent]:
    events = AuditEvent.objects.order_by("-position")
    if filters.action:
        events = events.filter(action=filters.action)
    if filters.search:
        text = filters.search
        events = events.filter(Q(actor__icontains=text) | Q(target__icontains=text) | Q(reason__icontains=text))
    return events
