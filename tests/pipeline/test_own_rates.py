"""The tenant's own table of rates in the books: used, stamped, awaited, corrected."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from sync import proposals, rates, services
from sync.domain.rate_tables import Direction, Method, QuotedRate, RateFault
from sync.models import RateTable, RateTableRow
from tenants.models import AuditEvent
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World
from tests.pipeline.test_undo import carry_out

D = Decimal
MARCH, APRIL = (date(2026, 3, 1), date(2026, 3, 31)), (date(2026, 4, 1), date(2026, 4, 30))
DAY = date(2026, 3, 4)
EUR, USD = 2, 3
ACTOR = "alice@muster.example"


@pytest.fixture
def world(world: World) -> World:
    world.set_flow(policies={"rate": "table"})
    return world


def quoted(value: str, month: tuple[date, date] = MARCH, currency: str = "EUR", unit: int = 1) -> QuotedRate:
    """As the authority publishes it: CHF for `unit` foreign units."""
    return QuotedRate(
        currency=currency,
        value=D(value),
        unit=unit,
        direction=Direction.BASE_PER_FOREIGN,
        valid_from=month[0],
        valid_to=month[1],
    )


def take(world: World, *wanted: QuotedRate, method: Method = Method.MONTHLY, **options: Any) -> RateTable | None:
    return rates.rates_take(
        tenant_id=world.tenant.pk,
        flow_id=world.flow_id,
        actor=ACTOR,
        rates=wanted,
        method=method,
        source="Swiss Federal Tax Administration",
        **options,
    )


def preview(world: World, *wanted: QuotedRate) -> rates.RateChange:
    with tenant_scope(world.tenant.pk):
        return rates.rate_preview(flow=world.flow(), rates=wanted, method=Method.MONTHLY)


def test_a_foreign_payment_is_valued_at_the_rate_of_its_month_and_says_so(world: World) -> None:
    """1 / 0.9476 = 1.055298 EUR for a franc; EUR 1,000.00 / 1.055298 = CHF 947.60."""
    take(world, quoted("0.9476"), quoted("0.9300", APRIL))
    world.amnis.payout(amount="1000.00", to="Probst Logistik AG", account=EUR, executed_on=DAY)

    world.settle()

    [document] = world.books.bank_transactions()
    assert D(str(document["CurrencyRate"])) == D("1.055298")
    assert world.books.base_balance("EUR Amnis") == D("-947.60")
    [entry] = world.entries()
    assert entry.decisions["rate"] == {"value": "1.055298", "version": 1}
    assert entry.decisions["decisions"][-1] == {
        "field": "rate",
        "value": "1.055298",
        "by": "rate_table",
        "why": "Swiss Federal Tax Administration, 1 Mar 2026 to 31 Mar 2026, table version 1",
    }


def test_a_franc_payment_carries_no_rate(world: World) -> None:
    world.amnis.payout(amount="1000.00", to="Probst Logistik AG", executed_on=DAY)

    world.settle()

    assert world.states() == ["confirmed"]
    assert "rate" not in world.entries()[0].decisions


def test_a_missing_month_is_asked_for_in_words_and_adding_it_lets_everything_go_on(world: World) -> None:
    for amount in ("100.00", "200.00"):
        world.amnis.payout(amount=amount, to="Probst Logistik AG", account=EUR, executed_on=DAY)
    world.amnis.payout(amount="300.00", to="Probst Logistik AG", account=EUR, executed_on=date(2026, 4, 2))
    world.settle()
    assert world.books.bank_transactions() == []
    assert world.codes() == ["rate_missing"] * 3
    asked = {entry.findings[0]["message"].partition(" on the Rates page")[0] for entry in world.entries()}
    assert asked == {
        "Your rate table has no EUR rate for 4 Mar 2026. Add the one for March 2026",
        "Your rate table has no EUR rate for 2 Apr 2026. Add the one for April 2026",
    }
    assert preview(world, quoted("0.9476")).waiting == 2
    held = [entry.pk for entry in world.entries()]
    with pytest.raises(services.NotPossible, match="Your rate table has no EUR rate"):
        services.entry_accept(tenant_id=world.tenant.pk, entry_ids=held, actor=ACTOR)

    take(world, quoted("0.9476"))
    world.settle()

    assert sorted(D(str(d["Total"])) for d in world.books.bank_transactions()) == [D("100.00"), D("200.00")]
    assert world.codes() == ["rate_missing"], "April is still missing"


def test_a_day_that_moves_to_a_month_without_a_rate_waits_for_it_and_is_proposed_with_it(world: World) -> None:
    """EUR 1,000.00 at 0.9476 and at 0.9500 francs for a euro: the books keep foreign units for one franc."""
    take(world, quoted("0.9476"))
    row = world.amnis.payout(amount="1000.00", to="Probst Logistik AG", account=EUR, executed_on=DAY)
    world.settle()
    for change in (world.amnis.change, world.amnis.change_detail):
        change(row, executionDate="2026-04-02T10:00:00+02:00")
    world.settle()
    [entry] = world.entries()
    assert "could not be posted: Your rate table has no EUR rate for 2 Apr 2026" in entry.findings[0]["message"]
    assert proposals.proposal_preview(tenant_id=world.tenant.pk, entry_id=entry.pk) == []

    take(world, quoted("0.9500", APRIL))
    world.settle()
    proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=entry.pk, actor=ACTOR)
    carry_out(world)

    [document] = [it for it in world.books.bank_transactions() if it["Status"] == "AUTHORISED"]
    assert document["DateString"][:10] == "2026-04-02"
    assert D(str(document["CurrencyRate"])) == (1 / D("0.9500")).quantize(D("0.000001"))


def test_the_first_document_of_two_foreign_currencies_takes_the_tables_rate(world: World) -> None:
    """EUR 10,000.00 at 1.055298 is X = 9,476.00; USD 10,850.00 / 9,476.00 = 1.144998."""
    world.amnis.fx(sold=(EUR, "10000.00"), bought=(USD, "10850.00"), value_on=DAY)
    world.settle()
    assert world.codes() == ["rate_missing", "rate_missing"], "no half of the deal goes alone"

    take(world, quoted("0.9476"))
    world.settle()

    found = world.documents()
    assert D(str(found["EUR Amnis"]["CurrencyRate"])) == D("1.055298")
    assert D(str(found["USD Amnis"]["CurrencyRate"])) == D("1.144998")
    assert world.books.base_balance("850") == D("0.00")


def test_a_deal_against_the_base_currency_needs_no_table(world: World) -> None:
    world.amnis.fx(sold=(1, "5000.00"), bought=(EUR, "5270.00"), value_on=DAY)

    world.settle()

    assert world.states() == ["confirmed", "confirmed"]


def test_a_used_rate_is_never_rewritten_and_its_correction_lists_what_was_posted_with_it(world: World) -> None:
    take(world, quoted("0.9476"))
    world.amnis.payout(amount="1000.00", to="Probst Logistik AG", account=EUR, executed_on=DAY)
    world.settle()

    [correction] = preview(world, quoted("0.9500")).corrections
    assert (correction.before, correction.version, correction.posted) == (D("1.055298"), 1, 1)
    assert [entry.amount for entry in correction.entries] == [D("-1000.00")]
    take(world, quoted("0.9500"))
    world.amnis.payout(amount="50.00", to="Probst Logistik AG", account=EUR, executed_on=DAY)
    world.settle()

    used = {D(str(d["Total"])): D(str(d["CurrencyRate"])) for d in world.books.bank_transactions()}
    assert used == {D("1000.00"): D("1.055298"), D("50.00"): D("1.052632")}, "1 / 0.95 = 1.052632; the past stands"
    with tenant_scope(world.tenant.pk):
        assert list(RateTable.objects.order_by("version").values_list("version", flat=True)) == [1, 2]


def test_the_database_itself_keeps_a_rate_as_it_was(world: World) -> None:
    take(world, quoted("0.9476"))

    with tenant_scope(world.tenant.pk), pytest.raises(DatabaseError), transaction.atomic():
        RateTableRow.objects.update(per_base=D("1.1"))


def test_the_same_table_twice_changes_nothing(world: World) -> None:
    assert take(world, quoted("0.9476")) is not None

    assert take(world, quoted("0.9476")) is None
    assert preview(world, quoted("0.9476"), quoted("0.8800", currency="USD")).unchanged == 1


def test_a_rate_upside_down_is_refused_unless_it_is_confirmed(world: World) -> None:
    """EUR 5,270.00 for CHF 5,000.00 is 1.054 for a franc; 1.054 typed as francs for a EUR is 0.948767 for a franc."""
    world.amnis.fx(sold=(1, "5000.00"), bought=(EUR, "5270.00"), value_on=DAY)
    world.settle()

    with pytest.raises(RateFault, match=r"EUR: 0\.948767 .* upside down"):
        take(world, quoted("1.054"))

    assert take(world, quoted("1.054"), confirmed=True) is not None
    with tenant_scope(world.tenant.pk):
        event = AuditEvent.objects.filter(action="rates.add").get()
    assert event.actor == ACTOR
    assert "upside down" in event.reason


def test_a_change_of_method_within_a_tax_period_is_refused(world: World) -> None:
    take(world, quoted("0.9476"))

    with pytest.raises(RateFault, match="The tax period 2026 is kept by monthly average rates"):
        take(world, quoted("0.9480", APRIL), method=Method.DAILY)

    new_year = (date(2027, 1, 1), date(2027, 1, 1))
    assert take(world, quoted("0.9480", new_year), method=Method.DAILY) is not None


def test_the_last_exchange_is_named_where_it_gives_the_rate(world: World) -> None:
    world.set_flow(policies={"rate": "last_deal"})
    world.amnis.fx(sold=(1, "5000.00"), bought=(EUR, "5270.00"), value_on=DAY)
    world.settle()
    world.amnis.payout(amount="100.00", to="Probst Logistik AG", account=EUR, executed_on=date(2026, 3, 5))
    world.settle()

    payment = world.entries()[-1]
    assert payment.decisions["decisions"][-1]["why"] == "the exchange of 4 Mar 2026"
    assert payment.document is not None
    assert payment.document["rate"] == "1.054000"
