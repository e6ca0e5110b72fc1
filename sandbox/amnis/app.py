"""Amnis as one WSGI application."""

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from werkzeug.exceptions import HTTPException

from sandbox.amnis import api, lifecycle, wire, writes
from sandbox.amnis.company import Company
from sandbox.amnis.consent import ConsentPages
from sandbox.amnis.gate import EDITS, REFUSALS, AmnisFaults, TokenBucket
from sandbox.amnis.ledger import SCHEMA, Ledger
from sandbox.amnis.problems import Problem, TokenRefused
from sandbox.amnis.setup import NAMES, set_up
from sandbox.amnis.switches import Switches
from sandbox.amnis.tokens import Tokens
from sandbox.core import Core
from sandbox.faults import Environ, FaultGate, wait
from sandbox.store import to_json
from sandbox.web import Request, Response, Router


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request that reached the vendor, for tests that count calls."""

    at: datetime
    method: str
    path: str
    query: str
    status: int


class AmnisSandbox:
    """Amnis over WSGI. Three companies exist from the start, without movements; see `company`.

    `calls` holds the latest requests, `faults` plans what goes wrong, `switches` and `switch` show and turn what the
    vendor's documents leave open, `tokens` expires, disconnects, renews secrets.
    """

    def __init__(self, core: Core) -> None:
        self.core = core
        self.faults = AmnisFaults(core.faults)
        self.tokens = Tokens(core)
        self.calls: deque[Seen] = deque(maxlen=20_000)
        self._consent = ConsentPages(self.tokens)
        self._bucket = TokenBucket()
        self._turning, self._writing = threading.Lock(), threading.Lock()
        self._answered: dict[tuple[str, str, str], tuple[str, bytes, int]] = {}
        core.store.prepare(SCHEMA)
        self.reopen()
        self._router = Router(self._routes())
        self._gate = FaultGate(self._serve, core.faults, vendor="amnis", refusals=REFUSALS, edits=EDITS)

    def company(self, client_id: str = "ck_1") -> Company:
        """A company in words: its movements, its rows, its balances."""
        return Company(self.core, client_id)

    @property
    def companies(self) -> dict[str, str]:
        """client_id -> name."""
        known = self.core.store.execute("SELECT client_id FROM amnis_company ORDER BY rowid")
        return {client_id: NAMES[client_id] for (client_id,) in known}

    @property
    def switches(self) -> Switches:
        return self._ledger().switches()

    def switch(self, **changes: Any) -> Switches:
        """Turn switches by name; ValueError for an unknown one."""
        with self._turning, self.core.store.transaction():
            return self._ledger().save_switches(changes)

    def add_copies(self, count: int) -> None:
        """So many more companies like the first one."""
        with self.core.store.transaction():
            set_up(self._ledger(), copies=count)

    def reopen(self) -> None:
        """Create the companies that are missing, and forget the calls; for a store that was emptied."""
        self.calls.clear()
        with self.core.store.transaction():
            set_up(self._ledger())

    def settle(self) -> int:
        """Execute whatever is due by the clock; every request does this first."""
        with self.core.store.transaction():
            return lifecycle.settle_due(self._ledger())

    # WSGI

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        return self._gate(environ, self._noting(environ, start_response))

    def _noting(self, environ: Environ, start_response: Callable[..., Any]) -> Callable[..., Any]:
        def note(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            seen = Seen(
                at=self.core.clock.now(), method=environ["REQUEST_METHOD"], path=environ["PATH_INFO"],
                query=environ.get("QUERY_STRING", ""), status=int(status.split()[0]),
            )  # fmt: skip
            self.calls.append(seen)
            return start_response(status, headers, *rest)

        return note

    def _serve(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        if latency := self.switches.latency_ms:
            wait(environ, latency / 1000)
        self.settle()
        try:
            endpoint, arguments = self._router.find(request)
            response = endpoint(request, **arguments)
        except Problem as problem:
            response = _refused(problem)
        except HTTPException as error:
            response = _refused(Problem(error.code or 500, error.name))
        finally:
            request.close()
        return response(environ, start_response)

    def _routes(self) -> list[tuple[str, str, Callable[..., Response]]]:
        reads = [("GET", path, partial(self._answer, read, fixed)) for path, read, fixed in api.routes()]
        changes = [(way, path, partial(self._once, write, fixed)) for way, path, write, fixed in writes.routes()]
        return [
            ("POST", "/api/token", self._token),
            ("GET", "/oauth/authorize", self._consent.ask),
            ("POST", "/oauth/authorize", self._consent.decide),
            *reads,
            *changes,
        ]

    def _token(self, request: Request) -> Response:
        body = request.get_json(silent=True) if request.mimetype == wire.JSON else None
        if not isinstance(body, dict):
            raise TokenRefused(400, "invalid_request", "The request body must be a JSON object.")
        return _json(self.tokens.answer(body, self.switches), wire.JSON)

    def _answer(self, deed: Callable[..., Any], fixed: dict[str, Any], request: Request, **arguments: str) -> Response:
        """Token, limit, then the deed in one transaction: what it refuses leaves nothing behind."""
        client_id = self.tokens.company_of(request.headers.get("Authorization"))
        switches = self.switches
        if self.core.limits:
            self._bucket.take(client_id, switches.requests_per_second)
        with self.core.store.transaction():
            call = api.Call(request=request, company=self.company(client_id), ledger=self._ledger(), switches=switches)
            answer = deed(call, **fixed, **arguments)
        plain = wire.wants_plain_json(request.headers.get("Accept"))
        if isinstance(answer, writes.Accepted):
            return _json(answer.body, wire.JSON, status=answer.status)
        return _json(answer, wire.JSON if plain else wire.LD_JSON)

    def _once(self, write: Callable[..., Any], fixed: dict[str, Any], request: Request, **arguments: str) -> Response:
        """A repeated Unique-Request-Id gets the first answer again; with another body it is a conflict (A31)."""
        number = request.headers.get("Unique-Request-Id", "")[:50]
        if not number:
            return self._answer(write, fixed, request, **arguments)
        key = (self.tokens.company_of(request.headers.get("Authorization")), request.path, number)
        digest = hashlib.sha256(request.get_data(cache=True)).hexdigest()
        with self._writing:
            if key in self._answered:
                known, body, status = self._answered[key]
                if known != digest:
                    raise Problem(409, "This Unique-Request-Id was used with another body.")
                return Response(body, status=status, content_type=f"{wire.JSON}; charset=utf-8")
            response = self._answer(write, fixed, request, **arguments)
            self._answered[key] = (digest, response.get_data(), response.status_code)
            return response

    def _ledger(self) -> Ledger:
        return Ledger(self.core.store, self.core.clock.now())


def _json(value: object, kind: str, *, status: int = 200) -> Response:
    text = value if isinstance(value, str) else to_json(value)
    return Response(text, status=status, content_type=f"{kind}; charset=utf-8")


def _refused(problem: Problem) -> Response:
    return Response(
        to_json(problem.body), status=problem.status, content_type=problem.content_type, headers=problem.headers
    )
