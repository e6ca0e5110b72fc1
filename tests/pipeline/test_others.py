"""Somebody else books into a bank account: said before anything is posted there, and linked month by month."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from sync.models import AccountMapping
from sync.others import look
from sync.proving import flow_prove
from sync.statements import bank_account_of
from tenants.models import Role
from tenants.scoping import tenant_scope
from tests.pages.world import make_person
from tests.pipeline.conftest import World
from tests.pipeline.test_invoices import invoice, typed_payment
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


# ------------------------------------------------- entered after it was posted, weeks apart


def posted(world: World, *, to: str, text: str, day: date = date(2026, 3, 2)) -> int:
    """A payout of 100 that stands in the books; its record."""
    world.amnis.payout(amount="100.00", to=to, reference=text, executed_on=day)
    world.settle()
    [entry] = world.entries()
    assert (entry.state, world.books.balance("090")) == ("confirmed", Decimal("-100.00"))
    return entry.record_id


def unexpected(world: World, *, since: date | None = None, until: date | None = None) -> dict[str, Any]:
    [item] = flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id, since=since, until=until)["unexpected"]
    return dict(item)


@pytest.mark.parametrize(
    ("to", "text", "why"),
    [
        ("Anderer AG", "Rechnung A1", "It pays A1, and so does movement"),
        ("Beispiel AG", "Zahlung", "It has the amount and the contact of movement"),  # the bill's contact
    ],
)
def test_a_payment_typed_weeks_after_its_movement_was_posted_names_it_and_says_which_one_goes(
    world: World, as_bob: Client, to: str, text: str, why: str
) -> None:
    """Amnis paid 100 once, the books say 200 until the typed one is gone."""
    record = posted(world, to=to, text=text)
    typed_one = typed_payment(world, invoice(world, "A1", "100.00", kind="ACCPAY"), "100.00")

    item = unexpected(world)

    assert (item["document"], item["cause"], item["record"]) == (typed_one, "double", record)
    assert item["explanation"].startswith(why)
    assert "of 2 Mar 2026" in item["explanation"]
    assert item["action"].startswith("Delete this one in Xero: it is the twin of that movement")
    page = text_of(as_bob, world, "proof/")
    assert why in page
    assert f"/t/{world.tenant.public_id}/transactions/{record}/" in page

    people(world).delete(typed_one)
    assert flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)["balanced"]
    assert world.books.balance("090") == Decimal("-100.00")


def test_a_document_typed_with_the_reference_of_a_posted_movement_of_the_month_before_names_it(world: World) -> None:
    """The proof is of April alone, the movement was posted in March."""
    record = posted(world, to="Anderer AG", text="2026-000123-77", day=date(2026, 3, 25))
    typed(world, "SPEND", "100.00", day="2026-04-09", text="Bestellung 2026 000123 77")

    item = unexpected(world, since=date(2026, 4, 1), until=date(2026, 4, 30))

    assert (item["cause"], item["record"]) == ("double", record)
    assert "the reference of movement" in item["explanation"]


def test_of_one_that_is_reconciled_the_movements_own_document_is_to_go(world: World) -> None:
    record = posted(world, to="Beispiel AG", text="Zahlung")
    people(world).reconcile(typed(world, "SPEND", "100.00", day="2026-03-20"))

    item = unexpected(world)

    assert (item["cause"], item["record"]) == ("double", record)
    assert "keep this one" in item["action"]


@pytest.mark.parametrize(
    ("to", "day", "amount"),
    [
        ("Beispiel AG", "2026-03-25", "100.00"),  # more than three weeks later
        ("Anderer AG", "2026-03-20", "100.00"),  # of somebody else, and it says nothing
        ("Beispiel AG", "2026-03-20", "100.05"),
    ],
)
def test_a_document_that_is_other_money_names_no_movement(world: World, to: str, day: str, amount: str) -> None:
    posted(world, to=to, text="Zahlung")
    typed(world, "SPEND", amount, day=day)

    item = unexpected(world)

    assert (item["cause"], item["record"]) == ("hand", None)


def test_a_payment_of_another_suppliers_bill_of_the_same_number_repeats_nothing(world: World) -> None:
    """100.00 paid Beispiel's bill by Amnis; Exempla's bill of that number was paid by hand: neither goes."""
    world.set_flow(policies={"match_invoices": "auto"})
    invoice(world, "RG-2026-0017", "100.00", kind="ACCPAY", to="Beispiel AG")
    second = invoice(world, "RG-2026-0017", "100.00", kind="ACCPAY", to="Exempla GmbH")
    posted(world, to="Beispiel AG", text="RG-2026-0017")
    assert [it["Amount"] for it in world.books.payments()] == [Decimal("100.00")]
    typed_one = typed_payment(world, second, "100.00")

    item = unexpected(world)

    assert (item["document"], item["cause"], item["record"]) == (typed_one, "payment", None)
