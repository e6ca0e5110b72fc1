"""The only place that talks HTTP to a vendor: reads that retry a little and raise our errors, writes that are sent once.

A read becomes JSON or one of the five errors. A write becomes an `Answer`, whatever happens: what it means is the
connector's to say. Both take a place in the rate budget first and leave a redacted line in the call log.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

import httpx

from connectors.contract import wire
from connectors.contract.errors import ActionRequired, ConnectorError, ContractBroken, RetryLater
from connectors.contract.records import Answer, Prepared, Transport
from connectors.contract.redact import excerpt, redact
from connectors.contract.spec import CallRecord, Wiring

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
POOL_SECONDS = 2.0
READ_ATTEMPTS = 3
READ_PATIENCE = 5.0  # seconds that one read may wait in place, for a budget or a vendor's Retry-After
WRITE_PATIENCE = 2.0
LONGEST_WAIT = 26 * 3600.0
EXCERPT_OF_READ, EXCERPT_OF_WRITE = 500, 8000
USER_AGENT = "Millrace/0.1 (accounting integration)"
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_FAILURES = (httpx.RequestError, OSError)
Query = Mapping[str, str | int]


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


class ApiClient:
    """Calls below one base URL, with the wiring's tokens, budget and call log. Not for use by two threads at once."""

    def __init__(
        self,
        wiring: Wiring,
        *,
        vendor: str,
        headers: Mapping[str, str] | None = None,
        key_header: str = "Idempotency-Key",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._wiring = wiring
        self._vendor = vendor
        self._key_header = key_header
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=wiring.base_url,
            headers={"Accept": "application/json", "User-Agent": USER_AGENT, **(headers or {})},
            timeout=httpx.Timeout(wiring.timeout_seconds, connect=CONNECT_SECONDS, pool=POOL_SECONDS),
            transport=wiring.transport or shared_transport(wiring.base_url),
            follow_redirects=False,
            trust_env=False,
        )

    # ------------------------------------------------------------------ reads

    def get_json(
        self,
        path: str,
        *,
        params: Query | None = None,
        headers: Mapping[str, str] | None = None,
        missing_ok: bool = False,
        background: bool = False,
    ) -> Any:
        """GET and decode. None for a 404 where `missing_ok`, and for a 304.

        Retries a little in place; raises RetryLater, ActionRequired or ContractBroken.
        """
        request = self._http.build_request("GET", path, params=dict(params or {}), headers=dict(headers or {}))
        for attempt in range(1, READ_ATTEMPTS + 1):
            try:
                return self._read(request, missing_ok=missing_ok, background=background)
            except RetryLater as error:
                pause = self._pause(error, attempt)
                if pause is None:
                    raise
                self._sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def delete(self, path: str) -> None:
        """DELETE something that may already be gone. Raises like `get_json`, does not retry."""
        reply = self._authorised(self._http.build_request("DELETE", path), background=False, write=True)
        if reply.status not in (200, 202, 204, 404):
            raise self._error_of(reply)

    def _pause(self, error: RetryLater, attempt: int) -> float | None:
        """How long to wait before the next try of a read; None: give up here."""
        wait = error.wait.total_seconds() if error.wait is not None else None
        if attempt == READ_ATTEMPTS or (wait or 0.0) > READ_PATIENCE:
            return None
        return wait if wait is not None else 0.5 * 2 ** (attempt - 1) + random.uniform(0, 0.25)

    def _read(self, request: httpx.Request, *, missing_ok: bool, background: bool) -> Any:
        reply = self._authorised(request, background=background, write=False)
        if reply.status == 304 or (reply.status == 404 and missing_ok):
            return None
        if reply.status == 304:  # nothing changed since the If-Modified-Since that we sent
            return None
        if reply.status != 200:
            raise self._error_of(reply)
        return self._decode(reply)

    def _authorised(self, request: httpx.Request, *, background: bool, write: bool) -> Reply:
        token = self._wiring.tokens.token()
        reply = self._exchange(request, token, background=background, write=write)
        if reply.status == 401 and "insufficient_scope" not in reply.headers.get("www-authenticate", ""):
            reply = self._exchange(request, self._wiring.tokens.renew(token), background=background, write=write)
        return reply

    def _exchange(self, request: httpx.Request, token: str, *, background: bool, write: bool) -> Reply:
        wait = self._admit(background=background, patience=READ_PATIENCE)
        if wait:
            raise RetryLater(
                f"{self._vendor}'s call limit is used up for the moment.",
                wait=timedelta(seconds=wait),
                whole_connection=True,
            )
        with self._call(request, write=write) as call:
            try:
                return call.send(token)
            except _FAILURES as error:
                raise RetryLater(
                    f"{self._vendor} could not be reached.", whole_connection=True, detail=_describe(error)
                ) from error

    def _decode(self, reply: Reply) -> Any:
        try:
            return wire.decode(reply.body)
        except wire.GarbledError as error:
            raise RetryLater(
                f"{self._vendor}'s answer arrived damaged.", whole_connection=True, detail=str(error)
            ) from error
        except wire.WireError as error:
            raise ContractBroken(f"{self._vendor} sent something that cannot be trusted: {error}.") from error

    def _error_of(self, reply: Reply) -> ConnectorError:
        detail = f"{reply.status} {excerpt(reply.body, limit=EXCERPT_OF_READ)}"
        wait = retry_after(reply.headers)
        if reply.status == 429:
            return RetryLater(
                f"{self._vendor} asks to slow down.",
                wait=None if wait is None else timedelta(seconds=wait),
                whole_connection=True,
                detail=detail,
            )
        if reply.status >= 500:
            return RetryLater(
                f"{self._vendor} is out of order ({reply.status}).",
                wait=None if wait is None else timedelta(seconds=wait),
                whole_connection=True,
                detail=detail,
            )
        if reply.status in (401, 403):
            return ActionRequired(f"{self._vendor} no longer lets us in. Please reconnect.", detail=detail)
        return ContractBroken(f"{self._vendor} refused a read ({reply.status}).", detail=detail)

    # ----------------------------------------------------------------- writes

    def send_once(self, prepared: Prepared, *, key: str, allowed: Callable[[], bool]) -> Answer:
        """Send these bytes once, with no retry and no redirect. Never raises: an error is an answer too."""
        try:
            token = self._wiring.tokens.token()
        except ConnectorError as error:
            return _withheld(error.message, wait=_wait_of(error))
        wait = self._admit(background=False, patience=WRITE_PATIENCE)
        if wait:
            return _withheld("the call limit is used up for the moment", wait=wait)
        request = self._http.build_request(
            prepared.method,
            prepared.path,
            content=prepared.body,
            headers={"Content-Type": "application/json", **({self._key_header: key} if key else {})},
        )
        return self._send_write(request, token, allowed)

    def _send_write(self, request: httpx.Request, token: str, allowed: Callable[[], bool]) -> Answer:
        with self._call(request, write=True) as call:
            try:
                if not allowed():
                    return call.withhold("the permission to send was lost")
            except Exception:
                logger.exception("the permission to send could not be read")
                return call.withhold("the permission to send could not be read")
            try:
                return _answer(call.send(token), call)
            except _NOT_SENT as error:
                return _unanswered(Transport.NOT_SENT, error, call)
            except Exception as error:  # whatever it was, the request may have arrived
                logger.exception("a write got no answer")
                return _unanswered(Transport.NO_ANSWER, error, call)

    # ----------------------------------------------------------------- shared

    def _admit(self, *, background: bool, patience: float) -> float:
        """0.0 with a place in the budget, else the seconds to wait for one, when that is more than `patience`."""
        waited = 0.0
        while wait := self._wiring.throttle.acquire(background=background):
            if waited + wait > patience:
                return wait
            self._sleep(wait)
            waited += wait
        return 0.0

    @contextmanager
    def _call(self, request: httpx.Request, *, write: bool) -> Iterator[_Call]:
        call = _Call(self._http, request, limit=self._wiring.timeout_seconds, write=write)
        try:
            yield call
        finally:
            if call.reply is not None:
                self._wiring.throttle.observe(call.reply.headers, call.reply.status)
            self._wiring.throttle.release()
            self._wiring.record_call(call.record())


class _Call:
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
        except _NOT_SENT:
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
        return _withheld(reason, wait=None)

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


def _answer(reply: Reply, call: _Call) -> Answer:
    return Answer(
        transport=Transport.ANSWERED,
        status=reply.status,
        headers=reply.headers,
        body=reply.body,
        wait_seconds=retry_after(reply.headers),
        milliseconds=call.milliseconds,
        correlation_id=_correlation_id(reply),
    )


def _unanswered(transport: Transport, error: Exception, call: _Call) -> Answer:
    return Answer(transport=transport, error=_describe(error), milliseconds=call.milliseconds)


def _withheld(reason: str, *, wait: float | None) -> Answer:
    return Answer(transport=Transport.WITHHELD, error=reason, wait_seconds=wait)


def _wait_of(error: ConnectorError) -> float | None:
    return error.wait.total_seconds() if isinstance(error, RetryLater) and error.wait is not None else None


def _describe(error: Exception) -> str:
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
    return httpx.HTTPTransport(http2=False, retries=0, trust_env=False)
