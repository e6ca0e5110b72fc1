"""The pages of an undo and of a proposed change, on books that are really there: preview, one confirmation, result."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from tenants.models import Role
from tests.pages.world import make_person
from tests.pipeline.conftest import ORGANISATION, World
from tests.pipeline.test_undo import carry_out

D = Decimal
MARCH = date(2026, 3, 2)


@pytest.fixture
def bob(client: Client, world: World) -> Client:
    client.force_login(make_person("bob@muster.example", world.tenant, Role.BOOKKEEPER))
    return client


def address(world: World, name: str, *args: object) -> str:
    return reverse(f"dashboard:{name}", args=[world.tenant.public_id, *args])


def text(answer: object) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))  # type: ignore[attr-defined]


def test_a_bookkeeper_sees_what_would_leave_confirms_once_and_sees_it_gone(bob: Client, world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.amnis.pay_in(amount="7.00", payer="Zweite AG", executed_on=MARCH)
    world.settle()
    first, _second = world.entries()
    world.sandbox.xero.people(ORGANISATION).reconcile(first.destination_id or "")

    shown = text(bob.post(address(world, "undo-preview"), {"day": "2026-03-02"}))
    assert "What cannot be undone, and why" in shown
    assert "reconciled with a statement line in Xero" in shown
    assert "Remove 1 document from Xero" in shown
    assert len(world.books.bank_transactions()) == 2, "a preview changes nothing"

    asked = bob.post(address(world, "undo-confirm"), {"day": "2026-03-02", "reason": "typed twice"})
    waiting = text(bob.get(asked["Location"]))
    assert "Being removed from Xero" in waiting
    carry_out(world)
    live = bob.get(asked["Location"] + "live/")
    assert (live.status_code, "shows 1 document as deleted" in text(live)) == (286, True)
    assert [D(str(document["Total"])) for document in world.books.bank_transactions()] == [D("100.00")]

    record = world.records()[1].pk
    assert "Post again" in text(bob.get(address(world, "transactions-detail", record)))
    bob.post(address(world, "post-again", record))
    world.settle()
    assert world.books.balance("090") == D("107.00")


def test_an_edited_document_leaves_only_when_it_is_ticked(bob: Client, world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    (entry,) = world.entries()
    world.sandbox.xero.people(ORGANISATION).edit(
        entry.destination_id or "",
        LineItems=[{"Description": "Beispiel AG", "LineAmount": "120.00", "AccountCode": "200"}],
    )

    shown = text(bob.post(address(world, "undo-preview"), {"entry": entry.pk}))
    assert "Remove what is ticked from Xero" in shown
    asked = bob.post(address(world, "undo-confirm"), {"entry": entry.pk}, follow=True)
    assert "Nothing was undone" in text(asked)
    assert world.books.balance("090") == D("120.00")

    bob.post(address(world, "undo-confirm"), {"entry": entry.pk, "named": entry.pk})
    carry_out(world)
    assert world.books.balance("090") == 0


def test_a_change_at_amnis_is_shown_field_by_field_and_applied_or_kept(bob: Client, world: World) -> None:
    rows = [world.amnis.payout(amount="41.15", to=name, executed_on=MARCH) for name in ("Eins AG", "Zwei AG")]
    world.settle()
    for row in rows:
        world.amnis.change(row, amount="-45.15")
    world.settle()
    first, second = (record.pk for record in world.records())

    assert "Look at the change" in text(bob.get(address(world, "transactions-detail", first)))
    shown = text(bob.post(address(world, "proposal-preview", first)))
    assert "Amount 41.15 45.15" in shown
    assert "changed where it stands" in shown

    bob.post(address(world, "proposal-apply", first))
    bob.post(address(world, "proposal-keep", second))
    carry_out(world)

    assert sorted(D(str(document["Total"])) for document in world.books.bank_transactions()) == [D("41.15"), D("45.15")]
    assert world.states() == ["confirmed", "confirmed"]
