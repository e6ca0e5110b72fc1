"""Tax within gross lines as Xero computes it, and which Swiss rate was law on which day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.domain.tax_amounts import tax_within
from sync.domain.tax_law import percent_on

D = Decimal


@pytest.mark.parametrize(
    ("gross", "percent", "tax"),
    [
        ("108.10", "8.1", "8.10"),  # 100.00 net
        ("200.00", "8.1", "14.99"),  # 200 / 1.081 = 185.0139 -> 185.01
        ("14.80", "2.6", "0.38"),  # 14.80 / 1.026 = 14.4250 -> 14.42 (14.424951)
        ("50.00", "8.1", "3.75"),  # 50 / 1.081 = 46.2535 -> 46.25
        ("-200.00", "8.1", "-14.99"),
        ("99.99", "0", "0"),
        ("0.01", "8.1", "0.00"),
    ],
)
def test_the_tax_inside_a_gross_line(gross: str, percent: str, tax: str) -> None:
    assert tax_within(D(gross), D(percent)) == D(tax)


@given(cents=st.integers(min_value=-10_000_000, max_value=10_000_000), percent=st.sampled_from(["2.6", "3.8", "8.1"]))
def test_net_and_tax_add_up_and_a_refund_takes_the_same_tax_back(cents: int, percent: str) -> None:
    gross = D(cents) / 100

    tax = tax_within(gross, D(percent))

    assert tax == -tax_within(-gross, D(percent))
    assert abs((gross - tax) * (1 + D(percent) / 100) - gross) <= D("0.006")


@pytest.mark.parametrize(
    ("percent", "day", "law"),
    [
        ("8.1", date(2024, 1, 1), "8.1"),
        ("8.1", date(2023, 12, 31), "7.7"),
        ("2.6", date(2023, 6, 1), "2.5"),
        ("3.8", date(2023, 6, 1), "3.7"),
        ("7.7", date(2026, 3, 2), "8.1"),
        ("7.7", date(2023, 12, 31), "7.7"),
        ("0", date(2023, 12, 31), "0"),
        ("19", date(2023, 12, 31), "19"),
        ("8.1", date(2015, 1, 1), "7.7"),
    ],
)
def test_the_rate_of_a_day(percent: str, day: date, law: str) -> None:
    assert percent_on(D(percent), day) == D(law)
