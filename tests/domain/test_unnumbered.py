"""Equal rows without a number: the same ones again, a second one, one that was touched, and what nobody can tell."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from sync.domain.fingerprint import fresh_keys
from sync.domain.unnumbered import CHANGED_OR_SECOND, SHOWN_TWICE, Given, Known, Shown, assign

TEN, ELEVEN, NOON = (datetime(2026, 3, 2, hour, tzinfo=UTC) for hour in (10, 11, 12))


def row(stamp: datetime | None = TEN, *, page: int = 0) -> Shown:
    return Shown(page=page, stamp=stamp)


def known(number: int, stamp: datetime | None = TEN, *, shown: bool = False) -> Known:
    return Known(key=f"k{number}", stamp=stamp, shown=shown)


def told(shown: list[Shown], mine: list[Known], *, whole: bool = True, since: datetime | None = None) -> list[Given]:
    fresh = (f"k{number}" for number in range(len(mine) + 1, 99))
    return assign(shown, mine, fresh=fresh, complete=whole, since=since)


def test_two_equal_rows_on_one_page_are_two_movements() -> None:
    assert told([row(), row()], []) == [Given(key="k1"), Given(key="k2")]


def test_the_same_rows_again_stay_the_same() -> None:
    assert told([row(), row()], [known(1), known(2)]) == [Given(key="k1"), Given(key="k2")]


def test_a_second_one_that_becomes_visible_later_is_a_second_one() -> None:
    assert told([row(), row()], [known(1)]) == [Given(key="k1"), Given(key="k2")]


def test_a_second_one_of_a_later_moment_is_a_second_one_where_the_first_is_shown_too() -> None:
    assert told([row(NOON), row()], [known(1)]) == [Given(key="k2"), Given(key="k1")]


def test_one_that_was_touched_is_no_second_one() -> None:
    """The whole window from ten on shows one row, of noon: the one of ten would still be shown, if it still stood there."""
    assert told([row(NOON)], [known(1)], since=TEN) == [Given(key="k1")]


def test_a_window_that_cannot_show_the_first_one_leaves_it_to_a_person() -> None:
    assert told([row(NOON)], [known(1)], since=ELEVEN) == [Given(key="k2", doubt=CHANGED_OR_SECOND)]
    assert told([row(NOON)], [known(1)], whole=False) == [Given(key="k2", doubt=CHANGED_OR_SECOND)]


def test_an_equal_row_on_another_page_is_left_to_a_person_because_pages_shift() -> None:
    assert told([row(), row(page=1)], []) == [Given(key="k1"), Given(key="k2", doubt=SHOWN_TWICE)]
    assert told([row()], [known(1, shown=True)]) == [Given(key="k2", doubt=SHOWN_TWICE)]


def test_a_further_key_is_one_that_nobody_has() -> None:
    keys = fresh_keys("5:amnis|1:1|3:abc|", known=["5:amnis|1:1|3:abc|1:1", "5:amnis|1:1|3:abc|1:3"])

    assert [next(keys) for _ in range(2)] == ["5:amnis|1:1|3:abc|1:2", "5:amnis|1:1|3:abc|1:4"]


@given(st.lists(st.sampled_from([TEN, NOON, None])), st.lists(st.sampled_from([TEN, NOON, None])), st.booleans())
def test_no_row_is_dropped_and_no_key_given_twice(
    shown: list[datetime | None], mine: list[datetime | None], whole: bool
) -> None:
    found = told([row(stamp) for stamp in shown], [known(n + 1, stamp) for n, stamp in enumerate(mine)], whole=whole)

    assert len({it.key for it in found}) == len(found) == len(shown)
