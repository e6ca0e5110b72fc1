"""Days as people type them: within the years that books are kept in, and a first day that is meant. Pure."""

from __future__ import annotations

from datetime import date, timedelta

EARLIEST, LATEST = date(1990, 1, 1), date(2100, 12, 31)
EARLIEST_FIRST_DAY = date(2000, 1, 1)
MOST_AHEAD = timedelta(days=366)


class DayFault(ValueError):
    """A day that cannot be meant. Its text is a sentence without the stop, for whoever typed it."""


def read_day(text: str) -> date:
    """A typed day. Raises DayFault: it is none, or so far away that the calendar ends before what is reckoned from it."""
    return _meant(text.strip(), said=f"“{text[:30]}” is not a day", example="2026-01-31")


def read_month(text: str) -> date:
    """The first day of a typed month. Raises DayFault as `read_day` does."""
    return _meant(f"{text.strip()}-01", said=f"“{text[:30]}” is not a month", example="2026-01")


def _meant(text: str, *, said: str, example: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise DayFault(f"{said} like {example}") from None
    if not EARLIEST <= found <= LATEST:
        raise DayFault(f"{said} of the years {EARLIEST.year} to {LATEST.year}")
    return found


def read_day_or_none(text: str) -> date | None:
    try:
        return read_day(text)
    except DayFault:
        return None


def read_any_day(text: str) -> date | None:
    """A day that is compared with others and nothing else, as a list's filter does: every day of the calendar will do."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def refuse_first_day(day: date, *, today: date) -> None:
    """Raises DayFault. Nothing before the first day is ever posted: one far ahead would be silence for good."""
    latest = today + MOST_AHEAD
    if not EARLIEST_FIRST_DAY <= day <= latest:
        raise DayFault(
            f"{day:%-d %b %Y} cannot be the first day: nothing before the first day is ever posted, so it lies from "
            f"{EARLIEST_FIRST_DAY:%-d %b %Y} on and at most a year ahead, up to {latest:%-d %b %Y}"
        )
