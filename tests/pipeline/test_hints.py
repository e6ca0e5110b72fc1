"""The clock's hints: one for each flow that is due, and never more of them than workers need to see."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
import redis
from django.db.models.functions import Now

from config.broker import PREFIX
from sync import selectors
from sync.models import Flow
from sync.tasks import PROOFS, prove, prove_due, tick
from tenants.scoping import tenant_scope
from tenants.services import tenant_create

QUEUE = f"{PREFIX}sync"


@pytest.fixture
def due(db: None) -> list[int]:
    """Five companies, each with a flow that is due; the one that waits longest comes first."""
    found = []
    for number in range(5):
        tenant = tenant_create(slug=f"company-{number}", name=f"Firma {number} AG", actor="chief@millrace.example")
        with tenant_scope(tenant.pk):
            found.append(Flow.objects.create(cutoff=date(2026, 1, 1)).pk)
    return found


def hinted(valkey: redis.Redis) -> list[int]:
    """The flows of the hints that wait, in the order in which workers take them."""
    messages: list[bytes] = valkey.lrange(QUEUE, 0, -1)  # type: ignore[assignment]
    bodies = [json.loads(b64decode(json.loads(message)["body"])) for message in reversed(messages)]
    return [named["flow_id"] for _, named, _ in bodies]


def test_each_flow_that_is_due_gets_one(due: list[int], valkey: redis.Redis) -> None:
    assert tick() == 5
    assert hinted(valkey) == due


def test_a_flow_begins_with_the_tick_that_is_nearest_to_its_time(
    due: list[int], valkey: redis.Redis, settings: Any
) -> None:
    """The clock ticks each minute: what is due 20 s after a tick begins with it, what is due 40 s after it with the next."""
    settings.ENV = replace(settings.ENV, tick_seconds=60.0)
    tenants = {it.flow_id: it.tenant_id for it in selectors.due_flows(limit=5)}
    for flow_id, later in zip(due, (20, 40), strict=False):
        with tenant_scope(tenants[flow_id]):
            Flow.objects.filter(pk=flow_id).update(next_at=Now() + timedelta(seconds=later))

    assert tick() == 4
    assert sorted(hinted(valkey)) == sorted([due[0], *due[2:]])
    assert [selectors.is_due(tenant_id=tenants[it], flow_id=it) for it in due[:2]] == [True, False]


def test_where_workers_fall_behind_only_what_they_took_is_sent_anew(due: list[int], valkey: redis.Redis) -> None:
    assert [tick(most=3), tick(most=3)] == [3, 0]
    assert hinted(valkey) == due[:3]

    valkey.rpop(QUEUE, 2)
    assert tick(most=3) == 2
    assert valkey.llen(QUEUE) == 3


def test_an_emptied_broker_is_told_again(due: list[int], valkey: redis.Redis) -> None:
    tick()
    valkey.flushdb()

    assert tick() == 5
    assert hinted(valkey) == due


def test_proofs_that_wait_are_not_hinted_at_again_and_keep_no_sync_waiting(due: list[int], valkey: redis.Redis) -> None:
    for flow_id in range(PROOFS - 3):
        prove.delay(tenant_id=1, flow_id=flow_id)

    assert [prove_due(), prove_due()] == [3, 0]
    assert tick() == 5
    assert hinted(valkey) == due
