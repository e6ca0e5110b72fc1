"""Stands in front of the sandbox's Xero and holds one write: before its commit, or its answer after the commit.

Whoever waits for that answer can then be killed at a known place, and the request goes on without its sender, as one
that hangs in the network does. Every idempotency key is forgotten at once: it must not be the only net.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.faults import ConnectionCut, Environ, WsgiApp, run
from sandbox.web import Request, Response, Router, json_response

API = "/api.xro/2.0/"
WRITES = ("PUT", "POST")
BEFORE, AFTER = "before", "after"
LONGEST_HOLD = 30.0


@dataclass(slots=True, kw_only=True)
class _Hold:
    """One write that is to be held, and what became of it."""

    endpoint: str
    when: str
    reached: threading.Event = field(default_factory=threading.Event)
    told: threading.Event = field(default_factory=threading.Event)
    arrived: float = 0.0  # monotonic
    commit: bool = False
    after: float = 0.0


class Gate:
    """WSGI in front of one Xero. Counts the writes that arrived and those that were carried out, by endpoint."""

    def __init__(self, app: WsgiApp, *, forget_keys: Callable[[], None]) -> None:
        self._app, self._forget_keys = app, forget_keys
        self._arrived: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self._armed: _Hold | None = None
        self._held: _Hold | None = None
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        endpoint = _endpoint_of(environ)
        if not endpoint:
            return self._app(environ, start_response)
        hold = self._met(endpoint)
        if hold is not None and hold.when == BEFORE:
            self._wait(hold)
        answer = run(self._app, environ)
        self._note_done(endpoint)
        if hold is not None and hold.when == AFTER:
            self._wait(hold)
        start_response(answer.status, answer.headers)
        return [answer.body]

    def arm(self, *, endpoint: str, when: str) -> None:
        """Hold the next write to this endpoint."""
        with self._lock:
            self._armed = self._held = _Hold(endpoint=endpoint, when=when)

    def is_held(self, *, seconds: float) -> bool:
        """Whether the armed write stands at the gate, waiting up to `seconds` for it."""
        return self._held is not None and self._held.reached.wait(seconds)

    def let_go(self, *, commit: bool, after: float) -> None:
        """A held request goes on `after` seconds from its arrival, or is lost; nobody waits for one that never came."""
        with self._lock:
            hold, self._armed, self._held = self._held, None, None
        if hold is not None:
            hold.commit, hold.after = commit, after
            hold.told.set()

    def counts(self) -> dict[str, dict[str, int]]:
        with self._lock:
            return {"arrived": dict(self._arrived), "done": dict(self._done)}

    def _met(self, endpoint: str) -> _Hold | None:
        with self._lock:
            self._arrived[endpoint] += 1
            if self._armed is None or self._armed.endpoint != endpoint:
                return None
            hold, self._armed = self._armed, None
            return hold

    def _wait(self, hold: _Hold) -> None:
        """Stand here until told; raises ConnectionCut where the request or its answer is lost."""
        hold.arrived = time.monotonic()
        hold.reached.set()
        hold.told.wait(LONGEST_HOLD)
        if not hold.commit:
            raise ConnectionCut("lost at the gate")
        time.sleep(max(0.0, hold.arrived + hold.after - time.monotonic()))

    def _note_done(self, endpoint: str) -> None:
        self._forget_keys()
        with self._lock:
            self._done[endpoint] += 1


def _endpoint_of(environ: Environ) -> str:
    """`BankTransactions` for a write to it, "" for everything else."""
    path = str(environ["PATH_INFO"])
    if environ["REQUEST_METHOD"] not in WRITES or not path.startswith(API):
        return ""
    return path.removeprefix(API).partition("/")[0]


class GateControl:
    """The gate by HTTP at `/_gate/...`; every other path is the sandbox's own control page."""

    def __init__(self, gate: Gate, control: WsgiApp) -> None:
        self._gate, self._control = gate, control
        self._router = Router(
            [
                ("POST", "/_gate/arm", self._arm),
                ("GET", "/_gate/held", self._is_held),
                ("POST", "/_gate/let_go", self._let_go),
                ("GET", "/_gate/counts", lambda request: json_response(gate.counts())),
            ]
        )

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not str(environ["PATH_INFO"]).startswith("/_gate/"):
            return self._control(environ, start_response)
        return self._router.answer(Request(environ))(environ, start_response)

    def _arm(self, request: Request) -> Response:
        asked = request.get_json()
        self._gate.arm(endpoint=asked["endpoint"], when=asked["when"])
        return json_response({})

    def _is_held(self, request: Request) -> Response:
        return json_response({"held": self._gate.is_held(seconds=float(request.args["seconds"]))})

    def _let_go(self, request: Request) -> Response:
        asked = request.get_json()
        self._gate.let_go(commit=asked["commit"], after=float(asked["after"]))
        return json_response({})
