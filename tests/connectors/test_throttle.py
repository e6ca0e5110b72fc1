"""The rate budgets against a real Valkey: never more than allowed, corrected by what the vendor says, safe without a store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import redis

from connectors.throttle import Budget, Limits, connect


def budget(store: redis.Redis, organisation: str = "org-1", /, **limits: int) -> Budget:
    return Budget(store, kind="xero", organisation=organisation, limits=Limits(**limits))


def admitted(found: Budget, tries: int, *, background: bool = False) -> int:
    """How many of `tries` calls in a row get a place, each giving its concurrency place back at once."""
    count = 0
    for _ in range(tries):
        if found.acquire(background=background) == 0.0:
            count += 1
            found.release()
    return count


def test_a_minute_admits_a_little_less_than_the_vendor_allows(valkey: redis.Redis) -> None:
    assert admitted(budget(valkey, calls=60), 100) == 55


def test_a_short_window_gives_a_short_wait(valkey: redis.Redis) -> None:
    found = budget(valkey, calls=22, seconds=4)
    assert admitted(found, 30) == 20
    assert 0 < found.acquire() <= 4.01


def test_a_full_minute_says_when_the_first_place_comes_back(valkey: redis.Redis) -> None:
    found = budget(valkey, calls=12)
    assert admitted(found, 11) == 11
    assert 55 < found.acquire() <= 60.1


def test_organisations_do_not_share_a_budget(valkey: redis.Redis) -> None:
    assert admitted(budget(valkey, calls=12), 20) == 11
    assert admitted(budget(valkey, "org-2", calls=12), 20) == 11


def test_processes_of_one_organisation_share_its_budget(valkey: redis.Redis) -> None:
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: admitted(budget(valkey, calls=60), 20), range(8)))
    assert sum(counts) == 55


def test_calls_in_flight_are_counted_until_they_end(valkey: redis.Redis) -> None:
    first, second = budget(valkey, concurrent=3), budget(valkey, concurrent=3)
    assert first.acquire() == 0.0
    assert second.acquire() == 0.0
    assert budget(valkey, concurrent=3).acquire() > 0
    first.release()
    assert budget(valkey, concurrent=3).acquire() == 0.0


def test_the_place_of_a_dead_process_comes_back_by_itself(valkey: redis.Redis) -> None:
    dead = budget(valkey, concurrent=2)
    assert dead.acquire() == 0.0
    key = "throttle:{xero:org-1}:concurrent"
    assert budget(valkey, concurrent=2).acquire() > 0
    valkey.zunionstore(key, {key: 0.0})  # its lease ended in 1970
    assert budget(valkey, concurrent=2).acquire() == 0.0


def test_a_refused_call_takes_nothing_of_any_budget(valkey: redis.Redis) -> None:
    found = budget(valkey, calls=12, day=1000, concurrent=2)
    assert found.acquire() == 0.0
    for _ in range(50):
        assert found.acquire() > 0  # the one place in flight is taken
    found.release()
    assert admitted(found, 20) == 10


def test_background_reads_leave_a_fifth_of_the_day(valkey: redis.Redis) -> None:
    found = budget(valkey, day=100)
    assert admitted(found, 200, background=True) == 75  # 95 of our own less the reserve of 20
    assert admitted(found, 200) == 20
    assert found.acquire() > 3600


def test_calls_that_others_made_in_our_name_count(valkey: redis.Redis) -> None:
    found = budget(valkey, calls=60, day=5000)
    found.observe({"x-minlimit-remaining": "10", "x-daylimit-remaining": "5"}, 200)
    assert found.acquire() > 0  # 4,995 of the day are gone; ours end at 4,750
    other = budget(valkey, "org-2", calls=60)
    other.observe({"x-minlimit-remaining": "10"}, 200)
    assert admitted(other, 60) == 5


def test_a_vendor_that_counts_less_than_we_do_changes_nothing(valkey: redis.Redis) -> None:
    found = budget(valkey, calls=60)
    assert admitted(found, 50) == 50
    found.observe({"x-minlimit-remaining": "59"}, 200)
    assert admitted(found, 60) == 5


@pytest.mark.parametrize("headers", [{"retry-after": "30", "x-rate-limit-problem": "Minute"}, {"retry-after": "30"}])
def test_a_429_closes_the_budget_until_its_retry_after_for_every_process(
    valkey: redis.Redis, headers: dict[str, str]
) -> None:
    budget(valkey, calls=60).observe(headers, 429)
    assert 29 < budget(valkey, calls=60).acquire() <= 30


def test_a_429_for_the_whole_app_closes_every_organisation(valkey: redis.Redis) -> None:
    limits = {"calls": 60, "app_minute": 10_000}
    budget(valkey, **limits).observe({"retry-after": "20", "x-rate-limit-problem": "appminute"}, 429)
    assert 19 < budget(valkey, "org-2", **limits).acquire() <= 20


def test_a_429_for_too_many_at_once_is_a_short_pause(valkey: redis.Redis) -> None:
    found = budget(valkey, concurrent=5)
    found.observe({"x-rate-limit-problem": "concurrent"}, 429)
    assert 0 < found.acquire() < 2


def test_the_app_as_a_whole_has_a_budget_and_a_refusal_gives_its_place_back(valkey: redis.Redis) -> None:
    limits = {"calls": 12, "app_minute": 40}
    counts = [admitted(budget(valkey, f"org-{n}", **limits), 30) for n in range(5)]
    assert counts == [11, 11, 11, 3, 0]  # 36 of 40


def test_a_long_pause_is_told_to_whoever_remembers_it(valkey: redis.Redis) -> None:
    told: list[datetime] = []
    found = Budget(valkey, kind="xero", organisation="o", limits=Limits(calls=60), remember_pause=told.append)
    found.observe({"retry-after": "120"}, 429)
    assert len(told) == 1
    assert timedelta(seconds=115) < told[0] - datetime.now(UTC) <= timedelta(seconds=120)


def test_a_remembered_pause_holds_when_the_store_was_flushed(valkey: redis.Redis) -> None:
    until = datetime.now(UTC) + timedelta(seconds=90)
    found = Budget(valkey, kind="xero", organisation="o", limits=Limits(calls=60), paused_until=until)
    assert 85 < found.acquire() <= 90


def test_without_its_store_a_process_makes_one_call_a_second() -> None:
    with connect("redis://127.0.0.1:1/0") as nobody:
        waits = [budget(nobody, calls=60).acquire() for _ in range(5)]
    assert waits.count(0.0) <= 1  # another test may have taken this second already
    assert all(0 < wait <= 1 for wait in waits[1:])
