"""A process may die at any moment: what comes after it finds every row, and books each once."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db.models.functions import Now

from connectors.models import Grant
from sync.models import Flow, PushIntent
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World, kept_company, sandbox, world
from tests.simulation.machine import Killed, dies_after

__all__ = ["kept_company", "sandbox", "world"]


COMMITS = 50  # more than a first pass has


@pytest.mark.parametrize("commits", range(1, COMMITS + 1))
def test_a_death_between_any_two_commits_of_a_first_pass_loses_nothing(world: World, commits: int) -> None:
    for number in range(3):
        world.amnis.pay_in(amount=f"{100 + number}.00", payer="Beispiel AG", executed_on=date(2026, 3, 2))
        world.sandbox.clock.advance(timedelta(minutes=20))  # more than each look overlaps the one before
    with dies_after(commits) as left, suppress(Killed):
        world.sync()
    with tenant_scope(world.tenant.pk):
        Flow.objects.update(lease_until=Now())
        PushIntent.objects.filter(lease_until__isnull=False).update(lease_until=Now())
    Grant.objects.update(lease_until=None)  # that of renewing a token, too
    world.sandbox.xero.idempotency.forget_everything()
    assert commits < COMMITS or left[0] > 0, "a first pass has more commits by now"

    world.settle(seconds=20)

    assert sorted(Decimal(str(it["Total"])) for it in world.books.bank_transactions()) == [100, 101, 102]
    assert world.states() == ["confirmed"] * 3
