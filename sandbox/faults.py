"""The fault plan: what shall go wrong, where, how often; and a log of what did.

A fault is drawn once per request by the gate in front of each vendor. One-shot faults stand in a queue; lasting ones
strike with a probability from their own seeded dice, so that a campaign can be repeated exactly.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from io import BytesIO
from itertools import count
from typing import Any

from werkzeug.test import run_wsgi_app

from sandbox.clock import Clock

WRITES = frozenset({"PUT", "POST", "PATCH", "DELETE"})
ANY_METHOD: frozenset[str] = frozenset()

Environ = dict[str, Any]
WsgiApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class Effect(StrEnum):
    """Everything that can be made to go wrong."""

    LOSE_ANSWER = "lose_answer"  # committed, then the connection is cut
    RESET = "reset"  # cut before anything is committed
    HALF_BATCH = "half_batch"  # the first half of the documents is committed, the answer is a 500
    LATE_COMMIT = "late_commit"  # cut or 503 now, committed later
    RATE_MINUTE = "rate_minute"
    RATE_DAY = "rate_day"
    RATE_CONCURRENT = "rate_concurrent"
    OFFLINE = "offline"  # 503
    SERVER_ERROR = "server_error"  # 500 with an HTML page, nothing committed
    ERROR_AFTER_COMMIT = "error_after_commit"  # committed, then a 500 with an HTML page
    EXPIRED_TOKEN = "expired_token"  # 401, although the token should still live
    FORBIDDEN = "forbidden"  # 403
    HTML_BODY = "html_body"  # committed, a 200 whose body is a page for people
    GARBLED = "garbled"  # committed, the body is not JSON
    TRUNCATED = "truncated"  # committed, the body ends in the middle
    SLOW = "slow"  # committed, answered late
    DROP_ELEMENT = "drop_element"  # committed, one element of the answer is missing
    SWALLOW_ERRORS = "swallow_errors"  # committed, refused elements are missing from the answer
    SHUFFLE = "shuffle"  # committed, the elements of the answer stand in another order


class ConnectionCut(ConnectionError):
    """The peer goes away without an answer; the server closes the socket, the in-process transport raises."""


class AnswerTooSlow(ConnectionCut):
    """In process only: the client's read time-out is shorter than the fault's delay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One planned fault. An empty `methods` means any; `path` is a part of the path; `times` None means lasting;
    the first `after` requests it concerns are spared, so that it meets, say, the second page. `spares_new`: it waits
    for somebody whose token was let in before, as no vendor ends a token that it has just given."""

    vendor: str
    effect: Effect
    methods: frozenset[str] = ANY_METHOD
    path: str = ""
    times: int | None = 1
    after: int = 0
    probability: float = 1.0
    seed: int = 0
    seconds: float = 0.0
    answer: str = "cut"  # what a late commit answers now: "cut" or "503"
    spares_new: bool = False

    def concerns(self, vendor: str, method: str, path: str) -> bool:
        return vendor == self.vendor and (not self.methods or method in self.methods) and self.path in path


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One fault that struck."""

    at: datetime
    vendor: str
    effect: Effect
    method: str
    path: str


@dataclass(slots=True, kw_only=True)
class _Planned:
    fault: Fault
    left: int | None
    spared: int
    dice: random.Random


@dataclass(slots=True, kw_only=True)
class _LateRequest:
    due: datetime
    send: Callable[[], None]


@dataclass(slots=True)
class FaultPlan:
    """All planned faults of all vendors; safe to use from several threads and at run time."""

    clock: Clock
    _planned: dict[int, _Planned] = field(default_factory=dict)
    _hits: list[Hit] = field(default_factory=list)
    _late: list[_LateRequest] = field(default_factory=list)
    _let_in: set[str] = field(default_factory=set)  # tokens
    _ids: "count[int]" = field(default_factory=lambda: count(1))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def add(self, fault: Fault) -> int:
        """Plan a fault; returns the number by which it can be removed."""
        with self._lock:
            number = next(self._ids)
            self._planned[number] = _Planned(
                fault=fault, left=fault.times, spared=fault.after, dice=random.Random(fault.seed)
            )
            return number

    def remove(self, number: int) -> None:
        with self._lock:
            self._planned.pop(number, None)

    def clear(self) -> None:
        """Nothing goes wrong from now on; requests held for a late commit stay held."""
        with self._lock:
            self._planned.clear()

    def planned(self) -> dict[int, tuple[Fault, int | None]]:
        """What is still to come: number -> fault and how often it will strike (None: for ever)."""
        with self._lock:
            return {number: (item.fault, item.left) for number, item in self._planned.items()}

    def hits(self, vendor: str | None = None) -> list[Hit]:
        """What struck so far, oldest first."""
        with self._lock:
            return [hit for hit in self._hits if vendor in (None, hit.vendor)]

    def draw(self, vendor: str, method: str, path: str, *, token: str = "") -> Fault | None:
        """The first planned fault that concerns this request and whose dice agree; it is used up and logged."""
        with self._lock:
            is_new = token not in self._let_in
            self._let_in.add(token)
            for number, item in list(self._planned.items()):
                fault = item.fault
                if not fault.concerns(vendor, method, path) or item.dice.random() >= fault.probability:
                    continue
                if fault.spares_new and is_new:
                    continue
                if item.spared > 0:
                    item.spared -= 1
                    continue
                self._use(number, item)
                self._hits.append(
                    Hit(at=self.clock.now(), vendor=vendor, effect=fault.effect, method=method, path=path)
                )
                return fault
        return None

    def _use(self, number: int, item: _Planned) -> None:
        if item.left is None:
            return
        item.left -= 1
        if item.left <= 0:
            del self._planned[number]

    def hold(self, seconds: float, send: Callable[[], None]) -> None:
        """Keep a request; it reaches the vendor after `seconds` or on `release`."""
        with self._lock:
            self._late.append(_LateRequest(due=self.clock.now() + timedelta(seconds=seconds), send=send))
        timer = threading.Timer(seconds, self.release_due)
        timer.daemon = True
        timer.start()

    def held(self) -> int:
        with self._lock:
            return len(self._late)

    def release(self) -> int:
        """Let every held request arrive now; returns how many did."""
        return self._release(lambda late: True)

    def drop_held(self) -> None:
        """Held requests never arrive."""
        with self._lock:
            self._late.clear()

    def release_due(self) -> int:
        """Let the held requests arrive whose time has come."""
        if not self._late:
            return 0
        now = self.clock.now()
        return self._release(lambda late: late.due <= now)

    def _release(self, is_ready: Callable[[_LateRequest], bool]) -> int:
        with self._lock:
            ready = [late for late in self._late if is_ready(late)]
            self._late = [late for late in self._late if not is_ready(late)]
        for late in ready:
            late.send()
        return len(ready)

    def of(self, vendor: str, *, write_path: str) -> "VendorFaults":
        return VendorFaults(self, vendor=vendor, write_path=write_path)


class VendorFaults:
    """The plan of one vendor in words, so that a test reads as a sentence.

    Every method takes `path` (a part of the path), `times` (None: lasting), `after` (requests to spare first),
    `probability` and `seed`. Faults of writing
    strike the next write to the vendor's data by default, never a token request.
    """

    def __init__(self, plan: FaultPlan, *, vendor: str, write_path: str) -> None:
        self.plan = plan
        self._vendor = vendor
        self._write_path = write_path

    def plan_fault(self, effect: Effect, *, writes: bool = False, **details: Any) -> int:
        details.setdefault("methods", WRITES if writes else ANY_METHOD)
        details.setdefault("path", self._write_path)
        return self.plan.add(Fault(vendor=self._vendor, effect=effect, **details))

    def lose_answer(self, *, after_commit: bool = True, **details: Any) -> int:
        """The vendor commits (or, with after_commit=False, does not), and the caller never hears."""
        return self.plan_fault(Effect.LOSE_ANSWER if after_commit else Effect.RESET, writes=True, **details)

    def reset(self, **details: Any) -> int:
        return self.plan_fault(Effect.RESET, **details)

    def half_batch(self, **details: Any) -> int:
        return self.plan_fault(Effect.HALF_BATCH, writes=True, **details)

    def late_commit(self, *, seconds: float = 3600, answer: str = "cut", **details: Any) -> int:
        """The request is stuck in the network: no answer (or 503) now, committed after `seconds` or on `release()`."""
        return self.plan_fault(Effect.LATE_COMMIT, writes=True, seconds=seconds, answer=answer, **details)

    def release(self) -> int:
        return self.plan.release()

    def rate_limit(self, kind: str = "minute", *, retry_after: float = 0, **details: Any) -> int:
        """Answer 429 of one kind: minute, day or concurrent; `retry_after` 0 means what the real window says."""
        return self.plan_fault(Effect(f"rate_{kind}"), seconds=retry_after, **details)

    def offline(self, **details: Any) -> int:
        return self.plan_fault(Effect.OFFLINE, **details)

    def server_error(self, *, after_commit: bool = False, **details: Any) -> int:
        effect = Effect.ERROR_AFTER_COMMIT if after_commit else Effect.SERVER_ERROR
        return self.plan_fault(effect, writes=after_commit, **details)

    def expire_token(self, **details: Any) -> int:
        return self.plan_fault(Effect.EXPIRED_TOKEN, **details)

    def forbid(self, **details: Any) -> int:
        return self.plan_fault(Effect.FORBIDDEN, **details)

    def html_body(self, **details: Any) -> int:
        return self.plan_fault(Effect.HTML_BODY, **details)

    def garble(self, **details: Any) -> int:
        return self.plan_fault(Effect.GARBLED, **details)

    def truncate(self, **details: Any) -> int:
        return self.plan_fault(Effect.TRUNCATED, **details)

    def slow(self, *, seconds: float, **details: Any) -> int:
        return self.plan_fault(Effect.SLOW, seconds=seconds, **details)

    def drop_element(self, **details: Any) -> int:
        return self.plan_fault(Effect.DROP_ELEMENT, writes=True, **details)

    def swallow_errors(self, **details: Any) -> int:
        return self.plan_fault(Effect.SWALLOW_ERRORS, writes=True, **details)

    def shuffle(self, **details: Any) -> int:
        return self.plan_fault(Effect.SHUFFLE, writes=True, **details)

    def clear(self) -> None:
        self.plan.clear()

    def hits(self) -> list[Hit]:
        return self.plan.hits(self._vendor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete HTTP answer."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


Refusals = Mapping[Effect, Callable[[Environ, Fault], Answer]]
Edits = Mapping[Effect, Callable[[bytes], bytes]]


class FaultGate:
    """Stands in front of one vendor and lets the plan strike.

    `refusals` makes the vendor's own words for an effect that commits nothing; `edits` spoils the body of an answer.
    The vendor finds a drawn fault in `environ["sandbox.fault"]` (it needs it for half a batch), and `sandbox.replay` in
    a request that was held back, which must not meet limits or token expiry again.
    """

    def __init__(self, app: WsgiApp, plan: FaultPlan, *, vendor: str, refusals: Refusals, edits: Edits) -> None:
        self._app, self._plan, self._vendor = app, plan, vendor
        self._refusals, self._edits = refusals, edits

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        self._plan.release_due()
        fault = self._plan.draw(
            self._vendor, environ["REQUEST_METHOD"], environ["PATH_INFO"], token=environ.get("HTTP_AUTHORIZATION", "")
        )
        if fault is None:
            return self._app(environ, start_response)
        answer = self._answer(environ, fault)
        start_response(answer.status, answer.headers)
        return [answer.body]

    def _answer(self, environ: Environ, fault: Fault) -> Answer:
        environ["sandbox.fault"] = fault
        if fault.effect is Effect.RESET:
            raise ConnectionCut("the connection was reset before anything happened")
        if fault.effect is Effect.LATE_COMMIT:
            return self._late(environ, fault)
        if fault.effect in self._refusals:
            return self._refusals[fault.effect](environ, fault)
        return self._spoil(environ, fault, run(self._app, environ))

    def _late(self, environ: Environ, fault: Fault) -> Answer:
        held = copy_request(environ) | {"sandbox.replay": True}
        self._plan.hold(fault.seconds, lambda: _discard(run(self._app, held)))
        if fault.answer == "cut":
            raise ConnectionCut("no answer; the request arrives later")
        return self._refusals[Effect.OFFLINE](environ, fault)

    def _spoil(self, environ: Environ, fault: Fault, answer: Answer) -> Answer:
        if fault.effect is Effect.LOSE_ANSWER:
            raise ConnectionCut("the answer was lost after the commit")
        if fault.effect in (Effect.ERROR_AFTER_COMMIT, Effect.HALF_BATCH):
            return server_error()
        if fault.effect is Effect.SLOW:
            wait(environ, fault.seconds)
            return answer
        edit = self._edits.get(fault.effect) or _BODY_EDITS[fault.effect]
        return with_body(answer, edit(answer.body))


def wait(environ: Environ, seconds: float) -> None:
    """Be slow; in process, where no socket can time out, tell the transport at once if the client would give up."""
    patience = environ.get("sandbox.read_timeout")
    if patience is not None and seconds > patience:
        raise AnswerTooSlow(f"no answer within {patience} s")
    time.sleep(seconds)


def run(app: WsgiApp, environ: Environ) -> Answer:
    """Run a WSGI application to its end and return the whole answer."""
    body, status, headers = run_wsgi_app(app, environ, buffered=True)
    return Answer(status=status, headers=list(headers), body=b"".join(body))


def copy_request(environ: Environ) -> Environ:
    """A copy that can be run later: the body is read and kept; the original can still be read too."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = BytesIO(body)
    plain = {key: value for key, value in environ.items() if key.isupper()}
    kept = {key: environ[key] for key in ("wsgi.url_scheme", "wsgi.version", "wsgi.errors") if key in environ}
    return (
        plain
        | kept
        | {"wsgi.input": BytesIO(body), "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False}
    )


def with_body(answer: Answer, body: bytes) -> Answer:
    headers = [(name, value) for name, value in answer.headers if name.lower() != "content-length"]
    return Answer(status=answer.status, headers=[*headers, ("Content-Length", str(len(body)))], body=body)


def server_error() -> Answer:
    """A 500 as a gateway words it: an HTML page, whatever the client accepts."""
    body = b"<!DOCTYPE html><html><head><title>Error</title></head><body><h1>An error occurred</h1></body></html>"
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))]
    return Answer(status="500 Internal Server Error", headers=headers, body=body)


def _discard(answer: Answer) -> None:
    """Nobody is there any more to hear the answer."""


_BODY_EDITS: dict[Effect, Callable[[bytes], bytes]] = {
    Effect.GARBLED: lambda body: b"\x00\x1f<<" + body[::-1],
    Effect.TRUNCATED: lambda body: body[: len(body) // 2],
    Effect.HTML_BODY: lambda body: b"<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>",
}
