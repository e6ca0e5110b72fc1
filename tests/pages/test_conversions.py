"""The page "what did conversion cost us": a month, its pairs, twelve months, the export."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.test import Client

from sync.models import BookedConversion
from tenants.scoping import tenant_scope
from tests.pages.world import World

D = Decimal


@pytest.fixture
def address(world: World) -> str:
    rows = [  # value date, sold, amount, bought, amount, spot
        ("2026-03-04", "CHF", "1000.00", "EUR", "1055.30", "1.0569"),  # costs 1.51, see test_conversion_cost
        ("2026-03-20", "EUR", "1000.00", "CHF", "946.00", "0.9476"),  # costs 1.60
        ("2026-03-21", "CHF", "500.00", "USD", "560.00", None),
        ("2026-01-15", "EUR", "2000.00", "CHF", "1892.00", "0.9476"),  # costs 3.20
    ]
    with tenant_scope(world.tenant.pk):
        for number, (day, sold, amount_sold, bought, amount_bought, spot) in enumerate(rows):
            BookedConversion.objects.create(
                flow=world.flow, deal_id=str(number), value_date=date.fromisoformat(day), sold=sold, bought=bought,
                amount_sold=D(amount_sold), amount_bought=D(amount_bought), spot_rate=D(spot) if spot else None,
            )  # fmt: skip
    return f"/t/{world.tenant.public_id}/conversions/"


def test_the_newest_month_is_shown_with_its_totals_and_the_year(as_alice: Client, address: str) -> None:
    page = as_alice.get(address)
    found = page.context["found"]

    assert found.month == date(2026, 3, 1)
    assert [row.cost for row in found.rows] == [D("1.51"), D("1.60"), None]
    assert (found.total.cost, found.total.deals, found.total.unknown) == (D("3.11"), 3, 1)
    assert {(sold, bought): total.cost for sold, bought, total in found.pairs} == {
        ("CHF", "EUR"): D("1.51"), ("CHF", "USD"): D("0"), ("EUR", "CHF"): D("1.60"),
    }  # fmt: skip
    assert found.year.cost == D("6.31")  # 3.11 and 3.20
    assert [bar.amount for bar in found.chart.bars][-3:] == [D("3.20"), D("0"), D("3.11")]
    assert "not named by Amnis" in page.content.decode()


def test_another_month_is_one_click_away_and_an_odd_address_shows_the_newest(as_alice: Client, address: str) -> None:
    assert as_alice.get(f"{address}?month=2026-01").context["found"].total.cost == D("3.20")
    assert as_alice.get(f"{address}?month=2026-02").context["found"].rows == []
    for odd in ("2026-13", "x", "0000-01", "9999-12"):
        assert as_alice.get(f"{address}?month={odd}").status_code == 200


def test_the_export_has_the_month_or_everything(as_alice: Client, address: str) -> None:
    def table(query: str) -> list[dict[str, str]]:
        text = as_alice.get(f"{address}export.csv{query}").content.decode("utf-8-sig")
        return list(csv.DictReader(StringIO(text)))

    first, *_ = month = table("?month=2026-03")
    assert len(month) == 3
    assert (first["rate"], first["spot"], first["margin"], first["cost"], first["cost_currency"]) == (
        "1.055300", "1.0569", "0.1514", "1.51", "CHF",
    )  # fmt: skip
    assert (month[2]["spot"], month[2]["margin"], month[2]["cost"]) == ("", "", "")
    assert len(table("")) == 4
