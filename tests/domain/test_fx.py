"""A conversion to the cent: the three worked deals of the accounting design, and every deal that Hypothesis can think of."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from sync.domain import fx

D = Decimal
CENT = D("0.01")
AMOUNTS = st.decimals(min_value=D("0.01"), max_value=D("9999999.99"), places=2)
RATES = st.decimals(min_value=D("0.100000"), max_value=D("200.000000"), places=6)


def test_francs_for_euros_close_with_eleven_cents_of_rounding() -> None:
    """CHF 250,000.00 -> EUR 263,811.37."""
    pair = fx.base_and_foreign(foreign=D("263811.37"), base=D("250000.00"))

    assert pair.first == fx.LegPlan(total=D("263811.37"), clearing=D("263811.37"), rate=D("1.055245"))
    assert pair.second == fx.LegPlan(total=D("250000.00"), clearing=D("250000.11"), rounding=D("-0.11"))
    assert pair.rest == 0


def test_euros_for_francs_close_with_one_cent_of_rounding() -> None:
    """EUR 1,042,233.10 -> CHF 987,654.32."""
    pair = fx.base_and_foreign(foreign=D("1042233.10"), base=D("987654.32"))

    assert (pair.first.rate, pair.first.clearing) == (D("1.055261"), D("1042233.10"))
    assert (pair.second.clearing, pair.second.rounding, pair.second.rate) == (D("987654.33"), D("-0.01"), None)


def test_euros_for_dollars_close_with_three_cents_of_rounding() -> None:
    """EUR 250,000.00 -> USD 271,433.21, the first document at the destination's own rate."""
    pair = fx.second_foreign(first=D("250000.00"), first_rate=D("1.055312"), second=D("271433.21"))

    assert fx.base_value(D("250000.00"), D("1.055312")) == D("236896.77")
    assert pair.first == fx.LegPlan(total=D("250000.00"), clearing=D("250000.00"))
    assert pair.second == fx.LegPlan(
        total=D("271433.21"), clearing=D("271433.24"), rounding=D("-0.03"), rate=D("1.145787")
    )
    assert pair.rest == 0


def test_an_even_deal_has_no_rounding_line() -> None:
    pair = fx.base_and_foreign(foreign=D("110.00"), base=D("100.00"))

    assert (pair.first.rate, pair.second.clearing, pair.second.rounding) == (D("1.100000"), D("100.00"), D(0))


def test_a_rate_is_foreign_units_for_one_base_unit_and_never_upside_down() -> None:
    assert fx.rate_for(D("17142.00"), D("100.00")) == D("171.420000")
    assert fx.base_value(D("17142.00"), D("171.42")) == D("100.00")


def test_where_cents_come_in_pairs_one_cent_stays_and_is_declared() -> None:
    """CHF 1,000,000.01 at half a dollar a franc: 500,000.00 is worth a cent less, 500,000.01 a cent more."""
    pair = fx.second_foreign(first=D("930000.01"), first_rate=D("0.930000"), second=D("500000.00"))

    assert (pair.second.rate, pair.second.clearing, pair.second.rounding) == (D("0.500000"), D("500000.00"), D(0))
    assert pair.rest == CENT


@given(foreign=AMOUNTS, base=AMOUNTS.filter(lambda amount: amount >= 1))
def test_any_deal_against_the_base_currency_leaves_nothing_on_clearing(foreign: Decimal, base: Decimal) -> None:
    if foreign / base < D("0.000001"):
        return
    pair = fx.base_and_foreign(foreign=foreign, base=base)

    assert pair.first.rate is not None
    assert fx.base_value(pair.first.clearing, pair.first.rate) == pair.second.clearing
    assert pair.first.clearing + pair.first.rounding == pair.first.total == foreign
    assert pair.second.clearing + pair.second.rounding == pair.second.total == base


@given(first=AMOUNTS.filter(lambda amount: amount >= 100), rate=RATES, ratio=RATES)
def test_any_deal_between_two_foreign_currencies_leaves_nothing_or_says_what(
    first: Decimal, rate: Decimal, ratio: Decimal
) -> None:
    second = (first * ratio).quantize(CENT)
    pair = fx.second_foreign(first=first, first_rate=rate, second=second)
    cleared, leg = fx.base_value(first, rate), pair.second

    assert leg.rate is not None
    assert leg.clearing + leg.rounding == second
    assert cleared - fx.base_value(leg.clearing, leg.rate) == pair.rest
    if leg.rate >= 1:
        assert pair.rest == 0, "a rate of at least one always has a cent that fits"
    else:  # a foreign cent is worth more than a base cent: half of one, and the rounding, is the nearest miss
        assert abs(pair.rest) <= CENT / 2 / leg.rate + CENT / 2


@given(
    first=AMOUNTS.filter(lambda amount: amount >= 100),
    rate=RATES,
    ratio=st.decimals(min_value=100, max_value=2000, places=6),
)
def test_whole_yen_close_every_deal_in_which_a_centime_is_worth_a_yen(
    first: Decimal, rate: Decimal, ratio: Decimal
) -> None:
    """Where the second rate is at least 100, one centime is worth a yen or more, so some whole yen fits."""
    second = (first * ratio).quantize(D(1))
    pair = fx.second_foreign(first=first, first_rate=rate, second=second, digits=0)

    assert pair.second.rate is not None
    if pair.second.rate >= 100:
        assert pair.rest == 0
        assert pair.second.clearing == pair.second.clearing.to_integral_value()
        assert pair.second.rounding == pair.second.rounding.to_integral_value()


def test_three_decimals_are_never_written_because_xero_keeps_two() -> None:
    """KWD has three digits; the clearing line still has two. EUR 1,000.00 at 1.05 is X = 952.38."""
    pair = fx.second_foreign(first=D("1000.00"), first_rate=D("1.050000"), second=D("333.33"), digits=3)

    assert (pair.second.clearing + pair.second.rounding, pair.second.clearing.as_tuple().exponent) == (D("333.33"), -2)


def test_a_deal_worth_less_than_half_a_centime_has_two_documents_worth_nothing() -> None:
    pair = fx.second_foreign(first=D("0.01"), first_rate=D("3.000000"), second=D("1.00"))

    assert fx.base_value(D("0.01"), D("3.000000")) == 0
    assert pair.second.rate is not None
    assert fx.base_value(pair.second.clearing, pair.second.rate) == pair.rest == 0
