"""The tenant's own rates: every version, newest days first, and what waits for a rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Exists, OuterRef, QuerySet

from dashboard.paging import PAGE_SIZE, DayCursor, ListPage
from sync.models import Entry, EntryState, Flow, RateTableRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Movements that wait for one rate. `month` is its first day."""

    currency: str
    month: date
    movements: int


def rate_page(*, flow: Flow, currency: str, after: str) -> ListPage[RateTableRow]:
    """One page. One query. Each row says by `replaced` whether a newer version covers some of its days."""
    rows, cursor = rate_rows(flow=flow, currency=currency), DayCursor.read(after)
    if cursor is not None and cursor.day is not None:
        rows = rows.filter(valid_from__lte=cursor.day).exclude(valid_from=cursor.day, pk__gte=cursor.row_id)
    found = list(rows[: PAGE_SIZE + 1])
    more = len(found) > PAGE_SIZE
    last = found[PAGE_SIZE - 1] if more else None
    return ListPage(
        items=found[:PAGE_SIZE],
        next_cursor=str(DayCursor(day=last.valid_from, row_id=last.pk)) if last else "",
        is_later=cursor is not None,
    )


def rate_rows(*, flow: Flow, currency: str) -> QuerySet[RateTableRow]:
    newer = RateTableRow.objects.filter(
        table__flow=flow,
        currency=OuterRef("currency"),
        valid_from__lte=OuterRef("valid_to"),
        valid_to__gte=OuterRef("valid_from"),
        table__version__gt=OuterRef("table__version"),
    )
    rows = RateTableRow.objects.filter(table__flow=flow).annotate(replaced=Exists(newer)).select_related("table")
    if currency:
        rows = rows.filter(currency=currency)
    return rows.order_by("-valid_from", "-id")


def rate_export(*, flow: Flow) -> Iterator[RateTableRow]:
    return rate_rows(flow=flow, currency="").iterator(chunk_size=1000)


def rate_currencies(*, flow: Flow) -> list[str]:
    found = RateTableRow.objects.filter(table__flow=flow).values_list("currency", flat=True)
    return list(found.distinct().order_by("currency"))


def missing_rates(*, flow: Flow) -> Sequence[Missing]:
    """What waits for a rate, by currency and month. One query."""
    held = Entry.objects.filter(flow=flow, state=EntryState.REVIEW, findings__contains=[{"code": "rate_missing"}])
    counted: Counter[tuple[str, date]] = Counter()
    for findings, day in held.values_list("findings", "booking_date"):
        for it in findings:
            if it["code"] == "rate_missing" and day is not None:
                counted[it["detail"][:3], day.replace(day=1)] += 1
    return [
        Missing(currency=currency, month=month, movements=number)
        for (currency, month), number in sorted(counted.items(), key=lambda item: (item[0][1], item[0][0]))
    ]
