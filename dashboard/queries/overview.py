"""The figures of the first page: is it running, is it current, is anything waiting for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, FloatField, Max, QuerySet, Sum
from django.db.models.aggregates import Aggregate
from django.utils import timezone

from connectors.models import Call, Connection
from dashboard.queries.transactions import STATE_GROUPS
from sync.models import DailyStat, Entry, EntryState, Flow, Proof, Record, RecordState, Run

CHART_DAYS = 30


class Percentile(Aggregate):
    """A continuous percentile within the group; ignores NULL."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"

    def __init__(self, column: str, *, share: Decimal) -> None:
        super().__init__(column, output_field=FloatField(), share=str(share))


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Rows of the flow by what a person would call them."""

    posted: int
    pending: int
    review: int
    failed: int
    skipped: int

    @property
    def needs_a_person(self) -> int:
        return self.review + self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Movements whose booking date lies in one span, and their absolute value in each currency."""

    name: str
    since: date
    count: int
    values: Sequence[tuple[str, Decimal]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayVolume:
    day: date
    posted: int
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorHealth:
    """How one vendor answered in the last day."""

    connection: Connection
    calls: int
    p50: float | None
    p95: float | None
    last_call: datetime | None


def totals(*, flow: Flow) -> Totals:
    """Four queries. What is posted is nearly everything: it is told by the roll-up, not counted."""
    others = Entry.objects.filter(flow=flow, state__in=set(EntryState) - {EntryState.CONFIRMED})
    by_state = dict(others.values_list("state").annotate(n=Count("id")).order_by())
    by_state[EntryState.CONFIRMED.value] = _confirmed(flow).aggregate(n=Sum("count"))["n"] or 0
    records = Record.objects.filter(flow=flow)
    groups = {name: sum(by_state.get(state, 0) for state in states) for name, states in STATE_GROUPS.items()}
    groups["skipped"] += records.filter(state=RecordState.SKIPPED).count()
    groups["pending"] += records.filter(state=RecordState.FETCHED).count()
    return Totals(**groups)


def periods(*, flow: Flow, today: date, names: Mapping[str, str]) -> list[Period]:
    """Today, this week, this month, from the daily roll-up. One query."""
    starts = {"today": today, "week": today - timedelta(days=today.weekday()), "month": today.replace(day=1)}
    rows = _confirmed_days(flow, since=min(starts.values()), until=today)
    return [_period(names[key], since, rows) for key, since in starts.items()]


def _confirmed_days(flow: Flow, *, since: date, until: date) -> list[tuple[date, str, int, Decimal]]:
    found = _confirmed(flow).filter(day__gte=since, day__lte=until)
    return list(found.values_list("day", "currency", "count", "amount"))


def _confirmed(flow: Flow) -> QuerySet[DailyStat]:
    return DailyStat.objects.filter(flow=flow, measure="confirmed")


def _period(name: str, since: date, rows: Sequence[tuple[date, str, int, Decimal]]) -> Period:
    values: dict[str, Decimal] = {}
    count = 0
    for day, currency, number, amount in rows:
        if day >= since:
            count += number
            values[currency] = values.get(currency, Decimal(0)) + abs(amount)
    return Period(name=name, since=since, count=count, values=sorted(values.items()))


def volume(*, flow: Flow, today: date) -> list[DayVolume]:
    """Movements per booking day: in the books, and not there yet. Two queries."""
    since = today - timedelta(days=CHART_DAYS - 1)
    posted: dict[date, int] = {}
    for day, _currency, number, _amount in _confirmed_days(flow, since=since, until=today):
        posted[day] = posted.get(day, 0) + number
    coming = [state for group in ("pending", "review", "failed") for state in STATE_GROUPS[group]]
    waiting = Entry.objects.filter(flow=flow, state__in=coming, booking_date__gte=since, booking_date__lte=today)
    held = dict(waiting.values_list("booking_date").annotate(n=Count("id")).order_by())
    days = [since + timedelta(days=n) for n in range(CHART_DAYS)]
    return [DayVolume(day=day, posted=posted.get(day, 0), held=held.get(day, 0)) for day in days]


def vendor_health(*, flow: Flow) -> list[VendorHealth]:
    """Two queries."""
    since = timezone.now() - timedelta(days=1)
    ids = [pk for pk in (flow.source_id, flow.destination_id) if pk]
    timings = (
        Call.objects.filter(connection_id__in=ids, created_at__gte=since, status__gt=0)
        .values("connection_id")
        .annotate(
            calls=Count("id"),
            p50=Percentile("milliseconds", share=Decimal("0.5")),
            p95=Percentile("milliseconds", share=Decimal("0.95")),
            last_call=Max("created_at"),
        )
        .order_by()
    )
    by_id = {row["connection_id"]: row for row in timings}
    connections = Connection.objects.filter(pk__in=ids).select_related("grant").order_by("role", "pk")
    return [_health(it, by_id.get(it.pk, {})) for it in reversed(connections)]


def _health(connection: Connection, timing: Mapping[str, Any]) -> VendorHealth:
    return VendorHealth(
        connection=connection,
        calls=timing.get("calls", 0),
        p50=timing.get("p50"),
        p95=timing.get("p95"),
        last_call=timing.get("last_call"),
    )


def latest_proof(*, flow: Flow) -> Proof | None:
    return Proof.objects.filter(flow=flow).order_by("-id").first()


def latest_run(*, flow: Flow) -> Run | None:
    return Run.objects.filter(flow=flow).order_by("-id").first()
