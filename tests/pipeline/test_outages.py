"""Vendors that fail, refuse or go away: nothing is lost or doubled, one incident tells of it, and it closes by itself."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.models import Connection, Grant
from sync import services, store, undoing
from sync.models import Incident, PushAttempt, PushIntent
from sync.pipeline.result import NotConnected
from sync.pipeline.run import LeaseHeld
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import ORGANISATION, World
from tests.pipeline.test_linking import people, typed
from tests.pipeline.test_undo import carry_out

MARCH = date(2026, 3, 2)
PUT = {"path": "BankTransactions", "methods": {"PUT"}}


def pay_in(world: World, number: int = 1) -> None:
    world.amnis.pay_in(amount=f"{number}.00", payer="Beispiel AG", executed_on=MARCH)


def incidents(world: World, *, cause: str = "") -> list[tuple[str, int, bool]]:
    """(cause, count, still open), oldest first."""
    with tenant_scope(world.tenant.pk):
        found = Incident.objects.filter(cause__startswith=cause).order_by("id")
        return [(one.cause, one.count, one.closed_at is None) for one in found]


def test_an_outage_of_xero_holds_the_flow_with_one_incident_that_closes_by_itself(world: World) -> None:
    fault = world.sandbox.xero.faults.offline(times=None, **PUT)
    pay_in(world)
    until = time.monotonic() + 20
    while world.flow().failures < 3 and time.monotonic() < until:  # each failure waits out a quarantine of its own
        world.sync()
        time.sleep(0.05)
    flow = world.flow()

    assert flow.failures == 3
    assert flow.held_until is not None
    assert incidents(world, cause="vendor:destination") == [("vendor:destination", 1, True)]
    attempts_so_far = len(sends(world))
    world.sync()
    assert len(sends(world)) == attempts_so_far, "while it is held, nothing is sent"

    world.sandbox.xero.faults.plan.remove(fault)
    world.set_flow(held_until=None)
    world.settle()
    world.sync()

    assert world.states() == ["confirmed"]
    assert len(world.books.bank_transactions()) == 1
    assert incidents(world, cause="vendor:destination") == [("vendor:destination", 1, False)]
    assert world.flow().failures == 0


def sends(world: World) -> list[str]:
    with tenant_scope(world.tenant.pk):
        return list(PushAttempt.objects.order_by("id").values_list("outcome", flat=True))


def test_amnis_out_of_order_loses_and_doubles_nothing_and_says_so_once(world: World) -> None:
    pay_in(world)
    world.settle()
    fault = world.sandbox.amnis.faults.offline(times=None, path="/api/transactions")
    pay_in(world, 2)

    first, second = world.sync(), world.sync()

    assert first.error_class == second.error_class == "transient"
    assert len(world.records()) == 1
    assert incidents(world, cause="vendor:") == [("vendor:unreachable", 2, True)]
    world.sandbox.amnis.faults.plan.remove(fault)
    world.settle()
    assert len(world.books.bank_transactions()) == 2
    assert incidents(world, cause="vendor:") == [("vendor:unreachable", 2, False)]


def test_a_reading_that_breaks_off_in_the_middle_goes_on_where_it_stopped(world: World) -> None:
    """After four pages of 50; those are kept. All rows are of one moment, so that only the page number tells where to go on."""
    moment = world.sandbox.clock.now() - timedelta(hours=1)
    for _ in range(230):
        world.amnis.pay_in(amount="2.00", payer="Beispiel AG", executed_on=MARCH, created_at=moment, updated_at=moment)
    fault = world.sandbox.amnis.faults.server_error(path="/api/transactions", times=None, after=4)

    broken = world.sync()
    assert (len(world.records()), broken.error_class) == (200, "transient")
    assert len(world.books.bank_transactions()) == 200, "what was read is not kept back"
    world.sandbox.amnis.faults.plan.remove(fault)
    world.sync()

    assert len(world.records()) == 230
    assert world.books.balance("090") == Decimal("460.00")


def test_an_expired_amnis_token_is_renewed_without_a_word(world: World) -> None:
    pay_in(world)
    world.settle()
    world.sandbox.amnis.tokens.expire("ck_1")
    pay_in(world, 2)

    result = world.sync()

    assert result.error == ""
    assert len(world.books.bank_transactions()) == 2
    assert incidents(world) == []


def test_a_revoked_connection_stops_the_flow_once_and_a_reconnect_resumes_it(world: World) -> None:
    pay_in(world)
    world.settle()
    people = world.sandbox.xero.people(ORGANISATION)
    people.disconnect()
    pay_in(world, 2)

    result = world.sync()
    with pytest.raises(NotConnected):
        world.sync()

    assert result.error_class == "auth"
    assert world.flow().state == "stopped"
    [(cause, _, is_open)] = incidents(world, cause="reconnect")
    assert (cause, is_open) == ("reconnect:connection", True)
    assert len(world.books.bank_transactions()) == 1

    who: dict[str, Any] = {"tenant_id": world.tenant.pk, "flow_id": world.flow_id, "actor": "alice@muster.example"}
    assert not services.flow_reconnected(**who), "not before the connection is usable again"
    reconnect(world)
    assert services.flow_reconnected(**who)
    world.settle()

    assert [entry.state for entry in world.entries()] == ["confirmed", "confirmed"]
    assert all(not is_open for _, _, is_open in incidents(world, cause="reconnect"))


def reconnect(world: World) -> None:
    """What the consent page does: fresh tokens in the grant, the connection active again."""
    tokens = world.sandbox.xero.issue_tokens(ORGANISATION)
    grant = Grant.objects.get(provider="xero")
    grant.access_token, grant.refresh_token = tokens["access_token"], tokens["refresh_token"]
    grant.status = Grant.Status.ACTIVE
    grant.save()
    with tenant_scope(world.tenant.pk):
        Connection.objects.filter(kind="xero").update(status=Connection.Status.ACTIVE, last_error="")


def test_a_person_who_pauses_the_flow_is_not_overruled_by_a_reconnect(world: World) -> None:
    who: dict[str, Any] = {"tenant_id": world.tenant.pk, "flow_id": world.flow_id, "actor": "alice@muster.example"}
    services.flow_pause(**who)

    assert not services.flow_reconnected(**who)
    assert world.flow().state == "paused"


def test_a_flow_that_stopped_for_another_reason_is_not_resumed_by_a_reconnect(world: World) -> None:
    """An answer that cannot be trusted stops the flow; a fresh token does not make it trustworthy."""
    pay_in(world)
    world.set_flow(state="stopped", stopped_because="Xero sent something that cannot be trusted")
    with tenant_scope(world.tenant.pk):
        Incident.objects.create(tenant_id=world.tenant.pk, flow=world.flow(), cause="contract:vendor", title="odd")

    assert not services.flow_reconnected(tenant_id=world.tenant.pk, flow_id=world.flow_id, actor="alice@muster.example")
    assert world.flow().state == "stopped"


# ---------------------------------------------------------------------- leases


def test_a_flow_that_somebody_works_on_is_left_alone(world: World) -> None:
    pay_in(world)
    with tenant_scope(world.tenant.pk):
        assert store.take_lease(world.flow_id, seconds=60) is not None

    with pytest.raises(LeaseHeld):
        world.sync()

    assert world.records() == []
    assert world.sandbox.xero.ledger(ORGANISATION).write_calls() == 0


def test_a_lease_that_ran_out_is_taken_over_and_its_late_owner_changes_nothing(world: World) -> None:
    pay_in(world)
    with tenant_scope(world.tenant.pk):
        frozen = store.take_lease(world.flow_id, seconds=-1)
    assert frozen is not None

    world.settle()

    assert world.states() == ["confirmed"]
    with tenant_scope(world.tenant.pk):
        assert not store.keep_lease(world.flow_id, epoch=frozen[0], seconds=60)
        store.end_lease(world.flow_id, epoch=frozen[0], wait=timedelta(days=9))
    assert world.flow().next_at < world.sandbox.clock.now() + timedelta(days=1)


def test_after_three_slices_that_died_without_a_word_batches_are_halved(world: World) -> None:
    """Poison: 3 unclean ends send 4 documents in two calls of 25 at most; with 8 each document goes alone."""
    for unclean, expected in ((2, 1), (8, 4)):
        for number in range(1, 5):
            pay_in(world, number)
        world.set_flow(unclean=unclean, lease_until=world.sandbox.clock.now() - timedelta(seconds=1))
        before = calls(world)

        world.sync()

        assert calls(world) - before == expected
    assert world.flow().unclean == 0, "a clean end is the end of caution"
    assert len(world.books.bank_transactions()) == 8


def calls(world: World) -> int:
    with tenant_scope(world.tenant.pk):
        return PushIntent.objects.filter(endpoint="BankTransactions").count()


def test_a_call_that_is_held_back_does_not_end_the_pause_that_holds_it(world: World) -> None:
    """Three calls are claimed together: the first fails, Xero asks for a pause at the second, the third stays here."""
    for number in range(101):
        world.amnis.pay_in(amount=f"{100 + number}.00", payer="Payer AG", executed_on=date(2026, 3, 2))
    plan = world.sandbox.xero.faults
    plan.server_error(path="BankTransactions", methods={"PUT"})
    plan.rate_limit("minute", retry_after=60, path="BankTransactions", methods={"PUT"})

    world.sync()

    held_until = world.flow().held_until
    assert held_until is not None
    assert held_until > datetime.now(UTC) + timedelta(seconds=30)
    assert world.books.bank_transactions() == []


def test_what_waited_for_a_limit_is_not_posted_beside_what_somebody_typed_meanwhile(world: World) -> None:
    """Xero's limit of the day is used up; the bookkeeper types the payment by hand; in the night there are calls again."""
    world.sandbox.xero.faults.rate_limit("day", retry_after=1, **PUT)
    world.amnis.payout(amount="41.15", to="Beispiel AG", executed_on=MARCH)
    world.sync()
    assert world.states() == ["ready"]
    typed(world, "SPEND", "41.15", day="2026-03-02")

    time.sleep(1)
    with tenant_scope(world.tenant.pk):
        store.run_sql(
            "UPDATE entry SET decided_at = decided_at - interval '3 hours', changed_at = changed_at - interval '3 hours',"
            " not_before = clock_timestamp()"
        )
    world.settle()

    assert (world.codes(), world.books.balance("090")) == (["already_in_xero"], Decimal("-41.15"))


def half_a_deal(world: World) -> str:
    """EUR for USD: the first document stands, and of the second one nobody knows whether it arrived."""
    world.amnis.fx(sold=(2, "250000.00"), bought=(3, "271433.21"), value_on=MARCH, dealt_on=MARCH)
    world.sandbox.xero.faults.offline(path="BankTransactions", methods={"PUT"}, after=1, times=None)
    world.sync()
    [first] = world.books.bank_transactions()
    assert sorted(world.states()) == ["confirmed", "unconfirmed"]
    world.sandbox.xero.faults.clear()
    return str(first["BankTransactionID"])


def test_the_half_of_a_deal_whose_answer_was_lost_does_not_follow_one_that_somebody_deleted(world: World) -> None:
    people(world).delete(half_a_deal(world))

    world.settle()

    assert (world.books.bank_transactions(), world.books.base_balance("850")) == ([], Decimal("0.00"))
    assert sorted(world.codes()) == ["deleted_in_xero", "other_half_held"]


def test_half_a_deal_is_not_undone_while_the_other_one_may_still_arrive_and_whole_afterwards(world: World) -> None:
    half_a_deal(world)
    [first] = [entry for entry in world.entries() if entry.destination_id]
    act: dict[str, Any] = {
        "tenant_id": world.tenant.pk, "flow_id": world.flow_id, "selection": undoing.Selection(entry=first.pk),
    }  # fmt: skip
    [item] = undoing.undo(**act, actor="bob@muster.example").preview.items
    assert item.problem is not None
    assert "still on its way to Xero" in item.problem.message

    world.settle()
    assert (len(world.books.bank_transactions()), world.books.base_balance("850")) == (2, Decimal("0.00"))
    undoing.undo(**act, actor="bob@muster.example")
    carry_out(world)
    assert (world.books.bank_transactions(), world.books.base_balance("850")) == ([], Decimal("0.00"))
