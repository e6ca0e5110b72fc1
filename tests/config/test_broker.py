"""The messenger's settings, and that a hint arrives exactly where it is sent."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from celery import Celery
from django.conf import settings

from config.beat import app as beat
from config.broker import PREFIX, QUEUES, broker_settings
from config.celery import app

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ("tenants", "connectors", "sync", "notifications", "dashboard", "config")


def test_hints_are_disposable() -> None:
    found = broker_settings(settings.ENV)

    assert found["result_backend"] is None
    assert found["task_acks_late"] is False
    assert found["task_reject_on_worker_lost"] is False
    assert (found["task_serializer"], found["accept_content"]) == ("json", ["json"])
    assert found["worker_concurrency"] == 2


@pytest.mark.parametrize("lease", [120.0, 60.0, 51.0])
def test_time_limits_end_before_the_lease(lease: float) -> None:
    found = broker_settings(replace(settings.ENV, lease_seconds=lease))

    assert found["task_soft_time_limit"] < found["task_time_limit"] < lease


@pytest.mark.parametrize("lease", [120.0, 60.0, 51.0])
def test_no_slice_is_cut_off_in_a_call_that_left_in_time(lease: float) -> None:
    """20 s to leave and 30 s to be answered: a request that is given up earlier has an outcome nobody knows."""
    found = broker_settings(replace(settings.ENV, lease_seconds=lease))

    assert found["task_soft_time_limit"] > 20 + 30


def test_the_clock_sends_what_exists_and_nothing_piles_up() -> None:
    app.loader.import_default_modules()

    for entry in broker_settings(settings.ENV)["beat_schedule"].values():
        assert entry["task"] in app.tasks
        assert entry["options"]["queue"] in QUEUES
        assert 0 < entry["options"]["expires"] <= max(entry["schedule"], 0.5)


def test_worker_and_clock_speak_to_the_same_broker() -> None:
    assert app.conf.broker_url == beat.conf.broker_url
    assert app.conf.task_queues == beat.conf.task_queues


@pytest.mark.parametrize("queue", QUEUES)
def test_a_hint_reaches_one_queue_only(valkey: redis.Redis, queue: str) -> None:
    sender = Celery("sender", fixups=(), set_as_current=False)
    sender.conf.update(broker_settings(settings.ENV))
    with sender.connection_for_write() as connection, sender.amqp.Producer(connection) as producer:
        for name in QUEUES:  # bind them all, as a running worker has done
            sender.amqp.queues[name](connection.default_channel).declare()
        sender.send_task("any", queue=queue, producer=producer)

    assert {name: valkey.llen(f"{PREFIX}{name}") for name in QUEUES} == {name: int(name == queue) for name in QUEUES}


@pytest.mark.parametrize("package", APPS)
def test_nobody_asks_the_broker_to_remember_the_future(package: str) -> None:
    """Delays are rows: `eta` and `countdown` would live in the broker's memory and be redelivered."""
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                assert not {"eta", "countdown"} & {word.arg for word in node.keywords}, f"{path}:{node.lineno}"
