"""Tax as the organisation has it: the rate of the supply's day, and what Xero computes compared with what we expect."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors import services as connector_services
from sandbox.xero.books import TAX_RATE
from sync import services
from sync.models import Flow
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import DEFAULTS, ORGANISATION, World

D = Decimal
MARCH = date(2026, 3, 2)


def taxed(world: World) -> None:
    world.set_flow(defaults={**world.flow().defaults, "tax_expense": "TAX001", "tax_income": "TAX003"})


def change_rate(world: World, tax_type: str, **fields: Any) -> None:
    """Somebody edits a tax rate in Xero."""
    books = world.sandbox.xero.books(ORGANISATION)
    books.save(TAX_RATE, books.small_list(TAX_RATE)[tax_type] | fields)


def read_chart(world: World) -> None:
    with tenant_scope(world.tenant.pk):
        destination = Flow.objects.select_related("destination__grant").get(pk=world.flow_id).destination
    assert destination is not None
    connector_services.refresh_reference(destination)


def test_expected_and_computed_tax_agree_on_every_kind_of_line(world: World) -> None:
    """8.1 % within 200.00 is 200 - 185.01 = 14.99; 2.6 % within 14.80 is 0.38, 8.1 % within 50.00 is 3.75."""
    taxed(world)
    world.amnis.payout(amount="200.00", to="Probst Logistik AG", executed_on=MARCH)
    vats = [("2.6", "14.80"), ("8.1", "50.00")]
    world.amnis.card(amount="70.00", merchant="RESTAURANT MUSTER", category="Bewirtung", vats=vats, executed_on=MARCH)

    world.settle()

    taxes = {d["Contact"]["Name"]: D(str(d["TotalTax"])) for d in world.books.bank_transactions()}
    assert taxes == {"Probst Logistik AG": D("14.99"), "RESTAURANT MUSTER": D("4.13")}
    lines = [line for entry in world.entries() for line in (entry.document or {})["lines"]]
    assert sorted(D(line["tax"]) for line in lines) == [D("0"), D("0.38"), D("3.75"), D("14.99")]
    assert all(entry.findings == [] or entry.state == "confirmed" for entry in world.entries())
    assert "tax_differs" not in [finding["code"] for entry in world.entries() for finding in entry.findings]


def test_captured_vat_that_no_tax_fits_is_accepted_as_booked_without_tax(world: World) -> None:
    """Swiss input tax is 8.1 or 2.6 % in 2026; 19 % is German, and the 20.00 that are left carry none either."""
    vats = [("19", "50.00")]
    world.amnis.card(amount="70.00", merchant="RESTAURANT MUSTER", category="Bewirtung", vats=vats, executed_on=MARCH)
    world.settle()
    [held] = world.entries()
    assert "50.00 is booked without tax, and no input tax is claimed" in held.findings[0]["message"]
    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[held.pk], actor="bob@muster.example")
    world.settle()

    [booked] = world.books.bank_transactions()
    lines = [(line["LineAmount"], line["TaxType"], line["TaxAmount"]) for line in booked["LineItems"]]
    assert lines == [(D("50.00"), "NONE", D("0.00")), (D("20.00"), "NONE", D("0.00"))]
    [said] = [it for it in world.entries()[0].decisions["decisions"] if it["field"] == "tax"]
    assert (said["value"], "without tax" in said["why"]) == ("NONE", True)


@pytest.mark.parametrize(("tax", "code"), [("", "default_missing"), ("TAX777", "tax_missing")])
def test_a_tax_that_nobody_chose_is_chosen_and_not_accepted(world: World, tax: str, code: str) -> None:
    world.set_flow(defaults={**DEFAULTS, "tax_expense": tax})
    world.amnis.payout(amount="10.00", to="Probst Logistik AG", executed_on=MARCH)
    world.settle()
    act: dict[str, Any] = {
        "tenant_id": world.tenant.pk,
        "entry_ids": [world.entries()[0].pk],
        "actor": "b@muster.example",
    }
    assert world.codes() == [code]
    with pytest.raises(services.NotPossible, match="the tax on expenses"):
        services.entry_accept(**act)

    world.set_flow(defaults={**DEFAULTS, "tax_expense": "NONE"})
    services.entry_retry(**act)
    world.settle()
    assert [d["LineItems"][0]["TaxType"] for d in world.books.bank_transactions()] == ["NONE"]


def test_a_percentage_that_changed_in_xero_is_said_on_the_entry(world: World) -> None:
    taxed(world)
    world.settle()  # the rates are known now, for an hour
    change_rate(world, "TAX001", EffectiveRate=8.5, DisplayTaxRate=8.5)
    world.amnis.payout(amount="200.00", to="Probst Logistik AG", executed_on=MARCH)

    world.settle()

    [entry] = world.entries()
    [finding] = [finding for finding in entry.findings if finding["code"] == "tax_differs"]
    # 200 - 200 / 1.085 = 200 - 184.33 = 15.67
    assert "15.67" in finding["message"]
    assert "14.99" in finding["message"]
    assert (entry.state, finding["severity"]) == ("review", "review")
    assert len(world.books.bank_transactions()) == 1, "it is told, not posted a second time"


def test_a_supply_of_2023_takes_the_organisations_rate_of_2023(world: World) -> None:
    taxed(world)
    change_rate(world, "TAX005", Status="ACTIVE")
    read_chart(world)
    world.set_flow(cutoff=date(2023, 1, 1))
    world.amnis.payout(amount="107.70", to="Alter Lieferant AG", executed_on=date(2023, 12, 31))
    world.amnis.payout(amount="108.10", to="Neuer Lieferant AG", executed_on=date(2024, 1, 1))

    world.settle()

    types = {d["Contact"]["Name"]: d["LineItems"][0]["TaxType"] for d in world.books.bank_transactions()}
    assert types == {"Alter Lieferant AG": "TAX005", "Neuer Lieferant AG": "TAX001"}


def test_a_supply_of_2023_waits_where_the_old_rate_is_archived(world: World) -> None:
    taxed(world)
    world.set_flow(cutoff=date(2023, 1, 1))
    world.amnis.payout(amount="107.70", to="Alter Lieferant AG", executed_on=date(2023, 12, 31))

    world.settle()

    assert world.books.bank_transactions() == []
    [entry] = world.entries()
    assert "7.7 %" in entry.findings[0]["message"]
    assert world.codes() == ["tax_of_other_days"]


def test_a_tax_that_an_accountant_chose_after_posting_is_theirs(world: World) -> None:
    taxed(world)
    world.amnis.payout(amount="200.00", to="Probst Logistik AG", executed_on=MARCH)
    world.settle()
    [document] = world.books.bank_transactions()
    [line] = document["LineItems"]
    world.sandbox.xero.people(ORGANISATION).edit(
        document["BankTransactionID"], LineItems=[{**line, "TaxType": "NONE", "TaxAmount": None}]
    )
    world.set_flow(mirror_read_at=world.sandbox.clock.now() - timedelta(minutes=56))

    world.settle()

    assert world.states() == ["confirmed"]
    assert world.codes() == []
