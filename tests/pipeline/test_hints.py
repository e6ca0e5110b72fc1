"""The clock's hints: one for each flow that is due, and never more of them than workers need to see."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import date

import pytest
import redis

from config.broker import PREFIX
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
