"""The range of a back-fill: cut in words by first day, lock and today; read in months without gap or overlap."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sync.domain.backfill import Window, bounded, windows

DAYS = st.dates(min_value=date(2020, 1, 1), max_value=date(2030, 12, 31))
FIRST, TODAY = date(2026, 1, 1), date(2026, 6, 15)


def test_nothing_before_the_first_day_behind_the_lock_or_after_today() -> None:
    asked = Window(since=date(2025, 11, 1), until=date(2026, 12, 31))

    found = bounded(asked, cutoff=FIRST, lock_date=date(2026, 3, 31), today=TODAY)

    assert found.window == Window(since=date(2026, 4, 1), until=TODAY)
    assert [note for note in found.notes if "1 Jan 2026" in note]
    assert [note for note in found.notes if "31 Mar 2026" in note]
    assert [note for note in found.notes if "15 Jun 2026" in note]


def test_days_that_may_be_posted_are_left_as_they_are() -> None:
    asked = Window(since=date(2026, 4, 1), until=date(2026, 4, 30))

    assert bounded(asked, cutoff=FIRST, lock_date=date(2026, 3, 31), today=TODAY).window == asked
    assert bounded(asked, cutoff=FIRST, lock_date=None, today=TODAY).notes == ()


def test_a_range_that_is_locked_as_a_whole_leaves_no_day() -> None:
    asked = Window(since=date(2026, 2, 1), until=date(2026, 2, 28))

    assert bounded(asked, cutoff=FIRST, lock_date=date(2026, 3, 31), today=TODAY).window.days == 0


@given(first=DAYS, last=DAYS)
def test_the_months_cover_each_day_once(first: date, last: date) -> None:
    since, until = min(first, last), max(first, last)

    days = [
        part.since + timedelta(days=n) for part in windows(Window(since=since, until=until)) for n in range(part.days)
    ]

    assert days == [since + timedelta(days=n) for n in range((until - since).days + 1)]
