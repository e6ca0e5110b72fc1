"""Someone already typed this: linked instead of created, counted by the proof, never shared by twins, taken back again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sandbox.xero import bank_transfers
from sandbox.xero.people import People
from sync import backfilling, linking, proofs, services
from sync.models import Entry, Flow
from sync.proving import flow_prove
from tenants.models import AuditEvent
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import ORGANISATION, World

D = Decimal
MARCH = date(2026, 3, 2)
BOB = "bob@muster.example"


def people(world: World) -> People:
    return world.sandbox.xero.people(ORGANISATION)


def typed(
    world: World, kind: str, amount: str, *, account: str = "090", day: str = "2026-03-02", text: str = ""
) -> str:
    """A document that somebody enters in Xero; its id."""
    line = {"Description": "typed", "Quantity": 1, "UnitAmount": D(amount), "AccountCode": "200", "TaxType": "NONE"}
    return str(
        people(world).type_bank_transaction(
            Type=kind,
            Contact={"Name": "Beispiel AG"},
            BankAccount={"AccountID": world.books.account(account)["AccountID"]},
            Date=day,
            Reference=text,
            LineItems=[line],
        )["BankTransactionID"]
    )


def typed_transfer(world: World, amount: str, *, sender: str = "090", receiver: str = "096") -> str:
    person = people(world)
    with person._books.store.transaction():
        answer = bank_transfers.create(
            person._call(),
            {
                "FromBankAccount": {"AccountID": world.books.account(sender)["AccountID"]},
                "ToBankAccount": {"AccountID": world.books.account(receiver)["AccountID"]},
                "Amount": D(amount),
                "Date": "2026-03-02",
            },
        )
    return str(answer.body["BankTransferID"])


def link(world: World, *entries: Entry, document: str = "") -> linking.Linked:
    return linking.entries_link(
        tenant_id=world.tenant.pk, entry_ids=[entry.pk for entry in entries], actor=BOB, document_id=document
    )


def proof(world: World) -> dict[str, Any]:
    return flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)


def test_the_proof_counts_a_linked_document_as_its_movements_own(world: World) -> None:
    document = typed(world, "RECEIVE", "100.00")
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    assert [item["document"] for item in proof(world)["unexpected"]] == [document]

    assert link(world, *world.entries()).linked == 1
    world.settle()

    [entry] = world.entries()
    assert (entry.state, entry.destination_id) == ("duplicate", document)
    assert len(world.books.bank_transactions()) == 1
    result = proof(world)
    assert result["balanced"], result
    assert result["unexpected"] == result["held_items"] == []
    assert result["accounts"][0]["ours"] == "100.00"
    with tenant_scope(world.tenant.pk):
        assert AuditEvent.objects.filter(action="entry.link", actor=BOB).count() == 1


def test_a_link_survives_an_edit_in_xero(world: World) -> None:
    document = typed(world, "RECEIVE", "100.00")
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    link(world, *world.entries())

    people(world).edit(document, Reference="Rechnung 17, von Hand")
    world.set_flow(mirror_read_at=None)
    world.settle()

    assert world.states() == ["duplicate"]
    assert len(world.books.bank_transactions()) == 1
    assert proof(world)["balanced"]


def test_a_link_taken_back_offers_the_document_again_and_posts_nothing_beside_it(world: World) -> None:
    typed(world, "RECEIVE", "100.00")
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    link(world, *world.entries())

    assert linking.entry_unlink(tenant_id=world.tenant.pk, entry_ids=[world.entries()[0].pk], actor=BOB) == 1
    world.settle()

    assert (world.states(), world.codes()) == (["review"], ["already_in_xero"])
    assert world.entries()[0].destination_id is None
    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[world.entries()[0].pk], actor=BOB)
    world.settle()
    assert world.books.balance("090") == D("200.00"), "somebody insists: it was another payment"


def test_twins_do_not_share_one_typed_document(world: World) -> None:
    """Two equal payments on one day, one of them typed by hand: one is linked, the other one posted."""
    typed(world, "RECEIVE", "100.00")
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()

    assert sorted(world.states()) == ["confirmed", "review"]
    held = next(entry for entry in world.entries() if entry.state == "review")
    assert link(world, held).linked == 1
    world.settle()

    assert sorted(world.states()) == ["confirmed", "duplicate"]
    assert world.books.balance("090") == D("200.00")
    assert proof(world)["balanced"]


def test_a_twin_that_comes_later_is_posted_once_the_first_one_is_linked(world: World) -> None:
    document = typed(world, "RECEIVE", "100.00")
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    first, second = world.entries()
    assert world.states() == ["review", "review"]

    assert link(world, first).linked == 1
    world.settle()

    assert world.states() == ["duplicate", "confirmed"]
    assert world.books.balance("090") == D("200.00")
    with pytest.raises(services.NotPossible):
        linking.entry_link(tenant_id=world.tenant.pk, entry_id=second.pk, actor=BOB, document_id=document)


def test_a_month_of_typed_rows_is_linked_at_once_and_a_misfit_is_left_out(world: World) -> None:
    for n in range(1, 8):
        typed(world, "SPEND", f"{n}0.00", day=f"2026-03-0{n}")
        world.amnis.payout(amount=f"{n}0.00", to="Probst Logistik AG", executed_on=date(2026, 3, n))
    world.settle()
    entries = world.entries()
    assert set(world.states()) == {"review"}
    people(world).delete(linking.offered_to(entries[0]))
    world.set_flow(mirror_read_at=None)
    world.amnis.pay_in(amount="1.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()

    done = link(world, *entries)

    assert (done.linked, done.refused) == (6, ["The document was deleted in Xero meanwhile."])
    world.settle()
    assert proof(world)["accounts"][0]["xero_sum"] == "-269.00", "1.00 in, 20 to 70 out: 1 - 270"


def test_a_transfer_typed_as_one_document_or_as_two_is_linked(world: World) -> None:
    whole = typed_transfer(world, "250.00")
    out = typed(world, "SPEND", "80.00")
    into = typed(world, "RECEIVE", "80.00", account="096")
    world.amnis.own_transfer(source=1, target=8, amount="250.00", executed_on=MARCH)
    world.amnis.own_transfer(source=1, target=8, amount="80.00", executed_on=MARCH)
    world.settle()
    entries = world.entries()
    assert [linking.offered_to(entry) for entry in entries] == [whole, f"{out}+{into}"]

    assert link(world, *entries).linked == 2
    world.settle()

    assert world.states() == ["duplicate", "duplicate"]
    result = proof(world)
    assert result["balanced"], result
    assert len(world.books.bank_transfers()) == 1


def test_one_side_of_a_transfer_cannot_stand_for_the_whole(world: World) -> None:
    typed(world, "SPEND", "80.00")
    world.amnis.own_transfer(source=1, target=8, amount="80.00", executed_on=MARCH)
    world.settle()

    done = link(world, *world.entries())

    assert done.linked == 0
    assert "another amount or stands on another account" in done.refused[0]


def test_both_legs_of_a_typed_conversion_are_linked(world: World) -> None:
    typed(world, "SPEND", "100.00")
    typed(world, "RECEIVE", "110.00", account="EUR Amnis")
    world.amnis.fx(sold=(1, "100.00"), bought=(2, "110.00"), value_on=MARCH)
    world.settle()
    assert set(world.states()) == {"review"}

    assert link(world, *world.entries()).linked == 2
    world.settle()

    assert world.states() == ["duplicate", "duplicate"]
    assert len(world.books.bank_transactions()) == 2
    assert proof(world)["balanced"]


def test_a_payment_typed_on_an_invoice_is_offered(world: World) -> None:
    """Somebody recorded the receipt on the invoice itself before the movement arrived here."""
    line = {"Description": "Ware", "Quantity": 1, "UnitAmount": 100, "AccountCode": "200", "TaxType": "NONE"}
    invoice = people(world).type_invoice(
        Type="ACCREC", Contact={"Name": "Beispiel AG"}, Date="2026-02-01", DueDate="2026-03-01", LineItems=[line]
    )
    paid = people(world).type_payment(
        Invoice={"InvoiceID": invoice["InvoiceID"]}, Account={"AccountID": world.books.account("090")["AccountID"]},
        Date="2026-03-02", Amount=D("100.00"),
    )  # fmt: skip
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [entry] = world.entries()
    assert linking.offered_to(entry) == paid["PaymentID"]

    assert link(world, entry).linked == 1

    assert proof(world)["balanced"]
    assert world.books.balance("090") == D("100.00")


@pytest.mark.parametrize("kind", ["card", "fee", "payout"])
def test_a_payment_typed_on_a_bill_is_offered_where_no_bills_are_read(world: World, kind: str) -> None:
    """Cards and fees pay no bill here, and nothing does where matching is off. The bank pays the 100.00 once all the same."""
    world.set_flow(policies={"match_invoices": "off"} if kind == "payout" else {})
    line = {"Description": "Ware", "Quantity": 1, "UnitAmount": 100, "AccountCode": "400", "TaxType": "NONE"}
    bill = people(world).type_invoice(
        Type="ACCPAY", InvoiceNumber="B-1", Contact={"Name": "Beispiel AG"}, Date="2026-02-01", DueDate="2026-03-01",
        LineItems=[line],
    )  # fmt: skip
    paid = people(world).type_payment(
        Invoice={"InvoiceID": bill["InvoiceID"]}, Account={"AccountID": world.books.account("090")["AccountID"]},
        Date="2026-03-02", Amount=D("100.00"),
    )  # fmt: skip
    if kind == "card":
        world.amnis.card(amount="100.00", merchant="Beispiel AG", executed_on=MARCH)
    elif kind == "fee":
        world.amnis.fee(amount="100.00", executed_on=MARCH)
    else:
        world.amnis.payout(amount="100.00", to="Beispiel AG", reference="B-1", executed_on=MARCH)
    world.settle()

    [entry] = world.entries()
    assert "GET /Invoices" not in world.books.calls()
    assert (entry.state, linking.offered_to(entry)) == ("review", paid["PaymentID"])
    assert world.books.balance("090") == D("-100.00")
    assert link(world, entry).linked == 1
    assert proof(world)["balanced"]


def test_what_was_left_out_by_hand_can_be_linked_later(world: World) -> None:
    world.amnis.pay_in(amount="75.50", payer=None, executed_on=MARCH)
    world.settle()
    [entry] = world.entries()
    services.entry_handled_by_hand(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor=BOB, reason="typed it")
    document = typed(world, "RECEIVE", "75.50")
    world.amnis.pay_in(amount="1.00", payer="Beispiel AG", executed_on=MARCH)
    world.set_flow(mirror_read_at=None)
    world.settle()
    assert not proof(world)["balanced"]

    assert link(world, entry, document=document).linked == 1

    assert proof(world)["balanced"]


def test_the_policy_says_how_far_apart_the_days_may_lie(world: World) -> None:
    world.set_flow(policies={"duplicate_days": "7"})
    typed(world, "RECEIVE", "100.00", day="2026-03-09")
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()

    assert world.codes() == ["already_in_xero"]
    with tenant_scope(world.tenant.pk):
        assert Flow.objects.get().policies == {"duplicate_days": "7"}


def test_a_purchase_typed_by_its_receipt_is_offered_when_it_settles_weeks_later(world: World) -> None:
    """Bought and typed on the 2nd of March, settled on the 30th. The same amount typed on the 12th is near neither day."""
    receipt = typed(world, "SPEND", "100.00", day="2026-03-02")
    typed(world, "SPEND", "100.00", day="2026-03-12")
    for _ in range(2):
        world.amnis.card(
            amount="100.00", merchant="HOTEL BEISPIEL", executed_on=date(2026, 3, 2), settled_on=date(2026, 3, 30)
        )

    world.settle()

    assert sorted(world.states()) == ["confirmed", "review"], "one document explains one of the two"
    [offered] = [entry for entry in world.entries() if entry.state == "review"]
    assert [it["detail"] for it in offered.findings if it["code"] == "already_in_xero"] == [receipt]
    assert world.books.balance("090") == D("-300.00"), "two typed by hand, one posted"


def linked_receipt(world: World) -> str:
    """A movement of 100.00 linked to a document that somebody typed; the document's id."""
    document = typed(world, "RECEIVE", "100.00", text="Rechnung 17")
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    assert link(world, *world.entries()).linked == 1
    world.settle()
    assert world.states() == ["duplicate"]
    return document


def an_hour_later(world: World) -> None:
    world.set_flow(mirror_read_at=world.sandbox.clock.now() - timedelta(minutes=56))
    world.sync()


@pytest.mark.parametrize(("act", "said"), [("delete", "deleted"), ("void", "voided")])
def test_a_linked_document_that_goes_is_noticed_within_the_hour_and_posted_only_when_asked(
    world: World, act: str, said: str
) -> None:
    document = linked_receipt(world)
    getattr(people(world), act)(document)

    an_hour_later(world)
    an_hour_later(world)

    assert (world.states(), world.codes()) == (["review"], ["link_deleted"])
    [entry] = world.entries()
    assert f"(CHF 100.00 on 2 Mar 2026, “Rechnung 17”) was {said} in Xero" in entry.findings[0]["message"]
    assert "Try again to have it posted, or leave it out" in entry.findings[0]["message"]
    assert (entry.destination_id, entry.lost_link) == (None, document)
    assert world.books.bank_transactions() == []
    [held] = proof(world)["held_items"]
    assert (held["amount"], held["action"]) == ("100.00", "Decide it in the review.")
    assert proof(world)["balanced"], "held on one side, gone on the other"

    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor=BOB)
    world.settle()
    assert world.states() == ["confirmed"]
    assert world.books.balance("090") == D("100.00")


def edited(world: World, document: str, amount: str) -> None:
    line = {"Description": "typed", "Quantity": 1, "UnitAmount": D(amount), "AccountCode": "200", "TaxType": "NONE"}
    people(world).edit(document, LineItems=[line])


def test_a_linked_document_that_changes_its_amount_asks_again_until_somebody_insists(world: World) -> None:
    document = linked_receipt(world)
    edited(world, document, "90.00")

    an_hour_later(world)

    assert (world.states(), world.codes()) == (["review"], ["link_changed"])
    message = world.entries()[0].findings[0]["message"]
    assert "this movement of CHF 100.00 reads CHF 90.00 on 2 Mar 2026, “Rechnung 17” in Xero now" in message
    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=[world.entries()[0].pk], actor=BOB)
    world.settle()
    assert (world.states(), world.codes()) == (["review"], ["link_changed"]), "trying again posts nothing beside it"
    assert world.books.balance("090") == D("90.00")

    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[world.entries()[0].pk], actor=BOB)
    world.settle()
    assert world.states() == ["confirmed"]
    assert world.books.balance("090") == D("190.00"), "somebody insists: it was another payment"


def test_a_changed_link_that_is_put_right_is_offered_and_linked_once_more(world: World) -> None:
    document = linked_receipt(world)
    edited(world, document, "90.00")
    an_hour_later(world)
    edited(world, document, "100.00")

    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=[world.entries()[0].pk], actor=BOB)
    world.set_flow(mirror_read_at=None)
    world.settle()
    assert (world.states(), world.codes()) == (["review"], ["already_in_xero"])
    assert link(world, *world.entries()).linked == 1
    world.settle()

    [entry] = world.entries()
    assert (entry.state, entry.destination_id, entry.lost_link) == ("duplicate", document, "")
    assert proof(world)["balanced"]
    assert len(world.books.bank_transactions()) == 1


def test_one_of_two_documents_that_were_linked_to_a_transfer_goes(world: World) -> None:
    out = typed(world, "SPEND", "80.00")
    into = typed(world, "RECEIVE", "80.00", account="096")
    world.amnis.own_transfer(source=1, target=8, amount="80.00", executed_on=MARCH)
    world.settle()
    assert link(world, *world.entries()).linked == 1
    people(world).delete(into)

    an_hour_later(world)

    assert (world.states(), world.codes()) == (["review"], ["link_deleted"])
    assert "One of the two documents" in world.entries()[0].findings[0]["message"]
    assert world.entries()[0].lost_link == f"{out}+{into}"
    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=[world.entries()[0].pk], actor=BOB)
    world.settle()
    assert (world.states(), world.codes()) == (["review"], ["already_in_xero"]), "one side stands: nothing is doubled"
    assert len(world.books.bank_transactions()) == 1
    assert world.books.bank_transfers() == []


def test_a_lost_link_is_not_posted_because_amnis_says_a_word_more(world: World) -> None:
    document = linked_receipt(world)
    people(world).delete(document)
    an_hour_later(world)

    [row] = world.amnis.rows()
    world.amnis.change(row["id"], comment="one word more")
    world.settle()

    assert world.states() == ["review"]
    assert "put_aside_changed" in world.codes()
    assert world.books.bank_transactions() == []


# ------------------------------------------------------------- the source says something else of a linked movement


def test_a_linked_movement_whose_amount_amnis_changes_is_for_a_person_and_can_be_linked_once_more(world: World) -> None:
    document = linked_receipt(world)
    [row] = world.amnis.rows()

    world.amnis.change(row["id"], amount="120.00")
    world.settle()

    assert (world.states(), world.codes()) == (["review"], ["put_aside_changed", "link_changed"])
    [entry] = world.entries()
    assert "CHF 100.00 → CHF 120.00" in entry.findings[0]["message"]
    assert (entry.destination_id, entry.lost_link) == (None, document)
    assert world.books.balance("090") == D("100.00"), "nothing is posted beside it"
    edited(world, document, "120.00")
    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor=BOB)
    world.set_flow(mirror_read_at=None)
    world.settle()
    assert link(world, *world.entries()).linked == 1
    world.settle()
    assert (world.states(), world.books.balance("090")) == (["duplicate"], D("120.00"))
    assert proof(world)["balanced"]


def test_a_link_holds_where_amnis_says_the_same_money_in_other_words(world: World) -> None:
    document = linked_receipt(world)
    [row] = world.amnis.rows()

    world.amnis.change(row["id"], comment="one word more")
    world.settle()

    assert [(entry.state, entry.destination_id) for entry in world.entries()] == [("duplicate", document)]
    assert proof(world)["balanced"]


def test_a_link_holds_whatever_becomes_of_our_own_settings(world: World) -> None:
    """The first day moves on, the wallet is left out, a purchase waits until it is complete: Amnis says none of it. What
    Amnis does say, another amount, is told as ever."""
    document = typed(world, "SPEND", "900.00")
    row = world.amnis.card(amount="900.00", merchant="Beispiel AG", executed_on=MARCH)
    world.settle()
    link(world, *world.entries())
    whose: dict[str, Any] = {"tenant_id": world.tenant.pk, "flow_id": world.flow_id, "actor": BOB}

    settings: list[Callable[[], object]] = [
        lambda: world.set_flow(policies={"card_incomplete": "wait"}),
        lambda: backfilling.cutoff_move(cutoff=date(2026, 4, 1), **whose),
        lambda: services.mapping_ignore(source_account_id="1", reason="old wallet", **whose),
    ]
    for words, change in enumerate(settings):
        change()
        world.amnis.change(row, comment=f"{words} words more")
        world.settle()
        assert [(entry.state, entry.destination_id) for entry in world.entries()] == [("duplicate", document)]

    world.amnis.change(row, amount="-907.00")
    world.settle()
    assert world.states() == ["review"]
    assert "CHF -900.00 → CHF -907.00" in world.entries()[0].findings[0]["message"]
    assert world.books.balance("090") == D("-900.00")


def test_a_linked_movement_that_amnis_withdraws_is_for_a_person_until_it_is_left_out(world: World) -> None:
    document = linked_receipt(world)
    [row] = world.amnis.rows()

    world.amnis.change(row["id"], executed=False)
    world.settle()

    assert (world.states(), world.codes()) == (["review"], ["source_withdrew"])
    assert "Delete it there if it was meant to be this movement" in world.entries()[0].findings[0]["message"]
    world.amnis.change(row["id"] or 0, comment="still not executed")
    world.settle()
    assert world.codes() == ["source_withdrew"], "one word more does not take the question away"
    [item] = proof(world)["unexpected"]
    assert (item["document"], item["record"]) == (document, world.records()[0].pk)
    people(world).delete(document)
    services.entry_skip(tenant_id=world.tenant.pk, entry_ids=[world.entries()[0].pk], actor=BOB, reason="not executed")
    world.settle()
    assert (world.states(), world.books.bank_transactions()) == (["skipped"], [])
    assert proof(world)["balanced"]


def test_a_linked_transfer_of_which_amnis_withdraws_one_half_is_for_a_person(world: World) -> None:
    document = typed_transfer(world, "250.00")
    halves = world.amnis.own_transfer(amount="250.00", source=1, target=8, executed_on=MARCH)
    world.settle()
    link(world, *world.entries())
    world.settle()

    world.amnis.change(halves.received or 0, executed=False)
    world.settle()

    [entry] = world.entries()
    assert (entry.state, entry.lost_link) == ("review", document)
    assert "only one half of the transfer is left" in entry.findings[0]["message"]
    assert world.books.balance("090") == D("-250.00"), "nothing is posted beside it"


def test_the_linked_half_of_a_conversion_whose_amount_amnis_changes_is_for_a_person(world: World) -> None:
    line = {"Description": "typed", "Quantity": 1, "UnitAmount": D("100.00"), "AccountCode": "850", "TaxType": "NONE"}
    bank = {"AccountID": world.books.account("090")["AccountID"]}
    contact = {"Name": "Amnis"}
    people(world).type_bank_transaction(
        Type="SPEND", Contact=contact, BankAccount=bank, Date="2026-03-02", LineItems=[line]
    )
    deal = world.amnis.fx(sold=(1, "100.00"), bought=(2, "105.00"), dealt_on=MARCH, value_on=MARCH)
    world.settle()
    link(world, *(entry for entry in world.entries() if linking.offered_to(entry)))
    world.settle()
    services.entry_retry(
        tenant_id=world.tenant.pk, entry_ids=[it.pk for it in world.entries() if it.state == "review"], actor=BOB
    )
    world.settle()
    assert sorted(world.states()) == ["confirmed", "duplicate"]

    world.amnis.change(deal.paid or 0, amount="-99.00")
    world.settle()

    half = next(entry for entry in world.entries() if entry.leg == "sold")
    assert half.state == "review"
    assert "CHF -100.00 → CHF -99.00" in half.findings[0]["message"]


def test_the_advice_to_link_ends_with_the_document_that_was_offered(world: World) -> None:
    document = typed(world, "RECEIVE", "100.00")
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    assert world.codes() == ["already_in_xero"]
    people(world).delete(document)

    an_hour_later(world)

    assert (world.states(), world.codes()) == (["review"], ["offer_deleted"])
    assert not linking.offered_to(world.entries()[0])
    assert world.books.bank_transactions() == [], (
        "nothing is posted because of what somebody did to a document of theirs"
    )
    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=[world.entries()[0].pk], actor=BOB)
    world.settle()
    assert (world.states(), world.books.balance("090")) == (["confirmed"], D("100.00"))


def test_the_proof_advises_to_link_what_is_offered_by_its_reference(world: World) -> None:
    """Ten days apart: no day brings the two together, their reference does."""
    reference = "210000000003139471430009017"
    typed(world, "SPEND", "41.15", day="2026-03-12", text=reference)
    world.amnis.payout(amount="41.15", to="Beispiel AG", reference=reference, executed_on=MARCH)
    world.settle()

    [item] = proof(world)["unexpected"]

    assert (item["action"], item["record"]) == ("Link it to that movement.", world.entries()[0].record_id)
    assert link(world, *world.entries()).linked == 1
    assert proof(world)["balanced"]


def typed_in_parts(world: World) -> None:
    """A receipt of 480.00 as it was entered by hand: 300.00 on an invoice, and 180.00 beside it."""
    line = {"Description": "Ware", "Quantity": 1, "UnitAmount": 300, "AccountCode": "200", "TaxType": "NONE"}
    invoice = people(world).type_invoice(
        Type="ACCREC", Contact={"Name": "Beispiel AG"}, Date="2026-02-01", DueDate="2026-03-01", LineItems=[line]
    )
    account = {"AccountID": world.books.account("090")["AccountID"]}
    people(world).type_payment(
        Invoice={"InvoiceID": invoice["InvoiceID"]}, Account=account, Date="2026-03-02", Amount=D("300.00")
    )
    typed(world, "RECEIVE", "180.00", day="2026-03-04")


def test_a_receipt_that_somebody_entered_in_parts_is_held_and_put_aside(world: World) -> None:
    typed_in_parts(world)
    world.amnis.pay_in(amount="480.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()

    [entry] = world.entries()
    assert (entry.state, world.books.balance("090")) == ("review", D("480.00"))
    [told] = [it["message"] for it in entry.findings if it["code"] == "already_in_parts"]
    assert "CHF 300.00 of 2 Mar 2026, payment" in told
    assert "CHF 180.00 of 4 Mar 2026, receive money" in told

    services.entry_handled_by_hand(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor=BOB, reason="in two parts")
    for item in proof(world)["unexpected"]:
        proofs.document_accept(
            tenant_id=world.tenant.pk, flow_id=world.flow_id, actor=BOB, document_id=item["document"],
            account_id=item["account_id"], reason="the receipt of 2 March",
        )  # fmt: skip
    assert proof(world)["balanced"]
    assert world.books.balance("090") == D("480.00")


def test_the_proof_still_names_the_movement_that_was_put_aside_for_its_parts(world: World) -> None:
    """60 and 40 are typed for one payout of 100; put aside as told, it stands in them: nobody is told to delete 100.00."""
    for amount in ("60.00", "40.00"):
        typed(world, "SPEND", amount)
    world.amnis.payout(amount="100.00", to="Beispiel AG", executed_on=MARCH)
    world.settle()
    [entry] = world.entries()

    services.entry_handled_by_hand(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor=BOB, reason="in two parts")

    told = proof(world)["unexpected"]
    assert [item["record"] for item in told] == [entry.record_id] * 2
    assert all(item["action"].startswith("Do not delete it.") for item in told)
    assert (world.states(), world.books.balance("090")) == (["skipped"], D("-100.00"))


def test_other_money_beside_parts_of_the_same_sum_is_posted_once_somebody_accepts_it(world: World) -> None:
    typed_in_parts(world)
    world.amnis.pay_in(amount="480.00", payer="Zweite AG", executed_on=MARCH)  # of somebody else: never asked about
    world.amnis.pay_in(amount="480.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [held] = [entry for entry in world.entries() if entry.state == "review"]
    assert world.books.balance("090") == D("960.00")

    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[held.pk], actor=BOB)
    world.settle()

    assert set(world.states()) == {"confirmed"}
    assert world.books.balance("090") == D("1440.00")
