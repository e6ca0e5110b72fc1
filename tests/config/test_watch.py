"""The watch: it tells each cause once, straight to Slack and by mail, with nothing of ours in between."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import redis
from aiosmtpd.controller import Controller
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from config import heartbeat
from config.env import Env
from config.supervisor.valkey import free_port
from config.supervisor.watch import Judge, News, look, tell

ALL_WELL: dict[str, bool | None] = {"database": True, "broker": True, "worker": True, "beat": True}


def verdicts(*results: dict[str, bool | None]) -> list[list[str]]:
    judge = Judge()
    return [[news.subject for news in judge.hear(result)] for result in results]


def test_one_failure_is_no_news() -> None:
    down = {**ALL_WELL, "database": False}

    assert verdicts(down, down, ALL_WELL, down, down) == [[], [], [], [], []]


def test_a_lasting_failure_is_told_once_and_its_end_once() -> None:
    down = {**ALL_WELL, "worker": False}

    assert verdicts(down, down, down, down, ALL_WELL, ALL_WELL) == [
        [],
        [],
        ["Millrace: worker is down"],
        [],
        ["Millrace: worker works again"],
        [],
    ]


def test_without_the_broker_nobody_blames_worker_and_beat() -> None:
    blind: dict[str, bool | None] = {"database": True, "broker": False, "worker": None, "beat": None}

    assert verdicts(*[blind] * 5) == [[], [], ["Millrace: broker is down"], [], []]


@given(st.lists(st.sampled_from([True, False, None]), max_size=40))
def test_down_and_over_alternate(results: list[bool | None]) -> None:
    told = [line.rpartition(" ")[2] for lines in verdicts(*({"beat": result} for result in results)) for line in lines]

    assert told == ["down", "again"] * (len(told) // 2) + ["down"] * (len(told) % 2)


class Slack(HTTPServer):
    """Plays hooks.slack.com: remembers what was posted, answers `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _SlackHandler)
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.status = 200

    @property
    def webhook(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/T0/B0/secret"


class _SlackHandler(BaseHTTPRequestHandler):
    server: Slack

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.path, json.loads(body)))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        """The test's output stays quiet."""


class Inbox:
    """An aiosmtpd handler that keeps what arrives."""

    def __init__(self) -> None:
        self.received: list[tuple[list[str], str, str]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content)
        self.received.append((list(envelope.rcpt_tos), str(message["Subject"]), str(message.get_payload())))
        return "250 kept"


@pytest.fixture
def slack() -> Iterator[Slack]:
    with Slack() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, str]]:
    handler, port = Inbox(), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, f"smtp://127.0.0.1:{port}?from=millrace@books.example"
    controller.stop()


def operators(**changes: Any) -> Env:
    return replace(settings.ENV, ops_email=("ops@books.example",), **changes)


def test_both_ways_are_used(slack: Slack, inbox: tuple[Inbox, str]) -> None:
    box, url = inbox

    problems = tell(operators(ops_slack_webhook=slack.webhook, email_url=url), News.down("database"))

    assert problems == []
    ((path, body),) = slack.posted
    assert path == "/services/T0/B0/secret"
    assert body["text"].startswith("Millrace: database is down\nThe database does not answer.")
    ((recipients, subject, text),) = box.received
    assert (recipients, subject) == (["ops@books.example"], "Millrace: database is down")
    assert "The database does not answer." in text


def test_one_way_that_fails_does_not_stop_the_other(slack: Slack, inbox: tuple[Inbox, str]) -> None:
    box, url = inbox
    slack.status = 500

    problems = tell(operators(ops_slack_webhook=slack.webhook, email_url=url), News.over("beat"))

    assert problems == ["Slack: ValueError"]
    assert [subject for _, subject, _ in box.received] == ["Millrace: beat works again"]


def test_a_mail_server_that_is_away_is_named_without_its_password(slack: Slack) -> None:
    url = f"smtp://user:hunter2@127.0.0.1:{free_port()}"

    problems = tell(operators(ops_slack_webhook=slack.webhook, email_url=url), News.down("worker"))

    assert problems == ["mail: ConnectionRefusedError"]
    assert len(slack.posted) == 1


def test_nobody_to_tell_is_no_problem() -> None:
    assert tell(replace(settings.ENV, ops_slack_webhook="", ops_email=(), email_url=""), News.down("worker")) == []


def test_looking_sees_each_part(valkey: redis.Redis) -> None:
    heartbeat.say_alive(valkey, heartbeat.BEAT)

    assert look(settings.ENV) == {"database": True, "broker": True, "worker": False, "beat": True}


def test_looking_survives_when_all_is_down() -> None:
    nowhere = replace(
        settings.ENV,
        database_url=f"postgresql://app@127.0.0.1:{free_port()}/none",
        redis_url=f"redis://127.0.0.1:{free_port()}/0",
    )

    assert look(nowhere) == {"database": False, "broker": False, "worker": None, "beat": None}
