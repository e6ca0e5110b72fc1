"""What a person decided for a counterparty codes its movements, after rules and captures, before the defaults."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.test import Client

from connectors.selectors import chart
from sync import coding_memory, services
from sync.models import ContactLink, Rule
from tenants.models import AuditEvent, Role
from tenants.scoping import tenant_scope
from tests.pages.world import make_person
from tests.pipeline.conftest import World

D = Decimal
BOB = "bob@muster.example"


def pay(world: World, amount: str, day: int = 2) -> None:
    world.amnis.payout(amount=amount, to="Probst Logistik AG", executed_on=date(2026, 3, day))
    world.settle()


def link_of(world: World) -> ContactLink:
    with tenant_scope(world.tenant.pk):
        return ContactLink.objects.get(name="Probst Logistik AG")


def codes(world: World) -> list[str]:
    documents = sorted(world.books.bank_transactions(), key=lambda it: it["Total"])
    return [line["AccountCode"] for it in documents for line in it["LineItems"]]


def remember(world: World, account: str, tax: str = "", direction: str = "out") -> None:
    coding_memory.contact_code(
        tenant_id=world.tenant.pk, link_id=link_of(world).pk, direction=direction, account=account, tax=tax, actor=BOB
    )


def test_it_holds_from_then_on_in_its_direction_until_it_is_taken_back(world: World) -> None:
    pay(world, "10.00")
    remember(world, "429")
    pay(world, "11.00")
    world.amnis.pay_in(amount="12.00", payer="Probst Logistik AG", executed_on=date(2026, 3, 3))
    world.settle()
    coding_memory.contact_uncode(tenant_id=world.tenant.pk, link_id=link_of(world).pk, direction="out", actor=BOB)
    pay(world, "13.00")

    assert codes(world) == ["400", "429", "200", "400"], "the first stays, the pay-in is another direction"
    entry = next(it for it in world.entries() if it.amount == D("-11.00"))
    told = next(it for it in entry.decisions["decisions"] if it["field"] == "account")
    assert (told["by"], told["why"].split(",")[0]) == ("contact", f"{BOB} decided it for this counterparty")
    with tenant_scope(world.tenant.pk):
        acts = list(AuditEvent.objects.filter(action__startswith="contact.").values_list("action", "actor"))
    assert acts[-2:] == [("contact.code", BOB), ("contact.uncode", BOB)]


def test_a_rule_goes_first(world: World) -> None:
    pay(world, "10.00")
    remember(world, "429")
    when = {"all": [{"field": "counterparty", "op": "contains", "value": "Probst"}]}
    rule = {"name": "Freight", "when": when, "then": {"account": "404"}}
    services.rule_save(tenant_id=world.tenant.pk, flow_id=world.flow_id, actor=BOB, spec=rule)
    pay(world, "11.00")
    assert codes(world) == ["400", "404"]


def test_a_tax_that_the_account_does_not_allow_is_refused_with_those_that_it_does(world: World, client: Client) -> None:
    """OUTPUT of sales on an account of costs: the page says why not, and nothing is remembered."""
    pay(world, "10.00")
    with tenant_scope(world.tenant.pk):
        destination = world.flow().destination
        assert destination is not None
        wrong = next(it for it in chart(destination).tax_rates if it.applies_to and "EXPENSE" not in it.applies_to)
    with pytest.raises(services.NotPossible, match="does not allow tax"):
        remember(world, "429", wrong.tax_type)

    client.force_login(make_person(BOB, world.tenant, Role.BOOKKEEPER))
    page = f"/t/{world.tenant.public_id}/contacts/{link_of(world).pk}/"
    client.post(f"{page}code/", {"direction": "out", "account": "429", "tax": wrong.tax_type})
    assert link_of(world).coding == {}
    assert "Allowed there:" in client.get(page).content.decode()
    client.post(f"{page}code/", {"direction": "out", "account": "429"})
    assert "Take back" in client.get(page).content.decode()
    assert link_of(world).coding["out"]["account"] == "429"


def test_it_is_offered_beside_a_payment_and_not_beside_a_conversion(world: World, client: Client) -> None:
    """The account of a conversion is what the books need; nobody decides it for the counterparty."""
    pay(world, "10.00")
    day = date(2026, 3, 4)
    world.amnis.fx(sold=(2, "100.00"), bought=(1, "94.00"), dealt_on=day, value_on=day)
    world.settle()
    client.force_login(make_person(BOB, world.tenant, Role.BOOKKEEPER))
    offered = {}
    for record in world.records():
        page = client.get(f"/t/{world.tenant.public_id}/transactions/{record.pk}/").content.decode()
        offered[record.movement] = "for this counterparty from now on" in page
    assert offered == {"pay_out": True, "fx": False}


def test_a_rule_with_a_tax_that_its_account_does_not_allow_is_not_saved(world: World, client: Client) -> None:
    with tenant_scope(world.tenant.pk):
        destination = world.flow().destination
        assert destination is not None
        wrong = next(it for it in chart(destination).tax_rates if it.applies_to and "EXPENSE" not in it.applies_to)
    client.force_login(make_person(BOB, world.tenant, Role.OWNER))
    fields = {"name": "Rent", "g0-c0-field": "counterparty", "g0-c0-op": "contains", "g0-c0-value": "Immobilien"}
    answer = client.post(
        f"/t/{world.tenant.public_id}/rules/new/", {**fields, "account": "429", "tax": wrong.tax_type, "act": "save"}
    )
    assert answer.status_code == 422
    assert "does not allow tax" in answer.content.decode()
    with tenant_scope(world.tenant.pk):
        assert not Rule.objects.exists()
    right = client.post(f"/t/{world.tenant.public_id}/rules/new/", {**fields, "account": "429", "act": "save"})
    assert right.status_code == 302
