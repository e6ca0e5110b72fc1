"""Somebody else books into a bank account: said before anything is posted there, and linked month by month."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.test import Client

from sync.models import AccountMapping
from sync.others import look
from sync.statements import bank_account_of
from tenants.models import Role
from tenants.scoping import tenant_scope
from tests.pages.world import make_person
from tests.pipeline.conftest import World
from tests.pipeline.test_linking import people, typed


@pytest.fixture
def as_bob(world: World, client: Client) -> Client:
    client.force_login(make_person("bob@muster.example", world.tenant, Role.BOOKKEEPER))
    return client


def text_of(client: Client, world: World, path: str) -> str:
    answer = client.get(f"/t/{world.tenant.public_id}/{path}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_fed_bank_account_is_said_to_be_one_before_anything_is_posted(world: World, as_bob: Client) -> None:
    today = date.today()  # noqa: DTZ011  (the page asks for the last five weeks)
    assert "was not looked at yet" in text_of(as_bob, world, "accounts/")
    for n in (2, 5, 9):
        people(world).reconcile(typed(world, "SPEND", f"1{n}.00", day=(today - timedelta(days=n)).isoformat()))

    look(tenant_id=world.tenant.pk, flow_id=world.flow_id, today=today)

    page = text_of(as_bob, world, "accounts/")
    assert page.count("Somebody else books into this bank account") == 1
    assert "3 documents on 3 days of the last five weeks are not from Millrace" in page
    assert "a bank feed or an import probably serves this account too" in page
    assert "was not looked at yet" not in page
    with tenant_scope(world.tenant.pk):
        assert bank_account_of(world.flow(), "1") is not None
        AccountMapping.objects.filter(source_account_id="1").delete()
    assert "Somebody else books into this bank account" in text_of(as_bob, world, "accounts/"), (
        "also where only proposed"
    )


def test_a_whole_month_of_typed_documents_is_linked_at_once_and_the_other_month_stays(
    world: World, as_bob: Client
) -> None:
    for day, amount in ((date(2026, 3, 2), "11.00"), (date(2026, 3, 9), "12.00"), (date(2026, 4, 1), "13.00")):
        typed(world, "RECEIVE", amount, day=day.isoformat())
        world.amnis.pay_in(amount=amount, payer="Beispiel AG", executed_on=day)
    world.settle()
    assert world.states() == ["review"] * 3

    page = text_of(as_bob, world, "proof/typed/")
    assert page.count("Link the whole month") == 2
    answer = as_bob.post(f"/t/{world.tenant.public_id}/proof/typed/link/", {"month": "2026-03"})

    assert answer.status_code == 302
    states = sorted((entry.booking_date, entry.state) for entry in world.entries() if entry.booking_date)
    assert [state for _, state in states] == ["duplicate", "duplicate", "review"]
    assert len(world.books.bank_transactions()) == 3, "nothing is posted beside them"


def test_payments_that_somebody_enters_on_invoices_are_seen_like_any_other_document(
    world: World, as_bob: Client
) -> None:
    today = date.today()  # noqa: DTZ011
    line = {"Description": "Ware", "Quantity": 1, "UnitAmount": 100, "AccountCode": "200", "TaxType": "NONE"}
    for n in (2, 5, 9):
        invoice = people(world).type_invoice(
            Type="ACCREC", Contact={"Name": "Beispiel AG"}, Date=(today - timedelta(days=20)).isoformat(),
            DueDate=today.isoformat(), LineItems=[line],
        )  # fmt: skip
        people(world).type_payment(
            Invoice={"InvoiceID": invoice["InvoiceID"]},
            Account={"AccountID": world.books.account("090")["AccountID"]},
            Date=(today - timedelta(days=n)).isoformat(),
            Amount=100,
        )

    look(tenant_id=world.tenant.pk, flow_id=world.flow_id, today=today)

    page = text_of(as_bob, world, "accounts/")
    assert page.count("Somebody else books into this bank account") == 1
    assert "3 documents on 3 days of the last five weeks are not from Millrace" in page
