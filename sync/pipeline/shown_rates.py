"""The rates that the books themselves have shown lately for documents of ours: Xero's of the day, or those of Amnis's deals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from connectors.contract.records import DocumentKind
from sync.domain.plan import Planned
from sync.models import Entry
from sync.pipeline.context import Context

LATELY = timedelta(days=31)
_WITH_RATE = (DocumentKind.SPEND.value, DocumentKind.RECEIVE.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRates:
    """By currency: days and foreign units for one base unit, oldest first."""

    rates: Mapping[str, Sequence[tuple[date, Decimal]]] = field(default_factory=dict)

    def on(self, currency: str, day: date) -> Decimal | None:
        """The newest of the days up to this one, where it is not long ago."""
        known = (rate for on, rate in reversed(self.rates.get(currency, ())) if day - LATELY <= on <= day)
        return next(known, None)


def read(ctx: Context, may_pay: Sequence[Planned]) -> ShownRates:
    """For the foreign wallets of these movements. One statement, none where there is no such wallet."""
    base = ctx.books.base_currency
    foreign = [it for it in may_pay if it.part.transaction.amount.currency != base]
    days = [it.booking_date for it in foreign if it.booking_date is not None]
    if not days:
        return ShownRates()
    shown = Entry.objects.filter(
        flow=ctx.flow,
        bank_account_id__in={it.part.bank.account_id for it in foreign if it.part.bank is not None},
        booking_date__range=(min(days) - LATELY, max(days)),
        destination_type__in=_WITH_RATE,
        destination_id__isnull=False,
        posted_rate__gt=0,
    )
    found: dict[str, list[tuple[date, Decimal]]] = {}
    ordered = shown.order_by("currency", "booking_date", "-id").distinct("currency", "booking_date")
    for currency, day, rate in ordered.values_list("currency", "booking_date", "posted_rate"):
        if day is not None and rate is not None:
            found.setdefault(currency, []).append((day, rate))
    return ShownRates(rates=found)
