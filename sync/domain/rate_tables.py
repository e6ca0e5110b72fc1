"""The tenant's own rates: what was published, what it means in the books, and which values cannot be right.

Authorities publish base units for 1, 100 or more foreign units; the books want foreign units for one base unit, six
decimals. Unit and direction are said with every rate and never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from connectors.contract.money import MINOR_UNITS
from sync.domain.fx import rate_for

UNITS = (1, 10, 100, 1000, 10000)
FAR_OFF = Decimal(3)  # a rate this many times another one is a slip of the pen
NEAR = Decimal("1.05")  # up to this many times a known rate, nothing is suspicious
FITS = Decimal("1.25")


class Direction(StrEnum):
    BASE_PER_FOREIGN = "base_per_foreign"  # CHF for N foreign units, as the Swiss authorities publish it
    FOREIGN_PER_BASE = "foreign_per_base"  # foreign units for N CHF, as Xero shows it


class Method(StrEnum):
    """How the rates come about. One method holds for a whole tax period."""

    MONTHLY = "monthly"
    DAILY = "daily"
    GROUP = "group"


METHOD_WORDS = {Method.MONTHLY: "monthly average rates", Method.DAILY: "daily rates", Method.GROUP: "group rates"}


class RateFault(ValueError):
    """A rate file or a typed rate that cannot be taken: one sentence for each thing that is wrong, with its line."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(" ".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedRate:
    """One rate as published: `value` for `unit` units, by direction; valid on every day of the range."""

    currency: str
    value: Decimal
    unit: int
    direction: Direction
    valid_from: date
    valid_to: date
    line: int = 0

    @property
    def per_base(self) -> Decimal:
        """Foreign units for one base unit, six decimals: what the books take."""
        if self.direction is Direction.BASE_PER_FOREIGN:
            return rate_for(Decimal(self.unit), self.value)
        return rate_for(self.value, Decimal(self.unit))


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRate:
    """A rate that the tenant works with already, and where it is from."""

    per_base: Decimal
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A rate that a person must confirm in so many words before it is taken."""

    rate: QuotedRate
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRate:
    """A rate of the table for one day, with the version of the table that says so."""

    per_base: Decimal
    version: int
    source: str
    valid_from: date
    valid_to: date

    @property
    def why(self) -> str:
        return f"{self.source}, {self.valid_from:%-d %b %Y} to {self.valid_to:%-d %b %Y}, table version {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedRate:
    """The tenant's own rate for one document, with what is written down of it. `version`: of the table, 0 without one."""

    value: Decimal
    by: str  # rate_table or last_deal
    why: str
    version: int = 0

    def decision(self) -> dict[str, str]:
        """As it stands in the decision trace beside the coding's decisions."""
        return {"field": "rate", "value": str(self.value), "by": self.by, "why": self.why}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOfRates:
    """Every version of the tenant's rates. The newest version that covers the day wins."""

    rates: Mapping[str, Sequence[TableRate]] = field(default_factory=dict)

    def on(self, currency: str, day: date) -> TableRate | None:
        covering = [rate for rate in self.rates.get(currency, ()) if rate.valid_from <= day <= rate.valid_to]
        return max(covering, key=lambda rate: rate.version, default=None)


def faults_of(rates: Sequence[QuotedRate], *, base: str) -> tuple[str, ...]:
    """What is wrong with these rates as a whole: each in a sentence with its line."""
    found: list[str] = []
    for rate in rates:
        found += _faults_of_one(rate, base=base)
    seen: dict[str, list[QuotedRate]] = {}
    for rate in rates:
        overlaps = [it for it in seen.get(rate.currency, ()) if _overlap(it, rate)]
        if overlaps:
            found.append(f"{_at(rate)}there are two {rate.currency} rates for the same days.")
        seen.setdefault(rate.currency, []).append(rate)
    return tuple(found)


def doubts_of(rates: Iterable[QuotedRate], *, known: Mapping[str, KnownRate]) -> tuple[Doubt, ...]:
    """Rates far from what is known, or closer to it when turned upside down. Unknown currencies raise no doubt."""
    found = []
    for rate in rates:
        usual = known.get(rate.currency)
        message = _doubt(rate, usual) if usual is not None else ""
        if message:
            found.append(Doubt(rate=rate, message=message))
    return tuple(found)


def method_conflict(method: Method, years: Iterable[int], *, standing: Mapping[int, str]) -> str:
    """Why this method cannot be taken for these tax periods (calendar years), "" where it can."""
    for year in sorted(set(years)):
        before = standing.get(year)
        if before and before != method:
            return (
                f"The tax period {year} is kept by {METHOD_WORDS[Method(before)]}. One method holds for a whole tax period: "
                f"add {METHOD_WORDS[Method(before)]} for {year}, or begin with {METHOD_WORDS[method]} on 01.01.{year + 1}."
            )
    return ""


def years_of(rates: Iterable[QuotedRate]) -> set[int]:
    return {year for rate in rates for year in range(rate.valid_from.year, rate.valid_to.year + 1)}


def _faults_of_one(rate: QuotedRate, *, base: str) -> list[str]:
    found = []
    if rate.currency not in MINOR_UNITS:
        found.append(f"{_at(rate)}“{rate.currency[:10]}” is not a currency like EUR.")
    if rate.currency == base:
        found.append(f"{_at(rate)}{base} is the currency of the books and has no rate.")
    if rate.unit not in UNITS:
        found.append(f"{_at(rate)}the unit must be one of {', '.join(map(str, UNITS))}, not {rate.unit}.")
    if rate.valid_to < rate.valid_from:
        found.append(f"{_at(rate)}the last day is before the first one.")
    elif (rate.valid_to - rate.valid_from).days > 366:
        found.append(f"{_at(rate)}one rate for more than a year is not a rate of the day, month or year.")
    if not Decimal("0.000001") <= rate.value <= Decimal("1000000") or not rate.per_base:
        found.append(f"{_at(rate)}{rate.value} is not a rate that six decimals can express.")
    return found


def _doubt(rate: QuotedRate, usual: KnownRate) -> str:
    value, known = rate.per_base, usual.per_base
    times = max(value, known) / min(value, known)
    told = f"{rate.currency}: {value} for one unit of the base currency, where {usual.source} says {known}"
    turned = 1 / value
    upside_down = max(turned, known) / min(turned, known)
    if times > NEAR and upside_down < min(times, FITS):
        return f"{told}. Turned upside down it would fit: is the direction right?"
    if times > FAR_OFF:
        return f"{told}: {times:.1f} times as far. Are the value and its unit right?"
    return ""


def _overlap(one: QuotedRate, other: QuotedRate) -> bool:
    return one.valid_from <= other.valid_to and other.valid_from <= one.valid_to


def _at(rate: QuotedRate) -> str:
    return f"Line {rate.line}: " if rate.line else f"{rate.currency}: "
