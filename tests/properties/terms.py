"""What the owner set for the month: where incomplete card payments wait, whose rates are used, which days are locked.

The lock moves while the month is lived, and a month's rate may be missing; a person opens the period and adds the rate
at its end, and then nothing may be left over.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hypothesis import event
from hypothesis import strategies as st

from sync import proposals, rates, services
from sync.domain.rate_tables import Direction, Method, QuotedRate
from sync.pipeline.dryrun import dry_run
from sync.proving import flow_prove
from tests.pipeline.conftest import ORGANISATION, World
from tests.properties.months import PER_FRANC, ROUNDS, WALLETS, Legs, Month, days_dropped

ACTOR = "alice@muster.example"
PERIODS = ((date(2026, 1, 1), date(2026, 1, 31)), (date(2026, 2, 1), date(2026, 12, 31)))
UNIT = {"EUR": 1, "USD": 1, "JPY": 100}
ASKS = {  # why a movement that could be posted is not, as the proof says it
    "period_locked": re.compile(r"lies in a period that is locked in Xero|^The books are closed up to "),
    "rate_missing": re.compile(r"^Your rate table has no "),
    "original_held": re.compile(r"which is not in the books yet, because it is held"),  # for one of these two reasons
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Set after the sync of one round was previewed and before it is made, moved before the next one."""

    round: int
    day: date
    moved_to: date
    redates: bool  # by policy; else what is behind the lock is held


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    suspends: bool = False
    table: bool = False
    missing: tuple[str, int] | None = None  # currency and period without a rate, where rates are the company's own
    tilt: int = 0  # hundredths of a per cent between the first period's rates and the second's
    lock: Lock | None = None

    @property
    def redates(self) -> bool:
        return self.lock is not None and self.lock.redates

    @property
    def policies(self) -> dict[str, str]:
        return {
            "match_invoices": "auto",
            "card_incomplete": "suspense" if self.suspends else "post",
            "rate": "table" if self.table else "xero_day",
            "lock_date": "next_open_day" if self.redates else "hold",
        }

    def rate(self, currency: str, day: date) -> Decimal:
        """Foreign units for a franc: the authority's francs for so many units, turned and rounded to six decimals."""
        quoted = self._quoted(currency, next(n for n, (first, last) in enumerate(PERIODS) if first <= day <= last))
        return (UNIT[currency] / quoted.value).quantize(Decimal("0.000001"), ROUND_HALF_UP)

    def quoted(self, *, missing: bool) -> list[QuotedRate]:
        """What is missing, or all the rest."""
        wanted = [(currency, period) for currency in UNIT for period in range(len(PERIODS))]
        return [self._quoted(*it) for it in wanted if (it == self.missing) == missing]

    def _quoted(self, currency: str, period: int) -> QuotedRate:
        tilted = 1 + Decimal(self.tilt if period else -self.tilt) / 10_000
        value = (UNIT[currency] / PER_FRANC[currency] * tilted).quantize(Decimal("0.00001"))
        first, last = PERIODS[period]
        return QuotedRate(
            currency=currency,
            value=value,
            unit=UNIT[currency],
            direction=Direction.BASE_PER_FOREIGN,
            valid_from=first,
            valid_to=last,
        )


def terms(*, redates: bool = True) -> st.SearchStrategy[Terms]:
    """`redates`: whether the policy may move a document to the first open day."""
    days = st.dates(date(2026, 1, 3), date(2026, 1, 24))
    lock = st.builds(
        Lock,
        round=st.integers(0, ROUNDS - 1),
        day=days,
        moved_to=days,
        redates=st.booleans() if redates else st.just(False),
    )
    missing = st.none() | st.tuples(st.sampled_from(tuple(UNIT)), st.integers(0, len(PERIODS) - 1))
    return st.builds(
        Terms,
        suspends=st.booleans(),
        table=st.booleans(),
        missing=missing,
        tilt=st.integers(-300, 300),
        lock=st.none() | lock,
    )


# ---------------------------------------------------------------- while it lasts


def agree(world: World, agreed: Terms) -> None:
    world.set_flow(policies=agreed.policies)
    if agreed.table:
        event("rates of its own")
        _take(world, agreed, missing=False)


def before_sync(world: World, agreed: Terms, number: int) -> None:
    """Somebody locks the period after a preview was looked at, and moves the lock a round later."""
    lock = agreed.lock
    if lock is None:
        return
    if number == lock.round:
        event("a lock between preview and push")
        dry_run(tenant_id=world.tenant.pk, flow_id=world.flow_id, actor=ACTOR)
        _set_lock(world, lock.day)
    elif number == lock.round + 1:
        _set_lock(world, lock.moved_to)


def held(world: World, month: Month, agreed: Terms) -> Legs:
    """What the proof holds for a lock or for want of a rate: each with good reason."""
    proof = flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)
    names = {str(number): name for name, number in WALLETS.items()}
    found: Legs = Counter()
    for item in proof["held_items"]:
        why = next((code for code, says in ASKS.items() if says.search(item["reason"])), "")
        if why:
            leg = (names[item["source"]], date.fromisoformat(item["booking_date"]), Decimal(item["amount"]))
            assert _is_right(agreed, why, leg), item
            found[leg] += 1
    return found


def _is_right(agreed: Terms, why: str, leg: tuple[str, date, Decimal]) -> bool:
    wallet, day, _ = leg
    if why == "rate_missing":
        deal = agreed.missing is not None and agreed.missing[0] == "EUR" and wallet == "USD"  # the half of a deal
        return agreed.table and agreed.missing is not None and (deal or wallet == agreed.missing[0])
    lock = agreed.lock
    if why == "original_held":
        return (lock is not None and not lock.redates) or (agreed.table and agreed.missing is not None)
    return lock is not None and not lock.redates and day <= max(lock.day, lock.moved_to)


def open_again(world: World, agreed: Terms) -> None:
    """A person opens the period, adds the missing rate, tries what is held once more and lets refused changes follow."""
    world.sandbox.xero.people(ORGANISATION).set_lock_dates()
    if agreed.table and agreed.missing:
        _take(world, agreed, missing=True)
    waits = [entry for entry in world.entries() if entry.state == "review"]
    unsent = [entry.pk for entry in waits if not entry.destination_id]
    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=unsent, actor=ACTOR)
    for entry in waits:
        if any(finding["code"] == "recode_refused" for finding in entry.findings):
            event("a change that a lock refused")
            assert proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=entry.pk, actor=ACTOR)


def _take(world: World, agreed: Terms, *, missing: bool) -> None:
    rates.rates_take(
        tenant_id=world.tenant.pk,
        flow_id=world.flow_id,
        actor=ACTOR,
        rates=agreed.quoted(missing=missing),
        method=Method.MONTHLY,
        source="the tax authority",
        confirmed=True,
    )


def _set_lock(world: World, day: date) -> None:
    world.sandbox.xero.people(ORGANISATION).set_lock_dates(period=day)


# ------------------------------------------------------------------ what is asked


def same_legs(found: Legs, expected: Legs, agreed: Terms) -> bool:
    """Each movement once, on its day; or, where the policy says so, on the first open day after it."""
    if not agreed.redates:
        return found == expected
    assert agreed.lock is not None
    open_days = {day + timedelta(days=1) for day in (agreed.lock.day, agreed.lock.moved_to)}
    moved_on = {day for _, day, _ in found - expected}
    return days_dropped(found) == days_dropped(expected) and moved_on <= open_days


def rates_said(world: World, agreed: Terms) -> Iterator[tuple[Any, Any]]:
    """For each document on a foreign wallet that is no half of an exchange: its rate in Xero and the stamp on its entry,
    and what the table says for its day."""
    if not agreed.table:
        return
    stamps = {entry.destination_id: entry.decisions.get("rate") for entry in world.entries()}
    booked_on = {entry.destination_id: entry.booking_date for entry in world.entries()}
    for it in world.books.bank_transactions():
        currency, day = it["CurrencyCode"], booked_on[it["BankTransactionID"]]
        if currency == "CHF" or any(line["AccountCode"] == "850" for line in it["LineItems"]):
            continue
        assert day is not None
        wanted = agreed.rate(currency, day)
        stamp = stamps[it["BankTransactionID"]]
        assert stamp is not None
        yield (Decimal(str(it["CurrencyRate"])), Decimal(stamp["value"])), (wanted, wanted)
