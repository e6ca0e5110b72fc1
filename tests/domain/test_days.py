"""Days as people type them: the years that books are kept in, and a first day that is meant."""

from __future__ import annotations

from datetime import date

import pytest

from sync.domain.days import DayFault, read_day, read_day_or_none, refuse_first_day

TODAY = date(2026, 3, 31)


@pytest.mark.parametrize("text", ["1990-01-01", "2026-02-28", "2100-12-31"])
def test_a_day_of_the_books_is_read(text: str) -> None:
    assert read_day(text).isoformat() == text


@pytest.mark.parametrize("text", ["0001-01-01", "1989-12-31", "2101-01-01", "9999-12-31"])
def test_a_day_at_either_end_of_the_calendar_is_mistyped(text: str) -> None:
    with pytest.raises(DayFault, match=f"“{text}” is not a day of the years 1990 to 2100"):
        read_day(text)
    assert read_day_or_none(text) is None


@pytest.mark.parametrize("text", ["", "soon", "31.03.2026", "2026-02-30", "10000-01-01", "2026-03-31T00:00"])
def test_what_is_no_day_is_told(text: str) -> None:
    with pytest.raises(DayFault, match="is not a day like 2026-01-31"):
        read_day(text)


@pytest.mark.parametrize("day", [date(2000, 1, 1), TODAY, date(2027, 3, 31)])
def test_a_first_day_lies_from_2000_on_to_a_year_ahead(day: date) -> None:
    refuse_first_day(day, today=TODAY)


@pytest.mark.parametrize("day", [date(1999, 12, 31), date(2027, 4, 2), date(9999, 12, 31)])
def test_another_first_day_is_refused_with_the_reason(day: date) -> None:
    with pytest.raises(DayFault, match="nothing before the first day is ever posted"):
        refuse_first_day(day, today=TODAY)
