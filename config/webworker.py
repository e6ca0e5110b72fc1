"""A gunicorn worker in which no thread waits for a visitor to send.

gunicorn's own threads read from the connection, so eight visitors who send a byte a second hold all of them. Here the
loop that accepts connections takes each request in as well, and a thread gets it whole, in memory. What is too slow, too
much or too many goes without ever having had a thread.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from gunicorn.http import get_parser
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

AT_ONCE = 64 * 1024
HEAD_ENDS = b"\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
TOO_SLOW, TOO_LONG = b"408 Request Timeout", b"431 Request Header Fields Too Large"


def body_length(request: Request) -> int | None:
    """How many bytes of body are taken in; None where none are, because it does not say how long it is, or too much."""
    length = getattr(request.body.reader, "length", None)
    return length if isinstance(length, int) and length <= settings.LARGEST_BODY else None


@dataclass(slots=True, kw_only=True)
class Incoming:
    """A request of which a part may be missing. `ends` is None until its head is there."""

    until: float
    got: bytearray = field(default_factory=bytearray)
    ends: int | None = None

    @property
    def is_whole(self) -> bool:
        return self.ends is not None and len(self.got) >= self.ends


class WholeRequestWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gthread, but for who reads: the loop reads, the threads answer."""

    read_seconds = 30.0  # for a request, from its first moment to its last byte
    linger_seconds = 2.0  # for a visitor to take the last answer and to hang up
    send_timeout = struct.pack("@ll", 10, 0)  # seconds: a thread does not wait longer for a visitor to read on
    largest_total = 64 * 1024 * 1024  # of all requests at once that no thread is done with

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._incoming: dict[TConn, Incoming] = {}  # the oldest first
        self._answering: dict[TConn, int] = {}  # bytes of what the threads have
        self._leaving: dict[TConn, float] = {}  # the oldest first; until when
        self._total = 0
        self._longest_head = self.cfg.limit_request_line + self.cfg.limit_request_fields * (
            self.cfg.limit_request_field_size + len(b"\r\n")
        )

    def enqueue_req(self, conn: TConn) -> None:
        """Whatever gunicorn calls this for, a new request may begin on `conn`: a thread gets it once it is whole."""
        conn.initialized = True
        with contextlib.suppress(OSError):  # macOS: gone already
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, self.send_timeout)
        self._incoming[conn] = Incoming(until=time.monotonic() + self.read_seconds)
        self._listen(conn, self._read)
        if conn.parser is not None:  # the beginning may have come with the end of the one before
            self._take(conn, conn.parser.unreader.take_buffered())
        self._make_room()

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """A thread is done. gunicorn itself would wait in the loop, two seconds long, for the visitor to hang up."""
        self._total -= self._answering.pop(conn)
        if not fs.cancelled() and fs.exception() is None and fs.result():
            super().finish_request(conn, fs)
        else:
            self._see_off(conn)

    def handle_request(self, req: Request, conn: TConn) -> Any:
        if body_length(req) is None:  # what follows on this connection is no request
            req.force_close()
        return super().handle_request(req, conn)

    def murder_pending(self) -> None:
        """gunicorn calls this at least once a second."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [conn for conn, incoming in self._incoming.items() if incoming.until < now]:
            self._refuse(conn, TOO_SLOW)
        for conn in [conn for conn, until in self._leaving.items() if until < now]:
            self._hang_up(conn)

    def _read(self, conn: TConn) -> None:
        more = _received(conn.sock)
        if more:
            self._take(conn, more)
            self._make_room()
        elif more is not None:
            self._cut_off(conn)

    def _take(self, conn: TConn, more: bytes) -> None:
        incoming = self._incoming[conn]
        looked_through = max(0, len(incoming.got) - len(HEAD_ENDS))
        incoming.got += more
        self._total += len(more)
        if incoming.ends is None:
            self._find_end(conn, incoming, looked_through)
        if incoming.is_whole:
            self.poller.unregister(conn.sock)
            self._listen(conn, self._hand_over, event=selectors.EVENT_WRITE)  # who leaves answers unread gets no other
        elif incoming.ends is None and len(incoming.got) > self._longest_head:
            self._refuse(conn, TOO_LONG)

    def _find_end(self, conn: TConn, incoming: Incoming, looked_through: int) -> None:
        """gunicorn's own parser says how long the body is: there is no second opinion to differ from it."""
        head = incoming.got.find(HEAD_ENDS, looked_through) + len(HEAD_ENDS)
        if head < len(HEAD_ENDS):
            return
        incoming.ends = head
        with contextlib.suppress(Exception):  # a thread meets the same mistake again, and answers it
            request = Request(self.cfg, IterUnreader([bytes(incoming.got[:head])]), conn.client)
            incoming.ends += body_length(request) or 0
            if request._expected_100_continue and not incoming.is_whole:
                _say(conn, CONTINUE)

    def _hand_over(self, conn: TConn) -> None:
        got = self._forget(conn).got
        self._answering[conn] = len(got)
        self._total += len(got)
        conn.parser = get_parser(self.cfg, [bytes(got)], conn.client)  # and no socket to read from
        super().enqueue_req(conn)

    def _make_room(self) -> None:
        """Where there are too many, who came first goes: an honest request is here for a moment. Where it is too much, who
        sends most."""
        while self.nr_conns >= self.worker_connections and self._leaving:
            self._hang_up(next(iter(self._leaving)))
        while self.nr_conns >= self.worker_connections and len(self._incoming) > 1:
            self._cut_off(next(iter(self._incoming)))
        while self._total > self.largest_total and (largest := self._largest()):
            self._cut_off(largest)

    def _largest(self) -> TConn | None:
        large = {conn: len(incoming.got) for conn, incoming in self._incoming.items() if len(incoming.got) > AT_ONCE}
        return max(large, key=large.__getitem__, default=None)

    def _refuse(self, conn: TConn, answer: bytes) -> None:
        """Without a thread. Who has sent nothing yet hears nothing."""
        if self._forget(conn).got:
            _say(conn, b"HTTP/1.1 %b\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % answer)
        self._see_off(conn)

    def _cut_off(self, conn: TConn) -> None:
        self._forget(conn)
        self._close(conn)

    def _forget(self, conn: TConn) -> Incoming:
        self.poller.unregister(conn.sock)
        incoming = self._incoming.pop(conn)
        self._total -= len(incoming.got)
        return incoming

    def _see_off(self, conn: TConn) -> None:
        """No more is said. What still comes is read and forgotten, lest the last answer be lost with it (RFC 9112, 9.6)."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:  # gone already
            self._close(conn)
            return
        self._leaving[conn] = time.monotonic() + self.linger_seconds
        self._listen(conn, self._pour_away)

    def _pour_away(self, conn: TConn) -> None:
        if _received(conn.sock) == b"":
            self._hang_up(conn)

    def _hang_up(self, conn: TConn) -> None:
        del self._leaving[conn]
        self.poller.unregister(conn.sock)
        self._close(conn)

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()

    def _listen(self, conn: TConn, then: Callable[[TConn], None], *, event: int = selectors.EVENT_READ) -> None:
        """Call `then` whenever something comes (or can go), unless `conn` has gone since the loop saw it."""
        waiting = self._incoming if conn in self._incoming else self._leaving

        def call(_: socket.socket) -> None:
            if conn in waiting:
                then(conn)

        conn.sock.setblocking(False)
        self.poller.register(conn.sock, event, call)


def _received(sock: socket.socket) -> bytes | None:
    """What has come: empty at the end of the connection, None when it was nothing after all."""
    try:
        return sock.recv(AT_ONCE)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _say(conn: TConn, what: bytes) -> None:
    with contextlib.suppress(OSError):  # who does not listen misses a word
        conn.sock.send(what)
