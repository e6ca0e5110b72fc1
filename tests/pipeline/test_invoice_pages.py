"""From the review to the books: the proposal that a person sees, the click, and what the movement's page shows then."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tenants.models import Role
from tests.pages.world import make_person
from tests.pipeline.conftest import World
from tests.pipeline.test_invoices import MARCH, D, invoice, standing


@pytest.fixture
def bob(client: Client, world: World) -> Client:
    client.force_login(make_person("bob@muster.example", world.tenant, Role.BOOKKEEPER))
    return client


def address(world: World, name: str, *args: Any) -> str:
    return reverse(f"dashboard:{name}", args=[world.tenant.public_id, *args])


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_a_proposal_is_seen_beside_its_movement_and_one_click_pays_it(world: World, bob: Client) -> None:
    invoice(world, "RE-2026-7101", "1000.00")
    world.amnis.pay_in(amount="400.00", payer="Beispiel AG", reference="RE-2026-7101", executed_on=MARCH)
    world.settle()
    [record] = world.records()

    shown = bob.get(address(world, "review"))
    assert "Invoice found" in text_of(shown)
    assert "RE-2026-7101" in text_of(shown)
    assert "CHF 600.00 stays open" in text_of(shown)
    [key] = set(re.findall(r'name="key" value="([^"]+)"', shown.content.decode()))

    answer = bob.post(address(world, "invoice-choose", record.pk), {"key": key}, follow=True)
    assert "Chosen." in text_of(answer)
    world.settle()

    assert standing(world, "RE-2026-7101")["AmountDue"] == D("600.00")
    page = text_of(bob.get(address(world, "transactions-detail", record.pk)))
    assert "a customer pays" in page
    assert re.search(r"RE-2026-7101 Beispiel AG .{0,12}400\.00 .{0,12}600\.00", page), page[:3000]


def test_a_proposal_that_is_gone_changes_nothing(world: World, bob: Client) -> None:
    invoice(world, "RE-2026-7101", "400.00")
    world.amnis.pay_in(amount="400.00", payer="Beispiel AG", reference="RE-2026-7101", executed_on=MARCH)
    world.settle()
    [record] = world.records()
    answer = bob.post(address(world, "invoice-choose", record.pk), {"key": "some-other=1.00"}, follow=True)
    assert "This proposal is gone" in text_of(answer)
    assert world.states() == ["review"]


def test_all_that_is_sure_is_accepted_at_once(world: World, bob: Client) -> None:
    for n in range(3):
        invoice(world, f"RE-2026-71{n:02}", "50.00")
        world.amnis.pay_in(amount="50.00", payer="Beispiel AG", reference=f"RE-2026-71{n:02}", executed_on=MARCH)
    world.settle()
    shown = bob.get(address(world, "review")).content.decode()
    [group] = set(re.findall(r'name="group" value="([^"]+)"', shown))
    answer = bob.post(address(world, "invoices-choose"), {"group": group}, follow=True)
    assert "3 payments are on their way" in text_of(answer)
    world.settle()
    assert world.states() == ["confirmed"] * 3
    assert len(world.books.payments()) == 3


def test_what_strangers_write_into_a_number_is_only_text(world: World, bob: Client) -> None:
    invoice(world, "<script>alert(1)</script>", "77.00")
    world.amnis.pay_in(amount="77.00", payer="Beispiel AG", reference="Danke", executed_on=MARCH)
    world.settle()
    assert "<script>alert" not in bob.get(address(world, "review")).content.decode()
