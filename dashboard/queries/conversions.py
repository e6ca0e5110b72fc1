"""What conversions cost: the deals of one month, totals by pair, and twelve months side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Max

from dashboard.charts import AmountChart, amount_chart
from sync.domain.conversion_cost import CostTotal, Deal, by_pair, total_cost
from sync.domain.days import read_day_or_none
from sync.models import BookedConversion, Entry, Flow, Record

MONTHS = 12
SHOWN = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """One deal with what it cost. `record_id`: one of its movements, None where it was read before the first day."""

    booked: BookedConversion
    deal: Deal
    cost: Decimal | None
    percent: Decimal | None
    record_id: int | None = None

    @property
    def rate(self) -> Decimal:
        return self.deal.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class CostMonth:
    month: date
    rows: Sequence[CostRow]
    total: CostTotal
    pairs: Sequence[tuple[str, str, CostTotal]]
    chart: AmountChart
    year: CostTotal
    earlier: date
    later: date | None
    more: int  # deals that are not listed one by one


def cost_month(*, flow: Flow, wanted: str) -> CostMonth | None:
    """The month asked for, else the newest one with a deal; None where there was never one. Four queries."""
    newest = BookedConversion.objects.filter(flow=flow).aggregate(newest=Max("value_date"))["newest"]
    month = _month(wanted) or (newest.replace(day=1) if newest else None)
    if newest is None or month is None:
        return None
    base, first = _base(flow), _shifted(month, 1 - MONTHS)
    rows = list(_rows(flow, first=first, until=_shifted(month, 1)))
    chosen = [row for row in rows if _month_of(row) == month]
    deals = [row.deal for row in chosen]
    later = _shifted(month, 1)
    return CostMonth(
        month=month,
        rows=_with_records(flow, chosen[:SHOWN]),
        total=total_cost(deals, base=base),
        pairs=[(*pair, total) for pair, total in by_pair(deals, base=base).items()],
        chart=_chart(rows, first=first, base=base),
        year=total_cost([row.deal for row in rows], base=base),
        earlier=_shifted(month, -1),
        later=later if later <= newest else None,
        more=max(0, len(chosen) - SHOWN),
    )


def cost_export(*, flow: Flow, wanted: str) -> Iterator[CostRow]:
    """The deals of the month asked for, else all, oldest first."""
    month = _month(wanted)
    return _rows(flow, first=month, until=_shifted(month, 1) if month else None)


def _rows(flow: Flow, *, first: date | None, until: date | None) -> Iterator[CostRow]:
    base = _base(flow)
    booked = BookedConversion.objects.filter(flow=flow, value_date__isnull=False).order_by("value_date", "deal_id")
    if first is not None:
        booked = booked.filter(value_date__gte=first)
    if until is not None:
        booked = booked.filter(value_date__lt=until)
    found = list(booked)
    valued = _valued(flow, [it for it in found if base not in (it.sold, it.bought)])
    for it in found:
        deal = Deal(
            sold=it.sold,
            bought=it.bought,
            amount_sold=it.amount_sold,
            amount_bought=it.amount_bought,
            spot=it.spot_rate,
            bought_per_base=valued.get(f"fx:{it.deal_id}"),
        )
        yield CostRow(booked=it, deal=deal, cost=deal.cost(base), percent=deal.percent)


def _valued(flow: Flow, deals: Sequence[BookedConversion]) -> dict[str, Decimal]:
    """What the posted documents value the bought currency at, by unit. One query, none without such deals."""
    if not deals:
        return {}
    posted = Entry.objects.filter(
        flow=flow, unit__in=[f"fx:{deal.deal_id}" for deal in deals], leg="bought", posted_rate__isnull=False
    )
    return {unit: rate for unit, rate in posted.values_list("unit", "posted_rate") if rate}


def _with_records(flow: Flow, rows: Sequence[CostRow]) -> list[CostRow]:
    units = [f"fx:{row.booked.deal_id}" for row in rows]
    ids = dict(Record.objects.filter(flow=flow, unit__in=units).order_by("-id").values_list("unit", "id"))
    return [
        CostRow(
            booked=row.booked,
            deal=row.deal,
            cost=row.cost,
            percent=row.percent,
            record_id=ids.get(f"fx:{row.booked.deal_id}"),
        )
        for row in rows
    ]


def _chart(rows: Sequence[CostRow], *, first: date, base: str) -> AmountChart:
    months = [_shifted(first, place) for place in range(MONTHS)]
    sums = {month: total_cost([row.deal for row in rows if _month_of(row) == month], base=base) for month in months}
    return amount_chart([(f"{month:%b}", f"{month:%B %Y}", sums[month].cost) for month in months])


def _month_of(row: CostRow) -> date:
    assert row.booked.value_date is not None
    return row.booked.value_date.replace(day=1)


def _base(flow: Flow) -> str:
    return flow.destination.base_currency if flow.destination else ""


def _month(text: str) -> date | None:
    return read_day_or_none(f"{text}-01")


def _shifted(month: date, by: int) -> date:
    place = min(max(month.year * 12 + month.month - 1 + by, 12), 9999 * 12 + 11)
    return date(place // 12, place % 12 + 1, 1)
