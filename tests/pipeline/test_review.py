"""What a person decides: retry, accept, skip, link, map once and let everything follow. And what the program may not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sync import configuration, linking, services
from sync.models import AccountMapping, Event, PushIntent, PushIntentItem
from sync.proving import flow_prove
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import ORGANISATION, World
from tests.pipeline.test_linking import typed

D = Decimal
MARCH = date(2026, 3, 2)
BOB = "bob@muster.example"


def act(world: World) -> dict[str, Any]:
    return {"tenant_id": world.tenant.pk, "entry_ids": [entry.pk for entry in world.entries()], "actor": BOB}


def unmap(world: World, wallet: str) -> str:
    """Take the mapping away; the bank account it had."""
    with tenant_scope(world.tenant.pk):
        mapping = AccountMapping.objects.get(flow_id=world.flow_id, source_account_id=wallet)
        mapping.delete()
    return mapping.destination_account_id


def test_mapping_a_wallet_once_lets_everything_that_waited_for_it_follow(world: World) -> None:
    bank = unmap(world, "2")
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", account=2, executed_on=MARCH)
    world.amnis.payout(amount="40.00", to="Probst Logistik AG", account=2, executed_on=MARCH)
    world.amnis.fx(sold=(1, "100.00"), bought=(2, "110.00"), value_on=MARCH)
    world.settle()
    assert world.books.bank_transactions() == []
    assert set(world.codes()) == {"account_not_mapped", "other_half_held"}

    services.mapping_set(
        tenant_id=world.tenant.pk, flow_id=world.flow_id, source_account_id="2", destination_account_id=bank, actor=BOB
    )
    world.settle()

    assert set(world.states()) == {"confirmed"}
    assert world.books.balance("EUR Amnis") == D("170.00")
    assert world.books.base_balance("850") == D("0.00")


def test_a_bank_account_of_another_wallet_cannot_be_taken(world: World) -> None:
    """Wallet 1 is CHF Amnis. A second wallet on the same account could be proved by neither."""
    with tenant_scope(world.tenant.pk):
        taken = AccountMapping.objects.get(source_account_id="1").destination_account_id

    with pytest.raises(services.NotPossible, match="stands for wallet 1 already"):
        services.mapping_set(
            tenant_id=world.tenant.pk,
            flow_id=world.flow_id,
            source_account_id="8",
            destination_account_id=taken,
            actor=BOB,
        )

    with tenant_scope(world.tenant.pk):
        assert AccountMapping.objects.get(destination_account_id=taken).source_account_id == "1"
    world.amnis.pay_in(amount="10.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    assert world.books.balance("090") == D("10.00")


def test_a_wallet_that_was_left_out_comes_back_when_it_is_mapped(world: World) -> None:
    bank = unmap(world, "2")
    target: dict[str, Any] = {
        "tenant_id": world.tenant.pk,
        "flow_id": world.flow_id,
        "source_account_id": "2",
        "actor": BOB,
    }
    services.mapping_ignore(**target, reason="private")
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", account=2, executed_on=MARCH)
    world.settle()
    assert [record.reason for record in world.records()] == ["its wallet is left out: private"]

    services.mapping_set(**target, destination_account_id=bank)
    world.settle()

    assert world.books.balance("EUR Amnis") == D("100.00")


def test_a_large_amount_is_posted_once_somebody_accepts_it(world: World) -> None:
    world.set_flow(review={"amount_over": {"CHF": "1000.00"}})
    world.amnis.pay_in(amount="1000.01", payer="Beispiel AG", executed_on=MARCH)
    world.amnis.pay_in(amount="1000.00", payer="Zweite AG", executed_on=MARCH)
    world.settle()
    assert world.codes() == ["large_amount"]
    assert len(world.books.bank_transactions()) == 1

    assert services.entry_accept(**act(world)) == 1, "what is confirmed already is left alone"
    world.settle()

    assert world.states() == ["confirmed", "confirmed"]
    assert len(world.books.bank_transactions()) == 2
    with tenant_scope(world.tenant.pk):
        acts = Event.objects.filter(from_state="review", to_state="fetched").values_list("actor", "note")
        assert [(actor, note.get("accepted")) for actor, note in acts] == [(BOB, True)]


def test_a_yes_is_for_the_figures_that_were_seen_and_another_amount_is_asked_anew(world: World) -> None:
    """Two payouts of 400 above the limit are accepted and wait for the period. Amnis says a word more of one, and 40,000 of the
    other: once the period is open 400.00 are posted, and nobody has said yes to the rest."""
    world.set_flow(review={"amount_over": {"CHF": "300"}})
    world.sandbox.xero.people(ORGANISATION).set_lock_dates(period=MARCH)
    same, more = (
        world.amnis.payout(amount="400.00", to=name, executed_on=MARCH)
        for name in ("Lieferant Exempla AG", "Probst Logistik AG")
    )
    world.settle()
    services.entry_accept(**act(world))
    world.settle()
    assert world.codes() == ["period_locked", "period_locked"]

    world.amnis.change(same, comment="a word more")
    world.amnis.change(more, amount="-40000.00")
    world.settle()
    world.sandbox.xero.people(ORGANISATION).set_lock_dates()
    services.entry_retry(**act(world))
    world.settle()

    assert world.books.balance("090") == D("-400.00")
    assert sorted(world.states()) == ["confirmed", "review"]
    services.entry_accept(**act(world))
    world.settle()
    assert world.books.balance("090") == D("-40400.00"), "a yes to this amount"


def test_whoever_let_a_payment_pass_beside_a_typed_one_is_asked_again_about_another_amount(world: World) -> None:
    """Typed by hand: 100 and 250. The payout of 100 is another one; as 250 it may well be the second."""
    for amount in ("100.00", "250.00"):
        typed(world, "SPEND", amount)
    world.sandbox.xero.people(ORGANISATION).set_lock_dates(period=MARCH)
    row = world.amnis.payout(amount="100.00", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    services.entry_accept(**act(world))
    world.settle()

    world.amnis.change(row, amount="-250.00")
    world.settle()
    world.sandbox.xero.people(ORGANISATION).set_lock_dates()
    services.entry_retry(**act(world))
    world.settle()

    assert (world.codes(), world.books.balance("090")) == (["already_in_xero"], D("-350.00"))


def test_whoever_let_a_payment_pass_beside_a_typed_one_is_asked_about_the_next_typed_one(world: World) -> None:
    """100 are typed, and let pass as another payment, which the lock keeps back; then somebody types 100 again. Twice 100
    stand, and whether the second is this payout nobody has said; a yes to both makes it 300."""
    typed(world, "SPEND", "100.00")
    world.sandbox.xero.people(ORGANISATION).set_lock_dates(period=MARCH)
    world.amnis.payout(amount="100.00", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    services.entry_accept(**act(world))
    world.settle()
    assert world.codes() == ["period_locked"]

    later = typed(world, "SPEND", "100.00", day="2026-03-03")
    world.sandbox.xero.people(ORGANISATION).set_lock_dates()
    services.entry_retry(**act(world))
    world.settle()

    [entry] = world.entries()
    assert [it["detail"] for it in entry.findings if it["code"] == "already_in_xero"] == [later]
    assert world.books.balance("090") == D("-200.00")
    services.entry_accept(**act(world))
    world.settle()
    assert (world.states(), world.books.balance("090")) == (["confirmed"], D("-300.00"))


def test_a_retry_decides_anew_with_the_settings_of_today(world: World) -> None:
    world.set_flow(defaults={"expense": "400"})
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    assert "default_missing" in world.codes()

    services.entry_retry(**act(world))
    world.settle()
    assert world.states() == ["review"], "nothing was fixed, so nothing is posted"

    world.set_flow(defaults={"income": "200", "tax_income": "NONE"})
    services.entry_retry(**act(world))
    world.settle()

    assert world.states() == ["confirmed"]


def test_what_is_skipped_stays_out_with_its_reason_until_somebody_retries(world: World) -> None:
    world.amnis.pay_in(amount="75.50", payer=None, executed_on=MARCH)
    world.settle()

    with pytest.raises(services.NotPossible):
        services.entry_skip(**act(world), reason=" ")
    assert services.entry_skip(**act(world), reason="booked in the old system") == 1
    world.settle()

    assert world.states() == ["skipped"]
    proof = flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)
    assert proof["balanced"]
    assert [(item["state"], item["reason"]) for item in proof["held_items"]] == [
        ("skipped", "booked in the old system")
    ]
    assert services.entry_retry(**act(world)) == 1
    world.settle()
    assert world.states() == ["review"]


def test_a_hand_typed_document_is_linked_instead_of_doubled(world: World) -> None:
    people = world.sandbox.xero.people(ORGANISATION)
    line = {"Description": "typed", "Quantity": 1, "UnitAmount": 100, "AccountCode": "200", "TaxType": "NONE"}
    document = people.type_bank_transaction(
        Type="RECEIVE",
        Contact={"Name": "Beispiel AG"},
        BankAccount={"AccountID": world.books.account("090")["AccountID"]},
        Date="2026-03-03",
        LineItems=[line],
    )
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [entry] = world.entries()
    [finding] = [finding for finding in entry.findings if finding["code"] == "already_in_xero"]
    assert finding["detail"] == document["BankTransactionID"]

    linking.entry_link(tenant_id=world.tenant.pk, entry_id=entry.pk, actor=BOB)
    world.settle()

    assert world.states() == ["duplicate"]
    assert len(world.books.bank_transactions()) == 1


def test_somebody_may_insist_that_the_hand_typed_one_is_another_movement(world: World) -> None:
    people = world.sandbox.xero.people(ORGANISATION)
    line = {"Description": "typed", "Quantity": 1, "UnitAmount": 100, "AccountCode": "200", "TaxType": "NONE"}
    people.type_bank_transaction(
        Type="RECEIVE",
        Contact={"Name": "Beispiel AG"},
        BankAccount={"AccountID": world.books.account("090")["AccountID"]},
        Date="2026-03-02",
        LineItems=[line],
    )
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()

    services.entry_accept(**act(world))
    world.settle()

    assert world.states() == ["confirmed"]
    assert world.books.balance("090") == D("200.00")


def test_what_was_posted_is_not_posted_again_by_a_retry(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [document] = world.books.bank_transactions()
    world.sandbox.xero.people(ORGANISATION).edit(document["BankTransactionID"], Date="2026-03-05")
    world.set_flow(mirror_read_at=world.sandbox.clock.now().replace(year=2025), held_until=None)
    world.sync()
    assert world.states() == ["review"]

    assert services.entry_retry(**act(world)) == 0
    assert services.entry_accept(**act(world)) == 0
    world.settle()

    assert len(world.books.bank_transactions()) == 1


def test_what_may_have_been_sent_cannot_be_retried_before_its_outcome_is_known(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.sandbox.xero.faults.lose_answer(after_commit=True, path="BankTransactions", methods={"PUT"})
    world.sync()
    assert world.states() == ["unconfirmed"]

    assert services.entry_retry(**act(world)) == 0
    assert services.entry_skip(**act(world), reason="never mind") == 0
    world.sandbox.xero.idempotency.forget_everything()
    world.settle()

    assert len(world.books.bank_transactions()) == 1


def test_what_is_held_with_an_open_request_cannot_be_retried_either(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    world.amnis.pay_in(amount="75.50", payer=None, executed_on=MARCH)
    world.settle()
    held = world.entries()[1]
    with tenant_scope(world.tenant.pk):
        intent = PushIntent.objects.latest("id")
        item = PushIntentItem.objects.create(
            tenant_id=world.tenant.pk, intent=intent, entry=held, marker=held.marker, position=99
        )
    assert services.entry_retry(**act(world)) == 0

    with tenant_scope(world.tenant.pk):
        PushIntentItem.objects.filter(pk=item.pk).update(open=False)
    assert services.entry_retry(**act(world)) == 1


def test_a_changed_mapping_does_not_rewrite_the_past(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    unmap(world, "2")

    services.mapping_ignore(
        tenant_id=world.tenant.pk, flow_id=world.flow_id, source_account_id="1", reason="closed", actor=BOB
    )
    with tenant_scope(world.tenant.pk, actor=BOB):
        flow = world.flow()
        configuration.flow_change(flow=flow, actor=BOB, defaults={**flow.defaults, "income": "260"})
    world.settle()

    [document] = world.books.bank_transactions()
    assert document["LineItems"][0]["AccountCode"] == "200"
    assert world.states() == ["confirmed"]


@pytest.mark.parametrize("aside", [services.entry_skip, services.entry_handled_by_hand])
def test_what_a_person_put_aside_is_not_posted_because_the_source_changes_it(world: World, aside: Any) -> None:
    """ "It is never posted from here" holds: booked by hand as two documents, it would stand in the books twice."""
    unmapped = unmap(world, "1")
    row = world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    assert aside(**act(world), reason="typed in Xero as two documents") == 1
    services.mapping_set(
        tenant_id=world.tenant.pk,
        flow_id=world.flow_id,
        source_account_id="1",
        destination_account_id=unmapped,
        actor=BOB,
    )
    for word in ({"amount": "101.00"}, {"comment": "a word more"}):
        world.amnis.change(row, **word)
        world.settle()

        assert (world.states(), world.codes()) == (["review"], ["put_aside_changed"])
        assert world.books.bank_transactions() == []

    assert services.entry_accept(**act(world)) == 1
    world.settle()
    assert [D(str(document["Total"])) for document in world.books.bank_transactions()] == [D("101.00")]


def test_what_a_person_put_aside_is_not_posted_because_its_wallet_is_matched(world: World) -> None:
    """Booked by hand for want of a bank account in Xero; Amnis says a word, and then somebody matches the wallet."""
    unmapped = unmap(world, "1")
    row = world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    services.entry_handled_by_hand(**act(world), reason="in the journal")
    world.amnis.change(row, comment="a word more")
    world.settle()
    assert world.codes() == ["put_aside_changed", "account_not_mapped"]

    services.mapping_set(
        tenant_id=world.tenant.pk,
        flow_id=world.flow_id,
        source_account_id="1",
        destination_account_id=unmapped,
        actor=BOB,
    )
    world.settle()

    assert (world.states(), world.books.bank_transactions()) == (["review"], [])
    assert services.entry_accept(**act(world)) == 1
    world.settle()
    assert (world.states(), world.books.balance("090")) == (["confirmed"], D("100.00"))
