"""Conversions in every shape, read in the sandbox's books: two documents or none, and 0.00 on the clearing account.

Rates are foreign units for one franc; X is the base value of the first document, round(total / rate, 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from dashboard.queries.clearing import clearing_proof
from sandbox.xero.people import People
from sync import incidents, proposals, services
from sync.models import AccountMapping, BookedConversion, Entry, Flow, Incident
from sync.pipeline import pairs
from tenants.models import Role
from tenants.scoping import tenant_scope
from tests.pages.world import make_person
from tests.pipeline.conftest import ORGANISATION, World
from tests.pipeline.test_undo import carry_out

D = Decimal
DAY = date(2026, 3, 4)
EUR, USD, JPY = 2, 3, 6  # wallets


def people(world: World) -> People:
    return world.sandbox.xero.people(ORGANISATION)


def lines(document: Mapping[str, Any]) -> list[tuple[str, Decimal]]:
    return [(line["AccountCode"], D(str(line["LineAmount"]))) for line in document["LineItems"]]


def shown(world: World) -> dict[str, tuple[str, Decimal, list[tuple[str, Decimal]]]]:
    """Type, rate and lines by the name of the bank account."""
    return {name: (d["Type"], D(str(d["CurrencyRate"])), lines(d)) for name, d in world.documents().items()}


def causes(world: World) -> list[str]:
    with tenant_scope(world.tenant.pk):
        return list(Incident.objects.filter(closed_at=None).order_by("id").values_list("cause", flat=True))


def change_flow(world: World, **columns: Any) -> None:
    with tenant_scope(world.tenant.pk):
        flow = Flow.objects.get(pk=world.flow_id)
        for name, value in columns.items():
            setattr(flow, name, {**getattr(flow, name), **value} if isinstance(value, dict) else value)
        flow.save()


def assert_nothing_posted(world: World) -> None:
    assert world.books.bank_transactions() == []
    assert world.books.write_calls() == 0


# ----------------------------------------------------------------- arithmetic


def test_yen_lines_are_whole_yen(world: World) -> None:
    """EUR 10,000.00 at 1.055312 is X = CHF 9,475.87; JPY 1,628,444 / 9,475.87 = 171.851661 (six decimals).

    1,628,444 / 171.851661 = 9,475.8700…, so no rounding line is needed.
    """
    people(world).fix_day_rate("EUR", DAY, D("1.055312"))
    world.amnis.fx(sold=(EUR, "10000.00"), bought=(JPY, "1628444.00"), dealt_on=DAY, value_on=DAY)

    world.settle()

    found = shown(world)
    assert found["EUR Amnis"] == ("SPEND", D("1.055312"), [("850", D("10000.00"))])
    [kind, rate, booked] = found["JPY Amnis"]
    assert (kind, rate) == ("RECEIVE", D("171.851661"))
    assert all(amount == amount.to_integral_value() for _, amount in booked), "there are no cents of a yen"
    assert sum(amount for _, amount in booked) == D("1628444")
    assert world.books.base_balance("850") == D("0.00")


def test_dollars_sold_for_euros_book_the_bought_euros_first(world: World) -> None:
    """The leg with fewer units for a franc goes first: EUR 50,000.00 at 1.055312 is X = 47,379.35.

    USD 54,286.64 / 47,379.35 = 1.145787; 54,286.64 / 1.145787 = 47,379.35 (47,379.3471…).
    """
    people(world).fix_day_rate("EUR", DAY, D("1.055312"))
    world.amnis.fx(sold=(USD, "54286.64"), bought=(EUR, "50000.00"), dealt_on=DAY, value_on=DAY)

    world.settle()

    found = shown(world)
    assert found["EUR Amnis"] == ("RECEIVE", D("1.055312"), [("850", D("50000.00"))])
    assert found["USD Amnis"] == ("SPEND", D("1.145787"), [("850", D("54286.64"))])
    assert world.books.base_balance("850") == D("0.00")


def test_where_both_rates_are_below_one_the_cent_that_stays_is_told(world: World) -> None:
    """USD 500,000.18 at 0.5 is X = 1,000,000.36; EUR 930,000.00 / X = 0.930000 (six decimals).

    EUR 930,000.33 is worth 1,000,000.35 and the next cent, 930,000.34, is worth 1,000,000.37: no cent is worth X.
    """
    people(world).fix_day_rate("USD", DAY, D("0.500000"))
    world.amnis.fx(sold=(EUR, "930000.00"), bought=(USD, "500000.18"), dealt_on=DAY, value_on=DAY)

    world.settle()

    assert shown(world)["EUR Amnis"] == ("SPEND", D("0.93"), [("850", D("930000.33")), ("860", D("-0.33"))])
    assert abs(world.books.base_balance("850")) == D("0.01")
    [rest] = [f for entry in world.entries() for f in entry.findings if f["code"] == "fx_rest"]
    assert rest["message"].startswith("0.01 CHF stays on the clearing account")
    assert world.states() == ["confirmed", "confirmed"], "it is told and posted"


def test_a_deal_of_a_few_yen_is_worth_nothing_and_still_closes(world: World) -> None:
    """JPY 0.50 is worth less than half a centime, and so are its EUR 0.00… sold; both documents stand at 0.00."""
    people(world).fix_day_rate("EUR", DAY, D("3.000000"))
    world.amnis.fx(sold=(EUR, "0.01"), bought=(JPY, "1.00"), dealt_on=DAY, value_on=DAY)

    world.settle()

    assert len(world.books.bank_transactions()) == 2
    assert world.books.base_balance("850") == D("0.00")


@pytest.mark.parametrize(
    ("sold", "bought", "legs"),
    [  # the three worked deals of the accounting design: clearing, rounding, rate, clearing in francs
        (
            (1, "250000.00"), (EUR, "263811.37"),
            [("250000.11", "-0.11", None, "250000.11"), ("-263811.37", "0", "1.055245", "-250000.11")],
        ),
        (
            (EUR, "1042233.10"), (1, "987654.32"),
            [("1042233.10", "0", "1.055261", "987654.33"), ("-987654.33", "0.01", None, "-987654.33")],
        ),
        (
            (EUR, "250000.00"), (USD, "271433.21"),
            [("250000.00", "0", "1.055312", "236896.77"), ("-271433.24", "0.03", "1.145787", "-236896.77")],
        ),
    ],
)  # fmt: skip
def test_the_proof_on_the_page_says_what_stands_on_the_clearing_account(
    world: World, sold: tuple[int, str], bought: tuple[int, str], legs: list[tuple[str, str, str | None, str]]
) -> None:
    people(world).fix_day_rate("EUR", DAY, D("1.055312"))
    world.amnis.fx(sold=sold, bought=bought, dealt_on=DAY, value_on=DAY)
    world.settle()

    entries = world.entries()
    with tenant_scope(world.tenant.pk):
        flow = Flow.objects.select_related("destination").get(pk=world.flow_id)
        proof = clearing_proof(entries, flow=flow)

    assert proof is not None
    shown_legs = [(leg.clearing, leg.rounding, leg.rate, leg.base) for leg in proof.legs]
    assert shown_legs == [(D(c), D(r), None if rate is None else D(rate), D(b)) for c, r, rate, b in legs]
    assert all(leg.bank + leg.clearing + leg.rounding == 0 for leg in proof.legs)
    assert proof.rest == world.books.base_balance("850") == D("0.00")
    assert proof.is_zero


# ------------------------------------------------------------- dates and states


def test_a_forward_is_posted_on_its_value_date_and_not_before(world: World) -> None:
    june = date(2026, 6, 30)
    pair = world.amnis.fx(
        sold=(1, "100000.00"), bought=(EUR, "105000.00"), dealt_on=DAY, value_on=june, executed=False, type="forward"
    )
    world.settle()
    assert_nothing_posted(world)

    assert pair.paid is not None
    world.amnis.execute(pair.paid)
    world.settle()

    documents = world.books.bank_transactions()
    assert len(documents) == 2
    assert len({document["DateString"][:10] for document in documents}) == 1
    assert world.books.base_balance("850") == D("0.00")


def test_a_deal_cancelled_before_it_was_posted_leaves_nothing(world: World) -> None:
    pair = world.amnis.fx(sold=(1, "5000.00"), bought=(EUR, "5270.00"), value_on=DAY, executed=False)
    world.settle()
    assert pair.paid is not None
    world.amnis.cancel(pair.paid)

    world.settle()

    assert_nothing_posted(world)
    assert {record.state for record in world.records()} == {"skipped"}


def test_a_deal_cancelled_after_posting_asks_a_person_about_both_documents(world: World) -> None:
    pair = world.amnis.fx(sold=(1, "5000.00"), bought=(EUR, "5270.00"), value_on=DAY)
    world.settle()
    assert pair.paid is not None
    assert pair.received is not None
    for row in (pair.paid, pair.received):
        world.amnis.change(row, executed=False)
    world.amnis.change_detail(pair.paid, status="canceled")

    world.settle()

    assert [entry.findings[0]["code"] for entry in world.entries()] == ["source_withdrew", "source_withdrew"]
    assert len(world.books.bank_transactions()) == 2, "only a person takes documents out of the books"
    with tenant_scope(world.tenant.pk):
        assert not BookedConversion.objects.exists(), "it is no conversion, so it cost nothing and gives no rate"


def test_an_amount_edited_before_posting_is_posted_as_it_became(world: World) -> None:
    """Also where the answer to the first attempt never came: what is not in the books yet is decided anew."""
    pair = world.amnis.fx(sold=(1, "5000.00"), bought=(EUR, "5270.00"), value_on=DAY)
    world.sandbox.xero.faults.offline(path="BankTransactions", methods={"PUT"})
    world.sync()
    assert world.books.bank_transactions() == []
    assert pair.received is not None
    world.amnis.change(pair.received, amount="5271.00")
    world.amnis.change_detail(pair.received, amountTo="5271.00")

    world.settle()

    # 5,271.00 / 5,000.00 = 1.0542; 5,271.00 / 1.0542 = 5,000.00
    found = shown(world)
    assert found["EUR Amnis"] == ("RECEIVE", D("1.0542"), [("850", D("5271.00"))])
    assert found["CHF Amnis"][2] == [("850", D("5000.00"))]
    assert world.books.base_balance("850") == D("0.00")


def test_a_posted_deal_between_two_foreign_currencies_that_is_read_again_stays_as_it_is(world: World) -> None:
    """A new word in the comment is a change at the source, and none of the books."""
    pair = world.amnis.fx(sold=(EUR, "1000.00"), bought=(USD, "1085.00"), value_on=DAY)
    world.settle()
    assert pair.paid is not None
    assert pair.received is not None
    for row in (pair.paid, pair.received):
        world.amnis.change(row, comment="read again")

    world.settle()

    assert world.states() == ["confirmed", "confirmed"]


# --------------------------------------------------------- never half of a deal


@pytest.mark.parametrize("sold_first", [True, False])
def test_a_half_without_its_wallet_holds_the_other_half(world: World, sold_first: bool) -> None:
    with tenant_scope(world.tenant.pk):
        AccountMapping.objects.filter(source_account_id="2").delete()
    one, other = (1, "5000.00"), (EUR, "5270.00")
    world.amnis.fx(sold=one if sold_first else other, bought=other if sold_first else one, value_on=DAY)

    world.settle()

    assert_nothing_posted(world)
    assert sorted(world.codes()) == ["account_not_mapped", "other_half_held"]
    services.mapping_set(
        tenant_id=world.tenant.pk,
        flow_id=world.flow_id,
        source_account_id="2",
        destination_account_id=world.books.account("EUR Amnis")["AccountID"],
        actor="alice@muster.example",
    )
    world.settle()
    assert len(world.books.bank_transactions()) == 2, "fix once, all flow"
    assert world.books.base_balance("850") == D("0.00")


def test_a_half_whose_wallet_is_left_out_holds_the_other_half(world: World) -> None:
    with tenant_scope(world.tenant.pk):
        AccountMapping.objects.filter(source_account_id="2").update(ignored=True, destination_account_id="")
    world.amnis.fx(sold=(1, "5000.00"), bought=(EUR, "5270.00"), value_on=DAY)

    world.settle()

    assert_nothing_posted(world)
    assert world.codes() == ["other_half_held"]


def test_a_deal_before_the_cut_off_leaves_nothing_whichever_half_is_dated_earlier(world: World) -> None:
    world.amnis.fx(sold=(1, "5000.00"), bought=(EUR, "5270.00"), value_on=date(2025, 12, 31))

    world.settle()

    assert_nothing_posted(world)
    assert all("cut-off" in record.reason for record in world.records())


def test_a_large_amount_on_one_side_holds_both_and_accepting_one_posts_both(world: World) -> None:
    change_flow(world, review={"amount_over": {"CHF": "4000.00"}})
    world.amnis.fx(sold=(1, "5000.00"), bought=(EUR, "5270.00"), value_on=DAY)
    world.settle()

    assert_nothing_posted(world)
    assert sorted(world.codes()) == ["large_amount", "other_half_held"]
    [large] = [entry.pk for entry in world.entries() if entry.findings[0]["code"] == "large_amount"]
    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[large], actor="alice@muster.example")
    world.settle()

    assert len(world.books.bank_transactions()) == 2
    assert world.books.base_balance("850") == D("0.00")


def test_retrying_only_the_held_half_changes_nothing_while_the_other_one_is_held(world: World) -> None:
    change_flow(world, review={"amount_over": {"CHF": "4000.00"}})
    world.amnis.fx(sold=(1, "5000.00"), bought=(EUR, "5270.00"), value_on=DAY)
    world.settle()
    [other] = [entry.pk for entry in world.entries() if entry.findings[0]["code"] == "other_half_held"]

    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=[other], actor="alice@muster.example")
    world.settle()

    assert_nothing_posted(world)
    assert sorted(world.codes()) == ["large_amount", "other_half_held"]


def test_a_half_that_is_held_with_this_one_does_not_lend_its_sentence_about_this_one() -> None:
    about_this = {"code": "other_half_held", "severity": "review", "message": "The other half … is not posted: …"}
    cause = {"code": "large_amount", "severity": "review", "message": "CHF 5,000.00 is much."}

    def said(*findings: dict[str, str]) -> str:
        other = {"leg": "sold", "findings": findings}
        return str(pairs.held(1, other=other)["findings"][0]["message"]).partition(" Once ")[0]

    assert said(about_this) == "The other half of this conversion is not posted: it is held with this one."
    assert said(about_this, cause) == "The other half of this conversion is not posted: CHF 5,000.00 is much."
    assert said() == "The other half of this conversion is not posted: it is put aside."


def test_skipping_one_half_skips_the_deal(world: World) -> None:
    change_flow(world, review={"amount_over": {"CHF": "4000.00"}})
    world.amnis.fx(sold=(1, "5000.00"), bought=(EUR, "5270.00"), value_on=DAY)
    world.settle()

    [first, _] = world.entries()
    services.entry_skip(
        tenant_id=world.tenant.pk, entry_ids=[first.pk], actor="alice@muster.example", reason="booked by hand"
    )
    world.settle()

    assert world.states() == ["skipped", "skipped"]
    assert_nothing_posted(world)


@pytest.mark.parametrize("currency", ["EUR", "USD"])
@pytest.mark.parametrize("dollars_sold", [False, True])
def test_a_large_amount_on_either_side_of_two_foreign_ones_holds_both(
    world: World, currency: str, dollars_sold: bool
) -> None:
    """Euros go first, whichever side they are on, and dollars take their rate from them: asked about before all the same."""
    change_flow(world, review={"amount_over": {currency: "500.00"}})
    euros, dollars = (EUR, "1000.00"), (USD, "1085.00")
    world.amnis.fx(sold=dollars if dollars_sold else euros, bought=euros if dollars_sold else dollars, value_on=DAY)

    world.settle()

    assert_nothing_posted(world)
    assert sorted(world.codes()) == ["large_amount", "other_half_held"]
    [large] = [entry.pk for entry in world.entries() if entry.findings[0]["code"] == "large_amount"]
    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[large], actor="alice@muster.example")
    world.settle()
    assert world.states() == ["confirmed", "confirmed"]
    assert len(world.books.bank_transactions()) == 2
    assert world.books.base_balance("850") == D("0.00")


def test_the_held_half_of_two_foreign_ones_is_left_out_with_the_other_one(world: World) -> None:
    change_flow(world, review={"amount_over": {"USD": "500.00"}})
    world.amnis.fx(sold=(EUR, "1000.00"), bought=(USD, "1085.00"), value_on=DAY)
    world.settle()

    [large] = [entry.pk for entry in world.entries() if entry.findings[0]["code"] == "large_amount"]
    services.entry_skip(tenant_id=world.tenant.pk, entry_ids=[large], actor="alice@muster.example", reason="by hand")
    world.settle()

    assert_nothing_posted(world)
    assert (world.states(), causes(world)) == (["skipped", "skipped"], [])


@pytest.mark.parametrize("why", ["unmapped", "left out", "archived", "review", "skip"])
def test_what_stands_against_the_second_foreign_half_is_asked_before_the_first_one_goes(world: World, why: str) -> None:
    put_right = stand_against_dollars(world, why)
    world.amnis.fx(sold=(EUR, "1000.00"), bought=(USD, "1085.00"), value_on=DAY)

    world.settle()

    assert_nothing_posted(world)
    assert world.states() in (["review", "review"], ["review"])
    put_right()
    held = [entry.pk for entry in world.entries()]
    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=held, actor="alice@muster.example")
    world.settle()
    assert len(world.books.bank_transactions()) == 2
    assert world.books.base_balance("850") == D("0.00")


def stand_against_dollars(world: World, why: str) -> Callable[[], object]:
    """What settles it again."""
    whose: dict[str, Any] = {"tenant_id": world.tenant.pk, "flow_id": world.flow_id, "actor": "alice@muster.example"}
    account = world.books.account("USD Amnis")["AccountID"]
    if why == "archived":
        people(world).change_account(account, Status="ARCHIVED")
        world.set_flow(reference_read_at=None)
        return lambda: people(world).change_account(account, Status="ACTIVE")
    if why in ("review", "skip"):
        dollars = [{"field": "type", "op": "is", "value": "fx"}, {"field": "currency", "op": "is", "value": "USD"}]
        rule = services.rule_save(spec={"name": "Dollars", "when": {"all": dollars}, "then": {why: True}}, **whose)
        return lambda: services.rule_remove(tenant_id=world.tenant.pk, rule_id=rule.pk, actor="alice@muster.example")
    if why == "unmapped":
        with tenant_scope(world.tenant.pk):
            AccountMapping.objects.filter(source_account_id=str(USD)).delete()
    else:
        services.mapping_ignore(source_account_id=str(USD), reason="old wallet", **whose)
    return lambda: services.mapping_set(source_account_id=str(USD), destination_account_id=account, **whose)


@pytest.mark.parametrize("sold", [(1, "1000.00"), (EUR, "1000.00")])
@pytest.mark.parametrize("why", ["review", "skip"])
def test_a_yes_to_what_a_rule_says_of_one_half_posts_the_deal_whole(
    world: World, why: str, sold: tuple[int, str]
) -> None:
    stand_against_dollars(world, why)
    world.amnis.fx(sold=sold, bought=(USD, "1085.00"), value_on=DAY)
    world.settle()
    assert_nothing_posted(world)

    held = [entry.pk for entry in world.entries()]
    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=held, actor="alice@muster.example")
    world.settle()

    assert world.states() == ["confirmed"] * 2
    assert len(world.books.bank_transactions()) == 2
    assert world.books.base_balance("850") == D("0.00")


# -------------------------------------------------------------- the lock date


def test_a_deal_behind_the_lock_date_is_held_as_a_whole(world: World) -> None:
    people(world).set_lock_dates(period=DAY)
    world.amnis.fx(sold=(1, "5000.00"), bought=(EUR, "5270.00"), value_on=DAY)

    world.settle()

    assert world.books.bank_transactions() == []
    assert world.codes() == ["period_locked", "period_locked"]


@pytest.mark.parametrize("bought", [(EUR, "5270.00"), (USD, "5700.00")])
def test_by_policy_both_documents_of_a_deal_move_to_the_first_open_day(world: World, bought: tuple[int, str]) -> None:
    change_flow(world, policies={"lock_date": "next_open_day"})
    people(world).set_lock_dates(period=DAY)
    sold = (1, "5000.00") if bought[0] == EUR else (EUR, "5270.00")
    world.amnis.fx(sold=sold, bought=bought, value_on=DAY)

    world.settle()

    documents = world.books.bank_transactions()
    assert [document["DateString"][:10] for document in documents] == ["2026-03-05", "2026-03-05"]
    assert all("(booked 04.03.2026)" in document["Reference"] for document in documents)
    assert world.books.base_balance("850") == D("0.00")


# -------------------------------------------------------- waiting and incidents


def test_a_late_half_is_one_incident_that_closes_when_it_arrives(world: World) -> None:
    late = world.sandbox.clock.now() + timedelta(hours=1)
    world.amnis.fx(sold=(1, "7500.00"), bought=(EUR, "7914.75"), value_on=DAY, second_leg_at=late)
    world.sync()
    assert (world.states(), causes(world)) == (["waiting"], [])
    _let_time_pass(world)

    world.settle()
    world.sync()

    assert world.codes() == ["fx_partner_missing"]
    [cause] = causes(world)
    assert cause.startswith("waiting_fx:")
    with tenant_scope(world.tenant.pk):
        assert Incident.objects.get(cause=cause).count == 1, "told once, however often it is looked at"
    world.sandbox.clock.advance(minutes=61)
    world.settle()
    assert causes(world) == []
    assert len(world.books.bank_transactions()) == 2


def test_a_deal_that_is_over_does_not_close_the_incident_of_one_whose_number_begins_alike(world: World) -> None:
    with tenant_scope(world.tenant.pk):
        flow = Flow.objects.get(pk=world.flow_id)
        for cause in ("waiting_fx:1", "waiting_fx:12"):
            incidents.open(
                tenant_id=world.tenant.pk, flow=flow, cause=cause, severity="critical", error_class="data",
                title="Half of an exchange is not posted", body="", action="review",
            )  # fmt: skip
    with tenant_scope(world.tenant.pk):
        incidents.close(tenant_id=world.tenant.pk, flow=flow, causes=["waiting_fx:1"], resolution="It is whole.")
    assert causes(world) == ["waiting_fx:12"]


def test_the_tenant_chooses_how_long_a_half_waits(world: World) -> None:
    change_flow(world, policies={"partner_minutes": "1440"})
    world.amnis.fx(sold=(1, "7500.00"), bought=(EUR, "7914.75"), value_on=DAY, only="sold")
    world.sync()

    [entry] = world.entries()
    [record] = world.records()
    assert record.source_updated_at is not None
    # a day after its last change, to the second
    assert abs(entry.not_before - record.source_updated_at - timedelta(days=1)) < timedelta(seconds=1)


def test_a_refused_half_is_told_as_half_a_deal_and_goes_after_its_fix(world: World) -> None:
    """Xero refuses one of two documents: the clearing account is open by the other one, and somebody must know."""
    wallet = world.books.account("EUR Amnis")["AccountID"]
    people(world).change_account(wallet, Status="ARCHIVED")
    world.amnis.fx(sold=(1, "5000.00"), bought=(EUR, "5270.00"), value_on=DAY)
    world.settle()
    assert [document["Type"] for document in world.books.bank_transactions()] == ["SPEND"]
    assert [cause.split(":")[0] for cause in causes(world)] == ["open_fx"]

    people(world).change_account(wallet, Status="ACTIVE")
    [refused] = [entry.pk for entry in world.entries() if entry.state == "review"]
    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=[refused], actor="alice@muster.example")
    world.settle()
    world.sync()

    assert world.books.base_balance("850") == D("0.00")
    assert causes(world) == []


# ------------------------------------------------------------------- the rates


def test_a_rate_that_moved_before_it_was_read_back_is_reviewed_and_holds_the_second_half(world: World) -> None:
    """Only a rate that was read back may decide the second document."""
    people(world).fix_day_rate("EUR", DAY, D("1.055312"))
    world.amnis.fx(sold=(EUR, "1000.00"), bought=(USD, "1085.00"), dealt_on=DAY, value_on=DAY)
    world.sandbox.xero.faults.offline(path="BankTransactions", methods={"GET"}, after=1, times=None)
    world.sync()
    [first] = world.books.bank_transactions()
    assert world.states() == ["unconfirmed", "waiting"]

    world.sandbox.xero.faults.clear()
    people(world).edit(first["BankTransactionID"], CurrencyRate=1.07)
    world.settle()

    assert len(world.books.bank_transactions()) == 1
    assert sorted(world.codes()) == ["other_half_held", "read_back_differs"]
    assert [cause.split(":")[0] for cause in causes(world)] == ["open_fx"]


def _let_time_pass(world: World) -> None:
    """The patience of a quarter of an hour is over."""
    with tenant_scope(world.tenant.pk):
        Entry.objects.update(not_before=world.flow().created_at - timedelta(minutes=1))
        for record in world.records():
            assert record.source_updated_at is not None
            record.source_updated_at -= timedelta(minutes=16)
            record.save(update_fields=["source_updated_at"])


@pytest.mark.parametrize(
    ("sold", "bought", "changed"),
    [
        ((1, "250000.00"), (2, "263811.37"), "paid"),
        ((1, "250000.00"), (2, "263811.37"), "received"),
        ((2, "250000.00"), (3, "271433.21"), "paid"),
        ((2, "250000.00"), (3, "271433.21"), "received"),
    ],
)
def test_a_changed_amount_is_proposed_for_each_document_that_it_touches_and_clearing_stays_at_zero(
    world: World, sold: tuple[int, str], bought: tuple[int, str], changed: str
) -> None:
    """One row becomes 100.00 more: the other document has another rate, which no total and no line of it shows."""
    pair = world.amnis.fx(sold=sold, bought=bought, value_on=date(2026, 3, 2))
    world.settle()
    row, amount, field = {
        "paid": (pair.paid, Decimal(sold[1]) + 100, "amountFrom"),
        "received": (pair.received, Decimal(bought[1]) + 100, "amountTo"),
    }[changed]
    assert row is not None
    world.amnis.change(row, amount=f"{-amount if changed == 'paid' else amount}")
    world.amnis.change_detail(row, touch=True, **{field: str(amount)})
    world.settle()

    entry = next(entry.pk for entry in world.entries() if entry.state == "review")
    assert proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=entry, actor="bob@muster.example") is not None
    for _ in range(5):
        world.sync()

    assert world.states() == ["confirmed", "confirmed"]
    assert {Decimal(str(document["Total"])) for document in world.books.bank_transactions()} == {
        amount, Decimal((bought if changed == "paid" else sold)[1])
    }  # fmt: skip
    assert world.books.base_balance("850") == Decimal("0.00")


def test_while_a_changed_rate_waits_both_pages_of_the_deal_say_so_and_what_the_books_still_read(
    world: World, client: Client
) -> None:
    """CHF 250,000.00 for EUR 263,811.37 is 1.055245; for 263,911.37 it is 1.055645 (1.05564548)."""
    client.force_login(make_person("bob@muster.example", world.tenant, Role.BOOKKEEPER))
    pair = world.amnis.fx(sold=(1, "250000.00"), bought=(EUR, "263811.37"), value_on=DAY)
    world.settle()
    assert pair.received is not None
    world.amnis.change(pair.received, amount="263911.37")
    world.amnis.change_detail(pair.received, touch=True, amountTo="263911.37")
    world.settle()

    [changed] = [entry for entry in world.entries() if entry.state == "review"]
    detail = f"/t/{world.tenant.public_id}/transactions"
    for record in {entry.record_id for entry in world.entries()}:
        page = client.get(f"{detail}/{record}/").content.decode()
        assert "A change waits" in page
        assert "Amnis changed the rate from 1.055245 to 1.055645; the books still read 1.055245." in page
        assert f'href="{detail}/{changed.record_id}/">Decide the change on its movement' in page
    assert shown(world)["EUR Amnis"][1] == D("1.055245")

    assert proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=changed.pk, actor="bob@muster.example")
    for _ in range(5):
        world.sync()

    page = client.get(f"{detail}/{changed.record_id}/").content.decode()
    assert "A change waits" not in page
    assert "1 CHF is 1.055645 EUR" in page
    assert shown(world)["EUR Amnis"][1] == D("1.055645")
    assert world.books.base_balance("850") == D("0.00")


def test_a_second_foreign_half_follows_from_the_amounts_of_today_where_they_changed_before_it_went(
    world: World,
) -> None:
    """EUR 250,000.00 stand at 1.060717 when the deal becomes EUR 2,000.00 for USD 2,100.00: 2,000 / 1.060717 = CHF 1,885.52,
    and 2,100 / 1,885.52 = USD 1.113751. Once the change of the first half is applied, the clearing account is at 0.00."""
    deal = world.amnis.fx(
        sold=(2, "250000.00"), bought=(3, "271433.21"), value_on=date(2026, 3, 2), dealt_on=date(2026, 3, 2)
    )
    assert deal.paid is not None
    assert deal.received is not None
    faults = world.sandbox.xero.faults
    faults.offline(path="BankTransactions", methods={"GET"}, after=1, times=None)
    world.sync()
    faults.clear()
    world.amnis.change_detail(deal.paid, amountFrom="2000.00", amountTo="2100.00")
    world.amnis.change(deal.paid, amount="-2000.00")
    world.amnis.change(deal.received, amount="2100.00")
    world.settle()

    [dollars] = [it for it in world.books.bank_transactions() if it["Type"] == "RECEIVE"]
    assert (dollars["Total"], dollars["CurrencyRate"]) == (D("2100.00"), D("1.113751"))
    [changed] = [entry for entry in world.entries() if entry.state == "review"]
    proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=changed.pk, actor="anna@muster.example")
    carry_out(world)
    assert world.books.base_balance("850") == D("0.00")
