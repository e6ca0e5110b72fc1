"""When to try again, when to look first, when to stop: the schedule, the table of decisions, and what counts as proof."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract.errors import (
    ActionRequired,
    BudgetUsedUp,
    ConnectorError,
    ContractBroken,
    OutcomeUnknown,
    RetryLater,
)
from sync.domain.retry import Evidence, Looks, Move, Schedule, Verdict, judge

MINUTE = timedelta(minutes=1)
SCHEDULE = Schedule(waits=(MINUTE, 5 * MINUTE, 30 * MINUTE, 120 * MINUTE))
EVIDENCE = Evidence(probes=(MINUTE, 5 * MINUTE), quarantine=10 * MINUTE, gap=2 * MINUTE)
SENT = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(("attempt", "minutes"), [(0, 1), (1, 5), (2, 30), (3, 120)])
def test_the_waits_are_one_five_thirty_minutes_and_two_hours(attempt: int, minutes: int) -> None:
    verdict = judge(RetryLater("busy"), attempt=attempt, dice=0.5, schedule=SCHEDULE)

    assert verdict == Verdict(move=Move.RETRY, wait=minutes * MINUTE, counts_as_attempt=True)


def test_after_the_last_wait_it_gives_up() -> None:
    assert judge(RetryLater("busy"), attempt=4, dice=0.5, schedule=SCHEDULE).move is Move.GIVE_UP


@given(attempt=st.integers(0, 3), dice=st.floats(0, 1, exclude_max=True))
def test_the_dice_spread_each_wait_by_a_tenth(attempt: int, dice: float) -> None:
    wait = SCHEDULE.wait(attempt, dice)

    assert 0.9 * SCHEDULE.waits[attempt] <= wait <= 1.1 * SCHEDULE.waits[attempt]


def test_the_dice_do_spread_them() -> None:
    assert SCHEDULE.wait(0, 0.0) == 54 * timedelta(seconds=1)
    assert SCHEDULE.wait(0, 0.75) == 63 * timedelta(seconds=1)


@pytest.mark.parametrize("attempt", [0, 4, 99])
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ActionRequired("reconnect"), Verdict(move=Move.PAUSE_FLOW, counts_as_attempt=False)),
        (OutcomeUnknown("no answer"), Verdict(move=Move.LOOK_FIRST)),
        (RetryLater("429", wait=7 * MINUTE), Verdict(move=Move.RETRY, wait=7 * MINUTE, counts_as_attempt=False)),
        (BudgetUsedUp("ours", wait=MINUTE), Verdict(move=Move.RETRY, wait=MINUTE, counts_as_attempt=False)),
    ],
    ids=["a person must act", "nobody knows", "the vendor said when", "our own limit"],
)
def test_these_are_judged_alike_at_any_attempt(error: ConnectorError, expected: Verdict, attempt: int) -> None:
    """No number of attempts turns an unknown outcome into a failure, or a limit into an attempt."""
    assert judge(error, attempt=attempt, dice=0.5, schedule=SCHEDULE) == expected


def test_an_answer_that_cannot_be_trusted_follows_the_schedule() -> None:
    assert judge(ContractBroken("odd"), attempt=1, dice=0.5, schedule=SCHEDULE).wait == 5 * MINUTE


# ------------------------------------------------------------------- evidence


def test_early_looks_come_after_one_and_five_minutes_and_then_the_quarantine_ends() -> None:
    looks = [EVIDENCE.next_probe(last_send=SENT, probes_made=made, absent_seen_at=None) for made in range(4)]

    assert looks == [SENT + minutes * MINUTE for minutes in (1, 5, 10, 10)]


def test_the_second_absence_is_looked_for_one_gap_after_the_first() -> None:
    seen = SENT + 11 * MINUTE

    assert EVIDENCE.next_probe(last_send=SENT, probes_made=3, absent_seen_at=seen) == seen + 2 * MINUTE


@pytest.mark.parametrize(
    ("looked_at", "absent_seen_at", "counts"),
    [
        (9.99, None, False),
        (10, None, True),
        (11, 10, False),
        (11.99, 10, False),
        (12, 10, True),
        (9, 5, False),
    ],
)
def test_absence_counts_after_the_quarantine_and_a_second_time_a_gap_later(
    looked_at: float, absent_seen_at: float | None, counts: bool
) -> None:
    first = None if absent_seen_at is None else SENT + absent_seen_at * MINUTE

    assert (
        EVIDENCE.counts_as_absence(last_send=SENT, looked_at=SENT + looked_at * MINUTE, absent_seen_at=first) is counts
    )


def test_a_look_that_waits_longer_than_the_quarantine_is_no_early_one() -> None:
    slow = Evidence(probes=(20 * MINUTE,), quarantine=10 * MINUTE, gap=MINUTE)

    assert slow.next_probe(last_send=SENT, probes_made=0, absent_seen_at=None) == SENT + 10 * MINUTE


def test_absence_is_proven_by_two_looks_after_the_quarantine_a_gap_apart() -> None:
    looks, proven = Looks(last_send=SENT), []
    for minutes in (1, 5, 10, 11, 12):  # the quarantine is over at 10; 11 is too soon after it; 12 is a gap later
        looks = EVIDENCE.after_look(looks, looked_at=SENT + minutes * MINUTE)
        proven.append(looks.prove_absence)

    assert proven == [False, False, False, False, True]
    assert (looks.probes, looks.absences, looks.absent_seen_at) == (5, 2, SENT + 10 * MINUTE)
