"""Refunds and returned payments: coded as what they give back, linked to it, and left to a person where it is open."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from sync import proposals, returning, services, undoing
from sync.backfilling import cutoff_move
from sync.models import Entry, ReturnLink, Rule
from sync.proving import flow_prove
from tenants.models import Role
from tenants.scoping import tenant_scope
from tests.pages.world import make_person
from tests.pipeline.conftest import DEFAULTS, World
from tests.pipeline.test_invoices import invoice, standing
from tests.pipeline.test_linking import an_hour_later, link, people, typed
from tests.pipeline.test_undo import carry_out, undo

D = Decimal
MARCH = date(2026, 3, 2)
LATER = date(2026, 4, 9)
ACTOR = "anna@muster.example"


def lines(document: Mapping[str, Any]) -> list[tuple[str, Decimal, str]]:
    return [(line["AccountCode"], D(str(line["LineAmount"])), line["TaxType"]) for line in document["LineItems"]]


def received(world: World) -> list[tuple[str, list[tuple[str, Decimal, str]]]]:
    """Contact and lines of every RECEIVE."""
    found = [document for document in world.books.bank_transactions() if document["Type"] == "RECEIVE"]
    return [(document["Contact"]["Name"], lines(document)) for document in found]


def linked(world: World) -> list[tuple[str, str, str, int, Decimal | None, Decimal | None]]:
    """(what gives back, what it gives back, how, how sure, given, paid), by Amnis' ids."""
    with tenant_scope(world.tenant.pk):
        links = ReturnLink.objects.select_related("record", "origin").order_by("record__source_id")
        return [
            (it.record.source_id, it.origin.source_id if it.origin else "", it.how, it.certainty, it.given, it.paid)
            for it in links
        ]


def notes(world: World) -> list[str]:
    return [finding["code"] for entry in world.entries() for finding in entry.findings]


def test_several_refunds_of_one_purchase_use_it_up(world: World) -> None:
    flight = world.amnis.card(amount="320.00", merchant="LUFTLINIE EXEMPLA", category="Reisekosten", executed_on=MARCH)
    refunds = [
        world.amnis.card(amount=amount, merchant="LUFTLINIE EXEMPLA", refund=True, executed_on=LATER)
        for amount in ("20.00", "100.00", "200.00")
    ]

    world.settle()

    # 320 - 20 - 100 leaves 200, which the last one gives back
    assert linked(world) == [
        (str(refunds[0]), str(flight), "part", 75, D("20.00"), D("320.00")),
        (str(refunds[1]), str(flight), "part", 75, D("100.00"), D("320.00")),
        (str(refunds[2]), str(flight), "rest", 90, D("200.00"), D("320.00")),
    ]
    assert {found[1][0][0] for found in received(world)} == {"493"}
    assert world.books.balance("090") == D("0.00")


def test_a_refund_in_another_month_and_another_currency_finds_its_purchase_by_the_merchants_amount(
    world: World,
) -> None:
    """Bought for EUR 43.35 with francs, given back as EUR 43.35 at another rate, on the euro wallet."""
    bought = world.amnis.card(
        amount="41.07", merchant="WERKZEUG ESEMPIO", country="IT", original=("EUR", "43.35"), category="Büromaterial",
        executed_on=MARCH,
    )  # fmt: skip
    world.settle()
    back = world.amnis.card(
        amount="43.35", merchant="WERKZEUG ESEMPIO 4471", country="IT", account=2, refund=True, executed_on=LATER
    )

    world.settle()

    assert linked(world) == [(str(back), str(bought), "whole", 95, D("43.35"), D("43.35"))]
    assert received(world) == [("WERKZEUG ESEMPIO", [("429", D("43.35"), "NONE")])]


def test_a_whole_refund_gives_each_tax_back_where_it_came_from(world: World) -> None:
    meal: dict[str, Any] = {"merchant": "RESTAURANT MUSTER"}
    world.amnis.card(
        amount="70.00", category="Bewirtung", cost_center="Basel", vats=[("2.6", "14.80"), ("8.1", "50.00")],
        executed_on=MARCH, **meal,
    )  # fmt: skip
    world.amnis.card(amount="70.00", refund=True, executed_on=LATER, **meal)

    world.settle()

    expected = [("420", D("14.80"), "TAX002"), ("420", D("50.00"), "TAX001"), ("420", D("5.20"), "NONE")]
    assert received(world) == [("RESTAURANT MUSTER", expected)]


@pytest.mark.parametrize("back", ["10.00", "75.00"])
def test_not_the_whole_of_a_purchase_of_several_taxes_is_for_a_rule_and_no_yes_books_another_tax(
    world: World, back: str
) -> None:
    """70.00 of which 0.01 is taxed with 8.1 %: no input tax was claimed. By the default, 10.00 would give 0.75 of it back."""
    world.set_flow(defaults={**DEFAULTS, "tax_expense": "TAX001"})
    meal: dict[str, Any] = {"merchant": "RESTAURANT MUSTER", "category": "Bewirtung"}
    world.amnis.card(amount="70.00", vats=[("8.1", "0.01")], executed_on=MARCH, **meal)
    world.amnis.card(amount=back, refund=True, executed_on=LATER, **meal)
    world.settle()
    more = ["refund_exceeds"] if back == "75.00" else []
    assert world.codes() == [*more, "return_split"]

    accept_all(world)
    assert (received(world), world.states()) == ([], ["confirmed", "review"])

    spec = {
        "name": "Came back",
        "when": {"all": [{"field": "type", "op": "is", "value": "card_refund"}]},
        "then": {"account": "420", "tax": "NONE"},
    }
    services.rule_save(tenant_id=world.tenant.pk, flow_id=world.flow_id, actor=ACTOR, spec=spec)
    held = [entry.pk for entry in world.entries() if entry.state == "review"]
    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=held, actor=ACTOR)
    world.settle()
    assert received(world) == [("RESTAURANT MUSTER", [("420", D(back), "NONE")])]


def accept_all(world: World) -> None:
    """What waits, as far as a yes is an answer to any of it."""
    held = [entry.pk for entry in world.entries() if entry.state == "review"]
    with suppress(services.NotPossible):
        services.entry_accept(tenant_id=world.tenant.pk, entry_ids=held, actor=ACTOR)
    world.settle()


def test_more_than_the_purchase_is_posted_once_somebody_accepts_it(world: World) -> None:
    world.amnis.card(amount="50.00", merchant="KURSE BEISPIEL", category="Reisekosten", executed_on=MARCH)
    world.amnis.card(amount="55.00", merchant="KURSE BEISPIEL", refund=True, executed_on=LATER)
    world.settle()
    assert received(world) == []
    [held] = [entry for entry in world.entries() if entry.state == "review"]
    assert [(f["code"], "CHF 5.00 more" in f["message"]) for f in held.findings] == [("refund_exceeds", True)]

    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[held.pk], actor=ACTOR)
    world.settle()

    assert received(world) == [("KURSE BEISPIEL", [("493", D("55.00"), "NONE")])]


def test_more_than_the_purchase_is_asked_about_also_where_it_comes_back_in_two_currencies(world: World) -> None:
    """EUR 60 of EUR 100 are 60 % of CHF 94.00, so CHF 37.60 are left of it, and CHF 94.00 are 56.40 more."""
    hotel: dict[str, Any] = {"merchant": "HOTEL BEISPIEL", "country": "IT", "category": "Reisekosten"}
    world.amnis.card(amount="94.00", original=("EUR", "100.00"), executed_on=MARCH, **hotel)
    world.amnis.card(amount="56.00", original=("EUR", "60.00"), refund=True, executed_on=date(2026, 3, 5), **hotel)
    world.amnis.card(amount="94.00", refund=True, executed_on=LATER, **hotel)
    world.settle()

    assert received(world) == [("HOTEL BEISPIEL", [("493", D("56.00"), "NONE")])]
    [held] = [entry for entry in world.entries() if entry.state == "review"]
    assert [(f["code"], "CHF 56.40 more" in f["message"]) for f in held.findings] == [("refund_exceeds", True)]


def test_equal_purchases_that_are_coded_alike_need_nobody_and_each_is_given_back_once(world: World) -> None:
    bought = [
        world.amnis.card(amount="12.50", merchant="BAHN BEISPIEL", category="Reisekosten", executed_on=day)
        for day in (MARCH, date(2026, 3, 5))
    ]
    backs = [
        world.amnis.card(amount="12.50", merchant="BAHN BEISPIEL", refund=True, executed_on=LATER) for _ in range(2)
    ]

    world.settle()

    # the first takes the later of two equal ones, and then only the other one is left whole
    found = [(origin, how, sure) for _, origin, how, sure, _, _ in linked(world)]
    assert found == [(str(bought[1]), "whole", 60), (str(bought[0]), "whole", 95)]
    assert len(backs) == 2
    assert world.books.balance("090") == D("0.00")


def test_what_could_belong_to_two_differently_booked_purchases_is_chosen_by_a_person_and_stays_chosen(
    world: World,
) -> None:
    shop: dict[str, Any] = {"amount": "30.00", "merchant": "WARENHAUS PROBE"}
    office = world.amnis.card(category="Büromaterial", executed_on=MARCH, **shop)
    world.amnis.card(category="Reisekosten", executed_on=date(2026, 3, 5), **shop)
    back = world.amnis.card(refund=True, executed_on=LATER, **shop)
    world.settle()
    assert world.codes() == ["return_ambiguous"]
    [held] = [entry for entry in world.entries() if entry.state == "review"]
    assert "CHF 30.00 of 2 Mar 2026" in held.findings[0]["message"]
    accept_all(world)
    assert (world.codes(), received(world)) == (["return_ambiguous"], []), "a yes does not say which one"
    records = {record.source_id: record.pk for record in world.records()}

    choice: dict[str, Any] = {"record_id": records[str(back)], "origin_id": records[str(office)], "actor": ACTOR}
    assert returning.return_choose(tenant_id=world.tenant.pk, **choice) == 1
    world.settle()

    assert received(world) == [("WARENHAUS PROBE", [("429", D("30.00"), "NONE")])]
    world.amnis.change(back, tags=["seen"])
    world.settle()
    assert [(origin, how, sure) for _, origin, how, sure, _, _ in linked(world)] == [(str(office), "person", 100)]
    with pytest.raises(services.NotPossible, match="in the books already"):
        returning.return_choose(tenant_id=world.tenant.pk, **choice)


def test_a_refund_whose_purchase_is_not_ours_is_coded_by_default_and_says_so(world: World) -> None:
    world.amnis.card(amount="80.00", merchant="VORJAHR BEISPIEL", executed_on=date(2025, 12, 20))
    world.amnis.card(amount="80.00", merchant="VORJAHR BEISPIEL", refund=True, executed_on=LATER)

    world.settle()

    assert received(world) == [("VORJAHR BEISPIEL", [("400", D("80.00"), "NONE")])]
    assert "refund_unmatched" in notes(world)


def test_a_returned_payment_under_the_banks_name_is_found_by_its_text(world: World) -> None:
    sent = world.amnis.payout(
        amount="1840.00", to="Ehemals Beispiel GmbH", reference="Rechnung 5512", executed_on=MARCH
    )
    back = world.amnis.pay_in(
        amount="1840.00", payer="Bank Exempla AG", reference="RETOUR AC04 Rechnung 5512", returned=True,
        executed_on=date(2026, 3, 6),
    )  # fmt: skip

    world.settle()

    assert [(a, b, how) for a, b, how, *_ in linked(world)] == [(str(back), str(sent), "whole")]
    assert received(world) == [("Ehemals Beispiel GmbH", [("400", D("1840.00"), "NONE")])]


def test_a_payment_that_came_back_short_or_from_a_stranger_is_proposed_and_chosen(world: World) -> None:
    sent = world.amnis.payout(amount="900.00", to="Pacific Sample Mills Co.", executed_on=MARCH)
    short = world.amnis.pay_in(
        amount="885.00", payer="Pacific Sample Mills Co.", returned=True, executed_on=date(2026, 3, 9)
    )
    world.amnis.payout(amount="333.25", to="Ganz Anders AG", executed_on=MARCH)
    world.amnis.pay_in(amount="333.25", payer="Unbekannt Probe AG", returned=True, executed_on=date(2026, 3, 6))
    world.settle()

    assert received(world) == []
    assert world.codes() == ["return_unmatched", "return_unmatched"]
    with tenant_scope(world.tenant.pk):
        assert [len(link.rivals) for link in ReturnLink.objects.order_by("id")] == [1, 1], "each proposes its payout"
    records = {record.source_id: record.pk for record in world.records()}
    returning.return_choose(
        tenant_id=world.tenant.pk, record_id=records[str(short)], origin_id=records[str(sent)], actor=ACTOR
    )
    world.settle()

    assert received(world) == [("Pacific Sample Mills Co.", [("400", D("885.00"), "NONE")])]


def comes_back(world: World, *, amount: str = "900.00") -> None:
    world.amnis.pay_in(amount=amount, payer="Beispiel AG", returned=True, executed_on=date(2026, 3, 6))
    world.settle()


def recoded(world: World, *coded_as: tuple[str, str, str], mode: str = "Inclusive", **also: Any) -> None:
    """The accountant gives our one document other lines: account, amount, tax."""
    [entry] = world.entries()
    [document] = world.books.bank_transactions()
    told = [
        {"Description": "x", "Quantity": 1, "UnitAmount": D(amount), "AccountCode": account, "TaxType": tax}
        for account, amount, tax in coded_as
    ]
    people(world).edit(document["BankTransactionID"], LineItems=told, LineAmountTypes=mode, **also)
    assert entry.destination_id == document["BankTransactionID"]


def test_what_comes_back_of_a_document_typed_by_hand_is_coded_as_that_one(world: World) -> None:
    """Posted by Millrace the payout would stand on 400; the hand typed 200, and that is what stands."""
    typed(world, "SPEND", "900.00", day="2026-03-02")
    world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=MARCH)
    world.settle()
    link(world, *world.entries())
    [stands] = world.books.bank_transactions()

    comes_back(world)

    [(contact, coded)] = received(world)
    assert (contact, coded) == (stands["Contact"]["Name"], lines(stands))
    assert world.books.balance("090") == D("0.00")


def test_what_the_accountant_coded_otherwise_comes_back_as_it_stands(world: World) -> None:
    other = people(world).type_contact(Name="Beispiel Holding AG")
    world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=MARCH)
    world.settle()
    recoded(world, ("429", "600.00", "NONE"), ("469", "300.00", "NONE"), Contact={"ContactID": other["ContactID"]})

    comes_back(world)

    wanted = [("429", D("600.00"), "NONE"), ("469", D("300.00"), "NONE")]
    assert received(world) == [("Beispiel Holding AG", wanted)]


def test_lines_that_do_not_hold_their_tax_are_left_to_a_person(world: World) -> None:
    """Typed without tax, 800.00 and 35.20 add up to less than the 900.00 that came back."""
    world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=MARCH)
    world.settle()
    net = ("400", "800.00", "TAX001"), ("469", "35.20", "NONE")  # 800 and 8.1 % are 864.80
    recoded(world, *net, mode="Exclusive")

    comes_back(world)

    assert received(world) == []
    assert world.codes() == ["return_changed"]
    [told] = [finding["message"] for entry in world.entries() for finding in entry.findings if entry.state == "review"]
    assert "rule" in told


def test_what_comes_back_of_an_undone_payout_is_asked_about(world: World) -> None:
    world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=MARCH)
    world.settle()
    undo(world, entry=world.entries()[0].pk)
    carry_out(world)

    comes_back(world)

    assert world.books.bank_transactions() == []
    assert world.codes() == ["return_changed"]


def originals(world: World) -> list[Entry]:
    return [entry for entry in world.entries() if entry.movement in ("pay_out", "card")]


def out_and_back(world: World, kind: str) -> None:
    """900 leave in March by a "payout" or a "card" and come back later."""
    if kind == "payout":
        world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=MARCH)
        world.amnis.pay_in(amount="900.00", payer="Beispiel AG", returned=True, executed_on=LATER)
    else:
        world.amnis.card(amount="900.00", merchant="Beispiel AG", executed_on=MARCH)
        world.amnis.card(amount="900.00", merchant="Beispiel AG", refund=True, executed_on=LATER)


def asked_about(world: World, code: str) -> list[str]:
    return [it["message"] for entry in world.entries() for it in entry.findings if it["code"] == code]


@pytest.mark.parametrize("kind", ["payout", "card"])
def test_what_comes_back_waits_for_its_held_original_and_is_coded_as_what_that_is_linked_to(
    world: World, kind: str
) -> None:
    """The hand typed 200; by the settings it would be 400. Both movements come in one reading."""
    typed(world, "SPEND", "900.00", day="2026-03-02")
    out_and_back(world, kind)
    world.settle()
    assert received(world) == []
    assert world.codes() == ["already_in_xero", "original_held"]
    [told] = asked_about(world, "original_held")
    assert told.startswith("It gives back CHF 900.00 of 2 Mar 2026, Beispiel AG, which is not in the books yet")

    link(world, *originals(world))
    world.settle()

    [stands] = [it for it in world.books.bank_transactions() if it["Type"] == "SPEND"]
    assert received(world) == [(stands["Contact"]["Name"], lines(stands))]
    assert {entry.state for entry in world.entries()} == {"duplicate", "confirmed"}
    assert world.books.balance("090") == D("0.00")


def test_what_comes_back_of_a_payout_that_is_accepted_goes_with_it(world: World) -> None:
    typed(world, "SPEND", "900.00", day="2026-03-02")
    world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=MARCH)
    comes_back(world)
    assert received(world) == []

    [payout] = [entry.pk for entry in originals(world)]
    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[payout], actor=ACTOR)
    world.settle()

    assert received(world) == [("Beispiel AG", [("400", D("900.00"), "NONE")])]
    assert set(world.states()) == {"confirmed"}


def test_what_comes_back_of_a_payout_that_is_left_out_is_asked_about(world: World) -> None:
    people(world).set_lock_dates(period=date(2026, 3, 31))
    world.set_flow(reference_read_at=None)
    world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=MARCH)
    world.amnis.pay_in(amount="900.00", payer="Beispiel AG", returned=True, executed_on=LATER)
    world.settle()
    assert world.codes() == ["period_locked", "original_held"]

    [payout] = [entry.pk for entry in originals(world)]
    services.entry_skip(tenant_id=world.tenant.pk, entry_ids=[payout], actor=ACTOR, reason="it came back")
    world.settle()

    assert world.books.bank_transactions() == []
    [told] = asked_about(world, "return_changed")
    assert "left out of the books" in told


def cancelled(world: World, movement: int) -> None:
    world.amnis.change(movement, executed=False)
    world.amnis.change_detail(movement, status="canceled")
    world.settle()


def code_returns_to(world: World, account: str) -> None:
    """By a rule, as the review advises; then what waits is tried again."""
    spec = {
        "name": "Came back",
        "when": {"all": [{"field": "type", "op": "is", "value": "returned_payment"}]},
        "then": {"account": account, "tax": "NONE"},
    }
    acting: dict[str, Any] = {"tenant_id": world.tenant.pk, "actor": ACTOR}
    services.rule_save(spec=spec, flow_id=world.flow_id, **acting)
    services.entry_retry(entry_ids=[it.pk for it in world.entries() if it.movement == "returned_payment"], **acting)
    world.settle()


@pytest.mark.parametrize("why", ["locked", "no default"])
def test_what_comes_back_of_a_payout_that_amnis_cancelled_is_told_so_and_stands_once_it_is_coded(
    world: World, why: str
) -> None:
    """Amnis: the 900 out are cancelled, the 900 in are executed. So 900 are in the wallet, and the account has them too."""
    if why == "locked":
        people(world).set_lock_dates(period=date(2026, 3, 31))
    else:
        world.set_flow(defaults={**DEFAULTS, "expense": ""})
    world.set_flow(reference_read_at=None)
    payout = world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=MARCH)
    world.amnis.pay_in(amount="900.00", payer="Beispiel AG", returned=True, executed_on=LATER)
    world.settle()
    assert "original_held" in world.codes()

    cancelled(world, payout)
    [told] = asked_about(world, "return_of_withdrawn")
    assert "cancelled there" in told
    assert "left out" not in told
    assert world.books.bank_transactions() == []

    code_returns_to(world, "429")
    assert [coded for _, coded in received(world)] == [[("429", D("900.00"), "NONE")]]
    assert world.books.balance("090") == D("900.00")


def test_what_comes_back_of_a_payout_removed_because_amnis_cancelled_it_is_told_so(
    world: World, client: Client
) -> None:
    payout = world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=MARCH)
    world.settle()
    cancelled(world, payout)
    [paid] = [entry.pk for entry in originals(world)]
    assert proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=paid, actor=ACTOR) is not None
    carry_out(world)
    comes_back(world)

    [told] = asked_about(world, "return_of_withdrawn")
    assert "Post that one again" not in told
    client.force_login(make_person(ACTOR, world.tenant, Role.BOOKKEEPER))
    page = client.get(f"/t/{world.tenant.public_id}/review/").content.decode()
    assert "Its original was cancelled at Amnis" in page
    assert "say in a rule how it is coded" in page
    assert f'href="/t/{world.tenant.public_id}/rules/"' in page.partition("Its original was cancelled at Amnis")[2]
    code_returns_to(world, "429")
    assert world.books.balance("090") == D("900.00")


def test_what_comes_back_belongs_to_the_payout_that_was_made_again_not_to_the_cancelled_one(world: World) -> None:
    """The second one was executed and came back: 0.00 are left of it."""
    people(world).set_lock_dates(period=date(2026, 3, 2))
    world.set_flow(reference_read_at=None)
    payout = world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=MARCH)
    world.settle()
    cancelled(world, payout)
    world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=date(2026, 3, 3))
    comes_back(world)

    assert received(world) == [("Beispiel AG", [("400", D("900.00"), "NONE")])]
    assert world.books.balance("090") == D("0.00")


@pytest.mark.parametrize("what", ["executed after all", "made again"])
def test_what_comes_back_of_a_cancelled_payout_is_decided_by_itself_once_amnis_says_what_it_belongs_to(
    world: World, what: str
) -> None:
    """900 out and 900 in are executed in the end, be it under the first number or another one: 0.00, and nobody codes."""
    people(world).set_lock_dates(period=date(2026, 3, 2))
    world.set_flow(reference_read_at=None)
    payout = world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=MARCH)
    comes_back(world)
    cancelled(world, payout)
    assert len(asked_about(world, "return_of_withdrawn")) == 1

    people(world).set_lock_dates()
    world.set_flow(lock_read_at=None)
    if what == "made again":
        world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=date(2026, 3, 3))
    else:
        world.amnis.change(payout, executed=True)
        world.amnis.change_detail(payout, status="executed")
    world.settle()

    assert received(world) == [("Beispiel AG", [("400", D("900.00"), "NONE")])]
    assert world.books.balance("090") == D("0.00")


def by_hand(world: World) -> int:
    ids = [entry.pk for entry in originals(world)]
    done = services.entry_handled_by_hand(tenant_id=world.tenant.pk, entry_ids=ids, actor=ACTOR, reason="typed")
    world.settle()
    return done


def test_what_comes_back_of_a_payout_booked_by_hand_asks_for_the_account_until_that_one_is_linked(world: World) -> None:
    typed(world, "SPEND", "900.00", day="2026-03-02")
    world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=MARCH)
    world.settle()
    by_hand(world)
    comes_back(world)
    [told] = asked_about(world, "return_changed")
    assert "booked by hand, so it stands in the books" in told
    assert received(world) == []

    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=[it.pk for it in originals(world)], actor=ACTOR)
    world.settle()
    link(world, *originals(world))
    world.settle()

    assert [coded[0][0] for _, coded in received(world)] == ["200"]
    assert world.books.balance("090") == D("0.00")


def test_an_undone_payout_can_be_said_to_be_booked_by_hand(world: World) -> None:
    world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=MARCH)
    world.settle()
    undo(world, entry=world.entries()[0].pk)
    carry_out(world)
    typed(world, "SPEND", "900.00", day="2026-03-02")

    assert by_hand(world) == 1
    comes_back(world)

    assert [entry.state for entry in originals(world)] == ["undone"]
    [told] = asked_about(world, "return_changed")
    assert "booked by hand" in told
    assert world.books.balance("090") == D("-900.00"), "the typed one alone"


def test_what_was_accepted_before_its_original_was_linked_is_offered_that_ones_account(world: World) -> None:
    typed(world, "SPEND", "900.00", day="2026-03-02")
    world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=MARCH)
    comes_back(world)
    back = next(entry.pk for entry in world.entries() if entry.movement == "returned_payment")
    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[back], actor=ACTOR)
    world.settle()
    assert received(world) == [("Beispiel AG", [("400", D("900.00"), "NONE")])]

    link(world, *originals(world))
    world.settle()
    assert len(asked_about(world, "coded_unlike_original")) == 1
    assert proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=back, actor=ACTOR) is not None
    carry_out(world)

    assert [coded[0][0] for _, coded in received(world)] == ["200"]


def test_a_refund_waits_for_a_purchase_that_could_not_be_coded_yet(world: World) -> None:
    world.set_flow(defaults={**DEFAULTS, "expense": ""})
    world.amnis.card(amount="80.00", merchant="BEISPIEL LADEN", executed_on=MARCH)
    world.settle()
    world.set_flow(defaults={**DEFAULTS, "expense": "469"})
    world.amnis.card(amount="80.00", merchant="BEISPIEL LADEN", refund=True, executed_on=LATER)
    world.settle()
    assert received(world) == []
    assert world.codes() == ["default_missing", "original_held"]

    [bought] = [entry.pk for entry in originals(world)]
    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=[bought], actor=ACTOR)
    world.settle()

    assert received(world) == [("BEISPIEL LADEN", [("469", D("80.00"), "NONE")])]
    assert set(world.states()) == {"confirmed"}


@pytest.mark.parametrize("kind", ["payout", "card"])
def test_what_comes_back_in_one_reading_with_an_original_that_cannot_be_coded_waits_for_it(
    world: World, kind: str
) -> None:
    """A rule names an account that Xero does not have; corrected to 429, the 900 go there and come back from there."""
    out = [{"field": "type", "op": "is", "value": kind}, {"field": "direction", "op": "is", "value": "out"}]
    rule = {"name": "Out", "when": {"all": out}, "then": {"account": "999", "tax": "NONE"}}
    acting: dict[str, Any] = {"tenant_id": world.tenant.pk, "flow_id": world.flow_id, "actor": ACTOR}
    services.rule_save(spec=rule, **acting)
    out_and_back(world, kind)
    world.settle()
    assert (world.states(), world.books.bank_transactions()) == (["review"] * 2, [])
    assert len(asked_about(world, "original_held")) == 1

    with tenant_scope(world.tenant.pk):
        Rule.objects.all().delete()
    services.rule_save(spec={**rule, "then": {"account": "429", "tax": "NONE"}}, **acting)
    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=[entry.pk for entry in originals(world)], actor=ACTOR)
    world.settle()

    assert received(world) == [("Beispiel AG", [("429", D("900.00"), "NONE")])]
    assert world.books.balance("090") == D("0.00")


def test_what_comes_back_of_a_payout_deleted_in_xero_a_moment_ago_is_asked_about(world: World) -> None:
    """The hourly look has not noticed yet."""
    world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=MARCH)
    world.settle()
    people(world).delete(str(world.entries()[0].destination_id))

    comes_back(world)

    assert world.books.bank_transactions() == []
    [told] = asked_about(world, "return_changed")
    assert "undone or deleted" in told


def test_a_refund_that_amnis_withdrew_gives_nothing_back_any_more(world: World) -> None:
    """94.00 bought, given back, withdrawn and undone; the same under another number is the whole again."""
    shop: dict[str, Any] = {"amount": "94.00", "merchant": "HOTEL BEISPIEL"}
    world.amnis.card(category="Reisekosten", executed_on=MARCH, **shop)
    refund = world.amnis.card(refund=True, executed_on=date(2026, 3, 9), **shop)
    world.settle()
    world.amnis.change(refund, executed=False)
    world.amnis.change_detail(refund, status="canceled")
    world.settle()
    first = next(entry.pk for entry in world.entries() if entry.movement == "card_refund")
    assert proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=first, actor=ACTOR) is not None
    carry_out(world)

    world.amnis.card(refund=True, executed_on=LATER, **shop)
    world.settle()

    assert received(world) == [("HOTEL BEISPIEL", [("493", D("94.00"), "NONE")])]
    assert asked_about(world, "refund_exceeds") == []
    assert world.books.balance("090") == D("0.00")


def earlier_first_day(world: World) -> None:
    cutoff_move(tenant_id=world.tenant.pk, flow_id=world.flow_id, cutoff=date(2025, 12, 1), actor=ACTOR)
    world.settle()


def a_refund_before_its_purchase(world: World) -> Entry:
    """Given back within the first days that are carried, bought before them: posted by the settings, on 400."""
    shop: dict[str, Any] = {"amount": "80.00", "merchant": "VORJAHR BEISPIEL"}
    world.amnis.card(category="Reisekosten", executed_on=date(2025, 12, 20), **shop)
    world.amnis.card(refund=True, executed_on=LATER, **shop)
    world.settle()
    [refund] = world.entries()
    assert received(world) == [("VORJAHR BEISPIEL", [("400", D("80.00"), "NONE")])]
    earlier_first_day(world)
    return refund


def test_a_refund_that_was_posted_before_its_purchase_came_is_offered_the_purchases_account(world: World) -> None:
    accounts = ("090", "400", "493")
    before = [world.books.balance(code) for code in accounts]
    refund = a_refund_before_its_purchase(world)
    assert [entry.state for entry in world.entries()] == ["review", "confirmed"]
    assert world.codes() == ["coded_unlike_original"]
    [told] = [it["message"] for it in world.entries()[0].findings]
    assert "as the purchase of 20 Dec 2025 that it gives back" in told
    assert "400 80.00 NONE → 493 80.00 NONE" in told
    assert received(world) == [("VORJAHR BEISPIEL", [("400", D("80.00"), "NONE")])], "never by itself"

    assert proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=refund.pk, actor=ACTOR) is not None
    carry_out(world)

    assert received(world) == [("VORJAHR BEISPIEL", [("493", D("80.00"), "NONE")])]
    assert [world.books.balance(code) for code in accounts] == before, "bought and given back"
    assert set(world.states()) == {"confirmed"}
    assert flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)["balanced"]


def test_a_refund_that_a_person_keeps_as_posted_is_not_offered_again(world: World) -> None:
    refund = a_refund_before_its_purchase(world)

    assert proposals.proposal_keep(tenant_id=world.tenant.pk, entry_id=refund.pk, actor=ACTOR) == 1
    world.amnis.card(amount="80.00", merchant="VORJAHR BEISPIEL", category="Reisekosten", executed_on=MARCH)
    world.settle()

    assert set(world.states()) == {"confirmed"}
    assert received(world) == [("VORJAHR BEISPIEL", [("400", D("80.00"), "NONE")])]


def test_a_refund_deleted_in_xero_while_it_is_offered_is_posted_again_like_its_purchase(world: World) -> None:
    refund = a_refund_before_its_purchase(world)
    people(world).delete(str(refund.destination_id))
    an_hour_later(world)
    world.settle()
    assert world.codes() == ["deleted_in_xero"]

    undoing.entry_post_again(tenant_id=world.tenant.pk, entry_ids=[refund.pk], actor=ACTOR)
    world.settle()

    assert received(world) == [("VORJAHR BEISPIEL", [("493", D("80.00"), "NONE")])]


def test_a_returned_payment_that_waited_for_its_payout_is_posted_once_that_one_comes(world: World) -> None:
    world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=date(2025, 12, 29))
    world.amnis.pay_in(amount="900.00", payer="Beispiel AG", returned=True, executed_on=date(2026, 1, 5))
    world.settle()
    assert world.codes() == ["return_unmatched"]

    earlier_first_day(world)

    assert received(world) == [("Beispiel AG", [("400", D("900.00"), "NONE")])]
    assert world.books.balance("090") == D("0.00")
    assert set(world.states()) == {"confirmed"}
    assert {record.revision for record in world.records()} == {1}, "Amnis has changed nothing"


def test_a_purchase_that_is_none_of_what_was_given_back_changes_nothing(world: World) -> None:
    """Same name, but bought after the refund."""
    world.amnis.card(amount="80.00", merchant="VORJAHR BEISPIEL", refund=True, executed_on=MARCH)
    world.settle()
    world.set_flow(defaults={**DEFAULTS, "expense": "469"})  # and another default since

    world.amnis.card(amount="80.00", merchant="VORJAHR BEISPIEL", category="Reisekosten", executed_on=LATER)
    world.settle()

    assert set(world.states()) == {"confirmed"}
    assert received(world) == [("VORJAHR BEISPIEL", [("400", D("80.00"), "NONE")])]


# ------------------------------------------------------------------- what paid a bill


def a_bill_is_paid(world: World) -> None:
    invoice(world, "B-7001", "900.00", kind="ACCPAY")
    world.amnis.payout(amount="900.00", to="Beispiel AG", reference="B-7001", executed_on=MARCH)


@pytest.mark.parametrize("reading", ["one", "two"])
def test_what_comes_back_of_a_payout_that_pays_a_bill_is_asked_about_and_stands_once_a_rule_says_how(
    world: World, reading: str
) -> None:
    """The payment has no line on an expense that could be taken back, also where both are read together."""
    world.set_flow(policies={"match_invoices": "auto"})
    a_bill_is_paid(world)
    expense = world.books.balance("400")
    if reading == "two":
        world.settle()
    comes_back(world)

    assert (standing(world, "B-7001")["Status"], received(world)) == ("PAID", [])
    [told] = asked_about(world, "return_of_payment")
    assert "CHF 900.00 of 2 Mar 2026, Beispiel AG, which paid an invoice or bill" in told

    code_returns_to(world, "429")
    assert [coded for _, coded in received(world)] == [[("429", D("900.00"), "NONE")]]
    assert (world.books.balance("400"), world.books.balance("090")) == (expense, D("0.00"))


def test_of_two_equal_payouts_of_which_one_pays_a_bill_a_person_says_which_one_came_back(world: World) -> None:
    world.set_flow(policies={"match_invoices": "auto"})
    a_bill_is_paid(world)
    world.amnis.payout(amount="900.00", to="Beispiel AG", reference="other", executed_on=MARCH)
    comes_back(world)

    assert "return_ambiguous" in world.codes()
    assert received(world) == []


def posted_again_as_a_payment(world: World) -> Entry:
    """A payout and what came back of it, both on 400; then the payout is undone and pays its bill. The one that came back."""
    world.set_flow(policies={"match_invoices": "off"})
    a_bill_is_paid(world)
    comes_back(world)
    assert [coded for _, coded in received(world)] == [[("400", D("900.00"), "NONE")]]
    world.set_flow(policies={"match_invoices": "auto"})
    [payout] = originals(world)
    undo(world, entry=payout.pk)
    carry_out(world)
    undoing.entry_post_again(tenant_id=world.tenant.pk, entry_ids=[payout.pk], actor=ACTOR)
    world.settle()

    assert (standing(world, "B-7001")["Status"], world.codes()) == ("PAID", ["coded_unlike_original"])
    [told] = asked_about(world, "coded_unlike_original")
    assert "which paid an invoice or bill in Xero" in told
    return next(entry for entry in world.entries() if entry.movement == "returned_payment")


def test_what_came_back_is_asked_about_where_its_payout_is_posted_again_as_a_payment(world: World) -> None:
    """Applied, its document goes, and it is coded by a rule: 429 instead of the 400 on which nothing was booked."""
    expense = world.books.balance("400")
    back = posted_again_as_a_payment(world)

    proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=back.pk, actor=ACTOR)
    carry_out(world)
    assert (received(world), world.books.balance("400")) == ([], expense)

    undoing.entry_post_again(tenant_id=world.tenant.pk, entry_ids=[back.pk], actor=ACTOR)
    world.settle()
    assert world.codes() == ["return_of_payment"]
    code_returns_to(world, "429")
    assert [coded for _, coded in received(world)] == [[("429", D("900.00"), "NONE")]]
    assert (world.books.balance("400"), world.books.balance("090")) == (expense, D("0.00"))


def test_what_came_back_of_a_payment_and_is_kept_as_posted_is_not_asked_about_again(world: World) -> None:
    back = posted_again_as_a_payment(world)

    assert proposals.proposal_keep(tenant_id=world.tenant.pk, entry_id=back.pk, actor=ACTOR) == 1
    [returned] = [record for record in world.records() if record.pk == back.record_id]
    world.amnis.change(int(returned.source_id), comment="one word")
    world.settle()

    assert (world.states(), len(received(world))) == (["confirmed", "confirmed"], 1)
