"""What a conversion cost against the spot rate: the sign, the currency, and what is not known."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sync.domain.conversion_cost import CostTotal, Deal, by_pair, total_cost

D = Decimal


def deal(sold: tuple[str, str], bought: tuple[str, str], spot: str | None, valued: str | None = None) -> Deal:
    return Deal(
        sold=sold[0],
        bought=bought[0],
        amount_sold=D(sold[1]),
        amount_bought=D(bought[1]),
        spot=None if spot is None else D(spot),
        bought_per_base=None if valued is None else D(valued),
    )


# CHF 1,000.00 for EUR 1,055.30 at a spot of 1.0569: 1,055.30 / 1.0569 = 998.49, so 1.51 less than was given.
FRANCS = deal(("CHF", "1000.00"), ("EUR", "1055.30"), "1.0569")
# EUR 1,000.00 for CHF 946.00 at a spot of 0.9476: 947.60 at spot, so 1.60 less.
EUROS = deal(("EUR", "1000.00"), ("CHF", "946.00"), "0.9476")
# EUR 1,000.00 for USD 1,080.00 at a spot of 1.0850: USD 5.00 less, at 1.1458 dollars a franc CHF 4.36.
DOLLARS = deal(("EUR", "1000.00"), ("USD", "1080.00"), "1.0850", "1.1458")


@pytest.mark.parametrize(
    ("it", "cost", "percent"),
    [
        (FRANCS, "1.51", "0.1514"),  # 1 - 1.0553 / 1.0569
        (EUROS, "1.60", "0.1688"),  # 1 - 0.946 / 0.9476
        (DOLLARS, "4.36", "0.4608"),  # 1 - 1.08 / 1.085
        (deal(("CHF", "1000.00"), ("EUR", "1058.00"), "1.0569"), "-1.04", "-0.1041"),  # better than spot: a gain
    ],
)
def test_a_worse_rate_than_spot_is_a_cost_in_base_currency(it: Deal, cost: str, percent: str) -> None:
    assert it.cost("CHF") == D(cost)
    assert it.percent is not None
    assert round(it.percent, 4) == D(percent)


def test_without_a_spot_rate_nothing_is_guessed() -> None:
    unsaid = deal(("CHF", "1000.00"), ("EUR", "1055.30"), None)

    assert (unsaid.cost("CHF"), unsaid.percent) == (None, None)
    assert deal(("EUR", "1000.00"), ("USD", "1080.00"), "1.0850").cost("CHF") is None, "not posted: no value in francs"
    assert total_cost([FRANCS, unsaid], base="CHF") == CostTotal(deals=2, cost=D("1.51"), unknown=1)


def test_totals_are_by_pair_and_direction() -> None:
    assert by_pair([EUROS, FRANCS, EUROS, DOLLARS], base="CHF") == {
        ("CHF", "EUR"): CostTotal(deals=1, cost=D("1.51"), unknown=0),
        ("EUR", "CHF"): CostTotal(deals=2, cost=D("3.20"), unknown=0),
        ("EUR", "USD"): CostTotal(deals=1, cost=D("4.36"), unknown=0),
    }
