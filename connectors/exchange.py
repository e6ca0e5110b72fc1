"""One HTTP exchange with a vendor: sent once, read in full within a time and a size, and written down without secrets."""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

import httpx

from connectors.contract import wire
from connectors.contract.records import Answer, Transport
from connectors.contract.redact import excerpt, redact
from connectors.contract.spec import CallRecord

CONNECT_SECONDS = 5.0
POOL_SECONDS = 2.0
SMALL = 256 * 1024
LONGEST_WAIT = 26 * 3600.0
EXCERPT_OF_READ, EXCERPT_OF_WRITE = (
    500,
    2000,
)  # the exact bytes of a write stand in its intent, the answer in its attempt
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One HTTP answer, read in full."""

    status: int
    headers: dict[str, str]
    body: bytes


class TooLong(httpx.ReadTimeout):
    """The answer dripped in for longer than the whole call may take."""


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds until the vendor's `Retry-After` (seconds or an HTTP date), None where it gives none. At least 0."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = _seconds_until(text, now=now or datetime.now(UTC))
    return min(max(seconds, 0.0), LONGEST_WAIT) if seconds == seconds else None


def shared_transport(base_url: str) -> httpx.BaseTransport:
    """One pool of connections per vendor and process: TLS is set up once, not once per slice of work."""
    return _transport(base_url, os.getpid())


class SmallAnswers(httpx.BaseTransport):
    """For sign-in addresses, whose answers are a few kilobytes: nothing packed is taken, and no more than `SMALL` bytes."""

    def __init__(self, inner: httpx.BaseTransport | None) -> None:
        self._inner = inner or httpx.HTTPTransport(trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.headers["Accept-Encoding"] = "identity"
        response = self._inner.handle_request(request)
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise TooLong("the answer is packed", request=request)
            return httpx.Response(response.status_code, headers=response.headers, content=_few_bytes(response, request))
        finally:
            response.close()

    def close(self) -> None:
        self._inner.close()


def _few_bytes(response: httpx.Response, request: httpx.Request) -> bytes:
    found = bytearray()
    for chunk in (response.content,) if response.is_stream_consumed else response.iter_raw():
        found += chunk
        if len(found) > SMALL:
            raise TooLong("the answer is too large", request=request)
    return bytes(found)


class Exchange:
    """One request on its way, and what is known of it afterwards."""

    def __init__(self, http: httpx.Client, request: httpx.Request, *, limit: float, write: bool) -> None:
        self._http = http
        self._request = request
        self._limit = limit
        self._write = write
        self._started = time.monotonic()
        self.reply: Reply | None = None
        self.outcome = Transport.NO_ANSWER

    def send(self, token: str) -> Reply:
        self._request.headers["Authorization"] = f"Bearer {token}"
        self._started = time.monotonic()
        try:
            response = self._http.send(self._request, stream=True)
        except NOT_SENT:
            self.outcome = Transport.NOT_SENT
            raise
        try:
            body = self._body(response)
        finally:
            response.close()
        self.reply = Reply(status=response.status_code, headers=_lower(response.headers), body=body)
        self.outcome = Transport.ANSWERED
        return self.reply

    def withhold(self, reason: str) -> Answer:
        self.outcome = Transport.WITHHELD
        return withheld(reason, wait=None)

    @property
    def milliseconds(self) -> int:
        return int((time.monotonic() - self._started) * 1000)

    def record(self) -> CallRecord:
        limit = EXCERPT_OF_WRITE if self._write else EXCERPT_OF_READ
        status = self.reply.status if self.reply else 0
        return CallRecord(
            method=self._request.method,
            path=redact(self._request.url.raw_path.decode("ascii", "replace")),
            status=status,
            milliseconds=self.milliseconds,
            outcome=self.outcome.value,
            correlation_id=_correlation_id(self.reply),
            request_excerpt=excerpt(self._request.content, limit=limit),
            response_excerpt=excerpt(self.reply.body, limit=limit) if self.reply else "",
            write=self._write,
        )

    def _body(self, response: httpx.Response) -> bytes:
        found = bytearray()
        for chunk in response.iter_bytes():
            found += chunk
            if len(found) > wire.MAX_BYTES:
                raise TooLong("the answer is too large", request=self._request)
            if time.monotonic() - self._started > self._limit:
                raise TooLong("the answer took too long", request=self._request)
        return bytes(found)

    def answer(self) -> Answer:
        """The exchange as data, once it has been answered."""
        assert self.reply is not None
        return Answer(
            transport=Transport.ANSWERED,
            status=self.reply.status,
            headers=self.reply.headers,
            body=self.reply.body,
            wait_seconds=retry_after(self.reply.headers),
            milliseconds=self.milliseconds,
            correlation_id=_correlation_id(self.reply),
        )

    def failure(self, transport: Transport, error: Exception) -> Answer:
        """The exchange as data, where it was not answered in full."""
        return Answer(transport=transport, error=describe(error), milliseconds=self.milliseconds)


def withheld(reason: str, *, wait: float | None) -> Answer:
    """We did not send. `wait` in seconds, where it is known when we may."""
    return Answer(transport=Transport.WITHHELD, error=reason, wait_seconds=wait)


def describe(error: Exception) -> str:
    """An exception for the log, without what its text may carry."""
    return redact(f"{type(error).__name__}: {error}")[:300]


def _lower(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _correlation_id(reply: Reply | None) -> str:
    headers = reply.headers if reply else {}
    return (headers.get("xero-correlation-id") or headers.get("x-request-id") or "")[:100]


def _seconds_until(text: str, *, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 60.0  # the vendor asks for patience in words we cannot read
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()


@lru_cache(maxsize=16)
def _transport(base_url: str, process: int) -> httpx.BaseTransport:
    transport = httpx.HTTPTransport(http2=False, retries=0, trust_env=False)
    atexit.register(_close, transport, process)
    return transport


def _close(transport: httpx.BaseTransport, process: int) -> None:
    """At the end of the process that opened them; the connections of a parent are the parent's to close."""
    if os.getpid() == process:
        transport.close()
