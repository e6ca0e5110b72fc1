"""The proof in the running program: asked for, daily, accepted with a reason, told by an incident, certified, immutable."""

from __future__ import annotations

import io
import json
import tomllib
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import Error, transaction
from django.test import Client
from django.urls import reverse
from pypdf import PdfReader

from sync import certifying, proofs, proposals, selectors, store
from sync.domain import certificate
from sync.domain.certificate import digest
from sync.models import AcceptedDocument, AccountMapping, Certificate, Flow, Incident, Proof, ProofCheck
from sync.proving import flow_prove
from sync.services import NotPossible
from tenants.models import AuditEvent, Role
from tenants.scoping import tenant_scope
from tests.pages.world import make_person
from tests.pipeline.conftest import ORGANISATION, World
from tests.pipeline.test_linking import BOB, MARCH, link, people, proof, typed

D = Decimal


def asked(world: World) -> ProofCheck:
    proofs.proof_ask(tenant_id=world.tenant.pk, flow_id=world.flow_id, actor=BOB)
    check = proofs.prove_if_due(tenant_id=world.tenant.pk, flow_id=world.flow_id)
    assert check is not None
    return check


def incidents(world: World, prefix: str) -> list[Incident]:
    with tenant_scope(world.tenant.pk):
        return list(Incident.objects.filter(cause__startswith=prefix, closed_at=None))


def accept(world: World, item: dict[str, Any], reason: str = "opening balance of the wallet") -> None:
    proofs.document_accept(
        tenant_id=world.tenant.pk, flow_id=world.flow_id, actor=BOB, document_id=item["document"],
        account_id=item["account_id"], reason=reason,
    )  # fmt: skip


@pytest.fixture
def bob(client: Client, world: World) -> Client:
    client.force_login(make_person(BOB, world.tenant, Role.BOOKKEEPER))
    return client


def address(world: World, name: str, *args: object) -> str:
    return reverse(f"dashboard:{name}", args=[world.tenant.public_id, *args])


def test_a_document_that_was_deleted_and_typed_anew_is_kept_and_brings_the_books_into_balance(
    world: World, bob: Client
) -> None:
    """As a person does it: what the proof says, on the page that it names, by the acts that stand there."""
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [ours] = world.books.bank_transactions()
    people(world).delete(ours["BankTransactionID"])
    by_hand = typed(world, "RECEIVE", "100.00", day="2026-03-03")

    [item] = proof(world)["unexpected"]
    assert (item["document"], item["cause"]) == (by_hand, "retyped")
    assert item["action"].startswith("Do not delete it. Open the movement, choose that it is handled by hand")

    world.sync()
    record = world.records()[0].pk
    page = bob.get(address(world, "transactions-detail", record)).content.decode()
    act = {name: address(world, "transactions-act", record, name) for name in ("handled", "leave_out", "leave", "skip")}
    assert {name: url in page for name, url in act.items()} == {
        "handled": True, "leave_out": True, "leave": False, "skip": False,
    }  # fmt: skip
    answer = bob.post(act["handled"], {"reason": "typed anew"}, follow=True)
    assert "1 movement was left out." in answer.content.decode()
    accept(world, item, "the movement of 02.03., typed anew")
    world.settle()

    assert proof(world)["balanced"]
    assert [document["BankTransactionID"] for document in world.books.bank_transactions()] == [by_hand]


def test_a_check_runs_apart_and_its_result_is_kept(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()

    check = asked(world)

    assert (check.state, check.error) == ("done", "")
    with tenant_scope(world.tenant.pk):
        assert check.proof_id is not None
        kept = Proof.objects.get(pk=check.proof_id)
        assert (kept.balanced, kept.made_by, kept.trigger) == (True, BOB, "person")
        assert ProofCheck.objects.get(pk=check.pk).total >= 1
    assert proofs.prove_if_due(tenant_id=world.tenant.pk, flow_id=world.flow_id) is None, "one question, one answer"


def test_asking_twice_asks_once(world: World) -> None:
    first, second = (proofs.proof_ask(tenant_id=world.tenant.pk, flow_id=world.flow_id, actor=BOB).pk for _ in range(2))

    assert first == second


def test_a_reading_can_be_stopped(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    proofs.proof_ask(tenant_id=world.tenant.pk, flow_id=world.flow_id, actor=BOB)
    check = proofs._claim(world.tenant.pk, world.flow_id)
    assert check is not None
    proofs.proof_stop(tenant_id=world.tenant.pk, flow_id=world.flow_id, actor=BOB)

    proofs.run_check(tenant_id=world.tenant.pk, check=check)

    assert (check.state, check.error) == ("failed", "Stopped.")
    with tenant_scope(world.tenant.pk):
        assert not Proof.objects.exists()


def test_the_daily_proof_is_due_once_a_day(world: World) -> None:
    due = {"tenant_id": world.tenant.pk, "flow_id": world.flow_id}
    assert [flow.flow_id for flow in selectors.due_proofs(limit=10)] == [world.flow_id]
    assert proofs.prove_if_due(**due) is None, "the first look only says when"
    assert selectors.due_proofs(limit=10) == []

    world.set_flow(proof_due_at=world.flow().proof_due_at.replace(year=2020))  # type: ignore[union-attr]
    check = proofs.prove_if_due(**due)

    assert check is not None
    assert check.trigger == "schedule"
    assert selectors.due_proofs(limit=10) == []


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-06-01T02:59:00", "2026-06-01T03:00:00"),  # summer: five in Zurich is three in UTC
        ("2026-06-01T03:00:00", "2026-06-02T03:00:00"),
        ("2026-01-15T05:00:00", "2026-01-16T04:00:00"),  # winter: four
        ("2026-03-28T12:00:00", "2026-03-29T03:00:00"),  # the night in which the clocks change
    ],
)
def test_the_hour_is_the_tenants_own(now: str, due: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)

    found = proofs.next_due(moment, at="05:00", zone="Europe/Zurich")

    assert found.astimezone(UTC) == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_a_broken_balance_is_one_incident_until_it_is_whole_again(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    document = typed(world, "SPEND", "12.00", text="Eröffnung")

    assert not proof(world)["balanced"]
    assert not proof(world)["balanced"]
    [incident] = incidents(world, "proof:")
    assert "1 unexpected" in incident.body
    assert incident.action == "proof"

    people(world).delete(document)
    assert proof(world)["balanced"]
    assert incidents(world, "proof:") == []


def test_an_accepted_document_balances_is_audited_and_stays_on_the_record(world: World) -> None:
    document = typed(world, "SPEND", "12.00", text="Saldovortrag")
    [item] = proof(world)["unexpected"]
    assert (item["document"], item["cause"]) == (document, "opening")
    with pytest.raises(NotPossible):
        accept(world, item, reason=" ")

    accept(world, item)

    result = proof(world)
    assert result["balanced"]
    assert [(it["document"], it["reason"], it["accepted_by"]) for it in result["accepted"]] == [
        (document, "opening balance of the wallet", BOB)
    ]
    assert result["accounts"][0]["accepted"] == "-12.00"
    with tenant_scope(world.tenant.pk):
        assert AuditEvent.objects.filter(action="proof.accept", actor=BOB).count() == 1


def test_an_acceptance_ends_with_the_amount_that_was_accepted_or_by_a_person(world: World) -> None:
    typed(world, "SPEND", "12.00")
    [item] = proof(world)["unexpected"]
    accept(world, item)
    line = {"Description": "typed", "Quantity": 1, "UnitAmount": D("13.00"), "AccountCode": "200", "TaxType": "NONE"}
    people(world).edit(item["document"], LineItems=[line])
    [again] = proof(world)["unexpected"]
    assert again["amount"] == "-13.00"

    accept(world, again, reason="it is 13.00 now")
    assert proof(world)["balanced"]
    gone = {name: again[name] for name in ("account_id",)} | {"document_id": again["document"]}
    assert proofs.document_withdraw(tenant_id=world.tenant.pk, flow_id=world.flow_id, actor=BOB, **gone) == 1

    assert not proof(world)["balanced"]
    with tenant_scope(world.tenant.pk):
        assert AcceptedDocument.objects.count() == 2, "what was accepted once stays on the record"


def test_what_is_missing_says_which_movement_and_what_to_do(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [document] = world.books.bank_transactions()
    people(world).delete(document["BankTransactionID"])

    [item] = proof(world)["missing"]

    assert item["record"] == world.records()[0].pk
    assert "post it again, or leave it out" in item["action"]


def test_what_the_proof_says_can_be_done_with_the_next_look(world: World, bob: Client) -> None:
    """The hourly look has just been: without the proof's word it would not look again for an hour."""
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [ours] = world.books.bank_transactions()
    people(world).delete(ours["BankTransactionID"])
    world.sync()
    assert world.states() == ["confirmed"], "nobody has looked"

    assert "post it again" in proof(world)["missing"][0]["action"]
    assert [due.flow_id for due in selectors.due_flows(limit=10)] == [world.flow_id], (
        "at once, whatever its schedule says"
    )
    world.sync()

    record = world.records()[0].pk
    assert "Post again" in bob.get(address(world, "transactions-detail", record)).content.decode()
    bob.post(address(world, "post-again", record))
    world.settle()
    assert [D(str(it["Total"])) for it in world.books.bank_transactions()] == [D("100.00")]
    assert proof(world)["balanced"]


def test_documents_that_somebody_removed_are_missing_although_they_cancel_out(world: World) -> None:
    """100.00 in and 100.00 out on one day, both deleted in Xero: the books and Amnis both say 0.00."""
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.amnis.payout(amount="100.00", to="Beispiel AG", executed_on=MARCH)
    world.settle()
    for document in world.books.bank_transactions():
        people(world).delete(document["BankTransactionID"])

    found = proof(world)

    assert {line["difference"] for line in found["accounts"]} == {"0.00"}
    assert [item["amount"] for item in found["missing"]] == ["100.00", "-100.00"]
    assert (found["balanced"], found["verdict"]) == (False, "not_balanced")


def test_a_gap_is_filled_from_the_page(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    assert [item["reason"] for item in proof(world)["held_items"]] == ["not fetched yet"]

    said = proofs.gap_fill(tenant_id=world.tenant.pk, flow_id=world.flow_id, actor=BOB)
    world.settle()

    assert said.startswith("1 movements are read")
    assert proof(world)["held_items"] == []


def test_documents_of_others_day_by_day_are_an_incident_with_the_next_step(world: World) -> None:
    """Three days of the last five weeks with documents that are not ours, all reconciled: a bank feed works here too."""
    today = world.sandbox.clock.now().date()
    days = [date.fromordinal(today.toordinal() - n) for n in (2, 5, 9)]
    for n, day in enumerate(days):
        people(world).reconcile(typed(world, "SPEND", f"1{n}.00", day=day.isoformat()))
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    with tenant_scope(world.tenant.pk):
        recent = (store.now().date() - days[-1]).days < 35
    if not recent:
        pytest.skip("the sandbox's clock stands elsewhere")

    proof(world)

    [incident] = incidents(world, "others:")
    assert "3 documents on 3 days" in incident.body
    assert "a bank feed or an import" in incident.body


# -------------------------------------------------------------- what is not proved


def unmap(world: World, *wallets: str) -> None:
    with tenant_scope(world.tenant.pk):
        AccountMapping.objects.filter(source_account_id__in=wallets).update(
            destination_account_id="", ignored=True, ignore_reason="closed"
        )


def test_without_a_mapped_wallet_the_proof_says_that_it_proves_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    with tenant_scope(world.tenant.pk):
        AccountMapping.objects.all().delete()

    with pytest.raises(SystemExit) as end:
        call_command("proof", "muster", "--json")

    assert end.value.code == 1
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["balanced"], told["verdict"]) == (False, "nothing_to_prove")
    [incident] = incidents(world, "proof:")
    assert (incident.title, "no wallet is mapped" in incident.body) == ("There is nothing to prove", True)
    made = certifying.certificate_make(tenant_id=world.tenant.pk, proof_id=told["proof"], actor=BOB)
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(bytes(made.pdf))).pages)
    assert "Nothing was proved" in text
    assert "In balance" not in text
    assert "balanced,no" in bytes(made.csv).decode("utf-8-sig")


def test_what_was_posted_from_a_wallet_that_is_left_out_now_is_named_until_it_is_mapped_or_undone(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.amnis.pay_in(amount="40.50", account=2, payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    unmap(world, "2")

    result = proof(world)

    document = world.documents()["EUR Amnis"]
    assert (result["balanced"], result["verdict"]) == (False, "not_balanced")
    assert [(it["source"], it["amount"], it["currency"], it["document"]) for it in result["unproved"]] == [
        ("2", "40.50", "EUR", document["BankTransactionID"])
    ]
    assert "left out (closed)" in result["unproved"][0]["explanation"]
    assert "1 unproved" in incidents(world, "proof:")[0].body

    people(world).delete(document["BankTransactionID"])
    assert proof(world)["balanced"], "it stands in the books no longer"
    assert incidents(world, "proof:") == []


def test_the_document_of_a_row_that_amnis_moved_to_a_wallet_that_is_left_out_is_named_with_its_movement(
    world: World,
) -> None:
    row = world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    unmap(world, "8")
    world.amnis.change(row, account=8)
    world.amnis.change_detail(row, account=8)
    world.settle()
    assert (world.states(), world.codes()) == (["review"], ["source_withdrew"])

    result = proof(world)

    [item] = result["unexpected"]
    assert (item["cause"], item["amount"], item["record"]) == ("moved", "100.00", world.records()[0].pk)
    assert f"posted for movement {row}, which stands on wallet 8 now" in item["explanation"]
    assert "left out (closed)" in item["explanation"]
    assert "waits in the review: take the document out of Xero" in item["action"]
    assert result["unproved"] == []

    [entry] = world.entries()
    assert proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=entry.pk, actor=BOB)
    world.settle()
    assert world.books.bank_transactions() == []
    assert proof(world)["balanced"]


def test_a_transfer_into_a_wallet_that_is_left_out_now_is_named_for_that_wallet(world: World) -> None:
    world.amnis.own_transfer(amount="300.00", source=1, target=8, executed_on=MARCH)
    world.settle()
    [transfer] = world.books.bank_transfers()
    [receiver] = [it.account_id for it in world.records() if it.amount is not None and it.amount > 0]
    unmap(world, receiver)

    result = proof(world)

    assert [(it["source"], it["amount"], it["document"]) for it in result["unproved"]] == [
        (receiver, "300.00", transfer["BankTransferID"])
    ]


def test_a_movement_without_an_amount_is_skipped_with_its_reason_and_not_held(world: World) -> None:
    world.amnis.pay_in(amount="0.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()

    result = proof(world)

    assert result["held_items"] == []
    [item] = result["skipped"]
    assert (item["amount"], item["state"], bool(item["reason"])) == ("0.00", "skipped", True)


@pytest.mark.parametrize("is_linked", [False, True])
def test_a_movement_in_the_books_that_loses_its_day_counts_on_the_day_of_its_document(
    world: World, *, is_linked: bool
) -> None:
    """41.15 left the wallet and stand in the books: 0.00 differs, and the document is nobody else's."""
    if is_linked:
        typed(world, "SPEND", "41.15", day=MARCH.isoformat())
    row = world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    if is_linked:
        assert link(world, *world.entries()).linked == 1
    world.amnis.change(row, executionDate=None)
    world.settle()

    result = proof(world)

    assert (result["accounts"][0]["source_sum"], result["accounts"][0]["xero_sum"]) == ("-41.15", "-41.15")
    assert [it["date"] for it in result["accounts"][0]["days"]] == [MARCH.isoformat()]
    assert result["unexpected"] == result["held_items"] == result["missing"] == []
    assert result["balanced"]
    april = flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id, since=date(2026, 4, 1))
    assert april["accounts"][0]["movements"] == 0, "it is of March"


def test_one_whose_document_is_gone_as_well_is_missing(world: World) -> None:
    row = world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    world.amnis.change(row, executionDate=None)
    world.settle()
    people(world).delete(str(world.entries()[0].destination_id))

    result = proof(world)

    assert [(it["source_id"], it["booking_date"]) for it in result["missing"]] == [(str(row), MARCH.isoformat())]
    assert result["accounts"][0]["difference"] == "-41.15"


def test_a_card_that_settled_and_has_no_day_of_execution_is_proved(world: World) -> None:
    """Amnis finds rows by their day of execution: this one it shows to the sync alone, and 12.00 stand in the books."""
    row = world.amnis.card(amount="12.00", merchant="Beispiel AG", executed_on=MARCH)
    world.amnis.change_detail(row, settlementDate=f"{MARCH}T10:00:00+01:00")
    world.amnis.change(row, executionDate=None)
    world.settle()
    assert world.books.balance("090") == D("-12.00")

    result = proof(world)

    assert (result["accounts"][0]["source_sum"], result["accounts"][0]["ours"]) == ("-12.00", "-12.00")
    assert result["balanced"]


def test_an_executed_movement_that_its_details_call_cancelled_is_held_with_its_reason(world: World) -> None:
    row = world.amnis.payout(amount="12.00", to="Beispiel AG", executed_on=MARCH)
    world.amnis.change_detail(row, status="canceled")
    world.settle()

    result = proof(world)

    [item] = result["held_items"]
    assert (item["source_id"], item["state"], item["amount"]) == (str(row), "review", "-12.00")
    assert "a status that is not known" in item["reason"]
    assert (result["accounts"][0]["source_sum"], result["accounts"][0]["held"]) == ("-12.00", "-12.00")
    assert world.books.bank_transactions() == []


def test_one_that_is_called_cancelled_after_it_was_posted_is_different_and_not_in_balance(world: World) -> None:
    """The two sums agree, and whether the money moved is open."""
    row = world.amnis.payout(amount="12.00", to="Beispiel AG", executed_on=MARCH)
    world.settle()
    world.amnis.change_detail(row, status="canceled")
    world.settle()

    result = proof(world)

    assert [it["source_id"] for it in result["different"]] == [str(row)]
    assert "contradict each other" in result["different"][0]["action"]
    assert (result["unexpected"], result["accounts"][0]["difference"], result["balanced"]) == ([], "0.00", False)


@pytest.mark.parametrize("currency", ["EUR", "XXQ"])
def test_a_posted_movement_that_names_another_currency_is_different_and_never_in_balance(
    world: World, bob: Client, currency: str
) -> None:
    """The same 41.15, so that no figure tells them apart. XXQ is no currency; ISO 4217 writes that XXX."""
    row = world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    world.amnis.change(row, currency=currency)
    world.amnis.change_detail(row, currency=currency)
    world.settle()

    result = proof(world)

    told = currency if currency == "EUR" else "XXX"
    lines = {(it["source"], it["currency"]): it["difference"] for it in result["accounts"]}
    assert (lines["1", "CHF"], lines["1", told]) == ("41.15", "-41.15")
    assert [(it["source_id"], it["currency"]) for it in result["different"]] == [(str(row), told)]
    assert (result["balanced"], world.books.balance("090")) == (False, D("-41.15"))
    page = bob.get(address(world, "proof")).content.decode()
    assert "Another amount or currency" in page


def test_an_executed_movement_without_a_day_is_held_with_its_reason(world: World, bob: Client) -> None:
    """It is of no day, so no reading by days shows it; on its account its 1,000.00 are at Amnis and held."""
    row = world.amnis.pay_in(amount="1000.00", payer="Beispiel AG", executed_on=MARCH)
    world.amnis.change(row, executionDate=None)
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()

    result = proof(world)

    [item] = result["held_items"]
    assert (item["source_id"], item["booking_date"], item["amount"], item["state"]) == (
        str(row),
        "",
        "1000.00",
        "review",
    )
    assert "no execution date" in item["reason"]
    sums = [(it["source_sum"], it["held"], it["xero_sum"], it["movements"]) for it in result["accounts"]]
    assert sums[0] == ("1100.00", "1000.00", "100.00", 2)
    assert result["balanced"]
    assert "no execution date" in bob.get(address(world, "proof")).content.decode()

    world.amnis.change(row, executionDate="2026-03-02T10:00:00+01:00")
    world.settle()
    assert world.books.balance("090") == Decimal("1100.00")
    assert proof(world)["held_items"] == []


# ---------------------------------------------------------------- certificates


def certified(world: World) -> Certificate:
    number = proof(world)["proof"]
    return certifying.certificate_make(tenant_id=world.tenant.pk, proof_id=number, actor=BOB)


def test_a_certificate_is_the_same_for_ever_and_recognised_by_file_and_hash(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    typed(world, "SPEND", "12.00")
    accept(world, proof(world)["unexpected"][0], reason="=opening balance")
    made = certified(world)

    again = certifying.certificate_make(
        tenant_id=world.tenant.pk, proof_id=made.proof_id, actor="somebody@else.example"
    )
    assert (bytes(again.pdf), bytes(again.csv), again.made_by) == (bytes(made.pdf), bytes(made.csv), BOB)
    assert made.sha256 == digest(made.content)
    told = json.loads(made.content)
    assert (told["organisation"], told["made_by"], told["proof"]["balanced"]) == (ORGANISATION, BOB, True)

    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(bytes(made.pdf))).pages)
    for said in (made.number, made.sha256, "In balance", "opening balance", ORGANISATION, "88.00"):
        assert said in text, said
    assert "'=opening balance" in bytes(made.csv).decode("utf-8-sig"), "no cell begins like a formula"

    for given in (bytes(made.pdf), bytes(made.csv), made.sha256.encode(), made.content.encode()):
        found = certifying.certificate_check(tenant_id=world.tenant.pk, given=given)
        assert found is not None
        assert found.number == made.number
    assert certifying.certificate_check(tenant_id=world.tenant.pk, given=bytes(made.pdf) + b" ") is None
    assert made.keep_until.year == made.made_at.year + 10


@pytest.mark.parametrize("table", ["proof", "certificate"])
def test_nobody_changes_what_was_proved(world: World, table: str) -> None:
    certified(world)
    for statement in (f"UPDATE {table} SET made_by = 'x'", f"DELETE FROM {table}"):
        refused = pytest.raises(Error, match=r"append-only|permission denied")
        with refused, tenant_scope(world.tenant.pk), transaction.atomic():
            store.run_sql(statement)


def test_the_command_writes_and_verifies_a_certificate(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    file = tmp_path / "proof.pdf"

    call_command("proof", "muster", "--json", "--certificate", str(file))
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer["balanced"]
    assert answer["certificate"]["file"] == str(file)
    assert file.read_bytes().startswith(b"%PDF")

    call_command("proof", "muster", "--json", "--verify", str(file))
    assert json.loads(capsys.readouterr().out)["genuine"]
    with pytest.raises(SystemExit) as caught:
        call_command("proof", "muster", "--json", "--verify", "0" * 64)
    assert caught.value.code == 1


def test_a_bounded_proof_counts_a_movement_on_the_day_of_its_document(world: World) -> None:
    """January was locked: its movement stands in February, on purpose. Both months are in balance."""
    people(world).set_lock_dates(period=date(2026, 1, 31))
    world.set_flow(policies={"lock_date": "next_open_day"})
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=date(2026, 1, 20))
    world.settle()
    [document] = world.books.bank_transactions()
    assert "2026-02-01" in document["DateString"]

    def month(since: date, until: date) -> dict[str, Any]:
        return flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id, since=since, until=until)

    january, february = month(date(2026, 1, 1), date(2026, 1, 31)), month(date(2026, 2, 1), date(2026, 2, 28))

    assert january["balanced"]
    assert february["balanced"], february
    assert [it["accounts"][0]["ours"] for it in (january, february)] == ["0.00", "100.00"]
    with tenant_scope(world.tenant.pk):
        assert Flow.objects.get().policies["lock_date"] == "next_open_day"


@pytest.mark.parametrize("days", [("--from", "2026-05-01", "--to", "2026-04-01"), ("--to", "2025-12-31")])
def test_a_range_without_a_day_is_refused_instead_of_being_in_balance(world: World, days: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="nothing lies between"):
        call_command("proof", "muster", "--json", *days)


def test_days_that_are_to_come_are_refused_instead_of_being_in_balance(world: World) -> None:
    with pytest.raises(CommandError, match="nothing has been executed from 2100-12-31 on"):
        call_command("proof", "muster", "--json", "--from", "2100-12-31")


def test_a_long_text_is_no_certificate_and_no_error(world: World) -> None:
    with pytest.raises(SystemExit) as end:
        call_command("proof", "muster", "--json", "--verify", "x" * 5000)
    assert end.value.code == 1


@pytest.mark.parametrize("text", ["=1+1", " =1+1", "\uff1d1+1", "\t@SUM(A1)"])
def test_no_cell_of_a_certificate_runs_in_a_spreadsheet(text: str) -> None:
    head = {"number": "MR-2026-000001", "company": text}
    found = certificate.as_csv(head=head, result={"balanced": True, "accounts": []}, sha256="0").decode("utf-8-sig")
    shown = text.replace("\t", " ")  # a tab is a break, and would begin a new cell
    assert f"'{shown}" in found


def test_the_certificate_names_the_program_as_it_is_released(world: World) -> None:
    released = tomllib.loads((Path(settings.BASE_DIR) / "pyproject.toml").read_text())["project"]["version"]

    made = certified(world)

    assert made.version == f"Millrace {released}"
    assert json.loads(made.content)["software"] == made.version
