"""What happens to a movement over time: it executes late, it changes after it was posted, its period is locked."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sync import undoing
from sync.models import Event
from sync.pipeline.locks import redated
from sync.proving import flow_prove
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import ORGANISATION, World
from tests.pipeline.test_linking import typed

D = Decimal
MARCH = date(2026, 3, 2)


@pytest.mark.parametrize("life_cycle", ["in_place", "new_row"])
def test_a_card_is_posted_once_when_it_settles_and_with_what_it_cost_then(world: World, life_cycle: str) -> None:
    world.sandbox.amnis.switch(card_lifecycle=life_cycle)
    soon = world.sandbox.clock.now() + timedelta(days=2)
    row = world.amnis.card(amount="86.40", merchant="RESTAURANT MUSTER", settles_at=soon)
    expiring = world.amnis.card(amount="300.00", merchant="MIETWAGEN BEISPIEL", settles_at=soon)
    world.sync()

    assert world.books.bank_transactions() == []

    world.amnis.execute(row, amount="91.40")
    world.amnis.expire(expiring)
    world.settle()
    world.settle()

    [document] = world.books.bank_transactions()
    assert (document["Type"], D(str(document["Total"]))) == ("SPEND", D("91.40"))
    assert world.books.balance("090") == D("-91.40"), "an authorisation that expires leaves nothing behind"


def test_a_planned_payment_is_posted_when_it_is_executed(world: World) -> None:
    row = world.amnis.payout(amount="1499.00", to="Versicherung Exempla AG", status="pending", executed_on=MARCH)
    world.sync()
    assert [record.state for record in world.records()] == ["skipped"]

    world.amnis.execute(row)
    world.settle()

    assert world.books.balance("090") == D("-1499.00")
    assert world.states() == ["confirmed"]


def test_a_row_that_changes_after_posting_is_shown_field_by_field_and_posted_no_second_time(world: World) -> None:
    row = world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    touched = world.amnis.pay_in(amount="7.00", payer="Zweite AG", executed_on=MARCH)
    world.settle()

    world.amnis.change(row, amount="101.00")
    world.amnis.change(touched)  # a new stamp, and nothing said anew
    world.settle()

    assert [D(str(document["Total"])) for document in world.books.bank_transactions()] == [D("100.00"), D("7.00")]
    assert world.states() == ["review", "confirmed"]
    [finding] = world.entries()[0].findings
    assert finding["code"] == "source_changed"
    assert "amount: 100.00 → 101.00" in finding["message"]


def test_a_row_that_is_withdrawn_after_posting_is_for_a_person(world: World) -> None:
    row = world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()

    world.amnis.change(row, executed=False)
    world.settle()

    assert len(world.books.bank_transactions()) == 1
    assert world.states() == ["review"]
    assert world.codes() == ["source_withdrew"]


def test_a_held_movement_that_is_withdrawn_is_left_out_and_asked_about_again_once_it_is_executed(world: World) -> None:
    typed(world, "RECEIVE", "100.00")
    row = world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    assert world.codes() == ["already_in_xero"]

    world.amnis.change(row, executed=False)
    world.settle()
    assert world.states() == ["skipped"]

    world.amnis.change(row, executed=True)
    world.settle()
    assert (world.states(), world.codes()) == (["review"], ["already_in_xero"])
    assert world.books.balance("090") == D(100), "the typed document alone"


def test_the_first_half_of_a_transfer_may_have_waited_for_so_long_that_a_person_was_asked(world: World) -> None:
    world.set_flow(policies={"partner_minutes": "0"})
    halves = world.amnis.own_transfer(amount="250.00", source=1, target=8, executed_on=MARCH)
    world.amnis.change(halves.paid or 0, executed=False)
    world.settle()
    assert world.states() == ["review"]

    world.amnis.change(halves.paid or 0, executed=True)
    world.settle()

    assert sorted(world.states()) == ["confirmed", "skipped"]
    assert (world.books.balance("090"), world.books.balance("096")) == (D(-250), D(250))


def test_a_change_before_posting_is_simply_what_is_posted(world: World) -> None:
    row = world.amnis.pay_in(amount="75.00", payer=None, executed_on=MARCH)
    world.sync()
    assert world.states() == ["review"]

    world.amnis.change_detail(row, remitterInformation={"name": "Doch Bekannt AG"}, debtorName="Doch Bekannt AG")
    world.sync()

    assert len(world.entries()) == 1


def test_a_locked_period_holds_for_review_by_default(world: World) -> None:
    """Also where the connected user is an adviser, who could post anyway: both lock dates are read, the later one wins."""
    people = world.sandbox.xero.people(ORGANISATION)
    people.set_lock_dates(period=date(2026, 3, 31), end_of_year=date(2025, 12, 31))
    people.set_adviser(may_post_before_lock=True)
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=date(2026, 3, 31))
    world.amnis.pay_in(amount="7.00", payer="Zweite AG", executed_on=date(2026, 4, 1))

    world.settle()

    assert [document["DateString"][:10] for document in world.books.bank_transactions()] == ["2026-04-01"]
    held = world.entries()[0]
    assert (held.state, [finding["code"] for finding in held.findings]) == ("review", ["period_locked"])
    assert "31 Mar 2026" in held.findings[0]["message"]


def test_by_policy_a_locked_movement_is_posted_on_the_first_open_day_and_says_so(world: World) -> None:
    world.set_flow(policies={"lock_date": "next_open_day"})
    world.sandbox.xero.people(ORGANISATION).set_lock_dates(period=date(2026, 3, 31))
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH, reference="Rechnung 1")

    world.settle()

    [document] = world.books.bank_transactions()
    assert document["DateString"][:10] == "2026-04-01"
    assert document["Reference"].startswith("Rechnung 1 (booked 02.03.2026) MR-")
    with tenant_scope(world.tenant.pk):
        notes = list(Event.objects.order_by("id").values_list("note", flat=True))
    assert {"redated_from": "2026-03-02", "to": "2026-04-01"} in notes, "never silently"
    assert flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)["balanced"]


def test_a_long_text_never_pushes_the_original_date_out_of_the_reference(world: World) -> None:
    world.set_flow(policies={"lock_date": "next_open_day"})
    world.sandbox.xero.people(ORGANISATION).set_lock_dates(period=date(2026, 3, 31))
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH, reference="Rechnung " * 30)

    world.settle()

    [document] = world.books.bank_transactions()
    assert "02.03.2026" in document["Reference"] or "02.03.2026" in document["LineItems"][0]["Description"]


def test_a_period_that_is_locked_while_we_post_is_noticed_by_the_refusal(world: World) -> None:
    world.amnis.pay_in(amount="7.00", payer="Zweite AG", executed_on=date(2026, 4, 1))
    world.settle()  # the lock dates are known now, for ten minutes
    world.sandbox.xero.people(ORGANISATION).set_lock_dates(period=date(2026, 3, 31))
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)

    world.settle()

    assert len(world.books.bank_transactions()) == 1
    assert world.codes() == ["period_locked"]


def test_what_somebody_edits_in_xero_is_noticed_and_never_fought(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [document] = world.books.bank_transactions()
    world.sandbox.xero.people(ORGANISATION).edit(document["BankTransactionID"], Date="2026-03-05")
    world.set_flow(mirror_read_at=world.sandbox.clock.now() - timedelta(minutes=56))

    world.sync()

    assert world.states() == ["review"]
    assert [finding["detail"] for finding in world.entries()[0].findings] == ["date"]
    [document] = world.books.bank_transactions()
    assert document["DateString"][:10] == "2026-03-05"


def test_a_document_is_redated_with_its_own_date_in_the_text() -> None:
    document: dict[str, Any] = {"date": "2026-03-02", "reference": "", "total": "1.00"}

    assert redated(document, date(2026, 4, 1)) == {
        "date": "2026-04-01",
        "reference": "(booked 02.03.2026)",
        "total": "1.00",
    }


def test_a_document_that_is_redated_twice_tells_its_first_date_once() -> None:
    document: dict[str, Any] = {"date": "2026-03-02", "reference": "Rechnung 1"}

    twice = redated(redated(document, date(2026, 4, 1)), date(2026, 5, 1))

    assert twice == {"date": "2026-05-01", "reference": "Rechnung 1 (booked 02.03.2026)"}


def an_hour_later(world: World) -> None:
    world.set_flow(mirror_read_at=world.sandbox.clock.now() - timedelta(minutes=56))
    world.sync()


@pytest.mark.parametrize("act", ["delete", "void"])
def test_what_somebody_deletes_or_voids_in_xero_is_for_a_person_and_comes_back_only_when_asked(
    world: World, act: str
) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    [entry] = world.entries()
    getattr(world.sandbox.xero.people(ORGANISATION), act)(entry.destination_id or "")

    an_hour_later(world)

    assert (world.states(), world.codes()) == (["review"], ["deleted_in_xero"])
    assert {"delete": "deleted", "void": "voided"}[act] in world.entries()[0].findings[0]["message"]
    assert world.books.bank_transactions() == []

    undoing.entry_post_again(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor="alice@muster.example")
    world.settle()
    assert [D(str(document["Total"])) for document in world.books.bank_transactions()] == [D("100.00")]
    assert world.states() == ["confirmed"]


def test_what_somebody_reconciles_or_codes_otherwise_is_noted_and_stays(world: World) -> None:
    world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    world.settle()
    [document] = world.books.bank_transactions()
    people = world.sandbox.xero.people(ORGANISATION)
    line = {**document["LineItems"][0], "AccountCode": "469", "AccountID": world.books.account("469")["AccountID"]}
    people.edit(document["BankTransactionID"], LineItems=[line])
    people.reconcile(document["BankTransactionID"])

    an_hour_later(world)
    an_hour_later(world)

    assert world.states() == ["confirmed"]
    notes = [(finding["code"], finding["severity"]) for finding in world.entries()[0].findings]
    assert notes == [("reconciled_in_xero", "note"), ("recoded_in_xero", "note")]
    assert world.books.bank_transactions()[0]["LineItems"][0]["AccountCode"] == "469"

    people.unreconcile(document["BankTransactionID"])
    an_hour_later(world)
    assert [finding["code"] for finding in world.entries()[0].findings] == ["recoded_in_xero"]
