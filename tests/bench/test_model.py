"""The model of many tenants: figures that arithmetic gives without it."""

from __future__ import annotations

import pytest

from bench.model import House, Load, adaptive_polls, simulate, workers_needed
from sync.tasks import HINTS


def test_of_few_tenants_each_begins_with_the_nearest_tick() -> None:
    # a look starts with a tick and ends 0.01 s after it; a poll of whole ticks later it is due 0.01 s after that tick
    found = simulate(Load(tenants=100, poll=60, active=0.0, idle_slice=0.01), House(workers=2), seconds=600)
    assert found.p50 == pytest.approx(-0.01, abs=0.02)
    assert found.p99 <= 0.51
    assert found.worst <= 1.0  # before the first tick
    assert found.slices == pytest.approx(1000, abs=20)


def test_a_queue_that_is_too_short_falls_behind_whatever_the_workers() -> None:
    # 100,000 tenants in 300 s are 333 a second; 200 a second leave 133 a second behind
    house = House(workers=1000, hints=200)
    found = simulate(Load(tenants=100_000, poll=300, active=0.0, idle_slice=0.01), house, seconds=300)
    assert found.slices == 200 * 300
    assert found.p99 > 100


def test_with_today_s_queue_and_enough_workers_a_look_waits_for_its_tick() -> None:
    assert House(workers=8).hints == HINTS
    # 333 a second of 0.01 s are three and a third busy workers
    found = simulate(Load(tenants=100_000, poll=300, active=0.0, idle_slice=0.01), House(workers=8), seconds=300)
    assert found.slices == pytest.approx(100_000, rel=0.01)
    assert found.worst <= 2.0


def test_where_workers_fall_behind_they_set_the_pace() -> None:
    # two workers of 0.1 s do twenty a second
    found = simulate(Load(tenants=100_000, poll=300, active=0.0, idle_slice=0.1), House(workers=2), seconds=100)
    assert found.slices == pytest.approx(2000, abs=20)


def test_the_applications_limit_puts_work_off_and_is_never_passed() -> None:
    # 3,000 tenants a minute, all active, four calls each: 12,000 wanted, 9,000 allowed
    load = Load(tenants=3000, poll=60, active=1.0, idle_slice=0.01, busy_slice=0.01)
    found = simulate(load, House(workers=50), seconds=300)
    assert found.most_calls <= 9000
    assert found.put_off > 0


def test_workers_and_looks_by_arithmetic() -> None:
    # 100,000 / 300 s = 333.3 slices a second of 0.05 s are 16.7 busy workers; at 70 % that is 24
    assert workers_needed(Load(tenants=100_000, poll=300, active=0.0, idle_slice=0.05)) == 24
    # 2 % each minute and 98 % every five minutes: 33.3 + 326.7
    assert adaptive_polls(100_000, active=0.02) == pytest.approx(360.0, abs=0.1)
