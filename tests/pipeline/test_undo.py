"""Undo: what leaves the books leaves them whole, what may not be touched stays, and nothing comes back by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from connectors.contract.records import RawRecord
from sync import undoing
from sync.domain.fingerprint import marker, natural_keys
from sync.models import Amendment, Event, MirrorDocument
from sync.proving import flow_prove
from sync.undoing import NothingThere, Selection
from tenants.models import AuditEvent
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import ORGANISATION, World

D = Decimal
ALICE, BOB = "alice@muster.example", "bob@muster.example"
MARCH, APRIL = date(2026, 3, 2), date(2026, 4, 2)


def undo(world: World, actor: str = ALICE, named: tuple[int, ...] = (), **what: Any) -> undoing.Asked:
    return undoing.undo(
        tenant_id=world.tenant.pk, flow_id=world.flow_id, selection=Selection(**what), actor=actor, named=named
    )


def carry_out(world: World, *, seconds: float = 10.0) -> list[Amendment]:
    """Run until no amendment is on its way; what became of each, oldest first."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        world.sync()
        found = amendments(world)
        if all(it.state in ("proposed", "done", "refused", "withdrawn") for it in found):
            return found
        time.sleep(0.02)
    raise AssertionError([(it.state, it.note) for it in amendments(world)])


def amendments(world: World) -> list[Amendment]:
    with tenant_scope(world.tenant.pk):
        return list(Amendment.objects.order_by("id"))


def balances(world: World) -> dict[str, tuple[Decimal, Decimal]]:
    """Every account of the books, in its own currency and in the base currency, from the sandbox's journal."""
    return {
        account["Name"]: (world.books.balance(account["AccountID"]), world.books.base_balance(account["AccountID"]))
        for account in world.books.accounts()
    }


def test_undoing_a_day_restores_the_balance_of_every_account(world: World) -> None:
    world.amnis.pay_in(amount="7.00", payer="Vorher AG", executed_on=MARCH)
    world.settle()
    before = balances(world)
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=APRIL)
    world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=APRIL)
    world.amnis.fee(amount="2.50", executed_on=APRIL)
    world.amnis.fx(sold=(1, "250000.00"), bought=(2, "263811.37"), value_on=APRIL)
    world.amnis.own_transfer(amount="500.00", source=1, target=8, executed_on=APRIL)
    world.settle()
    assert balances(world) != before

    asked = undo(world, day=APRIL)
    done = carry_out(world)

    assert len(asked.preview.items) == 6
    assert {it.state for it in done} == {"done"}
    assert balances(world) == before, "also the clearing and the rounding account, and both sides of the transfer"
    assert sorted(world.states()) == ["confirmed", *["undone"] * 6]
    assert world.books.is_balanced()


def test_what_was_undone_stays_out_until_somebody_posts_it_again_and_then_it_is_posted_once(world: World) -> None:
    row = world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [entry] = world.entries()
    undo(world, entry=entry.pk)
    carry_out(world)

    world.amnis.change(row, amount="101.00")
    world.sync()
    world.sync()
    assert (world.books.bank_transactions(), world.states()) == ([], ["undone"])

    arguments: dict[str, Any] = {"tenant_id": world.tenant.pk, "entry_ids": [entry.pk], "actor": BOB}
    assert undoing.entry_post_again(**arguments) == 1
    assert undoing.entry_post_again(**arguments) == 0, "a second click finds nothing to post again"
    world.settle()
    world.settle()

    [document] = world.books.bank_transactions()
    assert D(str(document["Total"])) == D("101.00")
    [again] = world.entries()
    assert (again.state, again.generation) == ("confirmed", 2)
    assert again.marker != entry.marker
    assert world.books.markers() == [again.marker]
    assert again.destination_id != entry.destination_id


def test_the_proof_lists_what_was_undone_as_held(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    undo(world, entry=world.entries()[0].pk)
    carry_out(world)

    proof = flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)

    assert proof["balanced"]
    assert [(item["amount"], item["state"]) for item in proof["held_items"]] == [("100.00", "undone")]


def test_a_reconciled_document_stays_and_its_neighbours_go(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.amnis.pay_in(amount="7.00", payer="Zweite AG", executed_on=MARCH)
    world.settle()
    first, _neighbour = world.entries()
    world.sandbox.xero.people(ORGANISATION).reconcile(first.destination_id or "")

    asked = undo(world, day=MARCH)
    carry_out(world)

    [staying] = asked.preview.staying
    assert (staying.entry.pk, staying.problem and staying.problem.code) == (first.pk, "reconciled_in_xero")
    assert [D(str(document["Total"])) for document in world.books.bank_transactions()] == [D("100.00")]
    assert world.states() == ["confirmed", "undone"]


def test_what_is_reconciled_between_the_preview_and_the_sending_is_left_alone(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [entry] = world.entries()
    undo(world, entry=entry.pk)
    world.sandbox.xero.people(ORGANISATION).reconcile(entry.destination_id or "")
    world.sandbox.xero.forget_calls()

    [refused] = carry_out(world)

    assert (refused.state, refused.code) == ("refused", "reconciled_in_xero")
    assert len(world.books.bank_transactions()) == 1
    assert world.books.write_calls() == 0, "read right before sending, so nothing was even tried"
    assert world.states() == ["confirmed"]


def test_nothing_in_a_locked_period_is_undone(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    world.sandbox.xero.people(ORGANISATION).set_lock_dates(period=date(2026, 3, 31))

    asked = undo(world, entry=world.entries()[0].pk)

    assert asked.batch is None
    assert [item.problem and item.problem.code for item in asked.preview.items] == ["period_locked"]
    assert len(world.books.bank_transactions()) == 1


def test_a_period_locked_after_the_preview_refuses_in_words(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    undo(world, entry=world.entries()[0].pk)
    world.sandbox.xero.people(ORGANISATION).set_lock_dates(period=date(2026, 3, 31))

    [refused] = carry_out(world)

    assert (refused.state, refused.code) == ("refused", "period_locked")
    assert "31 Mar 2026" in refused.note
    assert len(world.books.bank_transactions()) == 1


def test_what_is_read_for_many_removals_stays_in_the_mirror_as_it_was(world: World) -> None:
    """More than ten are judged by what was read before. With a total on no account and no stamp, the proof of the clearing
    account would count the document by what was planned, and nobody would see it deleted."""
    for number in range(12):
        world.amnis.pay_in(amount=f"{100 + number}.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    world.sandbox.clock.advance(timedelta(hours=1))
    world.set_flow(
        mirror_watermarks={"BankTransactions": world.sandbox.clock.now().isoformat()}
    )  # read since, to its end
    before = mirrored(world)
    undo(world, day=MARCH)
    world.sandbox.xero.faults.lose_answer(after_commit=False, path="BankTransactions", methods={"POST"})

    world.sync()

    assert len(before) == len(world.books.bank_transactions()) == 12
    assert all(it["by_account"] and it["updated_at"] for it in before)
    assert mirrored(world) == before


def mirrored(world: World) -> list[dict[str, Any]]:
    """What the mirror says of each document, but for when it was read."""
    with tenant_scope(world.tenant.pk):
        found = list(MirrorDocument.objects.order_by("document_id").values())
    return [{name: value for name, value in row.items() if name != "read_at"} for row in found]


def test_an_edited_document_goes_only_where_a_person_names_it(world: World) -> None:
    world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    [entry] = world.entries()
    [document] = world.books.bank_transactions()
    line = {**document["LineItems"][0], "AccountCode": "469", "AccountID": world.books.account("469")["AccountID"]}
    world.sandbox.xero.people(ORGANISATION).edit(document["BankTransactionID"], LineItems=[line])

    unnamed = undo(world, entry=entry.pk)
    assert unnamed.batch is None
    [item] = unnamed.preview.items
    assert (item.needs_naming, item.problem and item.problem.detail) == (True, "lines")

    assert undo(world, entry=entry.pk, named=(entry.pk,)).batch is not None
    [done] = carry_out(world)
    assert done.state == "done"
    assert world.books.bank_transactions() == []


def test_the_preview_of_an_edited_document_says_what_will_be_left(world: World) -> None:
    """41.15 on 400 was edited to 45.15 on 469, so -45.15 goes from the bank and nothing is left."""
    world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    [entry] = world.entries()
    bank, other = (world.books.account(code)["AccountID"] for code in ("090", "469"))
    line = {
        "Description": "Reparatur",
        "Quantity": 1,
        "UnitAmount": D("45.15"),
        "AccountCode": "469",
        "TaxType": "NONE",
    }
    world.sandbox.xero.people(ORGANISATION).edit(str(entry.destination_id), LineItems=[line])

    asked = undo(world, entry=entry.pk, named=(entry.pk,))

    [balance] = asked.preview.balances
    assert balance.after == D("0.00")
    assert {(it.account_id, it.amount) for it in asked.preview.effects} == {(bank, D("45.15")), (other, D("-45.15"))}
    [item] = asked.preview.going
    assert undoing.item_json(item)["amount"] == "45.15"
    carry_out(world)
    assert world.books.balance("090") == balance.after


def test_a_conversion_is_undone_whole_or_not_at_all(world: World) -> None:
    world.amnis.fx(sold=(1, "250000.00"), bought=(2, "263811.37"), value_on=MARCH)
    world.settle()
    sold, bought = sorted(world.entries(), key=lambda entry: entry.leg, reverse=True)
    people = world.sandbox.xero.people(ORGANISATION)
    people.reconcile(bought.destination_id or "")

    refused = undo(world, entry=sold.pk)

    assert refused.batch is None
    assert {item.problem and item.problem.code for item in refused.preview.items} == {
        "reconciled_in_xero", "other_leg_refused"
    }  # fmt: skip

    people.unreconcile(bought.destination_id or "")
    undo(world, entry=sold.pk)
    carry_out(world)
    assert world.books.bank_transactions() == []
    assert world.books.base_balance("850") == D("0.00")


def test_a_lost_answer_to_a_removal_is_settled_by_reading_and_sent_no_second_time(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    undo(world, entry=world.entries()[0].pk)
    world.sandbox.xero.forget_calls()
    world.sandbox.xero.faults.lose_answer(methods=frozenset({"POST"}))

    [done] = carry_out(world)

    assert done.state == "done"
    assert world.books.bank_transactions() == []
    assert world.books.calls()["POST /BankTransactions"] == 1
    assert world.states() == ["undone"]


def test_a_removal_that_never_arrived_is_sent_again_after_the_quarantine(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    undo(world, entry=world.entries()[0].pk)
    world.sandbox.xero.faults.reset(methods=frozenset({"POST"}))

    world.sync()
    [state] = [it.state for it in amendments(world)]
    assert state in ("unconfirmed", "asked"), "on a slow machine this run lasts longer than the quarantine"
    [done] = carry_out(world)

    assert done.state == "done"
    assert world.books.bank_transactions() == []


def test_two_people_undo_at_once_and_it_happens_once(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [entry] = world.entries()

    first, second = undo(world, ALICE, entry=entry.pk), undo(world, BOB, entry=entry.pk)
    carry_out(world)

    assert first.batch is not None
    assert second.batch is None
    [item] = second.preview.items
    assert item.problem is not None
    assert item.problem.message == f"{ALICE} has already asked for this."
    assert len(amendments(world)) == 1
    assert world.states() == ["undone"]


def test_a_run_is_undone_with_everything_that_it_posted_and_nothing_else(world: World) -> None:
    world.amnis.pay_in(amount="7.00", payer="Vorher AG", executed_on=MARCH)
    world.settle()
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=APRIL)
    run = world.sync().run_id
    world.settle()

    undo(world, run=run)
    carry_out(world)

    assert [D(str(document["Total"])) for document in world.books.bank_transactions()] == [D("7.00")]


def test_a_preview_changes_nothing_and_says_what_would_change(world: World) -> None:
    world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    world.amnis.payout(amount="10.00", to="Lieferant Exempla AG", executed_on=APRIL)
    world.settle()
    bank, expense = (world.books.account(code)["AccountID"] for code in ("090", "400"))

    preview = undoing.undo_preview(tenant_id=world.tenant.pk, flow_id=world.flow_id, selection=Selection(day=MARCH))

    [balance] = preview.balances
    assert (balance.account_id, balance.before, balance.after) == (bank, D("-51.15"), D("-10.00"))
    assert {(it.account_id, it.amount) for it in preview.effects} == {(bank, D("41.15")), (expense, D("-41.15"))}
    assert amendments(world) == []
    with pytest.raises(NothingThere):
        undoing.undo_preview(
            tenant_id=world.tenant.pk, flow_id=world.flow_id, selection=Selection(day=MARCH + timedelta(days=1))
        )


def test_an_undo_is_in_the_audit_trail_and_in_the_movements_story(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    undo(world, entry=world.entries()[0].pk)
    carry_out(world)

    with tenant_scope(world.tenant.pk):
        acts = list(AuditEvent.objects.filter(action="entry.undo").values_list("actor", flat=True))
        told = list(Event.objects.filter(step="amend").order_by("id").values_list("to_state", "actor"))
    assert acts == [ALICE]
    assert told[0] == ("asked", ALICE)
    assert ("done", ALICE) in told
    assert told[-1] == ("undone", ALICE)


@pytest.fixture
def undo_command(world: World) -> Callable[..., tuple[int, dict[str, Any]]]:
    """The command as an operator runs it: (exit code, answer)."""

    def call(*arguments: str) -> tuple[int, dict[str, Any]]:
        out, code = StringIO(), 0
        try:
            call_command("undo", "muster", *arguments, "--json", stdout=out)
        except SystemExit as end:
            code = int(end.code or 0)
        return code, json.loads(out.getvalue().strip().splitlines()[-1])

    return call


def test_the_command_shows_first_and_undoes_then(
    world: World, undo_command: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.amnis.pay_in(amount="7.00", payer="Zweite AG", executed_on=MARCH)
    world.settle()
    first, second = world.entries()
    world.sandbox.xero.people(ORGANISATION).reconcile(first.destination_id or "")

    code, shown = undo_command("--day", "2026-03-02", "--dry-run")
    assert (code, shown["documents"], shown["undone"], shown["refused"]) == (1, 2, 0, 1)
    assert [(it["entry"], it["amount"], it["code"]) for it in shown["items"]] == [
        (first.pk, "100.00", "reconciled_in_xero"), (second.pk, "7.00", "")
    ]  # fmt: skip
    assert [(it["before"], it["after"]) for it in shown["balances"]] == [("107.00", "100.00")]
    assert len(world.books.bank_transactions()) == 2

    code, done = undo_command("--day", "2026-03-02")
    assert (code, done["undone"], done["refused"], done["open"]) == (1, 1, 1, 0)
    assert [it["state"] for it in done["items"]] == ["refused", "done"]
    assert world.books.balance("090") == D("100.00")

    world.sandbox.xero.people(ORGANISATION).unreconcile(first.destination_id or "")
    code, done = undo_command("--entry", str(first.pk))
    assert (code, done["undone"], done["refused"]) == (0, 1, 0)
    assert world.books.balance("090") == D("0.00")


def test_whoever_lost_our_tables_finds_the_document_that_was_posted_again_and_posts_no_third(world: World) -> None:
    """The books of a company that undid a payment and posted it again, met by a Millrace that has never seen them."""
    row = world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    [key] = natural_keys("amnis", [RawRecord(account_id="1", source_id=str(row), updated_at=None, payload={})])
    people = world.sandbox.xero.people(ORGANISATION)
    organisation = world.sandbox.xero.books(ORGANISATION).organisation["OrganisationID"]
    typed = [
        people.type_bank_transaction(
            Type="RECEIVE",
            Contact={"Name": "Beispiel AG"},
            BankAccount={"AccountID": world.books.account("090")["AccountID"]},
            Date="2026-03-02",
            Reference=marker(key, leg="main", organisation_id=organisation, generation=generation),
            LineAmountTypes="Inclusive",
            LineItems=[{"Description": "Beispiel AG", "UnitAmount": "100.00", "AccountCode": "200", "TaxType": "NONE"}],
        )
        for generation in (1, 2)
    ]
    people.delete(typed[0]["BankTransactionID"])

    world.settle()

    [document] = world.books.bank_transactions()
    [entry] = world.entries()
    assert document["BankTransactionID"] == typed[1]["BankTransactionID"]
    assert (entry.state, entry.generation, entry.destination_id) == ("confirmed", 2, typed[1]["BankTransactionID"])


def test_a_run_is_not_blamed_for_what_a_later_one_posted_again(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    first = world.sync().run_id
    world.settle()
    [entry] = world.entries()
    undo(world, entry=entry.pk)
    carry_out(world)
    undoing.entry_post_again(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor=BOB)
    world.settle()

    with pytest.raises(NothingThere):
        undo(world, run=first)
    assert len(world.books.bank_transactions()) == 1
