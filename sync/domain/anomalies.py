"""What is remarkable about a movement, each remark with its numbers. Pure; from the source's own history alone.

Unusual is measured by the median and the median distance from it, on a logarithmic scale: a tenth is as far as ten times,
and one odd payment in the past moves neither. Equal payments have no spread, so a spread of a tenth is always granted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Context, Decimal
from functools import lru_cache
from typing import NamedTuple

from connectors.contract.errors import Finding, Severity
from connectors.contract.money import Money
from connectors.contract.records import Movement
from sync.domain.limits import Limits

MOST = 60  # payments that are compared with: the newest before this one
COMPARED = frozenset({Movement.PAY_IN, Movement.PAY_OUT, Movement.CARD, Movement.PEER})
PAID = frozenset({Movement.PAY_OUT, Movement.CARD, Movement.PEER})
_ROUGH = Context(prec=12)
_NORMAL = Decimal("1.4826")  # makes the median distance comparable with a standard deviation
_LEAST_SPREAD = Decimal("0.1")
_WEEKEND = 5
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Past(NamedTuple):
    """An earlier movement with the same counterparty, in the same currency and direction. Ordered by day.

    A plain tuple, because thousands are sorted for a slice.
    """

    day: date
    number: int
    amount: Decimal  # unsigned


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One movement with what is known about its counterparty. `history` is in order and may go beyond this movement.

    `made_at`: in the company's time zone. `new_account`: the last four of an account that is not known for this
    counterparty, where `known_accounts` (their last four) are.
    """

    movement: Movement
    amount: Money  # signed from the wallet
    counterparty: str
    day: date
    number: int
    is_new: bool = False
    made_at: datetime | None = None
    history: Sequence[Past] = ()
    new_account: str = ""
    known_accounts: tuple[str, ...] = ()

    @property
    def size(self) -> Money:
        return abs(self.amount)

    @property
    def is_paid(self) -> bool:
        return self.movement in PAID and self.amount.amount < 0

    @property
    def before(self) -> Sequence[Past]:
        """The newest movements before this one."""
        end = bisect_left(self.history, (self.day, self.number))
        return self.history[max(0, end - MOST) : end]


def remarks(case: Case, limits: Limits) -> list[Finding]:
    """Everything remarkable at once. What holds and what is only noted is the tenant's choice."""
    checks = (_large, _new_counterparty, _new_account, _unusual, _repeated, _odd_hours)
    return [found for check in checks if (found := check(case, limits)) is not None]


def _large(case: Case, limits: Limits) -> Finding | None:
    limit = limits.amount("amount_over", case.amount.currency)
    if limit is None or case.size.amount <= limit:
        return None
    message = f"{case.size} is more than the {limit:,.2f} from which you want to look first."
    return Finding(code="large_amount", message=message, detail=case.amount.currency)


def _new_counterparty(case: Case, limits: Limits) -> Finding | None:
    limit = limits.amount("new_counterparty_over", case.amount.currency)
    if limit is None or not case.is_new or case.size.amount <= limit:
        return None
    message = (
        f"{case.size} to or from a counterparty seen for the first time ({case.counterparty}); "
        f"you look at these above {limit:,.2f}."
    )
    return Finding(code="new_counterparty", message=message, detail=case.counterparty)


def _new_account(case: Case, limits: Limits) -> Finding | None:
    """Money that goes to another account than before; held above the tenant's limit."""
    if not case.new_account or not case.known_accounts:
        return None
    limit = limits.amount("new_iban_over", case.amount.currency)
    holds = case.is_paid and limit is not None and case.size.amount > limit
    way = "went to" if case.amount.amount < 0 else "came from"
    message = (
        f"{case.size} {way} an account of {case.counterparty} that ends in {case.new_account}; known "
        f"{'is one that ends' if len(case.known_accounts) == 1 else 'are those that end'} in "
        f"{', '.join(case.known_accounts)}. Ask them on a number you know, then accept the new account or stop paying it."
    )
    severity = Severity.REVIEW if holds else Severity.NOTE
    return Finding(code="bank_details_changed", message=message, detail=case.counterparty, severity=severity)


# -------------------------------------------------------------------- unusual


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusual:
    """How far an amount lies from what is usual, in robust standard deviations, and what is usual."""

    score: Decimal
    middle: Decimal
    low: Decimal  # half of the payments lie between low and high
    high: Decimal


def measure(amount: Decimal, history: Sequence[Decimal]) -> Unusual:
    """`history`: unsigned amounts above zero, at least one."""
    ordered = sorted(history)
    logs = [_log(value) for value in ordered]
    middle = _median(logs)
    distances = sorted([abs(value - middle) for value in logs])
    spread = max(_NORMAL * _median(distances), _LEAST_SPREAD)
    score = abs(_log(amount) - middle) / spread
    quarter = len(ordered) // 4
    return Unusual(score=score, middle=_median(ordered), low=ordered[quarter], high=ordered[-1 - quarter])


def is_near(amount: Decimal, history: Sequence[Decimal], *, score: int) -> bool:
    """Below this score by the spread that is always granted, so by any: most movements are, and need no measuring.

    The distance of the logarithms as a ratio: that of the squares, because the middle may be that of two.
    """
    around, reach = _middle(sorted(history)), _reach(score)
    middle, size = around[0] * around[-1], amount * amount
    return size < middle * reach and middle < size * reach


def _unusual(case: Case, limits: Limits) -> Finding | None:
    severity, size = limits.severity("unusual"), case.size
    if severity is None or case.movement not in COMPARED or not size.amount:
        return None
    past, score = [it.amount for it in case.before if it.amount > 0], limits.numbers["unusual_score"]
    if len(past) < limits.numbers["unusual_after"] or is_near(size.amount, past, score=score):
        return None
    found = measure(size.amount, past)
    if found.score < score:
        return None
    currency = case.amount.currency
    middle = Money(amount=found.middle, currency=currency).rounded()
    message = (
        f"{size} is unusually {'much' if size.amount > found.middle else 'little'} for {case.counterparty}: "
        f"the middle of the last {len(past)} payments is {middle}, half of them lie between {found.low:,.2f} and "
        f"{found.high:,.2f} (score {found.score:.1f}; you look from {score})."
    )
    return Finding(code="unusual_amount", message=message, detail=case.counterparty, severity=severity)


def _median(ordered: Sequence[Decimal]) -> Decimal:
    around = _middle(ordered)
    return around[0] if len(around) == 1 else (around[0] + around[1]) / 2


def _middle(ordered: Sequence[Decimal]) -> Sequence[Decimal]:
    """The one in the middle, or the two around it."""
    half = len(ordered) // 2
    return ordered[half : half + 1] if len(ordered) % 2 else ordered[half - 1 : half + 1]


@lru_cache(maxsize=1024)  # of one counterparty's movements in a row, which are compared with nearly the same
def _log(amount: Decimal) -> Decimal:
    return amount.ln(_ROUGH)


@lru_cache(maxsize=64)
def _reach(score: int) -> Decimal:
    """How many times as large as the other the larger of two squares may be, to be nearer than this score."""
    return (2 * score * _LEAST_SPREAD).exp(_ROUGH)


# ------------------------------------------------------- twice, and odd hours


def _repeated(case: Case, limits: Limits) -> Finding | None:
    """Perhaps paid twice. Two real payments stay two documents: nothing is ever merged."""
    severity, size = limits.severity("repeated"), case.size
    if severity is None or not case.is_paid:
        return None
    window = limits.numbers["repeated_days"]
    same = [it for it in case.before if it.amount == size.amount and (case.day - it.day).days <= window]
    if not same:
        return None
    days = (case.day - same[-1].day).days
    when = "on the same day" if not days else f"{days} day{'s' if days > 1 else ''} before, on {same[-1].day:%-d %b %Y}"
    message = (
        f"{size} went to {case.counterparty} already {when}. If it was paid twice by mistake, ask for it back; "
        "both payments happened, so both are booked."
    )
    return Finding(code="possibly_paid_twice", message=message, detail=case.counterparty, severity=severity)


def _odd_hours(case: Case, limits: Limits) -> Finding | None:
    severity = limits.severity("card_hours")
    if severity is None or case.movement is not Movement.CARD or case.made_at is None:
        return None
    moment = case.made_at
    is_quiet = _is_quiet(moment.hour, start=limits.numbers["quiet_from"], end=limits.numbers["quiet_to"])
    if moment.weekday() < _WEEKEND and not is_quiet:
        return None
    message = (
        f"The card was used for {case.size} at {case.counterparty} on {_DAYS[moment.weekday()]}, "
        f"{moment:%-d %b %Y} at {moment:%H:%M}. Was it for the company?"
    )
    return Finding(code="card_at_odd_hours", message=message, detail=case.counterparty, severity=severity)


def _is_quiet(hour: int, *, start: int, end: int) -> bool:
    """From `start` to before `end`, over midnight where start is the later one; never where both are the same."""
    return start <= hour < end if start <= end else hour >= start or hour < end


def histories(rows: Iterable[tuple[int, str, int, date, Decimal]]) -> Mapping[tuple[int, str, bool], list[Past]]:
    """(counterparty, currency, number, day, signed amount) as histories by counterparty, currency and direction (out)."""
    found: dict[tuple[int, str, bool], list[Past]] = {}
    for counterparty, currency, number, day, amount in rows:
        past = Past(day=day, number=number, amount=abs(amount))
        found.setdefault((counterparty, currency, amount < 0), []).append(past)
    return {key: sorted(pasts) for key, pasts in found.items()}
