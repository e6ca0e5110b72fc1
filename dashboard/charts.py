"""Charts as data for server-rendered SVG: numbers in, rectangles out. PURE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import ceil

WIDTH = 720
HEIGHT = 168
BASE = 140  # the y of the axis
TOP = 18
LEFT = 34
AMOUNT_LEFT = 60  # amounts have more digits than counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One day: what is in the books, and on top of it what is not there yet."""

    day: date
    x: float
    width: float
    middle: float
    y: float
    height: float
    held_y: float
    held_height: float
    posted: int
    held: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    width: int
    height: int
    left: int
    base: int
    bars: Sequence[Bar]
    ticks: Sequence[tuple[float, int]]

    @property
    def is_empty(self) -> bool:
        return not any(bar.posted or bar.held for bar in self.bars)


def volume_chart(days: Sequence[tuple[date, int, int]]) -> Chart:
    """Stacked bars for (day, posted, held); the scale ends at a round number."""
    highest = max((posted + held for _, posted, held in days), default=0)
    top = round_up(highest)
    slot = (WIDTH - LEFT) / max(1, len(days))
    scale = (BASE - TOP) / top
    bars = [_bar(place, day, slot=slot, scale=scale) for place, day in enumerate(days)]
    ticks = [(round(BASE - value * scale, 1), value) for value in sorted({0, top // 2, top})]
    return Chart(width=WIDTH, height=HEIGHT, left=LEFT, base=BASE, bars=bars, ticks=ticks)


def round_up(value: int) -> int:
    """The next of 2, 4, 10, 20, 40, 100 … so that the half is a whole number too."""
    step = 1
    while True:
        for factor in (2, 4, 10):
            if value <= factor * step:
                return factor * step
        step *= 10


def _bar(place: int, day: tuple[date, int, int], *, slot: float, scale: float) -> Bar:
    when, posted, held = day
    height, held_height = posted * scale, held * scale
    return Bar(
        day=when,
        x=round(LEFT + place * slot + slot * 0.14, 1),
        width=round(slot * 0.72, 1),
        y=round(BASE - height, 1),
        height=round(height, 1),
        held_y=round(BASE - height - held_height, 1),
        held_height=round(held_height, 1),
        posted=posted,
        held=held,
        middle=round(LEFT + place * slot + slot / 2, 1),
        label=f"{when.day} {when:%b}" if place % 7 == 0 else "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountBar:
    """One month: its amount above (or, where it is negative, below) the axis."""

    label: str
    title: str
    amount: Decimal
    x: float
    width: float
    middle: float
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountChart:
    width: int
    height: int
    left: int
    axis: float
    bars: Sequence[AmountBar]
    ticks: Sequence[tuple[float, int]]

    @property
    def is_empty(self) -> bool:
        return not any(bar.amount for bar in self.bars)


def amount_chart(months: Sequence[tuple[str, str, Decimal]]) -> AmountChart:
    """Bars for (label, title, amount); the scale ends at a round number on the sides that have amounts."""
    up = round_up(ceil(max((amount for _, _, amount in months), default=Decimal(0)).max(0)) or 1)
    lowest = min((amount for _, _, amount in months), default=Decimal(0))
    down = round_up(ceil(-lowest)) if lowest < 0 else 0
    scale = (BASE - TOP) / (up + down)
    axis = round(TOP + up * scale, 1)
    slot = (WIDTH - AMOUNT_LEFT) / max(1, len(months))
    bars = [
        AmountBar(
            label=label,
            title=title,
            amount=amount,
            x=round(AMOUNT_LEFT + place * slot + slot * 0.2, 1),
            width=round(slot * 0.6, 1),
            middle=round(AMOUNT_LEFT + place * slot + slot / 2, 1),
            y=round(axis - max(0.0, float(amount)) * scale, 1),
            height=round(abs(float(amount)) * scale, 1),
        )
        for place, (label, title, amount) in enumerate(months)
    ]
    ticks = [(round(axis - value * scale, 1), value) for value in sorted({-down, 0, up // 2, up})]
    return AmountChart(width=WIDTH, height=HEIGHT, left=AMOUNT_LEFT, axis=axis, bars=bars, ticks=ticks)
