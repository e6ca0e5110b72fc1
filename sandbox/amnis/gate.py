"""What stands before the API: the vendor's words for planned faults, and the request limit."""

import json
import math
import threading
import time
from collections.abc import Callable
from typing import Any

from sandbox.amnis.problems import Problem
from sandbox.faults import Answer, Effect, Environ, Fault, FaultPlan, Refusals, VendorFaults, server_error

_READS = frozenset({"GET"})


class AmnisFaults(VendorFaults):
    """The plan of Amnis in words; every fault strikes the next read of data by default, never a token request."""

    def __init__(self, plan: FaultPlan) -> None:
        super().__init__(plan, vendor="amnis", write_path="/api/")

    def plan_fault(self, effect: Effect, *, writes: bool = False, **details: Any) -> int:
        details.setdefault("methods", _READS)
        return super().plan_fault(effect, writes=False, **details)


def problem_answer(problem: Problem) -> Answer:
    body = json.dumps(problem.body).encode()
    headers = [("Content-Type", problem.content_type), ("Content-Length", str(len(body))), *problem.headers.items()]
    return Answer(status=f"{problem.status} {_REASONS.get(problem.status, 'Error')}", headers=headers, body=body)


_REASONS = {401: "Unauthorized", 403: "Forbidden", 429: "Too Many Requests", 503: "Service Unavailable"}


def _too_many(environ: Environ, fault: Fault) -> Answer:
    wait = {"Retry-After": str(math.ceil(fault.seconds or 1))}
    return problem_answer(Problem(429, "Too many requests.", headers=wait))


def _says(status: int, detail: str) -> Callable[[Environ, Fault], Answer]:
    return lambda environ, fault: problem_answer(Problem(status, detail))


REFUSALS: Refusals = {
    Effect.RATE_MINUTE: _too_many,
    Effect.RATE_DAY: _too_many,
    Effect.RATE_CONCURRENT: _too_many,
    Effect.OFFLINE: _says(503, "The service is temporarily offline for maintenance."),
    Effect.FORBIDDEN: _says(403, "Access Denied."),
    Effect.EXPIRED_TOKEN: _says(401, "Expired JWT Token"),
    Effect.SERVER_ERROR: lambda environ, fault: server_error(),
}


def _drop_element(body: bytes) -> bytes:
    found = json.loads(body)
    return json.dumps(found[:-1] if isinstance(found, list) else found).encode()


def _shuffle(body: bytes) -> bytes:
    found = json.loads(body)
    return json.dumps(found[::-1] if isinstance(found, list) else found).encode()


EDITS = {
    Effect.DROP_ELEMENT: _drop_element,
    Effect.SHUFFLE: _shuffle,
    Effect.SWALLOW_ERRORS: lambda body: body,  # a read refuses no elements
}


class TokenBucket:
    """Requests per second and company (A30), with a burst of twice the rate; real time, whatever the sandbox's clock."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, company: str, rate: int) -> None:
        """One request; Problem 429 with Retry-After when the bucket is empty. Rate 0 means no limit."""
        if not rate:
            return
        with self._lock:
            now = self._now()
            level, since = self._levels.get(company, (2.0 * rate, now))
            level = min(2.0 * rate, level + (now - since) * rate)
            self._levels[company] = (max(level - 1, level if level < 1 else 0), now)
        if level < 1:
            raise Problem(429, "Too many requests.", headers={"Retry-After": "1"})
