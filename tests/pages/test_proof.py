"""The proof page: every kind of difference with its next step, for everybody; acts for those who may."""

from __future__ import annotations

from typing import Any

from django.test import Client

from sync.models import Proof, ProofCheck
from tenants.models import User
from tenants.scoping import tenant_scope
from tests.pages.world import World

FIGURES = {"source_sum": "1.00", "held": "0.00", "xero_sum": "2.00", "accepted": "0.00", "difference": "-1.00"}
ROW = {
    "source": "1",
    "source_id": "17",
    "booking_date": "2026-03-02",
    "amount": "1.00",
    "currency": "CHF",
    "record": None,
}
DOCUMENT = {
    **{
        "source": "1",
        "document": "d-7",
        "account_id": "bank",
        "type": "SPEND",
        "date": "2026-03-02",
        "amount": "-12.00",
    },
    **{"currency": "CHF", "reference": "<b>typed</b>", "marker": "", "action": "Accept it or delete it."},
}


def unbalanced() -> dict[str, Any]:
    return {
        "balanced": False,
        "accounts": [{"source": "1", "currency": "CHF", **FIGURES, "days": [{"date": "2026-03-02", **FIGURES}]}],
        "held_items": [{**ROW, "state": "fetched", "reason": "not fetched yet", "action": "Fill the gap."}],
        "missing": [{**ROW, "document": "d-1", "marker": "MR-1", "action": "Post it again."}],
        "duplicated": [{"marker": "MR-2", "documents": 2, "action": "Delete one."}],
        "different": [{**ROW, "document": "d-3", "xero_amount": "2.00", "action": "Compare."}],
        "unexpected": [{**DOCUMENT, "cause": "hand", "explanation": "Somebody entered it.", "record": None}],
        "accepted": [{**DOCUMENT, "document": "d-8", "reason": "opening balance", "accepted_by": "bob@muster.example"}],
    }


def page(client: Client, world: World, query: str = "") -> str:
    answer = client.get(f"/t/{world.tenant.public_id}/proof/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def keep(world: World) -> None:
    with tenant_scope(world.tenant.pk):
        Proof.objects.create(tenant_id=world.tenant.pk, flow=world.flow, balanced=False, result=unbalanced())


def test_each_difference_stands_there_with_its_next_step(as_alice: Client, world: World) -> None:
    keep(world)

    html = page(as_alice, world)

    for said in (
        "Fill the gap.",
        "Post it again.",
        "Delete one.",
        "Compare.",
        "Accept it or delete it.",
        "opening balance",
    ):
        assert said in html, said
    assert "&lt;b&gt;typed" in html
    assert "2 Mar 2026" in page(as_alice, world, "?account=1&month=2026-03"), "down to the day"
    assert "Compare." in page(as_alice, world, "?account=1")


def test_an_auditor_reads_and_accepts_nothing(client: Client, world: World, anna: User) -> None:
    keep(world)
    client.force_login(anna)

    html = page(client, world)

    assert "Somebody entered it." in html
    assert "Accept it</button>" not in html
    assert "Check now" not in html


def test_the_progress_can_be_left_and_found_again(as_alice: Client, world: World) -> None:
    with tenant_scope(world.tenant.pk):
        ProofCheck.objects.create(
            tenant_id=world.tenant.pk,
            flow=world.flow,
            state="running",
            trigger="person",
            step="source",
            done=40,
            total=160,
        )

    html = page(as_alice, world)

    assert "Reading Amnis afresh" in html
    assert "40 of 160" in html


def test_a_certificate_is_downloaded_and_recognised(as_alice: Client, world: World) -> None:
    keep(world)
    with tenant_scope(world.tenant.pk):
        number = Proof.objects.latest("id").pk
    root = f"/t/{world.tenant.public_id}/proof/"

    first, second = (as_alice.post(f"{root}{number}/certificate.pdf").content for _ in range(2))

    assert first == second
    assert first.startswith(b"%PDF")
    answer = as_alice.post(f"{root}verify/", {"sha256": "0" * 64}, follow=True)
    assert "none of our certificates" in answer.content.decode()


def test_a_proof_without_a_wallet_is_not_called_balanced(as_alice: Client, world: World) -> None:
    with tenant_scope(world.tenant.pk):
        Proof.objects.create(
            tenant_id=world.tenant.pk, flow=world.flow, balanced=True, result={"balanced": True, "accounts": []}
        )

    html = page(as_alice, world)

    assert html.count("Nothing was proved") == 3, "above, in the message, and among the earlier proofs"
    assert html.count(">Balanced<") == 1, "the earlier proof of the fixture"
    assert "Nothing was proved" in as_alice.get(f"/t/{world.tenant.public_id}/").content.decode()


def test_what_is_unproved_is_named_and_the_months_are_shown_by_year(as_alice: Client, world: World) -> None:
    days = [{"date": f"{year}-{month:02}-05", **FIGURES} for year in (2025, 2026, 2027) for month in (1, 2)]
    lost = {
        **ROW,
        "source": "4",
        "document": "d-9",
        "marker": "MR-9",
        "explanation": "It was posted.",
        "action": "Map it.",
    }
    result = {**unbalanced(), "unproved": [lost]}
    result["accounts"] = [{"source": "1", "currency": "CHF", **FIGURES, "days": days}]
    with tenant_scope(world.tenant.pk):
        Proof.objects.create(tenant_id=world.tenant.pk, flow=world.flow, balanced=False, result=result)

    newest, middle = page(as_alice, world), page(as_alice, world, "?year=2026")

    assert "Posted from a wallet that is not mapped any more" in newest
    assert "Map it." in newest
    assert [month in newest for month in ("2027-02", "2027-01", "2026-02", "2025-01")] == [True, True, False, False]
    assert [month in middle for month in ("2027-02", "2026-02", "2026-01", "2025-01")] == [False, True, True, False]
    assert "year=2025" in middle
    assert "year=2027" in middle
    assert "2027-02" in page(as_alice, world, "?year=rubbish")


def test_a_document_on_another_day_is_told_in_both_months_and_is_no_difference(as_alice: Client, world: World) -> None:
    moved = {**ROW, "document": "d-9", "type": "RECEIVE", "date": "2026-04-02", "marker": "MR-9", "counted": True}
    says = {"explanation": "Somebody gave the document another date.", "action": "Nothing, if that date is right."}
    even = {**FIGURES, "xero_sum": "1.00", "difference": "0.00"}
    accounts = [{"source": "1", "currency": "CHF", **even, "days": [{"date": "2026-04-02", **even}]}]
    result = {"balanced": True, "accounts": accounts, "moved_days": [{**moved, **says}]}
    with tenant_scope(world.tenant.pk):
        Proof.objects.create(tenant_id=world.tenant.pk, flow=world.flow, balanced=True, result=result)

    told = [page(as_alice, world, f"?account=1&month={month}") for month in ("2026-03", "2026-04", "2026-05")]

    assert ["Somebody gave the document another date." in text for text in told] == [True, True, False]
    assert "On another day in Xero, no difference" in told[0]
    assert "card--bad" not in told[0]
