"""A back-fill's range: what of the days asked for may be read again and posted, and in which windows. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Days from `since` to `until`, both included. Empty where `until` comes first."""

    since: date
    until: date

    @property
    def days(self) -> int:
        return max(0, (self.until - self.since).days + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounded:
    """What is left of the days asked for, and in words what was taken off and why."""

    window: Window
    notes: tuple[str, ...]


def bounded(asked: Window, *, cutoff: date, lock_date: date | None, today: date) -> Bounded:
    """The days that may be posted: from the cut-off on, after the lock date, up to today."""
    notes = []
    since, until = asked.since, asked.until
    if since < cutoff:
        since = cutoff
        notes.append(f"Nothing before the first day, {cutoff:%-d %b %Y}, is posted.")
    if lock_date is not None and since <= lock_date:
        since = lock_date + DAY
        notes.append(f"The books are locked in Xero up to {lock_date:%-d %b %Y}.")
    if until > today:
        until = today
        notes.append(f"Days after today, {today:%-d %b %Y}, have not happened yet.")
    return Bounded(window=Window(since=since, until=until), notes=tuple(notes))


def next_window(*, reached: date, until: date) -> Window:
    """The days that are read in one go: from the first one not read yet to the end of its month."""
    return Window(since=reached, until=min(until, _month_end(reached)))


def windows(whole: Window) -> Iterator[Window]:
    """Month by month, without a gap and without an overlap."""
    reached = whole.since
    while reached <= whole.until:
        part = next_window(reached=reached, until=whole.until)
        yield part
        reached = part.until + DAY


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - DAY
