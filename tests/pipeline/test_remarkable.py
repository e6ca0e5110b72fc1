"""Remarks on the way into the books: what is only noted is posted, what the tenant wants to see first waits."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.test.utils import CaptureQueriesContext

from sync import contacting, services
from sync.allocating import invoice_choose, proposals_of
from sync.models import ContactIdentity, ContactLink, Entry, Flow, Rule
from sync.reviewing import review_trial
from sync.store_history import Wanted, known_about
from tenants.models import AuditEvent
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World
from tests.pipeline.test_invoices import invoice, standing

D = Decimal
MARCH = date(2026, 3, 2)
BOB = "bob@muster.example"
OLD, NEW = "CH9300762011623852957", "CH3609999000000004411"


def payee(name: str, account: str) -> dict[str, Any]:
    return {"accountNumber": account, "name": name, "country": "CH"}


def pay(
    world: World,
    amount: str,
    *,
    account: str = OLD,
    on: date = MARCH,
    name: str = "Probst Logistik AG",
    reference: str = "Akonto",
) -> None:
    world.amnis.payout(amount=amount, to=name, executed_on=on, reference=reference, beneficiary=payee(name, account))


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
    assert "BAR PROBE on Tuesday, 3 Mar 2026 at 23:30" in found[0]["message"]
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


# ------------------------------------------------- whatever document it becomes

BILL, NINTH = "B-2026-7001", date(2026, 3, 9)
STRICT = {"new_iban_over": {"CHF": "100.00"}}


def bill(world: World, amount: str, *, number: str = BILL, to: str = "Probst Logistik AG") -> None:
    invoice(world, number, amount, to=to, kind="ACCPAY")


def pay_the_bill_to_another_account(world: World, *, name: str = "Probst Logistik AG") -> None:
    """500.00 went to the account that is known, and 900.00 for a bill go to another one."""
    pay(world, "500.00")
    world.settle()
    bill(world, "900.00")
    pay(world, "900.00", account=NEW, on=NINTH, reference=BILL, name=name)
    world.settle()


def choose_the_bill(world: World) -> None:
    key = proposals_of(held(world))[0]["key"]
    invoice_choose(tenant_id=world.tenant.pk, entry_id=held(world).pk, key=key, actor=BOB)
    world.settle()


def book_under(world: World, contact: str, *, of: str) -> None:
    when = {"all": [{"field": "counterparty", "op": "contains", "value": of}]}
    spec = {"name": of, "when": when, "then": {"contact": contact}}
    services.rule_save(tenant_id=world.tenant.pk, flow_id=world.flow_id, actor=BOB, spec=spec)


def held(world: World) -> Entry:
    [entry] = [entry for entry in world.entries() if entry.state == "review"]
    return entry


def accept(world: World) -> None:
    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[held(world).pk], actor=BOB)
    world.settle()


def blocking(world: World) -> list[str]:
    return [it["code"] for it in held(world).findings if it["severity"] == "review"]


def paid(world: World) -> list[Decimal]:
    return [D(str(payment["Amount"])) for payment in world.books.payments()]


def test_the_payment_of_a_bill_to_another_account_is_held_and_accepting_it_pays_the_bill(world: World) -> None:
    world.set_flow(review=STRICT, policies={"match_invoices": "auto"})
    pay_the_bill_to_another_account(world)
    assert blocking(world) == ["bank_details_changed"]
    assert "4411" in held(world).findings[0]["message"]
    assert paid(world) == []
    assert world.books.balance("090") == D("-500.00")

    accept(world)

    assert paid(world) == [D("900.00")]
    assert standing(world, BILL)["Status"] == "PAID"
    assert identities(world) == [("2957", True, ""), ("4411", True, BOB)]


def test_choosing_the_bill_is_no_answer_to_the_changed_bank_details(world: World) -> None:
    world.set_flow(review=STRICT)
    pay_the_bill_to_another_account(world)
    assert set(blocking(world)) == {"invoice_found", "bank_details_changed"}

    choose_the_bill(world)
    assert blocking(world) == ["bank_details_changed"]
    assert paid(world) == []

    accept(world)
    assert paid(world) == [D("900.00")]
    assert len(world.books.bank_transactions()) == 1, "the first payout alone"


def test_an_account_to_which_bills_were_paid_is_the_known_one_also_in_the_same_sync(world: World) -> None:
    world.set_flow(review=STRICT, policies={"match_invoices": "auto"})
    bill(world, "500.00")
    pay(world, "500.00", reference=BILL)
    pay(world, "900.00", account=NEW, on=NINTH)
    world.settle()
    assert blocking(world) == ["bank_details_changed"]
    assert (paid(world), world.books.bank_transactions()) == ([D("500.00")], [])
    assert identities(world) == [("2957", True, ""), ("4411", False, "")]

    accept(world)
    assert [D(str(it["Total"])) for it in world.books.bank_transactions()] == [D("900.00")]


def test_a_bill_that_is_perhaps_paid_twice_is_held_and_a_real_second_part_let_through(world: World) -> None:
    world.set_flow(review={"repeated": "hold"}, policies={"match_invoices": "auto"})
    bill(world, "1000.00")
    pay(world, "300.00", reference=BILL)
    pay(world, "300.00", reference=BILL)
    world.settle()
    assert blocking(world) == ["possibly_paid_twice"]
    assert paid(world) == [D("300.00")]

    accept(world)
    assert standing(world, BILL)["AmountDue"] == D("400.00")


def test_an_unusual_amount_is_held_where_it_pays_a_bill_and_payments_of_bills_are_history(world: World) -> None:
    """The middle of three payments of about 100.00; 90,000.00 is 900 times as much."""
    world.set_flow(review={"unusual": "hold", "unusual_after": 3}, policies={"match_invoices": "auto"})
    for week, amount in enumerate(("100.00", "104.00", "108.00")):
        bill(world, amount, number=f"B-2026-710{week}")
        pay(world, amount, reference=f"B-2026-710{week}", on=MARCH + timedelta(weeks=week))
    bill(world, "90000.00")
    pay(world, "90000.00", reference=BILL, on=MARCH + timedelta(weeks=3))
    world.settle()
    assert blocking(world) == ["unusual_amount"]
    assert sorted(paid(world)) == [D("100.00"), D("104.00"), D("108.00")]


def test_another_spelling_of_a_payee_brings_no_account_of_its_own(world: World) -> None:
    """Both spellings are one contact in the books, so the account of the second is a new account of that contact."""
    world.set_flow(review=STRICT)
    pay(world, "500.00", name="Probst Logistik AG")
    world.settle()
    pay(world, "900.00", account=NEW, on=NINTH, name="Probst Logistik")
    world.settle()
    assert blocking(world) == ["bank_details_changed"]
    assert world.books.balance("090") == D("-500.00")
    assert "2957" in held(world).findings[0]["message"]

    accept(world)
    pay(world, "700.00", account=NEW, on=NINTH + timedelta(days=2), name="Probst Logistik")
    pay(world, "600.00", on=NINTH + timedelta(days=2), name="Probst Logistik")
    world.settle()

    assert {it["Contact"]["Name"] for it in world.books.bank_transactions()} == {"Probst Logistik AG"}
    assert world.books.balance("090") == D("-2700.00"), "both accounts are known by either name"


def test_a_rule_that_names_the_contact_does_not_vouch_for_the_account(world: World) -> None:
    book_under(world, "Beispiel Konzern AG", of="Probst")
    world.set_flow(review=STRICT)
    pay(world, "500.00")
    pay(world, "900.00", account=NEW, on=NINTH)
    world.settle()
    assert blocking(world) == ["bank_details_changed"]
    with tenant_scope(world.tenant.pk):
        unknown = ContactIdentity.objects.select_related("contact").get(known=False)
        assert unknown.contact.name == "Probst Logistik AG", "the account is the payee's, and accepted on its page"

    assert contacting.details_accept(tenant_id=world.tenant.pk, identity_id=unknown.pk, actor=BOB) == 1
    world.settle()
    assert {it["Contact"]["Name"] for it in world.books.bank_transactions()} == {"Beispiel Konzern AG"}
    assert sum(D(str(it["Total"])) for it in world.books.bank_transactions()) == D("1400.00")


def test_nobody_is_asked_who_a_payee_is_while_no_document_needs_it_and_its_account_is_kept(world: World) -> None:
    """A rule books its payments under a contact that is in the books, until somebody takes the rule away."""
    world.set_flow(review=STRICT, policies={"match_invoices": "off", "contacts": "preview"})
    bill(world, "900.00", to="Beispiel AG")
    book_under(world, "Beispiel AG", of="Fremd")
    pay(world, "900.00", name="Fremd Factoring AG")
    world.settle()
    assert [it["Contact"]["Name"] for it in world.books.bank_transactions()] == ["Beispiel AG"]
    with tenant_scope(world.tenant.pk):
        link = ContactLink.objects.get(name="Fremd Factoring AG")
        Rule.objects.all().delete()
    assert (link.state, link.contact_id) == ("unmet", "")

    pay(world, "700.00", account=NEW, on=NINTH, name="Fremd Factoring AG")
    world.settle()
    assert set(blocking(world)) == {"contact_preview", "bank_details_changed"}
    assert held(world).contact_id == link.pk
    assert identities(world) == [("2957", True, ""), ("4411", False, "")]


def test_the_first_payment_to_somebody_new_is_looked_at_also_where_it_pays_a_bill(world: World) -> None:
    """The bill's contact is in the books, the payee is not. Which bill it pays is one question, and who that is another."""
    world.set_flow(review={"new_counterparty_over": {"CHF": "100.00"}}, policies={"match_invoices": "auto"})
    for number, payee_name in ((BILL, "Beispiel AG"), ("B-2026-7002", "Fremd Factoring AG")):
        bill(world, "900.00", number=number, to="Beispiel AG")
        pay(world, "900.00", reference=number, name=payee_name)
    world.settle()
    choose_the_bill(world)
    assert blocking(world) == ["new_counterparty"]
    assert "Fremd Factoring AG" in held(world).findings[0]["message"]
    assert standing(world, BILL)["Status"] == "PAID"


def test_the_settings_page_tries_limits_on_payments_of_bills_too(world: World) -> None:
    world.set_flow(policies={"match_invoices": "auto"})
    pay_the_bill_to_another_account(world)
    assert paid(world) == [D("900.00")]
    with tenant_scope(world.tenant.pk), CaptureQueriesContext(connection) as caught:
        flow = Flow.objects.get(pk=world.flow_id)
        trial = review_trial(flow=flow, review=STRICT, today=NINTH, zone=ZoneInfo("Europe/Zurich"))
    assert (trial.looked_at, trial.held) == (2, {"bank_details_changed": 1})
    assert sum(query["sql"].lstrip().startswith(("SELECT", "WITH")) for query in caught.captured_queries) <= 5


def test_a_payment_that_left_a_rest_is_one_movement_of_the_past(world: World) -> None:
    """480.00 due and 500.00 paid: a payment of 480.00 and a rest of 20.00, and 500.00 that were paid to them."""
    world.set_flow(policies={"match_invoices": "auto", "overpaid": "suspense"})
    bill(world, "480.00")
    pay(world, "500.00", reference=BILL)
    world.settle()
    assert (paid(world), world.books.balance("090")) == ([D("480.00")], D("-500.00"))
    party = next(entry.party_id for entry in world.entries() if entry.leg == "main")
    assert party is not None
    with tenant_scope(world.tenant.pk):
        found = known_about([Wanted(contact_id=party, currency="CHF", day=MARCH, count=1)])
    assert [amount for _number, _day, amount in found[party, "CHF"].past] == [D("-500.00")]


def test_a_payout_that_names_nobody_is_with_the_contact_of_its_bill(world: World) -> None:
    world.set_flow(review=STRICT)
    pay_the_bill_to_another_account(world, name="")
    choose_the_bill(world)
    assert blocking(world) == ["bank_details_changed"]
    assert standing(world, BILL)["Status"] == "AUTHORISED"
