"""Real sockets: what a network does to a write, and how far we say that it came."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from connectors.contract.errors import RetryLater
from connectors.contract.records import Answer, Endpoint, Prepared, Transport
from connectors.contract.spec import Wiring
from connectors.exchange import shared_transport
from connectors.http import ApiClient
from tests.connectors.test_http import OpenThrottle, Tokens

PREPARED = Prepared(endpoint=Endpoint.CONTACTS, method="PUT", path="/Contacts", body=b'{"a":1}', markers=("MR-1",))
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
Deed = Callable[[socket.socket, int], None]


@contextmanager
def server(deed: Deed) -> Iterator[str]:
    """A server on loopback: `deed` gets each connection with its number, after reading one request from it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        stop = threading.Event()
        thread = threading.Thread(target=_serve, args=(listening, deed, stop))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()


def _serve(listening: socket.socket, deed: Deed, stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        try:
            accepted, _ = listening.accept()
        except TimeoutError:
            continue
        number += 1
        accepted.settimeout(5)
        with closing(accepted):
            read_request(accepted)
            deed(accepted, number)


def read_request(peer: socket.socket) -> bytes:
    """One request in full: its head and its body may arrive in two pieces. Empty when the peer has gone."""
    found = b""
    while b"\r\n\r\n" not in found or (b"PUT" in found and not found.endswith(PREPARED.body)):
        piece = peer.recv(65536)
        if not piece:
            return b""
        found += piece
    return found


def client(address: str, *, seconds: float = 1.0) -> ApiClient:
    wiring = Wiring(
        base_url=address,
        tokens=Tokens(),
        throttle=OpenThrottle(),
        record_call=lambda record: None,
        timeout_seconds=seconds,
    )
    return ApiClient(wiring, vendor="Vendor", sleep=lambda _: None)


def send(address: str, *, seconds: float = 1.0) -> Answer:
    return client(address, seconds=seconds).send_once(PREPARED, key="k", allowed=lambda: True)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def test_nobody_listening_means_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert send(f"http://127.0.0.1:{port}").transport is Transport.NOT_SENT


def test_an_answer_is_read_in_full() -> None:
    with server(lambda peer, _: peer.sendall(OK)) as address:
        answer = send(address)
    assert (answer.transport, answer.status, answer.body) == (Transport.ANSWERED, 200, b"{}")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b'{"half":',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnot!",
    ],
)
def test_an_answer_that_ends_early_or_makes_no_sense_is_no_answer(said: bytes) -> None:
    with server(lambda peer, _: peer.sendall(said)) as address:
        assert send(address).transport is Transport.NO_ANSWER


def test_a_reset_after_the_request_is_no_answer() -> None:
    with server(lambda peer, _: reset(peer)) as address:
        assert send(address).transport is Transport.NO_ANSWER


def test_silence_ends_with_the_time_limit_as_no_answer() -> None:
    release = threading.Event()

    def say_nothing(peer: socket.socket, _: int) -> None:
        release.wait(5)

    with server(say_nothing) as address:
        answer = send(address, seconds=0.3)
        release.set()
    assert answer.transport is Transport.NO_ANSWER
    assert 250 <= answer.milliseconds < 3000


def test_an_answer_that_drips_does_not_hold_the_call_beyond_its_time() -> None:
    stop = threading.Event()

    def drip(peer: socket.socket, _: int) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not stop.wait(0.05):
            try:
                peer.sendall(b" ")
            except OSError:
                return

    with server(drip) as address:
        answer = send(address, seconds=0.4)
        stop.set()
    assert answer.transport is Transport.NO_ANSWER
    assert answer.milliseconds < 3000


def test_a_write_on_a_kept_connection_that_died_is_no_answer_and_is_not_sent_again() -> None:
    """The trap of every pool: the server closes an idle connection at the moment that we use it."""
    seen: list[int] = []

    def once_then_die(peer: socket.socket, number: int) -> None:
        seen.append(number)
        peer.sendall(OK)
        if read_request(peer):  # the second request arrives on the same connection
            seen.append(number)
            reset(peer)

    with server(once_then_die) as address:
        api = client(address)
        first = api.send_once(PREPARED, key="k1", allowed=lambda: True)
        second = api.send_once(PREPARED, key="k2", allowed=lambda: True)
    assert first.transport is Transport.ANSWERED
    assert second.transport is Transport.NO_ANSWER
    assert seen == [1, 1]


def test_a_read_of_an_endless_answer_gives_up() -> None:
    def flood(peer: socket.socket, _: int) -> None:
        try:
            peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n[")
            for _ in range(40):
                peer.sendall(b"1," * 512 * 1024)
        except OSError:
            return

    with server(flood) as address, pytest.raises(RetryLater):
        client(address, seconds=20).get_json("/a")


def test_a_process_has_one_pool_for_each_vendor() -> None:
    assert shared_transport("http://a.example") is shared_transport("http://a.example")
    assert shared_transport("http://a.example") is not shared_transport("http://b.example")
