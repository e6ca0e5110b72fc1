"""Remarks on the way into the books: what is only noted is posted, what the tenant wants to see first waits."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from sync import contacting, services
from sync.models import ContactIdentity
from sync.store_history import Wanted, known_about
from tenants.models import AuditEvent
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World

D = Decimal
MARCH = date(2026, 3, 2)
BOB = "bob@muster.example"
OLD, NEW = "CH9300762011623852957", "CH3609999000000004411"


def payee(name: str, account: str) -> dict[str, Any]:
    return {"accountNumber": account, "name": name, "country": "CH"}


def pay(world: World, amount: str, *, account: str = OLD, on: date = MARCH, name: str = "Probst Logistik AG") -> None:
    world.amnis.payout(amount=amount, to=name, executed_on=on, beneficiary=payee(name, account))


def notes(world: World) -> list[str]:
    return [it["code"] for entry in world.entries() for it in entry.findings if it["severity"] == "note"]


def identities(world: World) -> list[tuple[str, bool, str]]:
    with tenant_scope(world.tenant.pk):
        rows = ContactIdentity.objects.filter(kind="iban").order_by("id")
        return list(rows.values_list("last4", "known", "decided_by"))


def test_a_counterparty_with_another_account_is_flagged_and_the_account_is_not_trusted(world: World) -> None:
    world.set_flow(review={"new_iban_over": {"CHF": "1000.00"}})
    pay(world, "500.00")
    world.settle()
    pay(world, "1000.00", account=NEW, on=date(2026, 3, 9))
    pay(world, "1000.01", account=NEW, on=date(2026, 3, 10))
    world.settle()

    assert sorted(world.states()) == ["confirmed", "confirmed", "review"]
    assert (world.codes(), notes(world)) == (["bank_details_changed"], ["bank_details_changed"])
    assert identities(world) == [("2957", True, ""), ("4411", False, "")]
    assert sum(D(str(d["Total"])) for d in world.books.bank_transactions()) == D("1500.00")
    with tenant_scope(world.tenant.pk):
        assert OLD not in str(list(ContactIdentity.objects.values()))


def test_accepting_the_held_payment_accepts_its_account(world: World) -> None:
    world.set_flow(review={"new_iban_over": {"CHF": "0.00"}})
    pay(world, "500.00")
    pay(world, "600.00", account=NEW, on=date(2026, 3, 9))
    world.settle()
    [held] = [entry.pk for entry in world.entries() if entry.state == "review"]

    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[held], actor=BOB)
    pay(world, "700.00", account=NEW, on=date(2026, 3, 16))
    world.settle()

    assert set(world.states()) == {"confirmed"}
    assert identities(world) == [("2957", True, ""), ("4411", True, BOB)]
    with tenant_scope(world.tenant.pk):
        assert AuditEvent.objects.filter(action="contact.details", actor=BOB).count() == 1


def test_accepting_the_account_lets_all_that_waited_for_it_go_on(world: World) -> None:
    world.set_flow(review={"new_iban_over": {"CHF": "0.00"}})
    pay(world, "500.00")
    pay(world, "600.00", account=NEW, on=date(2026, 3, 9))
    pay(world, "700.00", account=NEW, on=date(2026, 3, 16))
    world.settle()
    assert world.codes() == ["bank_details_changed"] * 2
    with tenant_scope(world.tenant.pk):
        unknown = ContactIdentity.objects.get(known=False)

    assert contacting.details_accept(tenant_id=world.tenant.pk, identity_id=unknown.pk, actor=BOB) == 2
    world.settle()

    assert len(world.books.bank_transactions()) == 3


def test_two_equal_payments_on_one_day_are_two_documents_and_the_second_is_noted(world: World) -> None:
    pay(world, "100.00")
    pay(world, "100.00")
    world.settle()

    assert len(world.books.bank_transactions()) == 2
    assert notes(world) == ["possibly_paid_twice"]


def test_a_tenant_may_hold_a_possible_double_payment_and_a_person_lets_a_real_twin_through(world: World) -> None:
    world.set_flow(review={"repeated": "hold"})
    pay(world, "100.00")
    pay(world, "100.00", on=date(2026, 3, 4))
    world.settle()
    assert world.codes() == ["possibly_paid_twice"]
    assert len(world.books.bank_transactions()) == 1

    held = [entry.pk for entry in world.entries() if entry.state == "review"]
    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=held, actor=BOB)
    world.settle()

    assert len(world.books.bank_transactions()) == 2


def test_an_amount_that_is_unusual_for_its_counterparty_waits_where_the_tenant_wants_it(world: World) -> None:
    world.set_flow(review={"unusual": "hold"})
    for week in range(8):
        pay(world, "100.00", on=date(2026, 1, 5) + timedelta(weeks=week))
    world.settle()
    pay(world, "1000.00", on=MARCH + timedelta(days=14))
    pay(world, "1000.00", on=MARCH + timedelta(days=14), name="Ganz Andere AG")
    world.settle()

    assert world.codes() == ["unusual_amount"]
    assert len(world.books.bank_transactions()) == 9


def test_a_card_used_at_night_in_the_company_s_own_time_zone_is_noted(world: World) -> None:
    night = datetime(2026, 3, 3, 22, 30, tzinfo=UTC)  # 23:30 in Zurich, on a Tuesday
    day = datetime(2026, 3, 3, 21, 30, tzinfo=UTC)  # 22:30
    for moment, merchant in ((night, "BAR PROBE"), (day, "PAPETERIE PROBE")):
        world.amnis.card(
            amount="40.00", merchant=merchant, executed_on=date(2026, 3, 3), created_at=moment, updated_at=moment
        )
    world.settle()

    found = [it for entry in world.entries() for it in entry.findings if it["code"] == "card_at_odd_hours"]
    assert len(found) == 1
    assert "BAR PROBE on Tuesday, 03.03.2026 at 23:30" in found[0]["message"]
    assert len(world.books.bank_transactions()) == 2


def test_the_past_of_a_slice_is_one_statement_and_read_through_its_index(world: World) -> None:
    for week in range(3):
        pay(world, "100.00", on=date(2026, 1, 5) + timedelta(weeks=week))
    world.settle()
    contact = world.entries()[0].contact_id
    assert contact is not None
    with tenant_scope(world.tenant.pk), CaptureQueriesContext(connection) as caught:
        found = known_about([Wanted(contact_id=contact, currency="CHF", day=MARCH, count=1)])
    assert [amount for _number, _day, amount in found[contact, "CHF"].past] == [D("-100.00")] * 3
    assert [last4 for last4, _known in found[contact, "CHF"].accounts.values()] == ["2957"]
    assert sum("FROM wanted" in query["sql"] for query in caught.captured_queries) == 1
    with tenant_scope(world.tenant.pk), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute("SET LOCAL enable_sort = off")  # three rows are sorted sooner than an index is read
        cursor.execute(
            "EXPLAIN SELECT id FROM entry WHERE contact_id = %s AND currency = 'CHF' AND booking_date <= %s "
            "ORDER BY booking_date DESC, id DESC LIMIT 120",
            [contact, MARCH],
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "entry_history_of_contact" in plan
    assert "Sort" not in plan
