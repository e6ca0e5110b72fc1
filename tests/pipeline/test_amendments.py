"""A movement that changes after it was posted: proposed field by field, applied by a person, never by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sync import backfilling, proposals, services, undoing
from sync.models import Amendment, Event
from sync.proving import flow_prove
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import DEFAULTS, ORGANISATION, World
from tests.pipeline.test_undo import ALICE, amendments, carry_out, undo

D = Decimal
MARCH = date(2026, 3, 2)


def changed(world: World, **fields: Any) -> int:
    """A posted payment whose movement says something else by now; the entry's id."""
    row = world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    world.amnis.change(row, **fields)
    world.settle()
    return world.entries()[0].pk


def test_a_changed_amount_is_proposed_and_changes_the_same_document_once_a_person_applies_it(world: World) -> None:
    entry = changed(world, amount="-45.15")
    [before] = world.books.bank_transactions()
    assert (D(str(before["Total"])), world.states()) == (D("41.15"), ["review"])
    [proposal] = proposals.proposal_preview(tenant_id=world.tenant.pk, entry_id=entry)
    assert [tuple(field) for field in proposal.amendment.changed] == [
        ("total", "41.15", "45.15"), ("lines", "400 41.15 NONE", "400 45.15 NONE")
    ]  # fmt: skip
    bank, expense = (world.books.account(code)["AccountID"] for code in ("090", "400"))
    assert {(it.account_id, it.amount) for it in proposal.effects} == {(bank, D("-4.00")), (expense, D("4.00"))}

    assert proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=entry, actor=ALICE) is not None
    carry_out(world)

    [after] = world.books.bank_transactions()
    assert after["BankTransactionID"] == before["BankTransactionID"], "changed where it stands"
    assert (D(str(after["Total"])), after["Reference"]) == (D("45.15"), before["Reference"])
    assert world.states() == ["confirmed"]
    assert world.books.balance("090") == D("-45.15")
    assert flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)["balanced"]


def test_what_a_person_keeps_is_not_proposed_again_until_it_differs_anew(world: World) -> None:
    row = world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    world.amnis.change(row, amount="-45.15")
    world.settle()
    entry = world.entries()[0].pk

    assert proposals.proposal_keep(tenant_id=world.tenant.pk, entry_id=entry, actor=ALICE) == 1
    world.amnis.change(row, comment="a word more")
    world.settle()
    assert world.states() == ["confirmed"]

    world.amnis.change(row, amount="-46.15")
    world.settle()
    assert world.states() == ["review"]
    assert [D(str(document["Total"])) for document in world.books.bank_transactions()] == [D("41.15")]


def test_a_changed_beneficiary_without_a_contact_is_removed_and_posted_anew(world: World) -> None:
    row = world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    first = world.entries()[0]
    world.amnis.change_detail(
        row, beneficiary={"name": "Ganz Andere GmbH", "country": "CH"}, beneficiaryName="Ganz Andere GmbH"
    )
    world.settle()
    assert world.states() == ["review"]

    proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=first.pk, actor=ALICE)
    carry_out(world)
    world.settle()

    [document] = world.books.bank_transactions()
    assert document["Contact"]["Name"] == "Ganz Andere GmbH"
    assert document["BankTransactionID"] != first.destination_id
    assert world.states() == ["confirmed"]


@pytest.mark.parametrize("forbidden", ["locked", "reconciled"])
def test_a_change_in_a_closed_period_or_of_a_reconciled_document_is_refused_in_words(
    world: World, forbidden: str
) -> None:
    entry = changed(world, amount="-45.15")
    people = world.sandbox.xero.people(ORGANISATION)
    if forbidden == "locked":
        people.set_lock_dates(period=date(2026, 3, 31))
    else:
        people.reconcile(world.entries()[0].destination_id or "")

    assert proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=entry, actor=ALICE) is None

    [proposal] = proposals.proposal_preview(tenant_id=world.tenant.pk, entry_id=entry)
    assert proposal.problem is not None
    assert proposal.problem.code == {"locked": "period_locked", "reconciled": "reconciled_in_xero"}[forbidden]
    assert [D(str(document["Total"])) for document in world.books.bank_transactions()] == [D("41.15")]


def test_a_movement_that_is_withdrawn_can_be_taken_out_of_the_books_and_is_posted_once_it_takes_place(
    world: World,
) -> None:
    row = world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    world.amnis.change(row, executed=False)
    world.settle()

    proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=world.entries()[0].pk, actor=ALICE)
    carry_out(world)

    assert (world.books.bank_transactions(), world.states()) == ([], ["skipped"])
    assert balanced(world)

    world.amnis.change(row, executed=True)
    world.settle()

    assert (len(world.books.bank_transactions()), world.books.balance("090")) == (1, D("100.00"))
    assert balanced(world)


def test_a_lost_answer_to_a_change_is_settled_by_reading(world: World) -> None:
    entry = changed(world, amount="-45.15")
    proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=entry, actor=ALICE)
    world.sandbox.xero.forget_calls()
    world.sandbox.xero.faults.lose_answer(methods=frozenset({"POST"}))

    carry_out(world)

    assert [D(str(document["Total"])) for document in world.books.bank_transactions()] == [D("45.15")]
    assert world.books.calls()["POST /BankTransactions"] == 1


# ------------------------------------------------------------------------ suspense


def completed(world: World, row: int) -> None:
    """Somebody at Amnis names the category and marks the expense as complete."""
    category = {"id": 7, "name": "Reisekosten", "accountingAccountNumber": "493", "externalId": None}
    world.amnis.change(row, expenseCategory=category, expenseCompletedAt="2026-03-05T10:00:00+00:00")


def test_an_incomplete_card_payment_waits_in_suspense_and_is_recoded_where_it_stands(world: World) -> None:
    world.set_flow(policies={"card_incomplete": "suspense"})
    row = world.amnis.card(amount="86.40", merchant="RESTAURANT MUSTER", executed_on=MARCH)
    world.settle()
    [before] = world.books.bank_transactions()
    assert world.books.balance("880") == D("86.40")

    completed(world, row)
    world.settle()
    carry_out(world)

    [after] = world.books.bank_transactions()
    assert after["BankTransactionID"] == before["BankTransactionID"], "re-coded, not re-created"
    assert (world.books.balance("880"), world.books.balance("493")) == (D("0.00"), D("86.40"))
    assert world.books.balance("090") == D("-86.40")
    assert world.states() == ["confirmed"]
    [amendment] = amendments(world)
    assert (amendment.state, amendment.asked_by, amendment.deed) == ("done", "", "change")


@pytest.mark.parametrize("told", ["after both are posted", "while the purchase is held"])
def test_a_refund_leaves_suspense_with_its_purchase(world: World, told: str) -> None:
    """A refund is coded as its purchase: 86.40 on suspense and 86.40 back, then both on travel, and nothing left behind."""
    world.set_flow(policies={"card_incomplete": "suspense"})
    if told == "while the purchase is held":
        world.sandbox.xero.people(ORGANISATION).set_lock_dates(period=MARCH)
        world.set_flow(reference_read_at=None)
    row = world.amnis.card(amount="86.40", merchant="RESTAURANT MUSTER", executed_on=MARCH)
    world.amnis.card(amount="86.40", merchant="RESTAURANT MUSTER", refund=True, executed_on=date(2026, 3, 9))
    world.settle()
    posted = {line["AccountCode"] for it in world.books.bank_transactions() for line in it["LineItems"]}
    assert posted == ({"880"} if told == "after both are posted" else set()), "held, and its refund with it"

    completed(world, row)
    world.settle()
    carry_out(world)
    world.sandbox.xero.people(ORGANISATION).set_lock_dates()
    retry(world)
    carry_out(world)

    found = {(it["Type"], line["AccountCode"]) for it in world.books.bank_transactions() for line in it["LineItems"]}
    assert found == {("SPEND", "493"), ("RECEIVE", "493")}
    assert (world.books.balance("880"), world.books.balance("493")) == (D("0.00"), D("0.00"))
    assert world.states() == ["confirmed", "confirmed"]


def retry(world: World) -> None:
    waits = [entry.pk for entry in world.entries() if entry.state == "review"]
    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=waits, actor=ALICE)
    world.settle()


def test_a_reconciled_document_in_suspense_is_for_a_person(world: World) -> None:
    world.set_flow(policies={"card_incomplete": "suspense"})
    row = world.amnis.card(amount="86.40", merchant="RESTAURANT MUSTER", executed_on=MARCH)
    world.settle()
    world.sandbox.xero.people(ORGANISATION).reconcile(world.entries()[0].destination_id or "")

    completed(world, row)
    world.settle()
    carry_out(world)

    assert world.books.balance("880") == D("86.40")
    assert world.states() == ["review"]
    assert world.codes() == ["recode_refused"]
    assert "reconciled" in world.entries()[0].findings[0]["message"]

    world.sandbox.xero.people(ORGANISATION).unreconcile(world.entries()[0].destination_id or "")
    assert proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=world.entries()[0].pk, actor=ALICE)
    carry_out(world)
    assert (world.books.balance("880"), world.states()) == (D("0.00"), ["confirmed"])


def test_by_policy_an_incomplete_card_payment_is_posted_when_it_is_complete(world: World) -> None:
    world.set_flow(policies={"card_incomplete": "wait"})
    row = world.amnis.card(amount="86.40", merchant="RESTAURANT MUSTER", executed_on=MARCH)
    world.settle()
    assert [(record.state, record.reason) for record in world.records()] == [("skipped", "not complete at Amnis yet")]

    completed(world, row)
    world.settle()

    assert world.books.balance("493") == D("86.40")


def test_without_the_policy_an_incomplete_card_payment_is_posted_like_any_other(world: World) -> None:
    row = world.amnis.card(amount="86.40", merchant="RESTAURANT MUSTER", executed_on=MARCH)
    world.settle()
    [document] = world.books.bank_transactions()
    assert document["LineItems"][0]["AccountCode"] == "400"

    completed(world, row)
    world.settle()

    assert world.states() == ["review"], "what is posted is changed by a person, where no policy asks for more"
    with tenant_scope(world.tenant.pk):
        assert [it.state for it in Amendment.objects.all()] == ["proposed"]


def test_a_movement_cancelled_while_its_change_waits_is_proposed_for_removal_instead(world: World) -> None:
    """The amount of a movement that is no more would else be put right, and nobody told of its end."""
    row = world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    world.amnis.change(row, amount="90.00")
    world.settle()
    world.amnis.change(row, executed=False)
    world.settle()
    assert [(it.state, it.deed) for it in amendments(world)] == [("withdrawn", "change"), ("proposed", "void")]

    proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=world.entries()[0].pk, actor=ALICE)
    carry_out(world)
    assert world.books.bank_transactions() == []


def test_whoever_skips_the_question_leaves_the_document_as_it_is_and_can_still_undo_it(world: World) -> None:
    entry = changed(world, amount="-45.15")
    assert world.states() == ["review"]

    services.entry_skip(tenant_id=world.tenant.pk, entry_ids=[entry], actor=ALICE, reason="two francs of tip")
    world.settle()
    assert world.states() == ["confirmed"]
    assert [D(str(document["Total"])) for document in world.books.bank_transactions()] == [D("41.15")]

    undo(world, entry=entry)
    carry_out(world)
    assert world.books.bank_transactions() == []


def test_a_document_deleted_in_xero_can_be_left_out_and_the_proof_is_in_balance_again(world: World) -> None:
    """The proof's own advice: post it anew, or leave it out with a reason."""
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [entry] = world.entries()
    world.sandbox.xero.people(ORGANISATION).delete(entry.destination_id or "")
    world.set_flow(mirror_read_at=datetime.now(UTC) - timedelta(hours=2))
    world.sync()
    assert world.states() == ["review"]

    services.entry_skip(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor=ALICE, reason="belongs to another year")
    proof = flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)

    assert proof["balanced"], proof["missing"]
    assert [(item["state"], item["reason"]) for item in proof["held_items"]] == [("undone", "belongs to another year")]
    assert undoing.entry_post_again(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor=ALICE) == 1
    world.settle()
    assert world.states() == ["confirmed"]


def test_a_change_that_amnis_takes_back_leaves_nothing_to_decide(world: World) -> None:
    row = world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    world.amnis.change(row, executed=False)
    world.settle()
    assert world.codes() == ["source_withdrew"]

    world.amnis.change(row, executed=True)
    world.settle()

    assert world.states() == ["confirmed"]
    [entry] = world.entries()
    assert proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=entry.pk, actor=ALICE) is None
    assert len(world.books.bank_transactions()) == 1, "the document that is right stays"
    assert history(world)[-1] == ("review", "confirmed", "the source says again what is posted")


def test_what_somebody_deleted_while_the_change_waited_is_not_kept_as_posted(world: World) -> None:
    """The books were read before the person decides: no later look shows the deletion again."""
    changed(world, amount="-42.15")
    world.amnis.pay_in(amount="7.00", payer="Nachbar AG", executed_on=MARCH)
    world.settle()
    entry = world.entries()[0]
    world.sandbox.xero.people(ORGANISATION).delete(entry.destination_id or "")
    world.set_flow(mirror_read_at=world.sandbox.clock.now() - timedelta(minutes=56))
    world.sync()

    assert proposals.proposal_keep(tenant_id=world.tenant.pk, entry_id=entry.pk, actor=ALICE) == 0

    world.sync()
    assert "deleted_in_xero" in world.codes()
    undoing.entry_post_again(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor=ALICE)
    world.settle()
    assert sorted(Decimal(str(it["Total"])) for it in world.books.bank_transactions()) == [Decimal(7), Decimal("42.15")]


# ------------------------------------------------- deleted in Xero, and changed at Amnis: both stay told


def an_hour_later(world: World) -> None:
    world.set_flow(mirror_read_at=world.sandbox.clock.now() - timedelta(minutes=56))
    world.sync()


def balanced(world: World, *days: str) -> bool:
    since, until = (date.fromisoformat(day) for day in days) if days else (None, None)
    return bool(flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id, since=since, until=until)["balanced"])


def moved_to_april(world: World, row: int) -> None:
    world.amnis.change(row, executionDate="2026-04-01T10:00:00+00:00")
    world.settle()


@pytest.mark.parametrize("first", ["deleted", "changed", "asked"])
def test_what_is_deleted_in_xero_and_moved_by_amnis_is_told_as_both_and_can_be_posted_anew(
    world: World, first: str
) -> None:
    """Whatever is noticed first; `asked`: a person applies the change while nobody knows yet that the document is gone."""
    row = world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=date(2026, 3, 31))
    world.settle()
    [entry] = world.entries()
    delete = world.sandbox.xero.people(ORGANISATION).delete
    if first == "deleted":
        delete(entry.destination_id or "")
        an_hour_later(world)
        assert world.codes() == ["deleted_in_xero"]
        moved_to_april(world, row)
    else:
        moved_to_april(world, row)
        assert world.codes() == ["source_changed"]
        delete(entry.destination_id or "")
        if first == "asked":
            assert proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=entry.pk, actor=ALICE) is None
        else:
            an_hour_later(world)

    assert world.codes() == ["deleted_in_xero", "source_changed"]
    assert "date: 2026-03-31 → 2026-04-01" in world.entries()[0].findings[1]["message"]
    assert not balanced(world, "2026-04-01", "2026-04-30"), "it stands nowhere, and April is its month now"
    assert balanced(world, "2026-03-01", "2026-03-31")
    assert proposals.proposal_preview(tenant_id=world.tenant.pk, entry_id=entry.pk) == []

    assert undoing.entry_post_again(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor=ALICE) == 1
    world.settle()
    an_hour_later(world)

    [document] = world.books.bank_transactions()
    assert (document["DateString"][:10], D(str(document["Total"]))) == ("2026-04-01", D(100))
    assert world.states() == ["confirmed"]
    assert balanced(world)


def test_what_is_deleted_in_xero_and_changed_by_amnis_can_be_left_out(world: World) -> None:
    entry = changed(world, amount="-42.15")
    world.sandbox.xero.people(ORGANISATION).delete(world.entries()[0].destination_id or "")
    an_hour_later(world)
    assert world.codes() == ["deleted_in_xero", "source_changed"]

    services.entry_skip(tenant_id=world.tenant.pk, entry_ids=[entry], actor=ALICE, reason="another year's")
    an_hour_later(world)

    assert world.states() == ["undone"]
    assert world.books.bank_transactions() == []
    assert balanced(world)


def test_a_movement_that_amnis_withdraws_and_whose_document_somebody_deletes_is_left_out_and_comes_back(
    world: World,
) -> None:
    row = world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    world.amnis.change(row, executed=False)
    world.settle()
    world.sandbox.xero.people(ORGANISATION).delete(world.entries()[0].destination_id or "")
    an_hour_later(world)
    assert world.codes() == ["deleted_in_xero", "source_withdrew"]
    assert "leave it out" in world.entries()[0].findings[1]["message"]

    world.amnis.change(row, executed=True)
    world.settle()

    assert world.codes() == ["deleted_in_xero"], (
        "as Amnis says again what was posted, only the deletion is left to tell"
    )
    undoing.entry_post_again(tenant_id=world.tenant.pk, entry_ids=[world.entries()[0].pk], actor=ALICE)
    world.settle()
    assert world.books.balance("090") == D(100)


def history(world: World) -> list[tuple[str, str, str]]:
    """(from, to, why) of every move of the one entry."""
    with tenant_scope(world.tenant.pk):
        return [
            (it.from_state, it.to_state, str((it.note or {}).get("reason", "")))
            for it in Event.objects.filter(entry__isnull=False).order_by("id")
        ]


def corrected(world: World, amount: str) -> None:
    """The accountant types another amount into the one document, and Millrace looks again."""
    line = {"Description": "x", "Quantity": 1, "UnitAmount": D(amount), "AccountCode": "400", "TaxType": "NONE"}
    world.sandbox.xero.people(ORGANISATION).edit(str(world.entries()[0].destination_id), LineItems=[line])
    an_hour_later(world)
    world.settle()


@pytest.mark.parametrize("when", ["before the change", "asked", "kept", "kept at once"])
def test_a_document_corrected_by_hand_to_what_amnis_says_ends_the_review(world: World, when: str) -> None:
    row = world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    [entry] = world.entries()
    keep: dict[str, Any] = {"tenant_id": world.tenant.pk, "entry_id": entry.pk, "actor": ALICE}
    if when == "before the change":
        corrected(world, "45.15")
        assert world.codes() == ["read_back_differs"]
    world.amnis.change(row, amount="-45.15")
    world.settle()
    if when == "kept":
        assert proposals.proposal_keep(**keep) == 1
    if when in ("asked", "kept"):
        corrected(world, "45.15")
    if when == "kept at once":
        line = {"Description": "x", "Quantity": 1, "UnitAmount": D("45.15"), "AccountCode": "400", "TaxType": "NONE"}
        world.sandbox.xero.people(ORGANISATION).edit(str(entry.destination_id), LineItems=[line])
        flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)  # reads the books before the person answers
        proposals.proposal_keep(**keep)
        world.settle()
        an_hour_later(world)
        world.settle()

    assert (world.states(), world.codes()) == (["confirmed"], [])
    said = "corrected in Xero by hand: day and amount are as Amnis says now; how it is coded stays as it stands"
    assert history(world)[-1] == ("review", "confirmed", said)
    assert world.books.balance("090") == D("-45.15")
    assert flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)["balanced"]
    assert [it.state for it in amendments(world)] in ([], ["withdrawn"])
    world.sync()
    assert world.states() == ["confirmed"], "and it is not asked about again"


def test_a_document_that_is_put_back_as_it_was_posted_ends_the_review(world: World) -> None:
    world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    corrected(world, "43.00")
    assert world.codes() == ["read_back_differs"]
    corrected(world, "44.00")
    assert world.codes() == ["read_back_differs"]

    corrected(world, "41.15")

    assert (world.states(), world.codes()) == (["confirmed"], [])
    assert history(world)[-1] == ("review", "confirmed", "Xero shows again what was posted")
    assert flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)["balanced"]


def test_a_document_edited_to_a_third_amount_is_told_although_the_change_was_kept(world: World) -> None:
    row = world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    world.amnis.change(row, amount="-45.15")
    world.settle()
    corrected(world, "43.00")
    assert world.codes() == ["source_changed"], "the change still waits"

    proposals.proposal_keep(tenant_id=world.tenant.pk, entry_id=world.entries()[0].pk, actor=ALICE)
    world.settle()

    assert world.codes() == ["read_back_differs"], "43.00 is not what was posted"
    corrected(world, "41.15")
    assert (world.states(), world.books.balance("090")) == (["confirmed"], D("-41.15"))


# ------------------------------------------------------------------- our own settings

SKIP = {
    "name": "Bookkeeping elsewhere",
    "when": {"all": [{"field": "counterparty", "op": "contains", "value": "Lieferant"}]},
    "then": {"skip": True},
}


def first_day_moves(world: World) -> None:
    backfilling.cutoff_move(
        tenant_id=world.tenant.pk, flow_id=world.flow_id, cutoff=date(2026, 4, 1), actor="alice@muster.example"
    )


def as_amnis_says(world: World, row: int, **fields: Any) -> None:
    world.amnis.change(row, **fields)
    world.settle()


def test_our_own_settings_are_never_told_as_a_word_of_amnis_and_touch_nothing_posted(world: World) -> None:
    """Each setting holds for what is not posted yet: a word more at Amnis brings none of them into the books."""
    row = world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    deal = world.amnis.fx(sold=(1, "1000.00"), bought=(2, "1050.00"), value_on=MARCH, dealt_on=MARCH)
    transfer = world.amnis.own_transfer(amount="500.00", source=1, target=8, executed_on=MARCH)
    world.settle()
    rows = [row, *(int(one or 0) for one in (deal.paid, deal.received, transfer.paid))]
    books = [world.books.bank_transactions(), world.books.bank_transfers()]
    whose: dict[str, Any] = {"tenant_id": world.tenant.pk, "flow_id": world.flow_id, "actor": ALICE}

    settings: list[Callable[[], object]] = [
        lambda: world.set_flow(defaults={**DEFAULTS, "expense": "429", "fx_clearing": "820"}),
        lambda: services.rule_save(spec=SKIP, **whose),
        lambda: services.mapping_ignore(source_account_id="8", reason="old wallet", **whose),
        lambda: first_day_moves(world),
    ]
    for words, change in enumerate(settings):
        change()
        for one in rows:
            world.amnis.change(one, comment=f"{words} words more")
        world.settle()
        assert set(world.states()) == {"confirmed"}

    assert [world.books.bank_transactions(), world.books.bank_transfers()] == books
    assert amendments(world) == []


def test_of_a_changed_movement_only_what_amnis_changed_is_applied(world: World) -> None:
    """Posted with 41.15 on 400; the default is 429 by now. 45.15 is Amnis' word, 429 is not. Then Amnis takes it back."""
    row = world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    world.set_flow(defaults={**DEFAULTS, "expense": "429"})

    for amount in ("45.15", "41.15"):
        as_amnis_says(world, row, amount=f"-{amount}")
        [asked] = world.entries()
        assert "429" not in asked.findings[0]["message"]
        assert proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=asked.pk, actor=ALICE) is not None
        carry_out(world)
        [document] = world.books.bank_transactions()
        assert [(line["AccountCode"], D(str(line["LineAmount"]))) for line in document["LineItems"]] == [
            ("400", D(amount))
        ]
        assert (D(str(document["Total"])), world.states()) == (D(amount), ["confirmed"])


@pytest.mark.parametrize("setting", ["first day", "wallet"])
def test_what_a_setting_leaves_out_by_now_still_changes_with_amnis_and_is_withdrawn_by_amnis_alone(
    world: World, setting: str
) -> None:
    """Before the first day of today, or on a wallet that is left out, but in the books: its amount is Amnis' to change.
    Another beneficiary would have it posted anew, which the settings do not do; so nothing is offered that would lose it."""
    row = world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    whose: dict[str, Any] = {"tenant_id": world.tenant.pk, "flow_id": world.flow_id, "actor": ALICE}
    if setting == "wallet":
        services.mapping_ignore(source_account_id="1", reason="old wallet", **whose)
    else:
        first_day_moves(world)

    as_amnis_says(world, row, amount="-45.15")
    assert "is not mapped" not in world.entries()[0].findings[0]["message"]
    proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=world.entries()[0].pk, actor=ALICE)
    carry_out(world)
    assert (world.books.balance("090"), world.states()) == (D("-45.15"), ["confirmed"])

    world.amnis.change_detail(row, beneficiary={"name": "Neu GmbH", "country": "CH"}, beneficiaryName="Neu GmbH")
    world.settle()
    why = {"first day": "booked before the cut-off", "wallet": "its wallet is left out: old wallet"}[setting]
    assert f"not posted again: {why}" in world.entries()[0].findings[0]["message"]
    assert not proposals.proposal_preview(tenant_id=world.tenant.pk, entry_id=world.entries()[0].pk)

    as_amnis_says(world, row, executed=False)
    assert (world.codes(), world.books.balance("090")) == (["source_withdrew"], D("-45.15"))
    assert "not executed" in world.entries()[0].findings[0]["message"]


TO_SALES = {
    "name": "Transfers",
    "when": {"all": [{"field": "type", "op": "is", "value": "own_transfer"}]},
    "then": {"account": "200", "tax": "NONE"},
}


def test_of_a_wallet_that_is_mapped_anew_no_change_is_named_that_is_not_there(world: World) -> None:
    """41.15 stands on the account of before; nobody is asked, so the proof names the ways that there are, and they work."""
    whose: dict[str, Any] = {"tenant_id": world.tenant.pk, "flow_id": world.flow_id, "actor": ALICE}
    world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    services.mapping_ignore(source_account_id="8", reason="old wallet", **whose)
    services.mapping_set(source_account_id="1", destination_account_id=world.books.account("096")["AccountID"], **whose)
    world.settle()

    [told] = flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)["missing"]
    [entry] = world.entries()
    assert proposals.proposal_preview(tenant_id=world.tenant.pk, entry_id=entry.pk) == []
    assert "apply the change" not in told["action"]
    assert "undo the movement and post it again" in told["action"]

    undo(world, entry=entry.pk)
    carry_out(world)
    undoing.entry_post_again(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor=ALICE)
    world.settle()
    assert (world.books.balance("090"), world.books.balance("096")) == (D(0), D("-41.15"))


@pytest.mark.parametrize("setting", ["wallet", "wallet and rule", "other wallet and rule", "first day"])
def test_a_setting_that_leaves_out_one_side_of_a_posted_transfer_brings_the_other_side_nowhere(
    world: World, setting: str
) -> None:
    """500.00 went from one wallet to the other, and stands in Xero as one transfer: its receiving side is in the books."""
    whose: dict[str, Any] = {"tenant_id": world.tenant.pk, "flow_id": world.flow_id, "actor": ALICE}
    transfer = world.amnis.own_transfer(amount="500.00", source=1, target=8, executed_on=MARCH)
    if setting == "first day":
        world.amnis.change(int(transfer.received or 0), executionDate="2026-04-02T10:00:00+00:00")
    world.settle()
    if setting == "first day":
        first_day_moves(world)
    else:
        wallet = "8" if setting.startswith("other") else "1"
        services.mapping_ignore(source_account_id=wallet, reason="old wallet", **whose)
    if setting.endswith("rule"):
        services.rule_save(spec=TO_SALES, **whose)

    for row in (transfer.paid, transfer.received):
        as_amnis_says(world, int(row or 0), comment="one word")
        assert (world.states(), world.codes()) == (["confirmed"], [])

    assert (world.books.balance("090"), world.books.balance("096")) == (D("-500.00"), D("500.00"))
    assert (len(world.books.bank_transfers()), world.books.bank_transactions()) == (1, [])


def test_the_other_side_of_a_transfer_that_amnis_takes_back_is_not_posted_beside_it(world: World) -> None:
    """The wallet that paid is left out, and a rule says where transfers with it go; the transfer stands until it is undone."""
    whose: dict[str, Any] = {"tenant_id": world.tenant.pk, "flow_id": world.flow_id, "actor": ALICE}
    transfer = world.amnis.own_transfer(amount="500.00", source=1, target=8, executed_on=MARCH)
    world.settle()
    services.mapping_ignore(source_account_id="1", reason="old wallet", **whose)
    services.rule_save(spec=TO_SALES, **whose)

    as_amnis_says(world, int(transfer.paid or 0), executed=False)

    assert sorted(world.codes()) == ["other_half_held", "source_withdrew"]
    assert (world.books.balance("096"), world.books.bank_transactions()) == (D("500.00"), [])


def test_a_split_that_is_changed_after_posting_is_no_word_of_amnis(world: World) -> None:
    """100.00 was split 60 to 40, the rule says 30 to 70 by now, and Amnis says 200.00: 120.00 and 80.00."""
    whose: dict[str, Any] = {"tenant_id": world.tenant.pk, "flow_id": world.flow_id, "actor": ALICE}

    def split(first: str, second: str) -> dict[str, Any]:
        shares = [{"account": "400", "share": first, "tax": "NONE"}, {"account": "429", "share": second, "tax": "NONE"}]
        return {**SKIP, "name": "Split", "then": {"split": shares}}

    rule = services.rule_save(spec=split("60", "40"), **whose)
    row = world.amnis.payout(amount="100.00", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    services.rule_save(spec=split("30", "70"), key=str(rule.key), **whose)
    as_amnis_says(world, row, amount="-200.00")

    [asked] = world.entries()
    assert "→ 400 120.00 NONE, 429 80.00 NONE" in asked.findings[0]["message"]
    proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=asked.pk, actor=ALICE)
    carry_out(world)
    [document] = world.books.bank_transactions()
    assert [(line["AccountCode"], D(str(line["LineAmount"]))) for line in document["LineItems"]] == [
        ("400", D("120.00")), ("429", D("80.00"))
    ]  # fmt: skip
    assert (world.books.balance("090"), world.states()) == (D("-200.00"), ["confirmed"])
