"""What came back, on both pages: in words, with how sure it is, and with a choice where it is open."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse

from sync.models import EntryState, Record, ReturnLink
from tenants.scoping import tenant_scope
from tests.pages.world import World, add_movement


def address(world: World, record: Record, name: str = "detail") -> str:
    return reverse(f"dashboard:transactions-{name}", args=[world.tenant.public_id, record.pk])


def refund(world: World, *, state: str = EntryState.CONFIRMED, **link: object) -> tuple[Record, Record]:
    """A purchase and what gives CHF 20.00 of it back, with the link as given."""
    with tenant_scope(world.tenant.pk):
        paid = add_movement(world, "flight", movement="card", amount="-320.00", counterparty="Luftlinie Exempla")
        back = add_movement(
            world, "refund", state=state, movement="card_refund", amount="20.00", counterparty="Luftlinie Exempla"
        )
        ReturnLink.objects.create(flow=world.flow, record=back, currency="CHF", given="20.00", paid="320.00", **link)
    return paid, back


def test_both_pages_tell_what_came_back_of_what(as_alice: Client, world: World) -> None:
    with tenant_scope(world.tenant.pk):
        paid = add_movement(world, "flight", movement="card", amount="-320.00", counterparty="Luftlinie Exempla")
        back = add_movement(world, "refund", movement="card_refund", amount="20.00", counterparty="Luftlinie Exempla")
        ReturnLink.objects.create(
            flow=world.flow, record=back, origin=paid, how="part", certainty=75, currency="CHF", given="20.00",
            paid="320.00", rivals=[paid.pk],
        )  # fmt: skip

    refund_page = as_alice.get(address(world, back)).content.decode()
    purchase_page = as_alice.get(address(world, paid)).content.decode()

    assert "Gives back" in refund_page
    assert "75 of 100 sure" in refund_page
    assert address(world, paid) in refund_page
    assert "It is this one" not in refund_page, "what stands in the books is not chosen anew"
    assert "returned on" in purchase_page
    assert address(world, back) in purchase_page
    assert "300.00" in purchase_page, "what has not come back: 320 - 20"


def test_an_open_return_is_chosen_on_its_page(as_alice: Client, world: World) -> None:
    with tenant_scope(world.tenant.pk):
        paid = add_movement(world, "flight", movement="card", amount="-320.00", counterparty="Luftlinie Exempla")
    _, back = refund(world, state=EntryState.REVIEW, how="ambiguous", rivals=[paid.pk])
    assert "It is this one" in as_alice.get(address(world, back)).content.decode()

    answer = as_alice.post(address(world, back, "original"), {"origin": str(paid.pk)}, follow=True)

    assert "Chosen by a person" in answer.content.decode()
    with tenant_scope(world.tenant.pk):
        link = ReturnLink.objects.get(record=back)
        assert (link.origin_id, link.how, link.certainty) == (paid.pk, "person", 100)


def test_a_movement_of_another_kind_cannot_be_chosen(as_alice: Client, world: World) -> None:
    _, back = refund(world, state=EntryState.REVIEW, how="none")

    answer = as_alice.post(address(world, back, "original"), {"origin": str(world.records["income"].pk)}, follow=True)

    assert "cannot give that one back" in answer.content.decode()
