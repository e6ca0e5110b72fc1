"""Locked periods and units of two rows: a conversion or a transfer is moved, held or posted as a whole."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from sandbox.faults import Effect, Fault
from sync import proposals, services
from sync.pipeline.dryrun import dry_run
from sync.proving import flow_prove
from tests.pipeline.conftest import ORGANISATION, World
from tests.pipeline.test_undo import carry_out

D = Decimal
MARCH, LOCKED, OPEN = date(2026, 3, 4), date(2026, 3, 31), "2026-04-01"


def lock(world: World, day: date = LOCKED) -> None:
    world.sandbox.xero.people(ORGANISATION).set_lock_dates(period=day)


def days(world: World) -> set[str]:
    return {document["DateString"][:10] for document in world.books.bank_transactions()}


def conversions(world: World) -> None:
    """The three deals of the accounting design: base sold, base bought, two foreign currencies."""
    world.amnis.fx(sold=(1, "250000.00"), bought=(2, "263811.37"), dealt_on=MARCH, value_on=MARCH)
    world.amnis.fx(sold=(2, "1042233.10"), bought=(1, "987654.32"), dealt_on=MARCH, value_on=MARCH)
    world.amnis.fx(sold=(2, "250000.00"), bought=(3, "271433.21"), dealt_on=MARCH, value_on=MARCH)


def test_a_conversion_moves_to_the_first_open_day_with_both_documents(world: World) -> None:
    world.set_flow(policies={"lock_date": "next_open_day"})
    lock(world)
    conversions(world)

    world.settle()

    assert days(world) == {OPEN}
    assert len(world.books.bank_transactions()) == 6
    assert world.books.base_balance("850") == 0, "the clearing account is even"
    assert all("(booked 04.03.2026)" in document["Reference"] for document in world.books.bank_transactions())


def test_a_conversion_in_a_locked_period_is_held_with_both_documents(world: World) -> None:
    lock(world)
    conversions(world)

    for _ in range(3):
        world.sync()

    assert world.books.bank_transactions() == []
    assert "period_locked" in world.codes()


def test_a_transfer_moves_to_the_first_open_day(world: World) -> None:
    world.set_flow(policies={"lock_date": "next_open_day"})
    lock(world)
    world.amnis.own_transfer(amount="500.00", source=1, target=8, executed_on=MARCH)

    world.settle()

    [transfer] = world.books.bank_transfers()
    assert transfer["DateString"][:10] == OPEN


def test_a_lock_that_moves_between_preview_and_push_is_obeyed(world: World) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    shown = dry_run(tenant_id=world.tenant.pk, flow_id=world.flow_id, actor="alice@muster.example")
    assert [document["date"] for document in shown["documents"]] == ["2026-03-04"]

    lock(world)
    world.settle()

    assert world.books.bank_transactions() == []
    assert world.codes() == ["period_locked"]


@pytest.mark.parametrize("policy", ["hold", "next_open_day"])
def test_an_adviser_who_could_post_behind_the_lock_never_does(world: World, policy: str) -> None:
    world.sandbox.xero.people(ORGANISATION).set_adviser(may_post_before_lock=True)
    world.set_flow(policies={"lock_date": policy})
    lock(world)
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    conversions(world)

    for _ in range(3):
        world.sync()

    assert all(day > LOCKED.isoformat() for day in days(world))


def test_the_later_of_both_lock_dates_counts(world: World) -> None:
    world.sandbox.xero.people(ORGANISATION).set_lock_dates(period=date(2026, 2, 28), end_of_year=LOCKED)
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)

    world.settle()

    assert world.codes() == ["period_locked"]


def test_the_second_document_of_a_deal_follows_when_the_lock_came_between(world: World) -> None:
    """Two foreign currencies: the first document is in the books when the period is locked. The second one waits for a
    person, who opens the period and retries; then the clearing account is even."""
    world.amnis.fx(sold=(2, "250000.00"), bought=(3, "271433.21"), dealt_on=MARCH, value_on=MARCH)
    second = Fault(vendor="xero", effect=Effect.SERVER_ERROR, methods=frozenset({"PUT"}), path="Bank", after=1)
    world.sandbox.faults.add(second)
    world.sync()
    lock(world)
    world.set_flow(lock_read_at=None)
    world.settle()
    assert len(world.books.bank_transactions()) == 1
    assert world.codes() == ["period_locked"]

    world.sandbox.xero.people(ORGANISATION).set_lock_dates()
    [held] = [entry for entry in world.entries() if entry.state == "review"]
    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=[held.pk], actor="alice@muster.example")
    world.settle()

    assert len(world.books.bank_transactions()) == 2
    assert world.books.base_balance("850") == 0


def test_a_period_that_somebody_opened_is_seen_at_the_next_try_and_not_only_ten_minutes_later(world: World) -> None:
    lock(world)
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    assert world.codes() == ["period_locked"]

    world.sandbox.xero.people(ORGANISATION).set_lock_dates()
    services.entry_retry(
        tenant_id=world.tenant.pk, entry_ids=[entry.pk for entry in world.entries()], actor="alice@muster.example"
    )
    world.settle()

    assert days(world) == {MARCH.isoformat()}


def test_what_a_new_lock_refuses_moves_to_the_first_open_day_as_the_policy_says(world: World) -> None:
    """The lock dates were read minutes ago. Xero refuses what lies behind the new one; they are read again at once, and
    nobody has to be asked."""
    world.set_flow(policies={"lock_date": "next_open_day"})
    world.amnis.pay_in(amount="50.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    lock(world)
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.amnis.own_transfer(amount="500.00", source=1, target=8, executed_on=MARCH)
    world.amnis.fx(sold=(1, "250000.00"), bought=(2, "263811.37"), dealt_on=MARCH, value_on=MARCH)

    world.settle()

    found = {D(str(it["Total"])): it["DateString"][:10] for it in world.books.bank_transactions()}
    own = {D("50.00"): "2026-03-04"}
    assert found == {**own, D("100.00"): OPEN, D("250000.00"): OPEN, D("263811.37"): OPEN}
    assert [it["DateString"][:10] for it in world.books.bank_transfers()] == [OPEN]
    assert set(world.states()) == {"confirmed"}
    assert world.books.base_balance("850") == 0


def test_what_comes_back_waits_for_an_original_that_a_lock_unknown_so_far_holds(world: World) -> None:
    """900 went in March, which is locked since nobody here has looked, and come back in April. 0.00 stand while the payout is
    held, and nothing is posted on a guess once it is left out."""
    lock(world)
    world.set_flow(lock_read_at=None)
    world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=MARCH)
    world.amnis.pay_in(amount="900.00", payer="Beispiel AG", returned=True, executed_on=date(2026, 4, 6))
    world.settle()
    assert sorted(world.codes()) == ["original_held", "period_locked"]

    [paid] = [entry for entry in world.entries() if entry.movement == "pay_out"]
    services.entry_skip(tenant_id=world.tenant.pk, entry_ids=[paid.pk], actor="bob@muster.example", reason="elsewhere")
    world.settle()

    assert sorted(world.states()) == ["review", "skipped"]
    assert (world.books.balance("090"), world.books.bank_transactions()) == (D("0.00"), [])


def test_what_comes_back_waits_for_an_original_that_is_refused_because_the_lock_was_set_since_the_last_look(
    world: World,
) -> None:
    """The lock dates were read minutes ago; both movements leave in one run. 0.00 stand until somebody opens the period, and
    then 900 less 900."""
    world.amnis.pay_in(amount="50.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    lock(world)
    world.amnis.payout(amount="900.00", to="Beispiel AG", executed_on=MARCH)
    world.amnis.pay_in(amount="900.00", payer="Beispiel AG", returned=True, executed_on=date(2026, 4, 6))
    world.settle()
    assert sorted(world.codes()) == ["original_held", "period_locked"]
    assert world.books.balance("090") == D("50.00")

    world.sandbox.xero.people(ORGANISATION).set_lock_dates()
    [paid] = [entry.pk for entry in world.entries() if entry.movement == "pay_out"]
    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=[paid], actor="bob@muster.example")
    world.settle()

    assert set(world.states()) == {"confirmed"}
    assert sorted(D(str(it["Total"])) for it in world.books.bank_transactions()) == [D(50), D(900), D(900)]
    assert world.books.balance("090") == D("50.00")


def test_what_comes_back_waits_for_an_original_that_xero_refuses_for_another_reason(world: World) -> None:
    """900 left the reserve, whose bank account was archived a moment ago, and come back to the main account."""
    reserve = world.books.account("096")["AccountID"]
    world.sandbox.xero.people(ORGANISATION).change_account(reserve, Status="ARCHIVED")
    world.amnis.payout(amount="900.00", account=8, to="Beispiel AG", executed_on=MARCH)
    world.amnis.pay_in(amount="900.00", payer="Beispiel AG", returned=True, executed_on=date(2026, 4, 6))

    world.settle()

    assert "original_held" in world.codes()
    assert (set(world.states()), world.books.bank_transactions()) == ({"review"}, [])


def moved_by_the_lock(world: World) -> int:
    """A payout of 02.03.2026 that stands on the first open day, 01.04.2026."""
    world.set_flow(policies={"lock_date": "next_open_day"})
    lock(world)
    row = world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=date(2026, 3, 2))
    world.settle()
    assert days(world) == {OPEN}
    return row


def apply(world: World) -> None:
    [asked] = [entry.pk for entry in world.entries() if entry.state == "review"]
    assert proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=asked, actor="alice@muster.example") is not None
    carry_out(world)


def test_a_word_more_at_amnis_is_no_change_of_what_the_lock_moved(world: World) -> None:
    row = moved_by_the_lock(world)
    deal = world.amnis.fx(sold=(1, "250000.00"), bought=(2, "263811.37"), dealt_on=MARCH, value_on=MARCH)
    transfer = world.amnis.own_transfer(amount="500.00", source=1, target=8, executed_on=MARCH)
    world.settle()

    for one in (row, int(deal.paid or 0), int(transfer.paid or 0)):
        world.amnis.change(one, comment="a word more")
    world.settle()
    lock(world, date(2026, 2, 28))
    world.set_flow(lock_read_at=None)
    for one in (row, int(deal.paid or 0), int(transfer.paid or 0)):
        world.amnis.change(one, comment="and another, the period is open again")
    world.settle()

    assert set(world.states()) == {"confirmed"}
    assert days(world) == {OPEN}


@pytest.mark.parametrize("opened", [False, True], ids=["locked", "opened again"])
def test_a_changed_amount_is_applied_on_the_day_where_the_lock_had_it_posted(world: World, opened: bool) -> None:
    row = moved_by_the_lock(world)
    if opened:
        lock(world, date(2026, 2, 28))
        world.set_flow(lock_read_at=None)

    world.amnis.change(row, amount="-45.15")
    world.settle()
    apply(world)

    [document] = world.books.bank_transactions()
    assert (D(str(document["Total"])), document["DateString"][:10]) == (D("45.15"), OPEN)
    assert "(booked 02.03.2026)" in document["Reference"]
    assert world.states() == ["confirmed"]
    assert flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)["balanced"]


def test_a_month_that_is_locked_after_posting_moves_nothing(world: World) -> None:
    """All stand on 04.03. with the lock still open. Then March is locked: a word more at Amnis is no change of the day, and
    an amount that is applied once the period is open again stays in March."""
    world.set_flow(policies={"lock_date": "next_open_day"})
    row = world.amnis.payout(amount="41.15", to="Lieferant Exempla AG", executed_on=MARCH)
    deal = world.amnis.fx(sold=(1, "250000.00"), bought=(2, "263811.37"), dealt_on=MARCH, value_on=MARCH)
    transfer = world.amnis.own_transfer(amount="500.00", source=1, target=8, executed_on=MARCH)
    world.settle()
    lock(world)
    world.amnis.payout(amount="1.00", to="Lieferant Exempla AG", executed_on=date(2026, 4, 9))
    world.set_flow(lock_read_at=None)
    for one in (row, int(deal.paid or 0), int(deal.received or 0), int(transfer.paid or 0)):
        world.amnis.change(one, comment="a word more")
    world.settle()
    assert set(world.states()) == {"confirmed"}

    world.amnis.change(row, amount="-45.15")
    world.settle()
    lock(world, date(2026, 2, 28))
    world.set_flow(lock_read_at=None)
    apply(world)

    assert {str(it["Total"]): it["DateString"][:10] for it in world.books.bank_transactions()}["45.15"] == "2026-03-04"
    assert [it["DateString"][:10] for it in world.books.bank_transfers()] == ["2026-03-04"]


def test_a_date_that_amnis_changes_itself_follows_the_policy(world: World) -> None:
    """From 02.03. to 09.03. both are behind the lock: the document stays. To 07.04. it follows, and says no other day."""
    row = moved_by_the_lock(world)
    world.amnis.change(row, executionDate="2026-03-09")
    world.settle()
    assert (world.states(), days(world)) == (["confirmed"], {OPEN})

    world.amnis.change(row, executionDate="2026-04-07")
    world.settle()
    apply(world)

    [document] = world.books.bank_transactions()
    assert (document["DateString"][:10], "booked" in document["Reference"]) == ("2026-04-07", False)


def test_whoever_tries_again_what_was_held_for_something_else_has_opened_the_period_too(world: World) -> None:
    """The lock is read once in ten minutes; the second answer to the same click must not be "open the period"."""
    world.set_flow(policies={"rate": "table"})
    lock(world)
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.amnis.pay_in(amount="70.00", payer="Beispiel AG", executed_on=MARCH, account=2)
    world.settle()
    held = {entry.currency: entry for entry in world.entries()}
    assert {currency: it.findings[0]["code"] for currency, it in held.items()} == {
        "CHF": "period_locked",
        "EUR": "rate_missing",
    }

    world.set_flow(policies={"rate": "xero_day"})
    world.sandbox.xero.people(ORGANISATION).set_lock_dates()
    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=[held["EUR"].pk], actor="anna@muster.example")
    world.settle()

    assert {entry.currency: entry.state for entry in world.entries()} == {"CHF": "review", "EUR": "confirmed"}
