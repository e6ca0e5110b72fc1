"""Visitors who send a byte a second, never finish or never hang up take nothing from the others: no key, no session needed.

The server is the real one with the real application, as `./run` starts it.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
KEY, BODY = "xero-webhook-key", b'{"events": []}'
PAGE = "/accounts/login/"
PATIENCE = 5.0  # seconds: Xero waits no longer for the answer to a webhook
SLOW_BODY = b"POST /webhooks/xero HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
SLOW_HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
SLOW_CHUNKS = b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n"
TOO_LARGE = b"POST /webhooks/xero HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"


@contextmanager
def serving() -> Iterator[int]:
    """The web as `./run` starts it, on this worker's database: its port."""
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environ = {"DJANGO_SETTINGS_MODULE": "config.settings_test", "DATABASE_URL": database, "XERO_WEBHOOK_KEY": KEY}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = subprocess.Popen(
            [sys.executable, "-m", "config.webserver", f"--fd={listener.fileno()}"],
            cwd=ROOT,
            env={**os.environ, **environ},
            pass_fds=[listener.fileno()],
        )
        try:
            yield listener.getsockname()[1]
        finally:
            server.terminate()
            server.wait(timeout=20)


@pytest.fixture(scope="module")
def port(django_db_setup: None) -> Iterator[int]:
    with serving() as number:
        assert healthz(number, seconds=30).status_code == 200
        yield number


def healthz(port: int, *, seconds: float = PATIENCE) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=seconds, trust_env=False)


def signed(body: bytes) -> str:
    return base64.b64encode(hmac.digest(KEY.encode(), body, "sha256")).decode()


def webhook(port: int) -> httpx.Response:
    headers = {"x-xero-signature": signed(BODY), "host": "localhost"}
    return httpx.post(
        f"http://127.0.0.1:{port}/webhooks/xero", content=BODY, headers=headers, timeout=PATIENCE, trust_env=False
    )


@contextmanager
def visitors(port: int, beginning: bytes, *, how_many: int, then: bytes = b"a") -> Iterator[list[socket.socket]]:
    """So many who have begun, and go on with a byte a second."""
    over = threading.Event()
    with ExitStack() as stack:
        found = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(how_many)]
        for visitor in found:
            visitor.sendall(beginning)
        drip = threading.Thread(target=dripping, args=(found, then, over))
        drip.start()
        stack.callback(drip.join)
        stack.callback(over.set)
        yield found


def dripping(all_of_them: list[socket.socket], what: bytes, over: threading.Event) -> None:
    while what and not over.wait(1.0):
        for visitor in all_of_them:
            with suppress(OSError):  # the server has had enough of this one
                visitor.sendall(what)


def talk(port: int, *what: bytes, pause: float = 0.0) -> bytes:
    """All that comes back until the server hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as visitor:
        for part in what:
            visitor.sendall(part)
            time.sleep(pause)
        return heard(visitor)


def heard(visitor: socket.socket) -> bytes:
    visitor.settimeout(20)
    return heard_until_the_end(visitor)


def heard_until_the_end(visitor: socket.socket) -> bytes:
    return b"".join(iter(lambda: visitor.recv(65536), b""))


def statuses(answers: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3})", answers)]


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


@pytest.mark.parametrize("how_many", [8, 100])
@pytest.mark.parametrize("beginning", [SLOW_BODY, SLOW_HEAD, SLOW_CHUNKS, TOO_LARGE % 4_000_000, b""])
def test_who_sends_slowly_keeps_nobody_waiting(port: int, beginning: bytes, how_many: int) -> None:
    with visitors(port, beginning, how_many=how_many):
        time.sleep(1.5)
        assert healthz(port).text == "ok\n"
        assert webhook(port).status_code == 200


@pytest.mark.parametrize("how_many", [8, 100])
def test_who_reads_no_answers_keeps_nobody_waiting(port: int, how_many: int) -> None:
    with visitors(port, get("/static/dashboard/app.css") * 400, how_many=how_many, then=b""):
        time.sleep(1.5)
        assert healthz(port).text == "ok\n"
        assert webhook(port).status_code == 200


def test_who_does_not_hang_up_keeps_nobody_waiting(port: int) -> None:
    with visitors(port, get("/healthz", "Connection: close"), how_many=20, then=b""):
        assert healthz(port).text == "ok\n"


def test_a_slow_visitor_gets_the_right_answer_all_the_same(port: int) -> None:
    whole = get("/healthz", "Connection: close")

    assert talk(port, *(whole[at : at + 8] for at in range(0, len(whole), 8)), pause=0.05).startswith(b"HTTP/1.1 200 ")


def test_requests_that_come_together_are_answered_one_after_the_other(port: int) -> None:
    form = get("/nowhere/", "Content-Length: 3").replace(b"GET", b"POST") + b"abc"
    last = get("/healthz", "Connection: close")

    answers = talk(port, get(PAGE) + form + get(PAGE) + last[:20], last[20:], pause=0.3)

    assert statuses(answers) in ([200, 403, 200, 200], [200, 404, 200, 200])


def test_a_connection_is_used_again(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        answers = [client.get(PAGE, headers={"host": "localhost"}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert len({id(answer.extensions["network_stream"]) for answer in answers}) == 1


def test_who_waits_to_be_told_to_go_on_is_told(port: int) -> None:
    head = get("/webhooks/xero", "Connection: close", "Content-Length: 2", "Expect: 100-continue")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as visitor:
        visitor.sendall(head.replace(b"GET", b"POST"))
        assert visitor.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        visitor.sendall(b"{}")
        assert statuses(heard(visitor))[-1] == 401


def test_what_is_more_than_a_page_takes_is_refused_in_our_words(port: int) -> None:
    answer = talk(port, TOO_LARGE % 4_000_000 + b"a" * 4_000_000)

    assert statuses(answer) == [413]
    assert b"This is more than can be sent here at once." in answer


def test_what_is_far_more_is_refused_before_it_is_read(port: int) -> None:
    answer = talk(port, TOO_LARGE % 1_000_000_000)

    assert statuses(answer) == [413]
    assert b"\r\nConnection: close\r\n" in answer


def test_a_body_in_pieces_counts_as_a_whole_one(port: int) -> None:
    """As some proxies hand them on."""
    head = get("/webhooks/xero", "Connection: close", "Transfer-Encoding: chunked", f"x-xero-signature: {signed(BODY)}")
    pieces = b"7\r\n" + BODY[:7] + b"\r\n%x\r\n" % (len(BODY) - 7) + BODY[7:] + b"\r\n0\r\n\r\n"

    assert statuses(talk(port, head.replace(b"GET", b"POST"), pieces)) == [200]


@pytest.mark.parametrize(
    "what",
    [
        b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        b"nonsense\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused(port: int, what: bytes) -> None:
    assert statuses(talk(port, what)) == [400]


def test_a_head_without_end_is_cut_off(port: int) -> None:
    with suppress(ConnectionResetError):  # which may come before the answer: not all that was sent was read
        assert statuses(talk(port, b"GET /healthz HTTP/1.1\r\nX-Endless: " + b"a" * 900_000)) == [431]
    assert healthz(port).text == "ok\n"


def test_who_never_comes_to_an_end_is_sent_away(port: int) -> None:
    """A byte a second, for half a minute and as long as the server takes to look again."""
    with visitors(port, SLOW_HEAD, how_many=1) as [visitor]:
        visitor.settimeout(60)
        began = time.monotonic()
        assert heard_until_the_end(visitor) == b""
        assert time.monotonic() - began < 45


def test_it_ends_soon_with_slow_visitors_in_the_house(django_db_setup: None) -> None:
    with ExitStack() as stack:
        with serving() as number:
            assert healthz(number, seconds=30).status_code == 200
            stack.enter_context(visitors(number, SLOW_BODY, how_many=20))
            stack.enter_context(visitors(number, get("/healthz"), how_many=5, then=b""))
            began = time.monotonic()
        assert time.monotonic() - began < 5
