"""A machine that plays Slack and one that takes mail: real servers on loopback, so that what arrives is what was sent."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

PATH = "/services/T01/B01/aBcDeFgH1234"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`delay` seconds pass before it is given."""

    status: int
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0


OK = Answer(status=200, body="ok")


@dataclass
class FakeSlack:
    """What was posted, in order. `answers` are given first, one for each request; then `ever`."""

    url: str
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    ever: Answer = OK

    @property
    def webhook(self) -> str:
        return f"{self.url}{PATH}"

    @property
    def texts(self) -> list[str]:
        """Of the messages that were accepted."""
        return [body["text"] for _, body in self.posts]


@contextmanager
def slack_server() -> Iterator[FakeSlack]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                slack.requests.append(f"POST {self.path}")
                answer = slack.answers.pop(0) if slack.answers else slack.ever
                if answer.status == 200:
                    slack.posts.append((self.path, body))
            threading.Event().wait(answer.delay)
            with contextlib.suppress(OSError):  # who asked has gone
                self._say(answer)

        def do_GET(self) -> None:
            slack.requests.append(f"GET {self.path}")
            self._say(OK)

        def _say(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in (*answer.headers, ("Content-Length", str(len(answer.body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body.encode())

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    slack = FakeSlack(url=f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield slack
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class FakeMail:
    """What was taken, in order. An address in `refused` gets that answer instead."""

    host: str = "127.0.0.1"
    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"] == address]

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[FakeMail]:
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # else every line of SMTP
    mail = FakeMail()
    controller = Controller(mail, hostname=mail.host, port=_free_port())
    controller.start()
    mail.port = controller.port
    try:
        yield mail
    finally:
        controller.stop()


def _free_port() -> int:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return int(server.server_port)
