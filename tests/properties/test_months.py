"""Any month of movements: the books hold each executed movement once, to the cent, and can be emptied again.

Read from the sandbox's own ledger; what is expected comes from the movements (`months.py`). `HYPOTHESIS_PROFILE=nightly`
tries more of them.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from sync import undoing
from sync.models import Amendment
from sync.models.amendment import ON_THE_WAY
from sync.proving import flow_prove
from sync.undoing import Selection
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World
from tests.properties.conftest import Worlds
from tests.properties.months import (
    ROUNDS,
    WALLETS,
    Legs,
    Month,
    Movement,
    bill,
    edit_posted,
    follow,
    go_on,
    happen,
    movements,
)
from tests.properties.terms import Terms, agree, before_sync, held, open_again, rates_said, same_legs, terms

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
BANK = {"CHF": "090", "EUR": "EUR Amnis", "USD": "092", "JPY": "094", "Reserve": "096"}
CLEARING, SUSPENSE = "850", "880"
TROUBLES = ("none", "none", "restart", "lose_answer", "garble", "half_batch", "drop_element", "offline")
bounded = settings(
    deadline=None,
    max_examples=300 if NIGHTLY else 20,
    phases=tuple(Phase)
    if NIGHTLY
    else (Phase.explicit, Phase.reuse, Phase.generate),  # a smaller example takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@bounded
@given(
    drawn=movements(),
    troubles=st.lists(st.sampled_from(TROUBLES), min_size=ROUNDS, max_size=ROUNDS),
    agreed=terms(),
    new_rows=st.booleans(),
    edited=st.none() | st.integers(0, 20),
    followed=st.booleans(),
)
def test_the_books_hold_every_executed_movement_once(
    worlds: Worlds,
    drawn: list[Movement],
    troubles: list[str],
    agreed: Terms,
    new_rows: bool,
    edited: int | None,
    followed: bool,
) -> None:
    with worlds() as world:
        month = opened(world, drawn, agreed)
        lived(month, drawn, troubles, agreed, new_rows=new_rows)
        closed(month, agreed)
        if edited is not None:
            edit_posted(month, edited)
            world.settle(seconds=30)
        if followed and month.edited:
            event("a document follows its row")
            follow(month)
            carried_out(world)
            world.settle(seconds=30)

        assert same_legs(legs(world), month.legs, agreed), (
            "each movement once: none lost, no twin swallowed, none twice"
        )
        assert same_legs(legs(world, on=SUSPENSE), month.suspended, agreed), "on suspense stands what is not complete"
        assert all(said == wanted for said, wanted in rates_said(world, agreed)), "at the table's rate, and stamped so"
        assert due(world, month) == month.due, "each invoice is paid by what was paid for it"
        assert {name: world.books.balance(code) for name, code in BANK.items()} == month.balances()
        assert world.books.base_balance(CLEARING) == 0, "every conversion leaves its clearing account empty"
        assert world.books.is_balanced()
        proven(world, month)


@settings(bounded, max_examples=100 if NIGHTLY else 6)
@given(
    drawn=movements(most=8),
    troubles=st.lists(st.sampled_from(TROUBLES), min_size=ROUNDS, max_size=ROUNDS),
    agreed=terms(redates=False),
)
def test_undoing_every_day_restores_every_account_and_open_item(
    worlds: Worlds, drawn: list[Movement], troubles: list[str], agreed: Terms
) -> None:
    with worlds() as world:
        month = opened(world, drawn, agreed)
        before, unpaid = books(world), dict(month.due)
        lived(month, drawn, troubles, agreed)
        closed(month, agreed)
        standing, paid = books(world), dict(month.due)
        entries = [it.pk for it in world.entries() if it.state == "confirmed"]

        for day in sorted({day for _, day, _ in month.legs}):
            undoing.undo(tenant_id=world.tenant.pk, flow_id=world.flow_id, selection=Selection(day=day), actor="alice")
        carried_out(world)

        assert not legs(world)
        assert books(world) == before
        assert due(world, month) == unpaid
        proven(world, Month(world=world))

        undoing.entry_post_again(tenant_id=world.tenant.pk, entry_ids=entries, actor="alice")
        world.settle(seconds=30)

        assert legs(world) == month.legs, "posted again is posted once"
        assert legs(world, on=SUSPENSE) == month.suspended
        assert books(world) == standing
        assert due(world, month) == paid
        proven(world, month)


# ---------------------------------------------------------------------- living


def opened(world: World, drawn: list[Movement], agreed: Terms) -> Month:
    """A month in which sure payments of invoices post themselves, with the invoices and nothing else in it."""
    agree(world, agreed)
    month = Month(world=world, suspends=agreed.suspends)
    bill(month, drawn)
    return month


def lived(month: Month, drawn: list[Movement], troubles: list[str], agreed: Terms, *, new_rows: bool = False) -> None:
    """Round after round: what happens, what was pending, and a sync that something may befall; at last all is at rest."""
    world = month.world
    world.sandbox.amnis.switch(card_lifecycle="new_row" if new_rows else "in_place")
    # By one outgoing row, here from before the first day, a ledger shows that it signs its amounts.
    world.amnis.payout(amount="1.00", to="Vorjahr AG", executed_on=date(2025, 12, 15))
    for number, trouble in enumerate(troubles):
        go_on(month)
        for movement in drawn:
            if movement.round == number:
                event(movement.kind)
                happen(month, movement)
        before_sync(world, agreed, number)
        befall(world, trouble)
    go_on(month)
    world.sandbox.clock.advance(timedelta(hours=2))
    world.sandbox.xero.idempotency.forget_everything()  # the key must not be the only net
    world.settle(seconds=30)


def closed(month: Month, agreed: Terms) -> None:
    """What a lock or a missing rate holds is all that is not booked; a person sees to it, and then all of it is."""
    world = month.world
    carried_out(world)
    if agreed.lock is None and not (agreed.table and agreed.missing):
        return
    assert same_legs(legs(world), month.legs - held(world, month, agreed), agreed), "all is booked but for what is held"
    open_again(world, agreed)
    world.settle(seconds=30)
    carried_out(world)


def befall(world: World, trouble: str) -> None:
    match trouble:
        case "none":
            world.sync()
        case "restart":
            world.sync(seconds=0.05)
        case _:
            getattr(world.sandbox.xero.faults, trouble)(methods={"PUT"})
            world.sync()
            world.sandbox.xero.faults.clear()


def carried_out(world: World) -> None:
    for _ in range(40):
        world.sync()
        with tenant_scope(world.tenant.pk):
            if not Amendment.objects.filter(state__in=ON_THE_WAY).exists():
                return
    raise AssertionError("an undo does not come to its end")


# --------------------------------------------------------------------- reading


def legs(world: World, *, on: str = "") -> Legs:
    """What moves each bank account on each day, from the documents in Xero; `on`: only those with lines on this account."""
    found: Legs = Counter()
    names = {world.books.account(code)["AccountID"]: name for name, code in BANK.items()}
    for it in world.books.bank_transactions():
        if on and all(line["AccountCode"] != on for line in it["LineItems"]):
            continue
        amount = Decimal(str(it["Total"])) * (1 if it["Type"] == "RECEIVE" else -1)
        found[names[it["BankAccount"]["AccountID"]], _day(it), amount] += 1
    if on:
        return found
    for it in world.books.bank_transfers():
        amount = Decimal(str(it["Amount"]))
        found[names[it["FromBankAccount"]["AccountID"]], _day(it), -amount] += 1
        found[names[it["ToBankAccount"]["AccountID"]], _day(it), amount] += 1
    alone = [(it, it["Amount"]) for it in world.books.payments() if not it.get("BatchPaymentID")]
    for it, total in [*alone, *((it, it["TotalAmount"]) for it in world.books.batch_payments())]:
        found[names[it["Account"]["AccountID"]], _day(it), Decimal(str(total))] += 1
    return found


def due(world: World, month: Month) -> dict[str, Decimal]:
    """What is left of each invoice of the month."""
    left = {it["InvoiceNumber"]: Decimal(str(it["AmountDue"])) for it in world.books.invoices(live=False)}
    return {number: left[number] for number in month.due}


def books(world: World) -> dict[str, tuple[Decimal, ...]]:
    """Every account's balance in its own and in the base currency, and what is due on every invoice and bill."""
    ids = {account["Name"]: account["AccountID"] for account in world.books.accounts()}
    found = {name: (world.books.balance(it), world.books.base_balance(it)) for name, it in ids.items()}
    due = {it["InvoiceID"]: (Decimal(str(it["AmountDue"])),) for it in world.books.invoices()}
    return {**found, **due}


def _day(document: dict[str, str]) -> date:
    return date.fromisoformat(document["DateString"][:10])


def proven(world: World, month: Month) -> None:
    """The program's own proof says the same: in balance, but for what Amnis changed after it was posted."""
    proof = flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)
    differences = {line["source"]: Decimal(line["difference"]) for line in proof["accounts"]}

    for name, number in WALLETS.items():
        assert differences[str(number)] == month.edits.get(name, 0), name
    assert proof["balanced"] == (not month.edits)
    assert [proof["missing"], proof["duplicated"], proof["unexpected"]] == [[], [], []]
