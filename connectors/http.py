"""The only place that talks HTTP to a vendor: reads that retry a little and raise our errors, writes that are sent once.

A read becomes JSON or one of the five errors. A write becomes an `Answer`, whatever happens: what it means is the
connector's to say. Both take a place in the rate budget first and leave a redacted line in the call log.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx

from connectors.contract import wire
from connectors.contract.errors import ActionRequired, BudgetUsedUp, ConnectorError, ContractBroken, RetryLater
from connectors.contract.records import Answer, Prepared, Transport
from connectors.contract.redact import excerpt
from connectors.contract.spec import Wiring
from connectors.exchange import (
    CONNECT_SECONDS,
    EXCERPT_OF_READ,
    NOT_SENT,
    POOL_SECONDS,
    Exchange,
    Reply,
    describe,
    retry_after,
    shared_transport,
    withheld,
)

logger = logging.getLogger(__name__)

READ_ATTEMPTS = 3
WRITE_PATIENCE = 2.0
USER_AGENT = "Millrace/0.1 (accounting integration)"
_FAILURES = (httpx.RequestError, OSError)
Query = Mapping[str, str | int]


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
    ) -> Any:
        """GET and decode. None for a 404 where `missing_ok`, and for a 304.

        Retries a little in place; raises RetryLater, ActionRequired or ContractBroken.
        """
        request = self._http.build_request("GET", path, params=dict(params or {}), headers=dict(headers or {}))
        for attempt in range(1, READ_ATTEMPTS + 1):
            try:
                return self._read(request, missing_ok=missing_ok)
            except RetryLater as error:
                pause = self._pause(error, attempt)
                if pause is None:
                    raise
                self._sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def delete(self, path: str) -> None:
        """DELETE something that may already be gone. Raises like `get_json`, does not retry."""
        reply = self._authorised(self._http.build_request("DELETE", path), write=True)
        if reply.status not in (200, 202, 204, 404):
            raise self._error_of(reply)

    def _pause(self, error: RetryLater, attempt: int) -> float | None:
        """How long to wait before the next try of a read; None: give up here."""
        wait = error.wait.total_seconds() if error.wait is not None else None
        if attempt == READ_ATTEMPTS or (wait or 0.0) > self._wiring.patience_seconds:
            return None
        return wait if wait is not None else 0.5 * 2 ** (attempt - 1) + random.uniform(0, 0.25)

    def _read(self, request: httpx.Request, *, missing_ok: bool) -> Any:
        reply = self._authorised(request, write=False)
        if reply.status == 304 or (reply.status == 404 and missing_ok):
            return None
        if reply.status != 200:
            raise self._error_of(reply)
        return self._decode(reply)

    def _authorised(self, request: httpx.Request, *, write: bool) -> Reply:
        token = self._wiring.tokens.token()
        reply = self._exchange(request, token, write=write)
        if reply.status == 401 and "insufficient_scope" not in reply.headers.get("www-authenticate", ""):
            reply = self._exchange(request, self._wiring.tokens.renew(token), write=write)
        return reply

    def _exchange(self, request: httpx.Request, token: str, *, write: bool) -> Reply:
        wait = self._admit(self._wiring.patience_seconds)
        if wait:
            raise BudgetUsedUp(
                f"{self._vendor}'s call limit is used up for the moment.",
                wait=timedelta(seconds=wait),
                whole_connection=True,
            )
        with self._call(request, write=write) as call:
            try:
                return call.send(token)
            except _FAILURES as error:
                raise RetryLater(
                    f"{self._vendor} could not be reached.", whole_connection=True, detail=describe(error)
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
            return BudgetUsedUp(
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
            return withheld(error.message, wait=_wait_of(error))
        wait = self._admit(WRITE_PATIENCE)
        if wait:
            return withheld("the call limit is used up for the moment", wait=wait)
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
                call.send(token)
                return call.answer()
            except NOT_SENT as error:
                return call.failure(Transport.NOT_SENT, error)
            except Exception as error:  # whatever it was, the request may have arrived
                logger.exception("a write got no answer")
                return call.failure(Transport.NO_ANSWER, error)

    # ----------------------------------------------------------------- shared

    def _admit(self, patience: float) -> float:
        """0.0 with a place in the budget, else the seconds to wait for one, when that is more than `patience`."""
        waited = 0.0
        while wait := self._wiring.throttle.acquire(background=self._wiring.background):
            if waited + wait > patience:
                return wait
            self._sleep(wait)
            waited += wait
        return 0.0

    @contextmanager
    def _call(self, request: httpx.Request, *, write: bool) -> Iterator[Exchange]:
        call = Exchange(self._http, request, limit=self._wiring.timeout_seconds, write=write)
        try:
            yield call
        finally:
            if call.reply is not None:
                self._wiring.throttle.observe(call.reply.headers, call.reply.status)
            self._wiring.throttle.release()
            self._wiring.record_call(call.record())


def _wait_of(error: ConnectorError) -> float | None:
    return error.wait.total_seconds() if isinstance(error, RetryLater) and error.wait is not None else None
