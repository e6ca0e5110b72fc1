"""Which contact a document gets, who decided it, and what a person's choice changes. The books are the proof."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from sync import contacting, services, store
from sync.models import ContactLink
from sync.pipeline.dryrun import dry_run
from sync.proving import flow_prove
from sync.services import NotPossible
from tenants.models import AuditEvent
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import ORGANISATION, World

MARCH = date(2026, 3, 2)
BOB = "bob@muster.example"


def type_contact(world: World, name: str) -> str:
    return str(world.sandbox.xero.people(ORGANISATION).type_contact(Name=name)["ContactID"])


def link(world: World, name: str) -> ContactLink:
    with tenant_scope(world.tenant.pk):
        return ContactLink.objects.get(flow_id=world.flow_id, name=name)


def act(world: World, name: str) -> dict[str, Any]:
    return {"tenant_id": world.tenant.pk, "link_id": link(world, name).pk, "actor": BOB}


def names(world: World) -> list[str]:
    """Of the contacts on the documents in the books, in alphabetical order."""
    return sorted(str(document["Contact"]["Name"]) for document in world.books.bank_transactions())


def contacts_called(world: World, name: str) -> int:
    return sum(contact["Name"] == name for contact in world.books.contacts())


def read_contacts_again(world: World) -> None:
    world.set_flow(contacts_read_at=None)


def test_a_name_that_is_alike_waits_with_its_candidates_and_one_choice_is_remembered(world: World) -> None:
    contact = type_contact(world, "Muster Logistic Zuric")
    world.amnis.payout(amount="40.00", to="Muster Logistik Zuric AG", executed_on=MARCH)
    world.settle()
    assert world.codes() == ["contact_similar"]
    [finding] = world.entries()[0].findings
    assert "“Muster Logistic Zuric” (alike by 90 of 100)" in finding["message"]

    assert contacting.contact_choose(**act(world, "Muster Logistik Zuric AG"), contact_id=contact) == 1
    world.settle()
    world.amnis.payout(amount="50.00", to="Muster Logistik Zuric AG", executed_on=date(2026, 3, 9))
    world.settle()

    assert names(world) == ["Muster Logistic Zuric", "Muster Logistic Zuric"]
    remembered = link(world, "Muster Logistik Zuric AG")
    assert (remembered.how, remembered.decided_by) == ("person", BOB)
    with tenant_scope(world.tenant.pk):
        assert AuditEvent.objects.filter(action="contact.choose", actor=BOB).count() == 1


def test_a_name_that_is_alike_may_be_created_all_the_same(world: World) -> None:
    type_contact(world, "Muster Logistic Zuric")
    world.amnis.payout(amount="40.00", to="Muster Logistik Zuric AG", executed_on=MARCH)
    world.settle()

    contacting.contact_create(**act(world, "Muster Logistik Zuric AG"))
    world.settle()

    assert names(world) == ["Muster Logistik Zuric AG"]


def test_a_question_about_the_contact_is_decided_and_never_accepted(world: World) -> None:
    """What a yes answers is accepted with it, and asked no more; which contact it is, stays a question until it is told."""
    world.set_flow(review={"amount_over": {"CHF": "100.00"}})
    type_contact(world, "Muster Logistic Zuric")
    world.amnis.payout(amount="400.00", to="Muster Logistik Zuric AG", executed_on=MARCH)
    world.settle()
    held = world.entries()[0].pk
    assert set(world.codes()) == {"large_amount", "contact_similar"}

    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[held], actor=BOB)
    world.settle()
    assert (world.states(), world.books.bank_transactions()) == (["review"], [])
    contacting.contact_create(**act(world, "Muster Logistik Zuric AG"))
    world.settle()
    assert names(world) == ["Muster Logistik Zuric AG"]


def test_accepting_says_no_where_the_contact_is_all_that_is_asked(world: World) -> None:
    """Neither the service nor the command; and no entry is ready while its contact is undecided, however it became so."""
    type_contact(world, "Muster Logistic Zuric")
    world.amnis.payout(amount="40.00", to="Muster Logistik Zuric AG", executed_on=MARCH)
    world.settle()
    held = world.entries()[0].pk
    with pytest.raises(NotPossible, match="Choose, or create it"):
        services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[held], actor=BOB)
    with pytest.raises(CommandError, match="Choose, or create it"):
        call_command("review", "muster", "--json", "--accept", str(held))

    with tenant_scope(world.tenant.pk, actor=BOB):
        for state in ("fetched", "ready"):
            store.move_entries([{"id": held, "state": state, "findings": [], "wait": 0, "note": {}}], run_id=None)
    world.settle()

    assert (world.states(), world.codes()) == (["review"], ["contact_similar"])
    told = flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)
    assert [item["state"] for item in told["held_items"]] == ["review"]


def test_a_tenant_s_threshold_lets_a_likeness_link_and_the_entry_says_so(world: World) -> None:
    world.set_flow(policies={"contact_threshold": "90"})
    type_contact(world, "Muster Logistic Zuric")
    world.amnis.payout(amount="40.00", to="Muster Logistik Zuric AG", executed_on=MARCH)
    world.settle()

    assert names(world) == ["Muster Logistic Zuric"]
    [finding] = world.entries()[0].findings
    assert (finding["code"], finding["severity"]) == ("contact_alike", "note")
    assert "alike by 90 of 100" in finding["message"]


def test_a_preview_lists_new_contacts_before_they_are_made(world: World) -> None:
    world.set_flow(policies={"contacts": "preview"})
    world.amnis.payout(amount="40.00", to="Probst Logistik AG", executed_on=MARCH)
    world.amnis.payout(amount="41.00", to="Probst Logistik AG", executed_on=MARCH)
    world.settle()
    assert world.codes() == ["contact_preview", "contact_preview"]
    assert contacts_called(world, "Probst Logistik AG") == 0

    contacting.contact_create(**act(world, "Probst Logistik AG"), name="Probst <Logistik>")
    world.settle()

    assert names(world) == ["Probst Logistik", "Probst Logistik"]
    assert contacts_called(world, "Probst Logistik") == 1


def test_a_new_name_that_the_books_have_already_is_refused(world: World) -> None:
    world.set_flow(policies={"contacts": "preview"})
    type_contact(world, "Zürcher Strom")
    world.amnis.payout(amount="40.00", to="Probst Logistik AG", executed_on=MARCH)
    world.settle()
    with pytest.raises(NotPossible, match="already"):
        contacting.contact_create(**act(world, "Probst Logistik AG"), name="ZURCHER STROM")


def test_another_target_holds_for_the_future_and_leaves_the_past_alone(world: World) -> None:
    other = type_contact(world, "Andere AG")
    world.amnis.payout(amount="40.00", to="Probst Logistik AG", executed_on=MARCH)
    world.settle()

    contacting.contact_choose(**act(world, "Probst Logistik AG"), contact_id=other)
    world.amnis.payout(amount="50.00", to="Probst Logistik AG", executed_on=date(2026, 3, 9))
    world.settle()

    by_amount = {str(d["Total"]): d["Contact"]["Name"] for d in world.books.bank_transactions()}
    assert set(by_amount.values()) == {"Probst Logistik AG", "Andere AG"}
    assert set(world.states()) == {"confirmed"}


def test_a_merged_contact_is_followed(world: World) -> None:
    world.amnis.payout(amount="40.00", to="Probst Logistik AG", executed_on=MARCH)
    world.settle()
    survivor = type_contact(world, "Probst Holding AG")
    people = world.sandbox.xero.people(ORGANISATION)
    people.merge_contact(link(world, "Probst Logistik AG").contact_id, survivor)

    read_contacts_again(world)
    world.amnis.payout(amount="50.00", to="Probst Logistik AG", executed_on=date(2026, 3, 9))
    world.settle()

    assert names(world) == ["Probst Holding AG", "Probst Holding AG"]
    assert link(world, "Probst Logistik AG").contact_id == survivor
    assert [f["code"] for f in world.entries()[1].findings] == ["contact_merged"]


def test_a_contact_that_was_merged_a_moment_ago_is_followed_without_a_question(world: World) -> None:
    world.amnis.payout(amount="40.00", to="Probst Logistik AG", executed_on=MARCH)
    world.settle()
    survivor = type_contact(world, "Probst Holding AG")
    world.sandbox.xero.people(ORGANISATION).merge_contact(link(world, "Probst Logistik AG").contact_id, survivor)

    world.amnis.payout(amount="50.00", to="Probst Logistik AG", executed_on=date(2026, 3, 9))
    world.settle()

    assert set(world.states()) == {"confirmed"}
    assert names(world) == ["Probst Holding AG", "Probst Holding AG"]


def test_a_contact_that_was_archived_a_moment_ago_asks_a_person(world: World) -> None:
    world.amnis.payout(amount="40.00", to="Probst Logistik AG", executed_on=MARCH)
    world.settle()
    world.sandbox.xero.people(ORGANISATION).archive_contact(link(world, "Probst Logistik AG").contact_id)

    world.amnis.payout(amount="50.00", to="Probst Logistik AG", executed_on=date(2026, 3, 9))
    world.settle()

    assert world.codes() == ["contact_archived"]
    assert link(world, "Probst Logistik AG").state == "review"


def test_an_archived_contact_asks_a_person_and_holds_again_once_it_is_restored(world: World) -> None:
    world.amnis.payout(amount="40.00", to="Probst Logistik AG", executed_on=MARCH)
    world.settle()
    people, contact = world.sandbox.xero.people(ORGANISATION), link(world, "Probst Logistik AG").contact_id
    people.archive_contact(contact)
    read_contacts_again(world)
    world.amnis.payout(amount="50.00", to="Probst Logistik AG", executed_on=date(2026, 3, 9))
    world.settle()
    assert world.codes() == ["contact_archived"]

    people.restore_contact(contact)
    read_contacts_again(world)
    world.amnis.payout(amount="60.00", to="Probst Logistik AG", executed_on=date(2026, 3, 10))
    world.settle()

    assert names(world) == ["Probst Logistik AG", "Probst Logistik AG"]
    assert link(world, "Probst Logistik AG").state == "linked"


def test_a_contact_renamed_in_the_books_stays_the_same_contact(world: World) -> None:
    world.amnis.payout(amount="40.00", to="Probst Logistik AG", executed_on=MARCH)
    world.settle()
    world.sandbox.xero.people(ORGANISATION).rename_contact(
        link(world, "Probst Logistik AG").contact_id, "PL Transporte"
    )
    read_contacts_again(world)
    world.amnis.payout(amount="50.00", to="Probst Logistik AG", executed_on=date(2026, 3, 9))
    world.settle()

    assert contacts_called(world, "Probst Logistik AG") == 0
    assert {d["Contact"]["ContactID"] for d in world.books.bank_transactions()} == {
        link(world, "Probst Logistik AG").contact_id
    }


def test_a_spelling_with_the_same_contact_at_the_source_is_the_same_counterparty(world: World) -> None:
    payee = {"accountNumber": "CH9300762011623852957", "name": "Probst Logistik AG", "country": "CH"}
    world.amnis.payout(amount="40.00", to="Probst Logistik AG", executed_on=MARCH, beneficiary=payee)
    world.settle()
    other = {**payee, "name": "Probst Logistic AG"}
    world.amnis.payout(amount="50.00", to="Probst Logistic AG", executed_on=date(2026, 3, 9), beneficiary=other)
    world.settle()

    assert names(world) == ["Probst Logistik AG", "Probst Logistik AG"], "its IBAN is known, and the names resemble"


def test_one_iban_does_not_make_two_different_names_one(world: World) -> None:
    payee = {"accountNumber": "CH9300762011623852957", "name": "Probst Logistik AG", "country": "CH"}
    world.amnis.payout(amount="40.00", to="Probst Logistik AG", executed_on=MARCH, beneficiary=payee)
    world.amnis.payout(
        amount="50.00", to="Zürcher Strom AG", executed_on=MARCH, beneficiary={**payee, "name": "Zürcher Strom AG"}
    )
    world.settle()

    assert names(world) == ["Probst Logistik AG", "Zürcher Strom AG"]


def test_a_dry_run_lists_the_contacts_that_would_be_made_and_those_that_would_wait(world: World) -> None:
    contact = type_contact(world, "Muster Logistic Zuric")
    world.amnis.payout(amount="40.00", to="Probst Logistik AG", executed_on=MARCH)
    world.amnis.payout(amount="41.00", to="Muster Logistik Zuric AG", executed_on=MARCH)

    found = dry_run(tenant_id=world.tenant.pk, flow_id=world.flow_id, actor=BOB)

    assert found["contacts"] == [
        {
            "name": "Muster Logistik Zuric AG",
            "created": False,
            "proposals": [{"contact_id": contact, "name": "Muster Logistic Zuric", "score": 90}],
        },
        {"name": "Probst Logistik AG", "created": True, "proposals": []},
    ]
    assert contacts_called(world, "Probst Logistik AG") == 0


def test_two_spellings_of_one_new_name_make_one_contact(world: World) -> None:
    world.amnis.payout(amount="40.00", to="Müller Söhne AG", executed_on=MARCH)
    world.amnis.payout(amount="41.00", to="MUELLER SOEHNE", executed_on=MARCH)
    world.amnis.payout(amount="42.00", to="Müller Söhne GmbH", executed_on=MARCH)
    world.settle()

    assert names(world) == ["Müller Söhne AG", "Müller Söhne AG", "Müller Söhne GmbH"]


def test_who_restores_the_contact_and_tries_again_is_not_asked_again(world: World) -> None:
    world.amnis.payout(amount="40.00", to="Probst Logistik AG", executed_on=MARCH)
    world.settle()
    people = world.sandbox.xero.people(ORGANISATION)
    contact_id = link(world, "Probst Logistik AG").contact_id
    people.archive_contact(contact_id)
    world.amnis.payout(amount="50.00", to="Probst Logistik AG", executed_on=MARCH)
    world.settle()
    assert world.codes() == ["contact_archived"]

    people.restore_contact(contact_id)
    [held] = [entry for entry in world.entries() if entry.state == "review"]
    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=[held.pk], actor=BOB)
    world.settle()

    assert world.states() == ["confirmed", "confirmed"]
