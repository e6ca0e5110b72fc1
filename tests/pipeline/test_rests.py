"""More is paid than is due, and the owner wants the rest on the suspense account: payment and rest, both or none."""

from __future__ import annotations

import csv
from contextlib import suppress
from datetime import date
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models.functions import Now
from django.test import Client

from connectors import faults
from sync import services, undoing
from sync.allocating import invoice_choose, proposals_of
from sync.linking import entry_link
from sync.models import Amendment, Flow, Incident, PushIntent
from sync.proving import flow_prove
from sync.statements import statement_of
from tenants.models import Role
from tenants.scoping import tenant_scope
from tests.pages.world import make_person
from tests.pipeline.conftest import DEFAULTS, ORGANISATION, World
from tests.pipeline.test_invoices import invoice, standing
from tests.pipeline.test_linking import typed

D = Decimal
MARCH = date(2026, 3, 20)
BOB = "bob@muster.example"


@pytest.fixture
def apart(world: World) -> World:
    world.set_flow(policies={"match_invoices": "auto", "overpaid": "suspense"})
    return world


def overpay(world: World, *, amount: str = "500.00", **about: Any) -> int:
    """480.00 are due, 500.00 arrive."""
    invoice(world, "RE-2026-7010", "480.00")
    about = {"payer": "Beispiel AG", "reference": "RE-2026-7010", **about}
    return world.amnis.pay_in(amount=amount, executed_on=MARCH, **about)


def pay_by_hand(world: World, number: str, amount: str) -> str:
    paid = world.sandbox.xero.people(ORGANISATION).type_payment(
        Invoice={"InvoiceID": standing(world, number)["InvoiceID"]}, Date=MARCH.isoformat(), Amount=D(amount),
        Account={"AccountID": world.books.account("090")["AccountID"]},
    )  # fmt: skip
    return str(paid["PaymentID"])


def test_a_receipt_that_somebody_paid_in_two_parts_is_not_posted_as_a_payment_and_a_rest(apart: World) -> None:
    """600.00 due, 300.00 + 180.00 paid by hand: the receipt of 480.00 would pay the open 120.00 and leave 360.00."""
    invoice(apart, "RE-2026-7010", "600.00")
    by_hand = [pay_by_hand(apart, "RE-2026-7010", amount) for amount in ("300.00", "180.00")]
    apart.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7010", executed_on=MARCH)
    apart.settle()

    assert legs(apart) == {"main": "review", "rest": "review"}
    assert apart.books.balance("090") == D("480.00")
    told = {it["document"]: (it["cause"], it["record"]) for it in proof(apart)["unexpected"]}
    assert told == dict.fromkeys(by_hand, ("typed", apart.entries()[0].record_id))

    main = next(entry for entry in apart.entries() if entry.leg == "main")
    services.entry_handled_by_hand(tenant_id=apart.tenant.pk, entry_ids=[main.pk], actor=BOB, reason="paid in parts")
    apart.settle()
    assert "review" not in legs(apart).values()
    assert apart.books.balance("090") == D("480.00")


def test_a_receipt_typed_whole_beside_its_payment_and_rest_is_named_with_it(apart: World) -> None:
    overpay(apart)
    apart.settle()
    typed(apart, "RECEIVE", "500.00", day=MARCH.isoformat())

    [item] = proof(apart)["unexpected"]

    assert (item["cause"], item["record"]) == ("double", apart.entries()[0].record_id)


def proof(world: World) -> dict[str, Any]:
    return flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)


def legs(world: World) -> dict[str, str]:
    return {entry.leg: entry.state for entry in world.entries()}


def open_causes(world: World) -> list[str]:
    with tenant_scope(world.tenant.pk):
        return list(Incident.objects.filter(closed_at=None).values_list("cause", flat=True))


def test_the_invoice_is_paid_and_the_rest_waits_on_the_suspense_account(apart: World) -> None:
    """480.00 + 20.00 = 500.00."""
    overpay(apart)

    apart.settle()

    assert legs(apart) == {"main": "confirmed", "rest": "confirmed"}
    [paid], [rest] = apart.books.payments(), apart.books.bank_transactions()
    assert (paid["Amount"], standing(apart, "RE-2026-7010")["Status"]) == (D("480.00"), "PAID")
    assert (rest["Type"], rest["Total"], rest["Contact"]["Name"]) == ("RECEIVE", D("20.00"), "Beispiel AG")
    assert rest["Contact"]["ContactID"] == standing(apart, "RE-2026-7010")["Contact"]["ContactID"]
    assert rest["Reference"].startswith("Overpaid rest of invoice RE-2026-7010")
    assert (apart.books.balance("090"), apart.books.balance("880")) == (D("500.00"), D("-20.00"))
    assert sorted(apart.books.markers()) == sorted(entry.marker for entry in apart.entries())
    assert len(set(apart.books.markers())) == 2
    assert apart.books.is_balanced()


def test_a_bill_paid_with_too_much_leaves_money_spent(apart: World) -> None:
    invoice(apart, "B-2026-4711", "300.00", to="Probst Logistik AG", kind="ACCPAY")
    apart.amnis.payout(amount="312.50", to="Probst Logistik AG", reference="B-2026-4711", executed_on=MARCH)

    apart.settle()

    [rest] = apart.books.bank_transactions()
    assert (rest["Type"], rest["Total"]) == ("SPEND", D("12.50"))
    assert (apart.books.balance("090"), apart.books.balance("880")) == (D("-312.50"), D("12.50"))


def test_one_receipt_pays_several_invoices_and_leaves_a_rest(apart: World) -> None:
    """100.00 + 200.00 due, 330.00 arrive: a batch of 300.00 and a rest of 30.00."""
    invoice(apart, "RE-2026-7003", "100.00")
    invoice(apart, "RE-2026-7004", "200.00")
    text = "RE-2026-7003 RE-2026-7004"
    apart.amnis.pay_in(amount="330.00", payer="Beispiel AG", reference=text, executed_on=MARCH)

    apart.settle()

    [batch], [rest] = apart.books.batch_payments(), apart.books.bank_transactions()
    assert (batch["TotalAmount"], rest["Total"]) == (D("300.00"), D("30.00"))
    assert rest["Reference"].startswith("Overpaid rest of invoices RE-2026-7003, RE-2026-7004")
    assert proof(apart)["balanced"]


def test_by_default_more_than_is_due_waits_for_a_person(world: World) -> None:
    world.set_flow(policies={"match_invoices": "auto"})
    overpay(world)
    world.settle()
    assert world.codes() == ["overpaid"]
    assert world.books.payments() == world.books.bank_transactions() == []


def test_where_proposals_wait_a_person_sees_the_rest_and_one_click_posts_both(world: World) -> None:
    world.set_flow(policies={"match_invoices": "suggest", "overpaid": "suspense"})
    overpay(world)
    world.settle()
    [entry] = world.entries()
    [offered] = proposals_of(entry)
    assert (offered["pays"], offered["over"], entry.state) == ("more", "20.00", "review")

    invoice_choose(tenant_id=world.tenant.pk, entry_id=entry.pk, key=offered["key"], actor=BOB)
    world.settle()

    assert [it["Amount"] for it in world.books.payments()] == [D("480.00")]
    assert [it["Total"] for it in world.books.bank_transactions()] == [D("20.00")]


def test_a_short_number_alone_never_splits_a_movement(apart: World) -> None:
    """Only what is proven is paid with a rest: "Rechnung 11" may be anything."""
    invoice(apart, "11", "480.00")
    apart.amnis.pay_in(amount="500.00", payer="Beispiel AG", reference="11", executed_on=MARCH)
    apart.settle()
    assert (apart.books.payments(), [it["Total"] for it in apart.books.bank_transactions()]) == ([], [D("500.00")])


def test_without_a_suspense_account_it_waits_and_says_which_setting_is_missing(apart: World) -> None:
    apart.set_flow(defaults={**DEFAULTS, "suspense": ""})
    overpay(apart)
    apart.settle()
    assert apart.codes() == ["overpaid", "default_missing"]


# ------------------------------------------------------------------ both or none


def test_what_holds_the_rest_holds_the_payment(apart: World) -> None:
    """A large amount is judged by the whole movement, and nothing of it is posted."""
    apart.set_flow(review={"amount_over": {"CHF": "490.00"}})
    overpay(apart)  # 480.00 and 20.00 are below, the movement is not

    apart.settle()

    assert legs(apart) == {"main": "review", "rest": "review"}
    assert apart.books.payments() == apart.books.bank_transactions() == []
    [main, _] = apart.entries()
    services.entry_accept(tenant_id=apart.tenant.pk, entry_ids=[main.pk], actor=BOB)
    apart.settle()
    assert apart.books.balance("090") == D("500.00")


def test_the_rest_leaves_only_after_the_payment_was_read_back(apart: World) -> None:
    overpay(apart)
    apart.sandbox.xero.faults.lose_answer(after_commit=False, path="Payments", methods={"PUT"})
    apart.sync()
    assert legs(apart) == {"main": "unconfirmed", "rest": "waiting"}
    assert apart.books.bank_transactions() == []
    apart.settle()
    assert apart.books.balance("090") == D("500.00")


def test_a_refused_payment_takes_its_rest_along_into_the_review(apart: World) -> None:
    """Somebody locks the period after the lock dates were read, so Xero refuses the payment."""
    apart.amnis.pay_in(amount="1.00", payer="Muster AG", executed_on=MARCH)
    apart.settle()
    people = apart.sandbox.xero.people(ORGANISATION)
    overpay(apart)
    people.set_lock_dates(period=date(2026, 3, 31))
    apart.settle()
    assert sorted(apart.states()) == ["confirmed", "review", "review"]
    assert apart.codes()[:1] == ["period_locked"]

    people.set_lock_dates(period=None)
    held = [entry.pk for entry in apart.entries() if entry.state == "review"]
    services.entry_retry(tenant_id=apart.tenant.pk, entry_ids=held[:1], actor=BOB)
    apart.settle()
    assert (set(apart.states()), apart.books.balance("090")) == ({"confirmed"}, D("501.00"))


def test_a_payment_with_a_rest_whose_invoice_is_gone_before_it_goes_is_asked_about_as_one(apart: World) -> None:
    """Its answer was lost, and somebody voids the invoice until it is surely not in the books."""
    overpay(apart)
    apart.sandbox.xero.faults.lose_answer(after_commit=False, path="Payments", methods={"PUT"})
    apart.sync()
    people = apart.sandbox.xero.people(ORGANISATION)
    people.void(standing(apart, "RE-2026-7010")["InvoiceID"])
    apart.settle()
    assert legs(apart) == {"main": "review", "rest": "skipped"}
    assert apart.books.bank_transactions() == []

    [main, _] = apart.entries()
    services.entry_accept(tenant_id=apart.tenant.pk, entry_ids=[main.pk], actor=BOB)
    apart.settle()
    assert [it["Total"] for it in apart.books.bank_transactions()] == [D("500.00")], "booked whole, and once"
    assert legs(apart) == {"main": "confirmed", "rest": "skipped"}
    assert proof(apart)["balanced"]


def test_booked_as_it_is_the_movement_is_one_document_again(world: World) -> None:
    world.set_flow(policies={"match_invoices": "suggest", "overpaid": "suspense"})
    overpay(world)
    world.settle()
    [entry] = world.entries()
    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor=BOB)
    world.settle()
    assert [it["Total"] for it in world.books.bank_transactions()] == [D("500.00")]
    assert world.books.payments() == []


def test_a_refused_rest_is_an_incident_and_goes_after_its_fix(apart: World) -> None:
    overpay(apart)
    apart.sandbox.xero.faults.lose_answer(after_commit=False, path="Payments", methods={"PUT"})
    apart.sync()
    people = apart.sandbox.xero.people(ORGANISATION)
    people.archive_account("880")
    apart.settle()
    apart.sync()
    assert legs(apart) == {"main": "confirmed", "rest": "review"}
    assert any(cause.startswith("half_rest:") for cause in open_causes(apart))
    told = proof(apart)
    assert [item["amount"] for item in told["held_items"]] == ["20.00"]

    people.change_account(apart.books.account("880")["AccountID"], Status="ACTIVE")
    rest = next(entry for entry in apart.entries() if entry.leg == "rest")
    services.entry_retry(tenant_id=apart.tenant.pk, entry_ids=[rest.pk], actor=BOB)
    apart.settle()
    apart.sync()

    assert apart.books.balance("090") == D("500.00")
    assert not any(cause.startswith("half_rest:") for cause in open_causes(apart))


# ------------------------------------------------------------------------ crashes


@pytest.mark.parametrize("point", ["after_claim_before_call", "after_answer_before_settle", "before_confirm_commit"])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_death_between_the_two_is_resumed_and_never_doubled(
    apart: World, monkeypatch: pytest.MonkeyPatch, point: str, nth: int
) -> None:
    """The process dies around the first and around the second document, before and after the call."""
    overpay(apart)
    seen = {"times": 0}

    def die(name: str) -> None:
        if name == point:
            seen["times"] += 1
            if seen["times"] == nth:
                raise KeyboardInterrupt

    monkeypatch.setattr(faults, "point", die)
    with suppress(KeyboardInterrupt):
        apart.settle()
    assert seen["times"] >= nth, "nobody died there"
    monkeypatch.undo()
    apart.sandbox.xero.idempotency.forget_everything()
    expire_leases(apart)

    apart.settle()

    assert legs(apart) == {"main": "confirmed", "rest": "confirmed"}
    assert (len(apart.books.payments()), len(apart.books.bank_transactions())) == (1, 1)
    assert apart.books.balance("090") == D("500.00")


def expire_leases(world: World) -> None:
    """The dead process's leases are over."""
    with tenant_scope(world.tenant.pk):
        Flow.objects.update(lease_until=None)
        PushIntent.objects.filter(state="open").update(lease_until=Now())


# ---------------------------------------------------------- proof, lists, undo


def test_both_documents_together_are_the_movement_in_proof_list_and_statement(
    apart: World, capsys: pytest.CaptureFixture[str]
) -> None:
    overpay(apart)
    apart.settle()

    told = proof(apart)
    assert told["balanced"]
    account = next(it for it in told["accounts"] if it["source"] == "1")
    assert (account["source_sum"], account["xero_sum"], account["movements"], account["documents"]) == (
        "500.00",
        "500.00",
        1,
        2,
    )

    out = StringIO()
    with suppress(SystemExit):
        call_command("entries", apart.tenant.slug, "--csv", stdout=out)
    lines = list(csv.DictReader(StringIO(out.getvalue())))
    assert [(it["leg"], it["amount"], it["destination_type"], it["state"]) for it in lines] == [
        ("main", "480.00", "PAYMENT", "confirmed"),
        ("rest", "20.00", "RECEIVE", "confirmed"),
    ]
    assert len({it["source_id"] for it in lines}) == 1

    with tenant_scope(apart.tenant.pk):
        bank = apart.books.account("090")["AccountID"]
        file = statement_of(apart.flow(), bank_account_id=bank, month=date(2026, 3, 1))
    assert sorted(line.amount for line in file.lines) == [D("20.00"), D("480.00")]
    assert file.total == D("500.00")


def undo(world: World, leg: str) -> list[tuple[str, str]]:
    """Undo by naming one of the two; what became of each removal, in the order of asking."""
    entry = next(it for it in world.entries() if it.leg == leg)
    undoing.undo(
        tenant_id=world.tenant.pk, flow_id=world.flow_id, selection=undoing.Selection(entry=entry.pk), actor=BOB
    )
    for _ in range(8):
        world.sync()
    with tenant_scope(world.tenant.pk):
        return list(Amendment.objects.order_by("id").values_list("entry__leg", "state"))


@pytest.mark.parametrize("named", ["main", "rest"])
def test_undo_takes_both_the_rest_first_and_the_invoice_is_open_again(apart: World, named: str) -> None:
    overpay(apart)
    apart.settle()

    assert undo(apart, named) == [("rest", "done"), ("main", "done")]

    assert legs(apart) == {"main": "undone", "rest": "undone"}
    assert standing(apart, "RE-2026-7010")["AmountDue"] == D("480.00")
    assert apart.books.balance("090") == apart.books.balance("880") == D("0.00")
    told = proof(apart)
    assert sorted(item["amount"] for item in told["held_items"]) == ["20.00", "480.00"]
    assert told["balanced"]

    main = next(it for it in apart.entries() if it.leg == "main")
    undoing.entry_post_again(tenant_id=apart.tenant.pk, entry_ids=[main.pk], actor=BOB)
    apart.settle()
    assert (len(apart.books.payments()), len(apart.books.bank_transactions())) == (1, 1)
    assert apart.books.balance("090") == D("500.00")


def test_a_rest_reconciled_before_its_removal_keeps_the_payment_too(apart: World) -> None:
    overpay(apart)
    apart.settle()
    rest = next(it for it in apart.entries() if it.leg == "rest")
    undoing.undo(
        tenant_id=apart.tenant.pk, flow_id=apart.flow_id, selection=undoing.Selection(entry=rest.pk), actor=BOB
    )
    apart.sandbox.xero.people(ORGANISATION).reconcile(str(rest.destination_id))
    for _ in range(8):
        apart.sync()

    with tenant_scope(apart.tenant.pk):
        states = dict(Amendment.objects.values_list("entry__leg", "state"))
    assert states == {"rest": "refused", "main": "refused"}
    assert apart.books.balance("090") == D("500.00")
    assert standing(apart, "RE-2026-7010")["Status"] == "PAID"


# ------------------------------------------------------------------- later changes


def test_more_still_at_the_source_is_proposed_for_the_rest_alone(apart: World) -> None:
    """500.00 becomes 505.00: 480.00 stay paid, the rest of 20.00 should be 25.00."""
    row = overpay(apart)
    apart.settle()
    apart.amnis.change(row, amount="505.00")
    apart.settle()

    assert legs(apart) == {"main": "confirmed", "rest": "review"}
    rest = next(it for it in apart.entries() if it.leg == "rest")
    assert "amount: 20.00 → 25.00" in rest.findings[0]["message"]
    assert apart.books.balance("090") == D("500.00"), "nothing is overwritten"


def test_a_rest_that_the_source_takes_back_is_asked_about(apart: World) -> None:
    """500.00 becomes 480.00: nothing is paid too much any more, and a person decides about the document."""
    row = overpay(apart)
    apart.settle()
    apart.amnis.change(row, amount="480.00")
    apart.settle()
    rest = next(it for it in apart.entries() if it.leg == "rest")
    assert (rest.state, rest.findings[0]["code"]) == ("review", "source_withdrew")
    told = proof(apart)
    assert [(it["amount"], it["xero_amount"]) for it in told["different"]] == [("0.00", "20.00")]
    assert told["unexpected"] == []


def test_what_somebody_typed_as_one_document_is_offered_for_the_whole_movement(apart: World) -> None:
    """500.00 were typed by hand as money received: nothing is posted beside it, and linking takes the rest along."""
    typed = apart.sandbox.xero.people(ORGANISATION).type_bank_transaction(
        Type="RECEIVE",
        Contact={"Name": "Beispiel AG"},
        BankAccount={"Code": "090"},
        Date="2026-03-20",
        LineAmountTypes="NoTax",
        LineItems=[{"Description": "x", "Quantity": 1, "UnitAmount": D("500.00"), "AccountCode": "200"}],
    )
    overpay(apart)
    apart.settle()
    assert legs(apart) == {"main": "review", "rest": "review"}
    assert "already_in_xero" in apart.codes()

    main = next(it for it in apart.entries() if it.leg == "main")
    entry_link(tenant_id=apart.tenant.pk, entry_id=main.pk, actor=BOB)
    apart.settle()

    assert legs(apart) == {"main": "duplicate", "rest": "skipped"}
    assert [it["BankTransactionID"] for it in apart.books.bank_transactions()] == [typed["BankTransactionID"]]
    assert apart.books.payments() == []
    assert proof(apart)["balanced"]


@pytest.mark.parametrize("way", ["undo what stands", "post the rest again"])
def test_a_payment_reconciled_after_its_rest_is_gone_is_told_with_what_stands_until_it_is_whole_or_out(
    apart: World, monkeypatch: pytest.MonkeyPatch, client: Client, way: str
) -> None:
    """500.00 are a payment of 480.00 and a rest of 20.00. The rest is removed; before the payment is, somebody reconciles it."""
    overpay(apart)
    apart.settle()
    main, _rest = (next(it for it in apart.entries() if it.leg == leg) for leg in ("main", "rest"))
    selection = undoing.Selection(entry=main.pk)
    undoing.undo(tenant_id=apart.tenant.pk, flow_id=apart.flow_id, selection=selection, actor=BOB)
    people = apart.sandbox.xero.people(ORGANISATION)

    def reconcile_in_between(name: str) -> None:
        if name == "before_amendment_done" and legs(apart)["rest"] == "confirmed":
            people.reconcile_payment(str(main.destination_id))

    monkeypatch.setattr(faults, "point", reconcile_in_between)
    for _ in range(8):
        apart.sync()
    monkeypatch.undo()

    assert legs(apart) == {"main": "confirmed", "rest": "undone"}
    assert apart.books.balance("090") == D("480.00")
    assert standing(apart, "RE-2026-7010")["Status"] == "PAID", "what somebody reconciled is never touched"
    assert [(it["amount"], it["state"]) for it in proof(apart)["held_items"]] == [("20.00", "undone")]
    with tenant_scope(apart.tenant.pk):
        told = Incident.objects.get(cause__startswith="half_undone:", closed_at=None)
    assert told.title == "An undo came only halfway"
    assert told.body.startswith(
        "CHF 20.00 of 20 Mar 2026 was taken out of Xero (the overpaid rest); its payment of CHF 480.00 still stands there. "
        "This document is reconciled with a statement line in Xero"
    )
    assert "Then undo what stands as well; or post again what was taken out" in told.body
    bob = make_person("bob@muster.example", apart.tenant, Role.BOOKKEEPER)
    client.force_login(bob)
    page = client.get(f"/t/{apart.tenant.public_id}/transactions/{main.record_id}/").content.decode()
    assert "Post again" in page
    assert "Undo…" in page

    if way == "undo what stands":
        people.reconcile_payment(str(main.destination_id), done=False)
        assert undo(apart, "main")[-1] == ("main", "done")
        assert legs(apart) == {"main": "undone", "rest": "undone"}
        assert apart.books.balance("090") == apart.books.balance("880") == D("0.00")
    else:
        undoing.entry_post_again(tenant_id=apart.tenant.pk, entry_ids=[main.pk], actor=BOB)
        apart.settle()
        apart.sync()
        assert legs(apart) == {"main": "confirmed", "rest": "confirmed"}
        assert apart.books.balance("090") == D("500.00")
        assert (len(apart.books.payments()), len(apart.books.bank_transactions())) == (1, 1)
    assert not any(cause.startswith("half_undone:") for cause in open_causes(apart))
