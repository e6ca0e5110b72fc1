"""The tenant's own rates: what an upload would change, and taking it. A used rate is never rewritten; a correction is a
new version, and says which postings were made with the old one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Max, Min, Q

from sync import store
from sync.domain.rate_tables import (
    Doubt,
    KnownRate,
    Method,
    QuotedRate,
    RateFault,
    TableOfRates,
    doubts_of,
    faults_of,
    method_conflict,
    years_of,
)
from sync.models import Entry, EntryState, Flow, RateTable, RateTableRow, Record, RecordState
from sync.pipeline.books import executed_deals, table_of
from sync.services import go_on
from tenants import audit
from tenants.scoping import tenant_scope

NEWEST = 200  # postings of an old rate that are listed one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A rate that differs from the one in force, and the postings that were made with that one."""

    rate: QuotedRate
    before: Decimal
    version: int
    posted: int
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateChange:
    """What taking these rates would do. `fresh`: rates not in force yet; the corrections are among them."""

    fresh: Sequence[QuotedRate]
    unchanged: int
    corrections: Sequence[Correction]
    doubts: Sequence[Doubt]
    waiting: int  # movements in review that one of these rates lets go on


def rate_preview(*, flow: Flow, rates: Sequence[QuotedRate], method: Method) -> RateChange:
    """Inside the tenant's scope. Raises RateFault with everything that stands against taking the rates at all."""
    base = base_currency(flow)
    faults = list(faults_of(rates, base=base))
    conflict = method_conflict(method, years_of(rates), standing=methods_by_year(flow))
    if faults or conflict:
        raise RateFault([*faults, *([conflict] if conflict else [])])
    table = table_of(flow)
    fresh = [rate for rate in rates if not _stands(table, rate)]
    return RateChange(
        fresh=fresh,
        unchanged=len(rates) - len(fresh),
        corrections=[it for rate in fresh if (it := _correction(flow, table, rate)) is not None],
        doubts=doubts_of(fresh, known=known_rates(flow, base=base)),
        waiting=len(_waiting(flow, fresh)),
    )


def rates_take(
    *,
    tenant_id: int,
    flow_id: int,
    actor: str,
    rates: Sequence[QuotedRate],
    method: Method,
    source: str,
    confirmed: bool = False,
) -> RateTable | None:
    """A new version of the table; what waited for one of its rates goes on. None where every rate stands already.

    Raises RateFault, also for a doubtful rate that nobody confirmed.
    """
    with tenant_scope(tenant_id, actor=actor):
        flow = Flow.objects.select_for_update().get(pk=flow_id)
        change = rate_preview(flow=flow, rates=rates, method=method)
        if change.doubts and not confirmed:
            raise RateFault([f"{doubt.message} Confirm it if it is right." for doubt in change.doubts])
        if not change.fresh:
            return None
        table = _keep(flow, change, method=method, source=source, actor=actor)
        go_on(_waiting(flow, change.fresh), actor=actor, reason="its rate was added")
        _compare_again(flow, {rate.currency for rate in change.fresh})
        return table


def base_currency(flow: Flow) -> str:
    return flow.destination.base_currency if flow.destination else ""


def methods_by_year(flow: Flow) -> dict[int, str]:
    """The method of each tax period (calendar year) for which there are rates."""
    found: dict[int, str] = {}
    tables = RateTable.objects.filter(flow=flow).annotate(first=Min("rates__valid_from"), last=Max("rates__valid_to"))
    for table in tables.order_by("version"):
        if table.first and table.last:
            found |= dict.fromkeys(range(table.first.year, table.last.year + 1), table.method)
    return found


def known_rates(flow: Flow, *, base: str) -> dict[str, KnownRate]:
    """What a new rate is measured against: the newest row of the table, else the last exchange, else the last posting."""
    known: dict[str, KnownRate] = {}
    posted = Entry.objects.filter(flow=flow, posted_rate__isnull=False).exclude(currency=base)
    for entry in posted.order_by("currency", "-booking_date", "-id").distinct("currency"):
        assert entry.posted_rate is not None
        known[entry.currency] = KnownRate(per_base=entry.posted_rate, source="the last posting")
    for day, currency, rate in executed_deals(flow, base):
        known[currency] = KnownRate(per_base=rate, source=f"the exchange of {day:%-d %b %Y}")
    rows = RateTableRow.objects.filter(table__flow=flow).order_by("currency", "-valid_from", "-table__version")
    for row in rows.distinct("currency"):
        known[row.currency] = KnownRate(per_base=row.per_base, source=f"your table for {row.valid_from:%m.%Y}")
    return known


def _keep(flow: Flow, change: RateChange, *, method: Method, source: str, actor: str) -> RateTable:
    last = RateTable.objects.filter(flow=flow).aggregate(last=Max("version"))["last"] or 0
    note = "; ".join(doubt.message for doubt in change.doubts)[:300]
    table = RateTable.objects.create(
        flow=flow, version=last + 1, method=method, source=source[:100], note=note, created_by=actor
    )
    RateTableRow.objects.bulk_create([_row(table, rate) for rate in change.fresh])
    audit.record(
        "rates.add",
        target=f"rate_table:{table.pk}",
        actor=actor,
        before={f"{it.rate.currency} {it.rate.valid_from}": str(it.before) for it in change.corrections} or None,
        after={f"{rate.currency} {rate.valid_from}": str(rate.per_base) for rate in change.fresh[:100]},
        reason=note,
    )
    return table


def _row(table: RateTable, rate: QuotedRate) -> RateTableRow:
    return RateTableRow(
        tenant_id=table.tenant_id,
        table=table,
        currency=rate.currency,
        valid_from=rate.valid_from,
        valid_to=rate.valid_to,
        value=rate.value,
        unit=rate.unit,
        direction=rate.direction,
        per_base=rate.per_base,
    )


def _stands(table: TableOfRates, rate: QuotedRate) -> bool:
    first, last = table.on(rate.currency, rate.valid_from), table.on(rate.currency, rate.valid_to)
    return (
        first is not None
        and first == last
        and first.per_base == rate.per_base
        and not _replaced_within(table, rate, version=first.version)
    )


def _replaced_within(table: TableOfRates, rate: QuotedRate, *, version: int) -> bool:
    """Does a newer version cover some days between the first and the last?"""
    return any(
        it.version > version and it.valid_from <= rate.valid_to and rate.valid_from <= it.valid_to
        for it in table.rates.get(rate.currency, ())
    )


def _correction(flow: Flow, table: TableOfRates, rate: QuotedRate) -> Correction | None:
    before = next(
        (
            it
            for it in sorted(table.rates.get(rate.currency, ()), key=lambda row: -row.version)
            if it.valid_from <= rate.valid_to and rate.valid_from <= it.valid_to and it.per_base != rate.per_base
        ),
        None,
    )
    if before is None:
        return None
    posted = Entry.objects.filter(
        flow=flow,
        currency=rate.currency,
        booking_date__range=(rate.valid_from, rate.valid_to),
        destination_id__isnull=False,
        decisions__rate__version__gt=0,
    ).exclude(document__rate=str(rate.per_base))
    entries = list(posted.select_related("record").order_by("booking_date", "id")[:NEWEST])
    return Correction(rate=rate, before=before.per_base, version=before.version, posted=posted.count(), entries=entries)


def _waiting(flow: Flow, rates: Sequence[QuotedRate]) -> list[Entry]:
    """Unsent movements held for want of a rate that is among these."""
    held = Entry.objects.filter(
        flow=flow, state=EntryState.REVIEW, destination_id=None, findings__contains=[{"code": "rate_missing"}]
    ).order_by("id")
    ranges: Mapping[str, list[QuotedRate]] = _by_currency(rates)
    found = [entry for entry in held if _lets_go(entry, ranges)]
    units = {entry.unit for entry in found if entry.unit}
    partners = Entry.objects.filter(flow=flow, unit__in=units, state=EntryState.REVIEW, destination_id=None)
    return [*found, *(partners.exclude(pk__in=[entry.pk for entry in found]) if units else ())]


def _compare_again(flow: Flow, currencies: Collection[str]) -> None:
    """Posted movements whose change at the source could not be proposed for want of a rate."""
    held = Entry.objects.filter(flow=flow, state=EntryState.REVIEW, destination_id__isnull=False)
    wanted = Q()
    for currency in currencies:
        wanted |= Q(note__waits_for__contains=[currency])
    records = held.filter(wanted).values_list("record_id", flat=True)
    if Record.objects.filter(pk__in=list(records)).update(state=RecordState.FETCHED, reason=""):
        Flow.objects.filter(pk=flow.pk).update(next_at=store.now())


def _lets_go(entry: Entry, ranges: Mapping[str, list[QuotedRate]]) -> bool:
    wanted = [found["detail"][:3] for found in entry.findings if found["code"] == "rate_missing"]
    day = entry.booking_date
    return day is not None and any(
        rate.valid_from <= day <= rate.valid_to for currency in wanted for rate in ranges.get(currency, ())
    )


def _by_currency(rates: Sequence[QuotedRate]) -> dict[str, list[QuotedRate]]:
    found: dict[str, list[QuotedRate]] = {}
    for rate in rates:
        found.setdefault(rate.currency, []).append(rate)
    return found
