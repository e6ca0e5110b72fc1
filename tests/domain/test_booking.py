"""Which date a movement is booked on, for every movement and policy; and what lies behind a lock date."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract.records import Movement
from sync.domain.booking import booking_date, is_locked, open_day
from tests.domain.movements import movement

EXECUTED, SETTLED, VALUED, DEALT = date(2026, 3, 4), date(2026, 3, 6), date(2026, 3, 8), date(2026, 3, 2)
ALL = {"execution_date": EXECUTED, "settlement_date": SETTLED, "value_date": VALUED, "deal_date": DEALT}
CARDS = (Movement.CARD, Movement.CARD_REFUND)


def booked(kind: Movement, *, card_date: str = "settlement", fx_date: str = "value", **dates: Any) -> date | None:
    return booking_date(movement("-1.00", movement=kind, **{**ALL, **dates}), card_date=card_date, fx_date=fx_date)


@pytest.mark.parametrize("kind", CARDS)
def test_cards_are_booked_when_they_settle_else_when_they_are_executed(kind: Movement) -> None:
    assert booked(kind) == SETTLED
    assert booked(kind, settlement_date=None) == EXECUTED


@pytest.mark.parametrize("kind", CARDS)
def test_by_policy_cards_are_booked_when_they_are_executed(kind: Movement) -> None:
    assert booked(kind, card_date="execution") == EXECUTED


def test_conversions_are_booked_on_their_value_date() -> None:
    assert booked(Movement.FX) == VALUED
    assert booked(Movement.FX, value_date=None) == EXECUTED


def test_by_policy_conversions_are_booked_on_the_day_of_the_deal() -> None:
    assert booked(Movement.FX, fx_date="deal") == DEALT
    assert booked(Movement.FX, fx_date="deal", deal_date=None) == VALUED


@pytest.mark.parametrize("kind", sorted(set(Movement) - {*CARDS, Movement.FX}))
@pytest.mark.parametrize("policies", [{}, {"card_date": "execution", "fx_date": "deal"}])
def test_all_else_is_booked_when_it_is_executed(kind: Movement, policies: dict[str, str]) -> None:
    assert booked(kind, **policies) == EXECUTED
    assert booked(kind, **policies, execution_date=None) is None


def test_the_lock_date_itself_is_locked() -> None:
    assert is_locked(EXECUTED, lock_date=EXECUTED)
    assert not is_locked(EXECUTED, lock_date=EXECUTED - timedelta(days=1))
    assert not is_locked(EXECUTED, lock_date=None)


def test_the_first_open_day_follows_the_lock() -> None:
    assert open_day(date(2026, 1, 15), lock_date=date(2026, 1, 31)) == date(2026, 2, 1)
    assert open_day(date(2026, 2, 1), lock_date=date(2026, 1, 31)) == date(2026, 2, 1)
    assert open_day(date(2026, 2, 1), lock_date=None) == date(2026, 2, 1)


@given(day=st.dates(date(2020, 1, 1), date(2030, 1, 1)), lock=st.none() | st.dates(date(2020, 1, 1), date(2030, 1, 1)))
def test_an_open_day_is_never_locked_and_never_earlier(day: date, lock: date | None) -> None:
    opened = open_day(day, lock_date=lock)

    assert not is_locked(opened, lock_date=lock)
    assert opened >= day
