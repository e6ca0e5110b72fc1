"""A process that dies around an amendment: whatever it left behind is settled by reading the document, once."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from connectors import faults
from sync.models import PushIntent
from sync.store import now
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World
from tests.pipeline.test_undo import amendments, carry_out, undo

MARCH = date(2026, 3, 2)
REMOVALS = {"after_claim_before_call": 1, "after_answer_before_settle": 1, "before_amendment_done": 1}


class Killed(BaseException):
    """Like SIGKILL: no handler of ours runs, and what was committed stays."""


@pytest.mark.parametrize("point", REMOVALS)
def test_a_process_killed_around_a_removal_neither_removes_twice_nor_leaves_it_in_limbo(
    world: World, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.amnis.pay_in(amount="7.00", payer="Zweite AG", executed_on=MARCH)
    world.settle()
    undo(world, entry=world.entries()[0].pk)
    world.sandbox.xero.forget_calls()
    die_once(monkeypatch, point)

    with pytest.raises(Killed):
        world.sync()
    assert [it.state for it in amendments(world)] != ["done"]
    leases_over(world)
    [done] = carry_out(world)
    world.sync()  # what is done is not done again

    assert done.state == "done"
    assert [Decimal(str(document["Total"])) for document in world.books.bank_transactions()] == [Decimal("7.00")]
    assert world.books.calls()["POST /BankTransactions"] == REMOVALS[point]
    assert world.states() == ["undone", "confirmed"]
    with tenant_scope(world.tenant.pk):
        assert not PushIntent.objects.filter(state="open").exists()


def die_once(monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    def passed(name: str) -> None:
        if name == point:
            monkeypatch.undo()
            raise Killed

    monkeypatch.setattr(faults, "point", passed)


def leases_over(world: World) -> None:
    """As when the dead process's leases have run out."""
    past = now() - timedelta(seconds=1)
    world.set_flow(lease_until=past)
    with tenant_scope(world.tenant.pk):
        PushIntent.objects.filter(state="open").update(lease_until=past)
