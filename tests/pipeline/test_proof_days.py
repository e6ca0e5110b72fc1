"""The proof where a document stands on another day than its movement, or does more than its movement: each is one pair, on
the document's day; nothing of ours is called a stranger's."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sync import linking, proof_reading, undoing
from sync.models import Entry
from sync.proving import flow_prove
from tests.pipeline.conftest import World
from tests.pipeline.test_linking import MARCH, an_hour_later, link, people, typed, typed_transfer
from tests.pipeline.test_undo import carry_out, undo

D = Decimal
LISTS = ("missing", "unexpected", "different", "unproved", "duplicated", "held_items")


def proof(world: World, since: str | None = None, until: str | None = None) -> dict[str, Any]:
    first, last = (None if day is None else date.fromisoformat(day) for day in (since, until))
    return flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id, since=first, until=last)


def sums(result: dict[str, Any], wallet: str = "1") -> tuple[str, str]:
    """What the source and the books say of one wallet."""
    [account] = [it for it in result["accounts"] if it["source"] == wallet]
    return account["source_sum"], account["xero_sum"]


def even(result: dict[str, Any]) -> bool:
    assert result["balanced"], result
    return not any(result[name] for name in LISTS)


def moved(result: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    return [(it["booking_date"], it["date"], it["amount"], it["counted"]) for it in result["moved_days"]]


def advice(result: dict[str, Any]) -> str:
    items = [it for name in (*LISTS, "moved_days") for it in result[name]]
    return " ".join(f"{it.get('explanation', '')} {it['action']}" for it in items if "action" in it)


# ------------------------------------------------------------- one pair, whatever its days


def test_a_document_before_the_cutoff_that_is_linked_to_a_movement_after_it_is_told_and_no_difference(
    world: World,
) -> None:
    typed(world, "RECEIVE", "100.00", day="2025-12-31")
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=date(2026, 1, 1))
    world.settle()
    assert link(world, *world.entries()).linked == 1
    world.settle()

    result = proof(world)

    assert even(result)
    assert sums(result) == ("0.00", "0.00"), "in Xero the 100.00 belong to the balance of 31.12.2025"
    assert moved(result) == [("2026-01-01", "2025-12-31", "100.00", False)]
    [item] = result["moved_days"]
    assert "outside the days of this proof" in item["explanation"]
    assert item["record"] == world.entries()[0].record_id


def test_linked_documents_over_a_month_end_count_in_the_month_in_which_they_stand(world: World) -> None:
    """100.00 moved in April and typed in March, 200.00 the other way round: March in Xero holds the 100.00."""
    typed(world, "RECEIVE", "100.00", day="2026-03-31")
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=date(2026, 4, 1))
    typed(world, "RECEIVE", "200.00", day="2026-04-02")
    world.amnis.pay_in(amount="200.00", payer="Beispiel AG", executed_on=date(2026, 3, 31))
    world.settle()
    assert link(world, *world.entries()).linked == 2
    world.settle()

    march, april, both = proof(world, "2026-03-01", "2026-03-31"), proof(world, "2026-04-01"), proof(world)

    assert even(march)
    assert even(april)
    assert even(both)
    assert (sums(march), sums(april), sums(both)) == (("100.00", "100.00"), ("200.00", "200.00"), ("300.00", "300.00"))
    assert sorted(moved(march)) == [
        ("2026-03-31", "2026-04-02", "200.00", False),
        ("2026-04-01", "2026-03-31", "100.00", True),
    ]
    assert sorted(moved(april)) == [
        ("2026-03-31", "2026-04-02", "200.00", True),
        ("2026-04-01", "2026-03-31", "100.00", False),
    ]


def test_a_transfer_typed_as_two_documents_of_which_one_stands_before_the_cutoff_is_in_balance(world: World) -> None:
    typed(world, "SPEND", "300.00", account="090", day="2026-01-01")
    into = typed(world, "RECEIVE", "300.00", account="096", day="2025-12-31")
    world.amnis.own_transfer(amount="300.00", source=1, target=8, executed_on=date(2026, 1, 1))
    world.settle()
    assert link(world, *world.entries()).linked == 1
    world.settle()

    result = proof(world)

    assert even(result)
    assert (sums(result), sums(result, "8")) == (("-300.00", "-300.00"), ("0.00", "0.00"))
    assert moved(result) == [("2026-01-01", "2025-12-31", "300.00", False)]
    people(world).delete(into)
    [item] = proof(world)["missing"]
    assert (item["source"], item["document"]) == ("8", into)
    assert item["action"].startswith("Somebody removed the document in Xero.")


def test_a_linked_document_that_somebody_dates_before_the_cutoff_is_told(world: World) -> None:
    document = typed(world, "RECEIVE", "100.00")
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    link(world, *world.entries())
    people(world).edit(document, Date="2025-11-30")

    result = proof(world)

    assert even(result)
    assert (sums(result), moved(result)) == (("0.00", "0.00"), [("2026-03-02", "2025-11-30", "100.00", False)])


def test_a_document_of_ours_that_somebody_moved_three_months_is_told_in_both_months(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=date(2026, 3, 31))
    world.settle()
    people(world).edit(world.books.bank_transactions()[0]["BankTransactionID"], Date="2026-06-30")

    march, june, both = proof(world, "2026-03-01", "2026-03-31"), proof(world, "2026-06-01", "2026-06-30"), proof(world)

    assert even(march)
    assert even(june)
    assert even(both)
    assert (sums(march), sums(june), sums(both)) == (("0.00", "0.00"), ("100.00", "100.00"), ("100.00", "100.00"))
    assert [it["counted"] for result in (march, june, both) for it in result["moved_days"]] == [False, True, True]
    assert all("Somebody gave the document another date" in it["explanation"] for it in both["moved_days"])
    assert "elete" not in advice(march) + advice(june)


def test_a_movement_that_amnis_moved_over_a_month_end_stays_where_its_document_stands(world: World) -> None:
    row = world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=date(2026, 3, 31))
    world.settle()
    world.amnis.change(row, executionDate="2026-04-01T10:00:00+00:00")
    world.settle()

    march, april, both = proof(world, "2026-03-01", "2026-03-31"), proof(world, "2026-04-01"), proof(world)

    assert even(march)
    assert even(april)
    assert even(both)
    assert (sums(march), sums(april)) == (("100.00", "100.00"), ("0.00", "0.00"))
    assert [moved(it) for it in (march, april, both)] == [
        [("2026-04-01", "2026-03-31", "100.00", True)],
        [("2026-04-01", "2026-03-31", "100.00", False)],
        [("2026-04-01", "2026-03-31", "100.00", True)],
    ]
    assert "Amnis moved the movement" in both["moved_days"][0]["explanation"]


def test_a_document_that_is_gone_is_still_missing(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    people(world).delete(world.books.bank_transactions()[0]["BankTransactionID"])

    result = proof(world, "2026-03-01", "2026-03-31")

    assert not result["balanced"]
    assert [it["action"][:39] for it in result["missing"]] == ["Somebody removed the document in Xero. "]


# ------------------------------------------------------------- settings, and cards that settle late


def test_what_was_posted_keeps_the_date_it_was_posted_under_when_the_setting_changes(world: World) -> None:
    """Booked by settlement: 50.00 on 02.01. and 60.00 on 02.03. By execution they would be of 30.12. and 27.02."""
    for amount, used, settled in (("50.00", date(2025, 12, 30), date(2026, 1, 2)), ("60.00", date(2026, 2, 27), MARCH)):
        world.amnis.card(amount=amount, merchant="HOTEL BEISPIEL", executed_on=used, settled_on=settled)
    world.settle()
    world.set_flow(policies={"card_date": "execution"})
    world.settle()

    february, march, both = proof(world, "2026-02-01", "2026-02-28"), proof(world, "2026-03-01"), proof(world)

    assert even(february)
    assert even(march)
    assert even(both)
    assert (sums(february), sums(march), sums(both)) == (("0.00", "0.00"), ("-60.00", "-60.00"), ("-110.00", "-110.00"))
    assert both["moved_days"] == [], "nobody moved them"


def test_a_card_that_settles_months_after_its_use_is_read_and_proved(world: World) -> None:
    for amount, used, settled in (
        ("10.00", date(2026, 1, 5), date(2026, 3, 20)),
        ("11.00", date(2025, 11, 1), date(2026, 1, 3)),
        ("12.00", date(2025, 6, 1), date(2026, 2, 3)),
    ):
        world.amnis.card(amount=amount, merchant=f"HOTEL NR{amount}", executed_on=used, settled_on=settled)
    world.settle()
    assert set(world.states()) == {"confirmed"}

    march, both = proof(world, "2026-03-01", "2026-03-31"), proof(world)

    assert even(march)
    assert even(both)
    assert (sums(march), sums(both)) == (("-10.00", "-10.00"), ("-33.00", "-33.00"))


def test_a_linked_movement_that_amnis_withdraws_is_named_for_its_document(world: World) -> None:
    typed(world, "RECEIVE", "100.00")
    row = world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    link(world, *world.entries())
    world.amnis.change(row, executed=False)

    result = proof(world)

    [item] = result["unexpected"]
    assert (item["cause"], item["record"]) == ("not_shown", world.entries()[0].record_id)
    assert "linked to movement" in item["explanation"]
    assert "elete" not in item["action"]
    assert not result["balanced"]


# ------------------------------------------------------------- documents that do more than their movement


def test_the_other_side_of_a_transfer_that_no_row_explains_is_listed(world: World) -> None:
    """Posted as one transfer 1 -> 8; then Amnis says that wallet 5, which is left out, received it."""
    both = world.amnis.own_transfer(amount="300.00", source=1, target=8, executed_on=MARCH)
    world.settle()
    assert both.received is not None
    world.amnis.change(both.received, account=5)
    world.amnis.change_detail(both.received, receiverAccount=5)
    world.settle()

    result = proof(world)

    [item] = [it for it in result["unexpected"] if it["source"] == "8"]
    assert item["amount"] == "300.00"
    assert item["record"] in {world.entries()[0].record_id, world.entries()[0].other_record_id}
    assert "elete" not in item["action"]
    assert not result["balanced"]


def test_a_transfer_between_two_wallets_cannot_stand_for_a_plain_payout(world: World) -> None:
    """It moves wallet 8 too: taken for the payout, 250.00 would stand on 096 that never moved there."""
    document = typed_transfer(world, "250.00")
    world.amnis.payout(amount="250.00", to="Probst Logistik AG", executed_on=MARCH)
    world.settle()
    [entry] = world.entries()
    assert (world.states(), world.codes(), linking.offered_to(entry)) == (["review"], ["already_in_xero"], document)
    assert "It moves another wallet as well" in entry.findings[0]["message"]

    done = link(world, entry)

    assert (done.linked, len(done.refused)) == (0, 1)
    assert "moves another wallet as well" in done.refused[0]
    assert len(world.books.bank_transactions()) == 0
    assert {it["source"] for it in proof(world)["unexpected"]} == {"1", "8"}


# ------------------------------------------------------------- what was a movement's own before


def undone(world: World) -> Entry:
    """A movement of 100.00 that was posted, copied with its reference by somebody, and taken out; the copy stands."""
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [document] = world.books.bank_transactions()
    typed(world, "RECEIVE", "100.00", text=document["Reference"])
    [entry] = world.entries()
    undo(world, entry=entry.pk)
    carry_out(world)
    assert world.states() == ["undone"]
    return world.entries()[0]


def test_a_copy_of_a_document_that_was_taken_out_is_told_and_can_be_linked(world: World) -> None:
    entry = undone(world)

    result = proof(world)

    assert (result["balanced"], sums(result)) == (False, ("100.00", "100.00"))
    [item] = result["unexpected"]
    assert (item["cause"], item["record"]) == ("own_twin", entry.record_id)
    assert item["explanation"].endswith("which was taken out of the books: somebody copied its document.")
    assert "post it again: this one is offered for the link then" in item["action"]
    undoing.entry_post_again(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor="bob@muster.example")
    world.settle()
    assert link(world, *world.entries()).linked == 1
    world.settle()
    assert even(proof(world))
    assert world.books.balance("090") == D(100)


def test_the_marker_of_an_earlier_posting_is_known(world: World) -> None:
    entry = undone(world)
    [copy] = world.books.bank_transactions()
    people(world).edit(copy["BankTransactionID"], Date="2026-06-30")  # too far away to be offered
    world.set_flow(mirror_read_at=None)
    undoing.entry_post_again(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor="bob@muster.example")
    world.settle()
    assert world.states() == ["confirmed"]

    [item] = proof(world)["unexpected"]

    assert (item["document"], item["cause"], item["record"]) == (copy["BankTransactionID"], "own_twin", entry.record_id)
    assert "was posted again under another marker" in item["explanation"]


def test_more_documents_dated_back_than_are_looked_up_singly_are_read_as_a_list(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as a sync has seen their new day; until then nobody says that they were removed."""
    monkeypatch.setattr(proof_reading, "MOST_LOOKED_UP", 1)
    for amount in ("1.00", "2.00", "3.00"):
        world.amnis.pay_in(amount=amount, payer="Beispiel AG", executed_on=date(2026, 1, 2))
    world.settle()
    for document in world.books.bank_transactions():
        people(world).edit(document["BankTransactionID"], Date="2025-12-30")

    told = [item["action"] for item in proof(world)["missing"]]
    assert [action.startswith("It was not looked up, because there are too many") for action in told] == [True, True]
    assert not any("Somebody removed the document" in action for action in told)

    an_hour_later(world)
    result = proof(world)
    assert even(result)
    assert (sums(result), len(result["moved_days"])) == (("0.00", "0.00"), 3)
