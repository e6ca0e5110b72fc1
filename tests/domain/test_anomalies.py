"""What is remarkable, with its numbers: both directions, no spread, too little past, twins, odd hours, new accounts."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract.errors import Severity
from connectors.contract.money import Money
from connectors.contract.records import Movement
from sync.domain.anomalies import Case, Past, is_near, measure, remarks
from sync.domain.limits import Limits

D = Decimal
MAY = date(2026, 5, 20)
ZURICH = ZoneInfo("Europe/Zurich")


def at(day: int, hour: int, minute: int) -> datetime:
    return datetime(2026, 5, day, hour, minute, tzinfo=ZURICH)


def past(*amounts: str, last: date = date(2026, 5, 1)) -> list[Past]:
    """One payment a week, the last one on that day."""
    days = [last - timedelta(weeks=len(amounts) - 1 - place) for place in range(len(amounts))]
    return [
        Past(day=day, number=n, amount=D(amount)) for n, (day, amount) in enumerate(zip(days, amounts, strict=True))
    ]


def case(amount: str, **facts: Any) -> Case:
    said: dict[str, Any] = {"movement": Movement.PAY_OUT, "counterparty": "Strom AG", "day": MAY, "number": 1000}
    return Case(amount=Money.of(amount, "CHF"), **{**said, **facts})


def found(one: Case, **review: Any) -> dict[str, tuple[Severity, str]]:
    return {it.code: (it.severity, it.message) for it in remarks(one, Limits.of(review))}


# ------------------------------------------------------------------------ unusual


def test_ten_times_and_a_tenth_are_equally_far() -> None:
    # Eight payments of 100 have no spread, so 0.1 is granted: ln 10 / 0.1 = 2.302585 / 0.1 = 23.03.
    history = [D(100)] * 8
    much, little = measure(D(1000), history), measure(D(10), history)
    assert abs(much.score - D("23.02585")) < D("0.0001")
    assert abs(little.score - D("23.02585")) < D("0.0001")


def test_the_score_is_the_distance_in_robust_deviations() -> None:
    # 50, 100, 200 and so on: logarithms at -ln 2, 0, +ln 2 around ln 100. Nine values, three of each: the median is
    # ln 100; the distances are 0 (three) and ln 2 (six), so their median is ln 2 and the spread 1.4826 ln 2.
    # 1600 is 4 ln 2 away: 4 / 1.4826 = 2.698.
    found = measure(D(1600), [D(50), D(100), D(200)] * 3)
    assert found.middle == D(100)
    assert abs(found.score - D("2.6980")) < D("0.0001")


@pytest.mark.parametrize(("amount", "word"), [("-1000.00", "much"), ("-10.00", "little")])
def test_an_amount_far_from_the_middle_is_said_with_its_numbers(amount: str, word: str) -> None:
    severity, message = found(case(amount, history=past(*["100.00"] * 8)))["unusual_amount"]
    assert severity is Severity.NOTE
    assert f"is unusually {word} for Strom AG" in message
    assert "the middle of the last 8 payments is CHF 100.00" in message
    assert "score 23.0; you look from 6" in message


def test_equal_payments_do_not_make_the_next_franc_unusual() -> None:
    # ln 1.8 / 0.1 = 5.88 stays below 6; ln 1.83 / 0.1 = 6.04 does not.
    history = past(*["100.00"] * 8)
    assert "unusual_amount" not in found(case("-180.00", history=history))
    assert "unusual_amount" in found(case("-183.00", history=history))


def test_seven_payments_are_too_few_to_say_what_is_usual() -> None:
    assert "unusual_amount" not in found(case("-9999.00", history=past(*["100.00"] * 7)))


def test_only_what_came_before_counts() -> None:
    later = [Past(day=date(2026, 6, 1), number=n, amount=D(100)) for n in range(20)]
    assert found(case("-9999.00", history=later)) == {}


def test_one_odd_payment_in_the_past_moves_nothing() -> None:
    history = [*[D(100)] * 10, D(1_000_000)]
    assert measure(D(100), history).score == 0


@pytest.mark.parametrize(("act", "severity"), [("hold", Severity.REVIEW), ("note", Severity.NOTE)])
def test_what_holds_is_the_tenant_s_choice(act: str, severity: Severity) -> None:
    seen = found(case("-1000.00", history=past(*["100.00"] * 8)), unusual=act)
    assert seen["unusual_amount"][0] is severity


def test_off_is_off() -> None:
    assert found(case("-1000.00", history=past(*["100.00"] * 8)), unusual="off") == {}


@given(
    amount=st.decimals(min_value=D("0.01"), max_value=D("9e12"), places=2),
    history=st.lists(st.decimals(min_value=D("0.01"), max_value=D("9e12"), places=2), min_size=1, max_size=60),
)
def test_a_score_is_never_negative_and_the_middle_lies_in_the_middle(amount: Decimal, history: list[Decimal]) -> None:
    seen = measure(amount, history)
    assert seen.score >= 0
    assert min(history) <= seen.low <= seen.middle <= seen.high <= max(history)


@given(
    amount=st.decimals(min_value=D("50"), max_value=D("200"), places=2),
    history=st.lists(st.decimals(min_value=D("80"), max_value=D("125"), places=2), min_size=1, max_size=60),
    score=st.integers(min_value=2, max_value=10),
)
def test_what_is_near_the_middle_is_below_the_score(amount: Decimal, history: list[Decimal], score: int) -> None:
    assert not is_near(amount, history, score=score) or measure(amount, history).score < score


def test_near_is_a_tenth_for_each_point_of_the_score_on_the_logarithmic_scale() -> None:
    # exp 0.6 = 1.8221: with a score of 6 that is as far from 100 as the least spread lets an amount lie.
    assert is_near(D("182.21"), [D(100)] * 8, score=6)
    assert not is_near(D("182.22"), [D(100)] * 8, score=6)


# ----------------------------------------------------------------- paid twice


def test_the_same_amount_to_the_same_payee_within_days_is_noted_not_held() -> None:
    severity, message = found(case("-100.00", history=past("100.00", last=date(2026, 5, 18))))["possibly_paid_twice"]
    assert severity is Severity.NOTE
    assert "2 days before, on 18 May 2026" in message


@pytest.mark.parametrize(
    ("amount", "last"),
    [("-100.00", date(2026, 5, 16)), ("-100.05", date(2026, 5, 18))],  # four days before; another amount
)
def test_another_day_or_another_amount_is_no_repetition(amount: str, last: date) -> None:
    assert "possibly_paid_twice" not in found(case(amount, history=past("100.00", last=last)))


def test_the_days_are_the_tenant_s_choice() -> None:
    one = case("-100.00", history=past("100.00", last=date(2026, 5, 10)))
    assert "possibly_paid_twice" in found(one, repeated_days="10")
    assert "possibly_paid_twice" not in found(one, repeated_days="9")


def test_zero_days_means_the_same_day() -> None:
    same_day = case("-100.00", history=past("100.00", last=MAY))
    assert "on the same day" in found(same_day, repeated_days="0")["possibly_paid_twice"][1]


def test_the_first_of_two_twins_is_not_remarkable() -> None:
    twin = [Past(day=MAY, number=1000, amount=D(100)), Past(day=MAY, number=1001, amount=D(100))]
    assert "possibly_paid_twice" not in found(case("-100.00", number=1000, history=twin))
    assert "possibly_paid_twice" in found(case("-100.00", number=1001, history=twin))


def test_money_that_comes_in_twice_is_not_paid_twice() -> None:
    one = case("100.00", movement=Movement.PAY_IN, history=past("100.00", last=MAY))
    assert "possibly_paid_twice" not in found(one)


# ------------------------------------------------------------------ card, odd hours


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (at(16, 14, 5), "on Saturday, 16 May 2026 at 14:05"),
        (at(18, 23, 0), "on Monday, 18 May 2026 at 23:00"),
        (at(19, 4, 59), "on Tuesday, 19 May 2026 at 04:59"),
    ],
)
def test_a_card_used_at_a_weekend_or_by_night_is_noted(moment: datetime, said: str) -> None:
    one = case("-40.00", movement=Movement.CARD, made_at=moment)
    assert said in found(one)["card_at_odd_hours"][1]


@pytest.mark.parametrize("moment", [at(18, 22, 59), at(19, 5, 0)])
def test_a_card_used_on_a_working_day_is_not_remarkable(moment: datetime) -> None:
    assert found(case("-40.00", movement=Movement.CARD, made_at=moment)) == {}


def test_equal_hours_mean_no_quiet_time() -> None:
    one = case("-40.00", movement=Movement.CARD, made_at=at(19, 3, 0))
    assert found(one, quiet_from="0", quiet_to="0") == {}


def test_a_payout_by_night_is_not_a_card() -> None:
    assert found(case("-40.00", made_at=at(17, 3, 0))) == {}


# ------------------------------------------------------------------ new and large


def test_a_payout_to_a_new_account_is_noted_and_held_above_the_limit() -> None:
    one = case("-500.00", new_account="4411", known_accounts=("2957",))
    severity, message = found(one)["bank_details_changed"]
    assert severity is Severity.NOTE
    assert "ends in 4411" in message
    assert "2957" in message
    assert found(one, new_iban_over={"CHF": "499.99"})["bank_details_changed"][0] is Severity.REVIEW
    assert found(one, new_iban_over={"CHF": "500.00"})["bank_details_changed"][0] is Severity.NOTE
    assert found(one, new_iban_over={"EUR": "1.00"})["bank_details_changed"][0] is Severity.NOTE


def test_the_first_account_ever_is_not_a_change() -> None:
    assert found(case("-500.00", new_account="4411")) == {}


def test_large_and_new_hold_above_their_limits() -> None:
    one = case("-500.01", is_new=True)
    limits = {"amount_over": {"CHF": "500.00"}, "new_counterparty_over": {"CHF": "500.00"}}
    assert set(found(one, **limits)) == {"large_amount", "new_counterparty"}
    assert found(case("-500.00", is_new=True), **limits) == {}
