"""What machines ask the web process, and under which names it answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings

from config import heartbeat
from config.hosts import PublicHostMiddleware
from config.metrics import metrics_token


@pytest.mark.django_db
def test_healthz_needs_nothing(client: Client) -> None:
    nowhere = replace(settings.ENV, redis_url="redis://127.0.0.1:1/0")
    with override_settings(ENV=nowhere):
        answer = client.get("/healthz", headers={"host": "whoever.example"})

    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_ready_names_each_part(client: Client, valkey: redis.Redis) -> None:
    for name in (heartbeat.WORKER, heartbeat.BEAT):
        heartbeat.say_alive(valkey, name)

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"database": True, "migrations": True, "broker": True, "worker": True, "beat": True}


@pytest.mark.django_db
def test_a_silent_worker_is_not_ready(client: Client, valkey: redis.Redis) -> None:
    heartbeat.say_alive(valkey, heartbeat.BEAT)

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert [name for name, works in answer.json().items() if not works] == ["worker"]


def test_a_heartbeat_ends_by_itself(valkey: redis.Redis) -> None:
    heartbeat.say_alive(valkey, heartbeat.WORKER)

    assert 0 < int(valkey.ttl(heartbeat.key(heartbeat.WORKER))) <= heartbeat.LASTS_SECONDS


@pytest.mark.django_db
def test_without_a_broker_it_says_so(client: Client) -> None:
    with override_settings(ENV=replace(settings.ENV, redis_url="redis://127.0.0.1:1/0")):
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {"database": True, "migrations": True, "broker": False, "worker": False, "beat": False}


@pytest.mark.parametrize(
    ("host", "target"),
    [
        ("127.0.0.1:8000", "http://localhost:8000/t/x/?page=2"),
        ("127.0.0.1", "http://localhost:8000/t/x/?page=2"),
        ("[::1]:8000", "http://localhost:8000/t/x/?page=2"),
        ("localhost:8000", None),
        ("books.example", None),
    ],
)
def test_numbers_are_sent_to_the_public_name(host: str, target: str | None) -> None:
    door = PublicHostMiddleware(_inside)
    request = RequestFactory().get("/t/x/?page=2", headers={"host": host})

    answer = door(request)

    assert answer.headers.get("Location") == target
    assert answer.status_code == (307 if target else 200)


def _inside(_: HttpRequest) -> HttpResponse:
    return HttpResponse("inside")


def test_a_public_address_that_is_a_number_is_kept() -> None:
    with override_settings(ENV=replace(settings.ENV, public_url="http://127.0.0.1:8000")):
        answer = PublicHostMiddleware(_inside)(RequestFactory().get("/", headers={"host": "127.0.0.1:8000"}))

    assert answer.status_code == 200


@pytest.mark.django_db(transaction=True)
def test_metrics_are_for_this_machine(client: Client, valkey: redis.Redis) -> None:
    answer = client.get("/metrics")

    assert answer.status_code == 200
    assert 'millrace_up{part="database"} 1.0' in answer.content.decode()
    assert 'millrace_queue_length{queue="sync"} 0.0' in answer.content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "caller",
    [
        {"REMOTE_ADDR": "192.0.2.7"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.7"},
        {"REMOTE_ADDR": ""},
    ],
)
def test_metrics_do_not_exist_for_others_without_the_token(caller: dict[str, Any]) -> None:
    client = Client(**caller)

    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"authorization": "Bearer wrong"}).status_code == 404
    assert client.get("/metrics", headers={"authorization": f"Bearer {metrics_token()}"}).status_code == 200


@pytest.mark.django_db
def test_pages_carry_the_strict_policy(client: Client) -> None:
    policy = client.get("/accounts/login/").headers["Content-Security-Policy"]

    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["frame-ancestors"] == directives["base-uri"] == "'none'"
    assert "https://login.xero.com" in directives["form-action"].split()
    assert "unsafe" not in policy
