"""Rows without a number, and rows that change their wallet: each movement stands in the books once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sync import proposals, services
from sync.models import Amendment
from sync.pipeline import fetch
from sync.pipeline.dryrun import dry_run
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World
from tests.pipeline.test_exactly_once import forget_everything_of_ours
from tests.pipeline.test_linking import BOB, link, proof

D = Decimal
MARCH = date(2026, 3, 2)
MADE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def unnumbered(world: World, *, updated: datetime = MADE, like: int | None = None) -> int:
    """A row without a number; `like`: one that says the same, down to its details. The sandbox's own number of it."""
    if like is not None:
        return world.amnis.raw({**world.amnis.row(like), "updatedAt": stamp(updated)})
    row = world.amnis.pay_in(amount="4.60", payer="Beispiel AG", executed_on=MARCH, created_at=MADE, updated_at=updated)
    world.amnis.change(row, id=None, updatedAt=stamp(updated))
    return row


def stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def accept_all(world: World) -> None:
    """Both really happened: the bookkeeper says so."""
    held = [entry.pk for entry in world.entries() if entry.state == "review"]
    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=held, actor=BOB)


def keys(world: World) -> list[str]:
    return sorted(record.payload["key"] for record in world.records())


def test_two_equal_rows_are_two_and_stay_two_when_they_are_read_again(world: World) -> None:
    unnumbered(world, like=unnumbered(world))
    world.settle()
    first = keys(world)
    assert len(first) == 2

    for _ in range(3):
        world.sync()

    assert keys(world) == first


def test_a_second_one_that_shows_up_in_a_later_reading_is_a_second_one(world: World) -> None:
    first = unnumbered(world)
    world.settle()

    unnumbered(world, like=first)
    world.settle()

    assert len(keys(world)) == 2
    assert not any(record.payload.get("doubt") for record in world.records())


def test_equal_rows_on_two_slices_of_one_reading_are_two_entries_and_the_second_is_asked_about(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One page a slice. The two equal rows stand at the ends of 60 others: never on one page."""
    monkeypatch.setattr(fetch, "PAGES", 1)
    first = unnumbered(world)
    for n in range(60):
        world.amnis.pay_in(amount=f"{n + 10}.00", payer="Andere AG", executed_on=MARCH)
    unnumbered(world, like=first)

    world.settle(seconds=20)

    twins = [record for record in world.records() if not record.source_id]
    assert len(twins) == 2
    assert sorted(record.payload.get("doubt", "") for record in twins) == ["", "shown_twice"]
    [asked] = [entry for entry in world.entries() if "equal_without_number" in {f["code"] for f in entry.findings}]
    assert asked.state == "review"
    assert "shown twice, or a second one" in " ".join(f["message"] for f in asked.findings)
    again = keys(world)
    world.sync()
    assert keys(world) == again


def test_a_row_that_amnis_touches_without_a_change_is_no_second_one(world: World) -> None:
    row = unnumbered(world)
    world.settle()

    world.amnis.change(row, updatedAt=stamp(MADE + timedelta(minutes=5)))
    world.settle()

    assert len(keys(world)) == 1
    world.sync()
    assert len(keys(world)) == 1


def test_what_cannot_be_told_waits_for_a_person_and_is_posted_when_one_says_so(world: World) -> None:
    """The reading begins at noon and cannot show the first row, of nine o'clock."""
    first = unnumbered(world)
    world.settle()
    assert world.books.balance("090") == D("4.60")
    world.set_flow(cursor={"since": stamp(MADE + timedelta(hours=3)), "page": 1, "high": None})

    unnumbered(world, like=first, updated=MADE + timedelta(hours=4))
    world.settle()

    assert world.books.balance("090") == D("4.60"), "not posted twice, and not dropped"
    [held] = [entry for entry in world.entries() if entry.state == "review"]
    assert "equal_without_number" in {finding["code"] for finding in held.findings}
    accept_all(world)
    world.settle()
    assert world.books.balance("090") == D("9.20")


@pytest.mark.parametrize(
    "changed",
    [{"amount": "5.60"}, {"executionDate": "2026-03-03T00:00:00+01:00"}, {"account": 8}],
    ids=["amount", "day", "wallet"],
)
def test_a_posted_row_whose_content_changes_is_asked_about_and_never_posted_beside_itself(
    world: World, changed: dict[str, Any]
) -> None:
    row = unnumbered(world)
    world.settle()

    world.amnis.change(row, **changed, updatedAt=stamp(MADE + timedelta(minutes=5)))
    if "account" in changed:
        world.amnis.change_detail(row, account=8)
    world.settle()

    assert [D(str(it["Total"])) for it in world.books.bank_transactions()] == [D("4.60")], "not posted twice"
    [held] = [entry for entry in world.entries() if entry.state == "review"]
    assert [finding["code"] for finding in held.findings] == ["under_another_number"]
    assert "another account, day or amount" in held.findings[0]["message"]
    accept_all(world)
    world.settle()
    assert len(world.books.bank_transactions()) == 2, "both, where a person says so"


def test_the_proof_knows_rows_without_a_number_also_when_they_were_touched(world: World) -> None:
    first = unnumbered(world)
    unnumbered(world, like=first)
    world.settle()
    world.amnis.change(first, updatedAt=stamp(MADE + timedelta(minutes=5)))
    world.settle()

    result = proof(world)

    assert result["accounts"][0]["source_sum"] == "9.20"
    assert "not fetched yet" not in {item["reason"] for item in result["held_items"]}


def test_a_preview_counts_equal_rows_like_the_run(world: World) -> None:
    unnumbered(world, like=unnumbered(world))

    told = dry_run(tenant_id=world.tenant.pk, flow_id=world.flow_id, actor=BOB)

    assert told["new"] == 2


# ------------------------------------------------------------- another wallet


def moved(world: World, row: int) -> None:
    world.amnis.change(row, account=8)
    world.amnis.change_detail(row, account=8)


def proposals_of(world: World) -> list[Any]:
    with tenant_scope(world.tenant.pk):
        return list(Amendment.objects.filter(state="proposed"))


def test_a_posted_row_whose_wallet_changes_is_one_movement_with_a_proposal(world: World) -> None:
    row = world.amnis.pay_in(amount="480.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()

    moved(world, row)
    world.settle()

    assert [D(str(it["Total"])) for it in world.books.bank_transactions()] == [D("480.00")], "not posted twice"
    [entry] = world.entries()
    assert [finding["code"] for finding in entry.findings] == ["source_changed"]
    [proposed] = proposals_of(world)
    assert "bank_account_id" in {field for field, _, _ in proposed.changed}
    shown = proof(world)
    assert [(it["source"], it["source_id"]) for it in shown["missing"]] == [("8", str(row))], (
        "it stands in the wrong one"
    )
    assert [(it["source"], it["cause"]) for it in shown["unexpected"]] == [("1", "elsewhere")], (
        "the other wallet's difference"
    )
    assert "stands on another bank account" in shown["missing"][0]["action"], "nobody removed it"


def test_the_applied_proposal_takes_it_to_the_other_bank_account(world: World) -> None:
    row = world.amnis.pay_in(amount="480.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    moved(world, row)
    world.settle()
    [entry] = world.entries()

    proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=entry.pk, actor=BOB)
    world.settle()

    assert world.books.balance("090") == 0
    assert world.books.balance("096") == D("480.00")
    assert proof(world)["balanced"]


def test_a_row_that_was_never_sent_is_posted_once_where_it_is_now(world: World) -> None:
    row = world.amnis.pay_in(amount="480.00", payer=None, executed_on=MARCH)
    world.settle()
    assert world.states() == ["review"]

    moved(world, row)
    world.amnis.change_detail(row, debtorName="Beispiel AG")
    world.settle()

    assert len(world.records()) == 1
    assert world.records()[0].account_id == "8"
    assert world.books.balance("090") == 0


def test_after_a_lost_database_a_moved_row_finds_its_document_by_what_it_says(committed_world: World) -> None:
    """Its key is that of the new account now, and so is its marker: the document with the old one is not posted beside."""
    world = committed_world
    row = world.amnis.pay_in(amount="480.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    moved(world, row)
    world.settle()
    [entry] = world.entries()
    proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=entry.pk, actor=BOB)
    world.settle()
    forget_everything_of_ours(world)
    world.settle()

    assert world.books.balance("096") == D("480.00")
    assert world.codes() == ["already_in_xero"]
    [again] = world.entries()
    assert "carries a marker of no movement known here" in str(again.findings)
    link(world, again)
    assert world.states() == ["duplicate"]
    assert proof(world)["balanced"] is True
