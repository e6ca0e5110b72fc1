"""What is ready and cannot go for a while: decided anew right before it goes, whenever that is, and only then."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from sync import services, store, store_figures
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World
from tests.pipeline.test_linking import people, typed, typed_in_parts
from tests.pipeline.test_outages import MARCH, PUT


def held_by_the_limit_of_the_day(world: World, *amounts: str) -> None:
    """Ready, and refused at the first call."""
    world.sandbox.xero.faults.rate_limit("day", retry_after=1, **PUT)
    for amount in amounts:
        world.amnis.payout(amount=amount, to="Beispiel AG", executed_on=MARCH)
    world.sync()
    assert set(world.states()) == {"ready"}
    time.sleep(1)


def hours_later(world: World, *, attempts: int = 1, apart: float = 0.0) -> None:
    """Their next attempts are due now, one after another."""
    with tenant_scope(world.tenant.pk):
        store.run_sql(
            """UPDATE entry SET attempts = %s, decided_at = decided_at - interval '3 hours',
                      changed_at = changed_at - interval '3 hours', not_before = clock_timestamp()
                      + make_interval(secs => %s * (id - (SELECT min(id) FROM entry)))""",
            [attempts, apart],
        )


def test_of_many_retries_none_leaves_undecided_though_they_become_due_one_after_another(world: World) -> None:
    """All were typed by hand meanwhile; the schedule spreads its waits, so some become due in the middle of a slice."""
    amounts = [f"{41 + number}.15" for number in range(20)]
    held_by_the_limit_of_the_day(world, *amounts)
    for amount in amounts:
        typed(world, "SPEND", amount, day="2026-03-02")
    hours_later(world, apart=0.02)

    world.settle()

    assert world.codes() == ["already_in_xero"] * 20
    assert world.books.balance("090") == -sum(map(Decimal, amounts))


def test_a_yes_outlives_a_failed_attempt(world: World) -> None:
    world.amnis.payout(amount="41.15", to="Beispiel AG", executed_on=MARCH)
    typed(world, "SPEND", "41.15", day="2026-03-02")
    world.settle()
    [entry] = world.entries()
    world.sandbox.xero.faults.rate_limit("day", retry_after=1, **PUT)
    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor="bob@muster.example")
    world.sync()
    time.sleep(1)
    hours_later(world)

    world.settle()

    assert (world.states(), world.books.balance("090")) == (["confirmed"], Decimal("-82.30"))


def test_amnis_is_read_while_xero_cannot_be(world: World) -> None:
    held_by_the_limit_of_the_day(world, "41.15")
    hours_later(world)
    world.sandbox.xero.faults.server_error(methods={"GET"}, times=None)
    world.amnis.payout(amount="7.00", to="Beispiel AG", executed_on=MARCH)

    world.sync()

    assert len(world.records()) == 2


def test_what_never_leaves_stays_in_the_watchdogs_sight(world: World) -> None:
    """Its contact is on its way for an hour and nothing is due to wake it: a defect that somebody must be told of."""
    held_by_the_limit_of_the_day(world, "41.15")
    world.sandbox.xero.faults.clear()
    hours_later(world)
    with tenant_scope(world.tenant.pk):
        store.run_sql(
            "UPDATE contact_link SET state = 'unconfirmed', not_before = clock_timestamp() - interval '1 hour'"
        )
        store.run_sql("UPDATE entry SET not_before = clock_timestamp() - interval '1 hour'")
        store.run_sql("UPDATE flow SET held_until = NULL")

    for _ in range(3):
        world.sync()

    with tenant_scope(world.tenant.pk):
        assert [row["state"] for row in store_figures.sleepers(grace=timedelta(minutes=15))] == ["ready"]


def minutes_later(world: World, minutes: int) -> None:
    """Nobody is held any longer, and all is due."""
    with tenant_scope(world.tenant.pk):
        store.run_sql(
            "UPDATE entry SET changed_at = changed_at - x.past, decided_at = decided_at - x.past,"
            " not_before = clock_timestamp() FROM (VALUES (make_interval(mins => %s))) AS x(past)",
            [minutes],
        )
        store.run_sql("UPDATE connection SET paused_until = NULL")
        store.run_sql("UPDATE flow SET held_until = NULL")


def test_tries_that_are_no_attempts_make_nothing_young_again(world: World) -> None:
    """Another program uses up the calls of the minute for an hour; meanwhile the bookkeeper types the payment by hand."""
    world.sandbox.xero.faults.rate_limit("minute", retry_after=1, times=15, **PUT)
    world.amnis.payout(amount="41.15", to="Beispiel AG", executed_on=MARCH)
    for number in range(15):
        world.sync()
        minutes_later(world, 4)
        if number == 7:
            assert world.states() == ["ready"]
            typed(world, "SPEND", "41.15", day="2026-03-02")

    world.settle()

    assert (world.codes(), world.books.balance("090")) == (["already_in_xero"], Decimal("-41.15"))


def test_a_second_half_behind_the_limit_does_not_follow_a_first_one_that_was_deleted(world: World) -> None:
    """EUR for USD. The deletion is noticed three tries before the second half could leave."""
    world.amnis.fx(sold=(2, "250000.00"), bought=(3, "271433.21"), value_on=MARCH, dealt_on=MARCH)
    world.sandbox.xero.faults.rate_limit("minute", retry_after=1, times=6, after=1, **PUT)
    for number in range(6):
        world.sync()
        if number == 2:
            [first] = world.books.bank_transactions()
            people(world).delete(str(first["BankTransactionID"]))
        minutes_later(world, 4)

    world.settle()

    assert (world.books.bank_transactions(), world.books.base_balance("850")) == ([], Decimal("0.00"))


class FirstUnknownSecondUnsent(httpx.BaseTransport):
    """The first write gets no answer, the second finds nobody."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner, self._writes = inner, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT" and "BankTransactions" in request.url.path:
            self._writes += 1
            if self._writes == 1:
                raise httpx.ReadTimeout("no answer", request=request)
            if self._writes == 2:
                raise httpx.ConnectError("refused", request=request)
        return self._inner.handle_request(request)


def test_a_half_that_is_to_be_decided_with_the_other_one_wakes_nobody_before_that_one_is_known(
    world: World, settings: Any
) -> None:
    settings.ENV = replace(settings.ENV, quarantine_seconds=5.0, probe_gap_seconds=1.0, probe_seconds=(4.0,))
    url = settings.ENV.xero_api_url
    transports = settings.CONNECTOR_TRANSPORTS
    settings.CONNECTOR_TRANSPORTS = {**transports, url: FirstUnknownSecondUnsent(transports[url])}
    world.amnis.fx(sold=(1, "250000.00"), bought=(2, "263811.37"), dealt_on=MARCH, value_on=MARCH)
    world.set_flow(unclean=8, lease_until=world.sandbox.clock.now() - timedelta(seconds=1))  # one document a call
    world.sync()
    assert sorted(world.states()) == ["ready", "unconfirmed"]
    minutes_later(world, 0)

    world.sync()
    assert world.flow().next_at > store.now() + timedelta(seconds=2)
    world.settle(seconds=20)

    assert world.books.base_balance("850") == Decimal("0.00")
    assert len(world.books.bank_transactions()) == 2


# ------------------------------------------------- beside its neighbours, as at first


def waited_for_the_limit_of_the_day(world: World) -> None:
    """Decided, refused at the first call, and due again hours later."""
    world.sandbox.xero.faults.rate_limit("day", retry_after=1, **PUT)
    world.sync()
    time.sleep(1)
    minutes_later(world, 180)


def test_an_earlier_refund_is_not_asked_about_for_a_later_one_that_is_too_large(world: World) -> None:
    """94.00 were paid; 56.00 came back on the 5th, and 94.00 on the 20th, of which 56.00 are too much."""
    hotel: dict[str, Any] = {"merchant": "HOTEL BEISPIEL", "country": "IT", "category": "Reisekosten"}
    world.amnis.card(amount="94.00", executed_on=MARCH, **hotel)
    world.amnis.card(amount="56.00", refund=True, executed_on=date(2026, 3, 5), **hotel)
    world.amnis.card(amount="94.00", refund=True, executed_on=date(2026, 3, 20), **hotel)
    waited_for_the_limit_of_the_day(world)

    world.settle()

    assert sorted(world.states()) == ["confirmed", "confirmed", "review"]
    assert world.books.balance("090") == Decimal("-38.00")  # 56.00 - 94.00
    assert world.codes() == ["refund_exceeds"]
    [held] = [entry for entry in world.entries() if entry.state == "review"]
    assert "CHF 56.00 more" in held.findings[0]["message"]


def test_a_refund_that_is_asked_about_counts_against_the_ones_that_come_after_it(world: World) -> None:
    """94.00 were paid, 120.00 came back, and 30.00 more days after it was asked about."""
    hotel: dict[str, Any] = {"merchant": "HOTEL BEISPIEL", "country": "IT", "category": "Reisekosten"}
    world.amnis.card(amount="94.00", executed_on=MARCH, **hotel)
    world.amnis.card(amount="120.00", refund=True, executed_on=date(2026, 3, 5), **hotel)
    waited_for_the_limit_of_the_day(world)
    world.settle()
    world.amnis.card(amount="30.00", refund=True, executed_on=date(2026, 3, 20), **hotel)

    world.settle()

    assert sorted(world.states()) == ["confirmed", "review", "review"]
    assert world.codes() == ["refund_exceeds", "refund_exceeds"]


def test_of_twins_with_one_typed_document_one_is_offered_it(world: World) -> None:
    for _ in range(2):
        world.amnis.payout(amount="41.15", to="Beispiel AG", executed_on=MARCH)
    typed(world, "SPEND", "41.15")
    waited_for_the_limit_of_the_day(world)
    assert sorted(world.states()) == ["ready", "review"]

    world.settle()

    assert sorted(world.states()) == ["confirmed", "review"]
    assert world.books.balance("090") == Decimal("-82.30")  # two payments, one of them by hand


def test_of_twins_of_which_one_was_typed_in_parts_one_is_offered_them(world: World) -> None:
    for _ in range(2):
        world.amnis.pay_in(amount="480.00", payer="Beispiel AG", executed_on=MARCH)
    typed_in_parts(world)
    waited_for_the_limit_of_the_day(world)
    assert sorted(world.states()) == ["ready", "review"]

    world.settle()

    assert (sorted(world.states()), world.codes()) == (["confirmed", "review"], ["already_in_parts"])
    assert world.books.balance("090") == Decimal("960.00")


def test_of_twins_that_were_typed_both_meanwhile_both_are_offered_one(world: World) -> None:
    for _ in range(2):
        world.amnis.payout(amount="41.15", to="Beispiel AG", executed_on=MARCH)
    documents = {typed(world, "SPEND", "41.15")}
    waited_for_the_limit_of_the_day(world)
    documents.add(typed(world, "SPEND", "41.15"))

    world.settle()

    told = [it for entry in world.entries() for it in entry.findings if it["severity"] == "review"]
    assert [it["code"] for it in told] == ["already_in_xero", "already_in_xero"]
    assert {it["detail"] for it in told} == documents


def nobody_is_held_any_longer(world: World, *, next_try: str) -> None:
    """The limit is over; the next try of what waits is not due before `next_try`."""
    with tenant_scope(world.tenant.pk):
        store.run_sql("UPDATE entry SET not_before = clock_timestamp() + %s::interval", [next_try])
        store.run_sql("UPDATE connection SET paused_until = NULL")
        store.run_sql("UPDATE flow SET held_until = NULL")


@pytest.mark.parametrize(("limit", "day", "minutes"), [("day", 3, 180), ("minute", 4, 6)])
def test_what_was_typed_for_its_payee_is_not_given_up_to_another_payees_movement(
    world: World, limit: str, day: int, minutes: int
) -> None:
    """Beispiel AG's payment waits and is typed by hand; one to Andere AG, nearer to the typed day, gets it offered first."""
    world.sandbox.xero.faults.rate_limit(limit, retry_after=1, times=1, **PUT)
    world.amnis.payout(amount="41.15", to="Beispiel AG", executed_on=MARCH)
    world.sync()
    typed(world, "SPEND", "41.15", day=f"2026-03-0{day}")
    nobody_is_held_any_longer(world, next_try="1 hour")
    world.amnis.payout(amount="41.15", to="Andere AG", executed_on=MARCH.replace(day=day))
    time.sleep(1)
    world.sync()
    minutes_later(world, minutes)

    world.settle()

    own = [it for it in world.books.bank_transactions() if it["Contact"]["Name"] == "Beispiel AG"]
    assert len(own) == 1, "it was paid once"


@pytest.mark.parametrize("payees", [("Andere AG", "Beispiel AG"), ("Beispiel AG", "Andere AG")])
def test_of_equal_payments_to_two_payees_the_one_is_asked_about_whose_contact_was_typed(
    world: World, payees: tuple[str, str]
) -> None:
    typed(world, "SPEND", "41.15")  # with Beispiel AG
    for payee in payees:
        world.amnis.payout(amount="41.15", to=payee, executed_on=MARCH)

    waited_for_the_limit_of_the_day(world)
    world.settle()

    [held] = [entry for entry in world.entries() if entry.state == "review"]
    assert held.record_id == world.records()[payees.index("Beispiel AG")].pk
