"""Money and rates: exact, in one currency, rounded nowhere but where it is said."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract.money import MINOR_UNITS, FxRate, Money, MoneyError, decimal_of, minor_units, round_half_up

CENTS = st.integers(-(10**14), 10**14).map(lambda cents: Decimal(cents).scaleb(-2))
CURRENCIES = st.sampled_from(sorted(MINOR_UNITS))


@given(CENTS, CENTS)
def test_sums_are_exact_and_undone_exactly(one: Decimal, other: Decimal) -> None:
    a, b = Money(amount=one, currency="CHF"), Money(amount=other, currency="CHF")
    assert (a + b) - b == a
    assert a + b == b + a
    negative = -a
    assert -negative == a
    assert (a + (-a)).amount == 0


@given(st.lists(CENTS, max_size=40))
def test_the_order_of_summing_does_not_matter(amounts: list[Decimal]) -> None:
    zero = Money.of("0", "CHF")
    moneys = [Money(amount=amount, currency="CHF") for amount in amounts]
    assert sum(moneys, zero) == sum(reversed(moneys), zero)


@given(CENTS, CURRENCIES)
def test_rounding_is_idempotent_and_moves_by_half_a_unit_at_most(amount: Decimal, currency: str) -> None:
    money = Money(amount=amount, currency=currency)
    rounded = money.rounded()
    assert rounded.rounded() == rounded
    assert rounded.is_exact
    assert abs(rounded.amount - amount) * 2 <= Decimal(1).scaleb(-minor_units(currency))


@given(CENTS)
def test_rounding_is_the_same_on_both_sides_of_zero(amount: Decimal) -> None:
    assert round_half_up(-amount, 1) == -round_half_up(amount, 1)


@pytest.mark.parametrize(
    ("amount", "digits", "rounded"),
    [
        ("0.005", 2, "0.01"),
        ("-0.005", 2, "-0.01"),
        ("2.675", 2, "2.68"),
        ("1.5", 0, "2"),
        ("2.5", 0, "3"),
        ("1.0005", 3, "1.001"),
    ],
)
def test_ties_go_away_from_zero(amount: str, digits: int, rounded: str) -> None:
    assert round_half_up(Decimal(amount), digits) == Decimal(rounded)


@given(CENTS)
def test_an_amount_survives_its_text(amount: Decimal) -> None:
    assert decimal_of(str(amount)) == amount
    assert decimal_of(amount) == amount


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("86.4000", "CHF", "CHF 86.40"),
        ("1234.5", "CHF", "CHF 1,234.5"),
        ("12.3450", "CHF", "CHF 12.345"),
        ("1.2300", "KWD", "KWD 1.230"),
        ("500", "JPY", "JPY 500"),
    ],
)
def test_people_read_no_zeros_behind_the_digits_of_a_currency(amount: str, currency: str, shown: str) -> None:
    assert str(Money.of(amount, currency)) == shown


def test_a_negative_zero_is_zero() -> None:
    assert str(decimal_of("-0.00")) == "0.00"
    assert str((-Money.of("0.00", "CHF")).amount) == "0.00"


@pytest.mark.parametrize(
    "value",
    [
        1.1,
        float("nan"),
        True,
        None,
        [],
        "",
        "1,000.00",
        "1e5",
        "NaN",
        "Infinity",
        "0x10",
        "1_000",
        "\u0661\u0662",
        "1" * 19,
        "--1",
        "1.",
        ".5",
    ],
)
def test_what_is_no_plain_decimal_is_refused(value: Any) -> None:
    with pytest.raises(MoneyError):
        decimal_of(value)


def test_two_currencies_are_never_added() -> None:
    with pytest.raises(MoneyError):
        Money.of("1.00", "CHF") + Money.of("1.00", "EUR")


@pytest.mark.parametrize("currency", ["", "chf", "CH", "CHFX", "ABC"])
def test_a_currency_that_is_not_in_the_standard_is_refused(currency: str) -> None:
    with pytest.raises(MoneyError):
        Money.of("1.00", currency)


@pytest.mark.parametrize(
    ("currency", "digits"), [("CHF", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3), ("IQD", 3), ("MGA", 2), ("ISK", 0), ("CLP", 0)]
)  # fmt: skip
def test_minor_units_are_those_of_the_standard_and_not_of_display_tables(currency: str, digits: int) -> None:
    assert minor_units(currency) == digits


@pytest.mark.parametrize(
    ("base", "quote", "value"),
    [("CHF", "CHF", "1"), ("CHF", "EUR", "0"), ("CHF", "EUR", "-1"), ("CHF", "XXY", "1")],
)
def test_a_rate_that_cannot_be_is_refused(base: str, quote: str, value: str) -> None:
    with pytest.raises(MoneyError):
        FxRate(base=base, quote=quote, value=Decimal(value))
