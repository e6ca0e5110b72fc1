"""Whatever happens to a call, the books hold each movement once. The proof is what the sandbox's Xero contains.

The idempotency cache is emptied where it could hide a second send: the key must not be the only net.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from config.database import as_owner
from connectors.models import Connection
from sandbox.amnis.bulk import add_random_movements
from sync.models import Event, PushAttempt, PushIntent
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import CUTOFF, World


def add_pay_ins(world: World, count: int = 3) -> None:
    for number in range(count):
        world.amnis.pay_in(amount=f"{100 + number}.00", payer=f"Payer {number} AG", executed_on=date(2026, 3, 2))


def settle(world: World, *, seconds: float = 8.0) -> None:
    """Run until everything is at rest."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        world.sync()
        if set(world.states()) <= {"confirmed", "review", "failed", "skipped"}:
            return
        time.sleep(0.05)
    raise AssertionError(f"not at rest: {Counter(world.states())}")


def assert_once(world: World, count: int = 3) -> None:
    markers = world.books.markers()
    assert Counter(markers) == Counter(entry.marker for entry in world.entries())
    assert len(markers) == count
    assert world.books.balance("090") == sum(Decimal(100 + number) for number in range(count))


FAULTS = [
    "lose_answer", "reset", "half_batch", "offline", "server_error", "error_after_commit", "garble", "truncate",
    "drop_element", "shuffle", "rate_minute", "rate_concurrent", "expired_token",
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_each_movement_is_posted_once_whatever_happens_to_the_call(world: World, fault: str) -> None:
    add_pay_ins(world)
    plan = world.sandbox.xero.faults
    match fault:
        case "error_after_commit":
            plan.server_error(after_commit=True, path="BankTransactions", methods={"PUT"})
        case "rate_minute":
            plan.rate_limit("minute", retry_after=1, path="BankTransactions", methods={"PUT"})
        case "rate_concurrent":
            plan.rate_limit("concurrent", path="BankTransactions", methods={"PUT"})
        case "expired_token":
            plan.expire_token(path="BankTransactions", methods={"PUT"})
        case _:
            getattr(plan, fault)(path="BankTransactions", methods={"PUT"})

    world.sync()
    world.sandbox.xero.idempotency.forget_everything()
    settle(world)

    assert [hit for hit in plan.hits()], "the fault was never met"
    assert_once(world)


def test_a_commit_that_arrives_after_our_time_out_is_found_and_not_repeated(world: World) -> None:
    add_pay_ins(world)
    plan = world.sandbox.xero.faults
    plan.late_commit(seconds=3600, path="BankTransactions", methods={"PUT"})

    world.sync()
    plan.release()
    world.sandbox.xero.idempotency.forget_everything()
    settle(world)

    assert_once(world)


def test_absence_is_not_believed_before_the_quarantine_is_over(world: World, settings: Any) -> None:
    settings.ENV = replace(settings.ENV, quarantine_seconds=2.0)
    add_pay_ins(world)
    world.sandbox.xero.faults.lose_answer(after_commit=False, path="BankTransactions", methods={"PUT"})

    world.sync()
    world.sync()

    assert set(world.states()) == {"unconfirmed"}
    assert world.books.markers() == []
    settle(world)
    assert_once(world)
    with tenant_scope(world.tenant.pk):
        states = list(
            PushIntent.objects.order_by("id").filter(endpoint="BankTransactions").values_list("state", flat=True)
        )
        keys = set(PushIntent.objects.values_list("idempotency_key", flat=True))
    assert states == ["absent", "done"]
    assert len(keys) == 3  # contacts, and a new key for the second attempt


def test_two_equal_payments_on_one_day_are_two_documents(world: World) -> None:
    for _ in range(2):
        world.amnis.pay_in(amount="100.00", payer="Zwilling AG", executed_on=date(2026, 3, 2), reference="Miete")

    settle(world)

    assert len(world.books.bank_transactions()) == 2
    assert world.books.balance("090") == Decimal("200.00")


def test_a_refused_document_goes_to_review_and_its_neighbours_are_posted(world: World) -> None:
    add_pay_ins(world)
    world.sandbox.xero.people("Muster Handels AG").archive_account("200")

    settle(world)

    assert set(world.states()) == {"review"}
    assert world.books.markers() == []


def test_what_a_person_deleted_is_never_posted_again(world: World) -> None:
    add_pay_ins(world, 1)
    settle(world)
    [document] = world.books.bank_transactions()
    world.sandbox.xero.people("Muster Handels AG").delete(document["BankTransactionID"])
    world.set_flow(mirror_read_at="2020-01-01T00:00:00Z", held_until=None)

    world.sync()
    settle(world)

    assert world.books.markers() == []
    [entry] = world.entries()
    assert entry.state == "review"
    assert [finding["code"] for finding in entry.findings] == ["deleted_in_xero"]


def test_a_document_somebody_typed_by_hand_is_offered_instead_of_doubled(world: World) -> None:
    people = world.sandbox.xero.people("Muster Handels AG")
    account = world.books.account("090")["AccountID"]
    people.type_bank_transaction(
        Type="RECEIVE",
        Contact={"Name": "Beispiel AG"},
        BankAccount={"AccountID": account},
        Date="2026-03-03",
        LineItems=[{"Description": "typed", "Quantity": 1, "UnitAmount": 100, "AccountCode": "200", "TaxType": "NONE"}],
    )
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=date(2026, 3, 2))

    settle(world)

    assert len(world.books.bank_transactions()) == 1
    [entry] = world.entries()
    assert entry.state == "review"
    [told] = [finding["message"] for finding in entry.findings if finding["code"] == "already_in_xero"]
    assert re.search(r"a document of CHF [0-9.,]*\.\d\d on ", told), "the amount as the books show it"


def test_a_lost_database_finds_its_own_documents_again(committed_world: World) -> None:
    """Markers are natural keys: after everything of ours is gone, what was posted is adopted and not repeated."""
    world = committed_world
    add_pay_ins(world)
    settle(world)
    forget_everything_of_ours(world)

    world.sandbox.xero.idempotency.forget_everything()
    settle(world)

    assert_once(world)
    assert set(world.states()) == {"confirmed"}


def test_a_lost_database_finds_both_documents_of_a_deal_in_two_foreign_currencies(committed_world: World) -> None:
    """The second one has no lines yet when its document is found: it is taken over once they follow from the first one."""
    world = committed_world
    world.amnis.fx(sold=(2, "250000.00"), bought=(3, "271433.21"), value_on=date(2026, 3, 2), dealt_on=date(2026, 3, 2))
    settle(world)
    posted = sorted(world.books.markers())
    forget_everything_of_ours(world)

    world.sandbox.xero.idempotency.forget_everything()
    settle(world)

    assert sorted(world.books.markers()) == posted
    assert (len(posted), world.states()) == (2, ["confirmed", "confirmed"])
    assert world.books.base_balance("850") == 0
    kept = [Decimal(line["amount"]) for entry in world.entries() for line in (entry.document or {})["lines"]]
    there = [Decimal(str(line["LineAmount"])) for it in world.books.bank_transactions() for line in it["LineItems"]]
    assert sorted(kept) == sorted(there), "what is kept of them is what stands there"


def test_a_lost_database_adopts_thousands_over_many_slices(committed_world: World) -> None:
    world = committed_world
    add_random_movements(world.amnis, 1200, seed=5)
    settle(world, seconds=60)
    posted = Counter(world.books.markers())
    forget_everything_of_ours(world)

    world.sandbox.xero.idempotency.forget_everything()
    settle(world, seconds=60)

    assert Counter(world.books.markers()) == posted
    assert set(posted.values()) == {1}


def forget_everything_of_ours(world: World) -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET app.maintenance = 'on'")
        cursor.execute("TRUNCATE record, contact_link, run, mirror_document CASCADE")
    world.set_flow(cursor={}, mirror_watermarks={}, mirror_read_at=None, lock_read_at=None)


def test_every_send_leaves_an_attempt_and_no_body_is_ever_rebuilt(world: World) -> None:
    add_pay_ins(world)
    world.sandbox.xero.faults.lose_answer(path="BankTransactions", methods={"PUT"})
    settle(world)

    with tenant_scope(world.tenant.pk):
        attempts = list(PushAttempt.objects.order_by("id").values_list("outcome", flat=True))
    assert attempts == ["applied", "unknown"]  # the contacts, then the call whose answer was lost


@pytest.mark.usefixtures("fresh_plans")
def test_a_long_first_sync_confirms_what_it_posted_before_the_source_is_at_its_end(world: World, settings: Any) -> None:
    """Else a year's back-fill would stand unconfirmed for hours, and every slice would leave it so."""
    settings.ENV = replace(settings.ENV, read_back_seconds=0.0)
    add_random_movements(world.amnis, 1200, seed=3, first=CUTOFF)

    world.sync()

    with tenant_scope(world.tenant.pk):
        confirmed = Event.objects.filter(to_state="confirmed").order_by("id").values_list("id", flat=True)[0]
        fetched = Event.objects.filter(to_state="fetched", step="fetch").order_by("-id").values_list("id", flat=True)[0]
    assert confirmed < fetched


@pytest.mark.usefixtures("fresh_plans")
def test_what_stands_unconfirmed_has_the_calls_before_what_is_still_to_be_posted(
    world: World, settings: Any, valkey: Any
) -> None:
    """With few calls a minute the posting would eat them all, and nothing would be confirmed before the last one."""
    settings.ENV = replace(settings.ENV, xero_limit_minute=20, read_back_seconds=0.0)
    add_random_movements(world.amnis, 1000, seed=3, first=CUTOFF)

    world.sync()
    assert Counter(world.states())["ready"] > 0
    assert Counter(world.states())["confirmed"] == 0

    a_minute_later(world, valkey)
    world.sync()
    assert Counter(world.states())["ready"] > 0
    assert Counter(world.states())["confirmed"] > 0


def a_minute_later(world: World, valkey: Any) -> None:
    """The calls of the last one count no more."""
    valkey.flushdb()
    with tenant_scope(world.tenant.pk):
        Connection.objects.update(paused_until=None)
    world.set_flow(held_until=None)
