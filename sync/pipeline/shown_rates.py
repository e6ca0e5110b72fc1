"""The rates that the books themselves have shown lately for documents of ours: Xero's of the day, or those of Amnis's deals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from sync import store_history
from sync.domain.plan import Planned
from sync.pipeline.context import Context

LATELY = timedelta(days=31)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRates:
    """By currency and day that was asked about: foreign units for one base unit."""

    rates: Mapping[tuple[str, date], Decimal] = field(default_factory=dict)

    def on(self, currency: str, day: date) -> Decimal | None:
        """The newest of the days up to this one, where it is not long ago."""
        return self.rates.get((currency, day))


def read(ctx: Context, may_pay: Sequence[Planned]) -> ShownRates:
    """For every foreign wallet, whoever of them pays, and the days of these movements. One statement, none without one, and
    none for what a wallet has shown of a day itself earlier in this slice: that stays."""
    banks = [ctx.books.chart.account(wallet.bank_account_id) for wallet in ctx.books.wallets.values()]
    foreign = {it.account_id: it.currency for it in banks if it is not None and it.currency != ctx.books.base_currency}
    days = {it.booking_date for it in may_pay if it.booking_date is not None}
    kept = ctx.shown_rates
    wanted = [(bank, day) for day in sorted(days) for bank, of in foreign.items() if (of, day) not in kept]
    found = store_history.rates_shown(flow_id=ctx.flow_id, wanted=wanted, lately=LATELY)
    kept |= {place: rate for place, (rate, day) in found.items() if day == place[1]}
    return ShownRates(rates={**{place: rate for place, (rate, _) in found.items()}, **kept})
