"""The vendors as a process of their own that answers and does little else.

The two hot reads and the two hot writes (Amnis' rows; Xero's bank transactions and transfers) are answered from memory;
every other request (tokens, consent, chart, contacts, invoices, ...) goes to the real sandbox behind it.

`python -m bench.vendors --rows ck_1=100000 --note FILE` writes the addresses to FILE once it answers.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from bench.books import AnswerBooks, Shelf, first_day
from bench.ledger import RowPages, lean
from sandbox.amnis.bulk import add_random_movements
from sandbox.app import Sandbox
from sandbox.faults import ConnectionCut, Environ, server_error
from sandbox.server import serve_aside
from sandbox.store import from_json, to_json
from sandbox.xero.idempotency import LIFE_MILLISECONDS
from sandbox.xero.limits import Limiter, OverLimit, Quota
from sandbox.xero.routes import API
from sandbox.xero.wire import envelope, pagination

PLENTY = 1_000_000
JSON = "application/json; charset=utf-8"
Start = Callable[..., Any]


@dataclass(slots=True)
class Weather:
    """What stands between a client and the vendor: the time a call takes, and how often one goes wrong.

    `lost`: kept, then the connection is cut. `broken`: kept, then a 500. `refused`: a 500, nothing kept. All are drawn
    for writes only, from one dice with a seed, so that ours and every peer meet the same weather.
    """

    latency: float = 0.0
    spread: float = 0.0
    lost: float = 0.0
    broken: float = 0.0
    refused: float = 0.0
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    struck: Counter[str] = field(default_factory=Counter)

    def delay(self) -> None:
        if self.latency:
            time.sleep(max(0.0, self.dice.uniform(self.latency - self.spread, self.latency + self.spread)))

    def draw(self) -> str:
        """The fate of one write: "", "lost", "broken" or "refused"."""
        value = self.dice.random()
        for name in ("lost", "broken", "refused"):
            value -= getattr(self, name)
            if value < 0:
                self.struck[name] += 1
                return name
        return ""


class Amnis:
    """Ledger rows from memory, all else from the sandbox."""

    def __init__(self, sandbox: Sandbox, weather: Weather) -> None:
        self._sandbox, self._weather = sandbox, weather
        self.calls: Counter[str] = Counter()
        self.pages: dict[str, RowPages] = {}
        self._companies: dict[str, str] = {}

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        self._weather.delay()
        self.calls["requests"] += 1
        if environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"] == "/api/transactions":
            query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
            pages = self._pages_of(environ.get("HTTP_AUTHORIZATION", ""))
            if pages is not None and pages.answers(query):
                self.calls["row pages"] += 1
                return _send(start, pages.page(query))
        return self._sandbox.amnis(environ, start)

    def _pages_of(self, authorization: str) -> RowPages | None:
        """By the token's company, looked up once; the sandbox judges a token that it does not know."""
        if authorization not in self._companies:
            try:
                self._companies[authorization] = self._sandbox.amnis.tokens.company_of(authorization)
            except Exception:  # noqa: BLE001  whatever is wrong with it, the sandbox says it better
                return None
        return self.pages.get(self._companies[authorization])


class Xero:
    """Bank transactions and transfers from memory, all else from the sandbox."""

    def __init__(self, sandbox: Sandbox, weather: Weather) -> None:
        self._sandbox, self._weather = sandbox, weather
        self.calls: Counter[str] = Counter()
        self.limiter = Limiter(sandbox.clock, enabled=False, quota=Quota(minute=PLENTY, day=PLENTY, app_minute=PLENTY))
        self._books: dict[str, AnswerBooks] = {}
        self._lock = threading.Lock()
        self._answered: dict[str, tuple[float, bytes]] = {}
        self._known: set[tuple[str, str]] = set()

    def books(self, org: str) -> AnswerBooks:
        if org not in self._books:
            self._books[org] = AnswerBooks(self._sandbox.xero.books(org))
        return self._books[org]

    def forget(self, org: str) -> None:
        """Empty books, and no key remembered."""
        self._books.pop(org, None)
        self._answered.clear()

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        self._weather.delay()
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix(f"{API}/")
        org = environ.get("HTTP_XERO_TENANT_ID", "").lower()
        if not environ["PATH_INFO"].startswith(f"{API}/"):
            return self._sandbox.xero(environ, start)
        self.calls[f"{method} {path.partition('/')[0]}"] += 1
        try:
            with self.limiter.call("app", org):
                return self._called(method, path, org, environ, start)
        except OverLimit as over:
            self.calls["429"] += 1
            headers = [("X-Rate-Limit-Problem", over.problem)]
            headers += [("Retry-After", str(over.retry_after))] if over.retry_after is not None else []
            start("429 Too Many Requests", [("Content-Length", "0"), *headers])
            return [b""]

    def _called(self, method: str, path: str, org: str, environ: Environ, start: Start) -> Iterable[bytes]:
        if path not in ("BankTransactions", "BankTransfers") or not self._is_let_in(environ, org):
            return self._sandbox.xero(environ, start)
        if method == "GET":
            return self._list(path, org, environ, start)
        if method in ("PUT", "POST"):
            return self._write(path, org, environ, start)
        return self._sandbox.xero(environ, start)

    def _is_let_in(self, environ: Environ, org: str) -> bool:
        """Asked of the sandbox once for each token and organisation; the sandbox answers those it does not let in."""
        key = (environ.get("HTTP_AUTHORIZATION", ""), org)
        if key not in self._known:
            try:
                grants = self._sandbox.xero.grants
                if not grants.is_connected(grants.bearer(key[0]), org):
                    return False
            except Exception:  # noqa: BLE001  as above
                return False
            self._known.add(key)
        return True

    def _headers(self, org: str) -> list[tuple[str, str]]:
        return list(self.limiter.headers("app", org).items())

    def _list(self, path: str, org: str, environ: Environ, start: Start) -> Iterable[bytes]:
        query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        shelf = self._shelf(path, org)
        with self._lock:
            found = shelf.since(_modified_since(environ), first_day(query.get("where", "")))
        figures = None
        if "page" in query and path == "BankTransactions":
            page, size = int(query["page"]), min(int(query.get("pageSize", "100")), 1000)
            figures = pagination(page=page, page_size=size, items=len(found))
            found = found[(page - 1) * size : page * size]
        text = envelope(path, found, now=self._now(), pagination=figures)
        return _send(start, text.encode(), self._headers(org))

    def _shelf(self, path: str, org: str) -> Shelf:
        books = self.books(org)
        return books.transactions if path == "BankTransactions" else books.transfers

    def _write(self, path: str, org: str, environ: Environ, start: Start) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        key = environ.get("HTTP_IDEMPOTENCY_KEY", "")
        fate = self._weather.draw()
        if fate == "refused":
            return _broken(start)
        with self._lock:
            answer = self._remembered(key)
            if answer is None:
                answer = self._kept(path, org, body)
                if key:
                    self._answered[key] = (time.monotonic(), answer)
        if fate == "lost":
            raise ConnectionCut
        if fate == "broken":
            return _broken(start)
        return _send(start, answer, self._headers(org))

    def _remembered(self, key: str) -> bytes | None:
        found = self._answered.get(key)
        if found is None or time.monotonic() - found[0] > LIFE_MILLISECONDS / 1000:
            return None
        return found[1]

    def _kept(self, path: str, org: str, body: bytes) -> bytes:
        decoded = from_json(body)
        elements = decoded.get(path, [decoded]) if isinstance(decoded, dict) else decoded
        self.calls[f"{path} written"] += len(elements)
        books = self.books(org)
        if path == "BankTransactions":
            texts = books.put_transactions(elements)
        else:
            texts = [books.put_transfer(element) for element in elements]
        return envelope(path, texts, now=self._now()).encode()

    def _now(self) -> int:
        return int(self._sandbox.clock.milliseconds())


class Control:
    """JSON over HTTP for the benchmark alone: figures, both sides' exports, weather, more movements, tokens."""

    def __init__(self, sandbox: Sandbox, amnis: Amnis, xero: Xero, weather: Weather) -> None:
        self.sandbox, self._amnis, self._xero, self._weather = sandbox, amnis, xero, weather

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        asked = json.loads(environ["wsgi.input"].read() or b"{}")
        deed = getattr(self, f"do_{environ['PATH_INFO'].strip('/')}")
        return _send(start, to_json(deed(**asked)).encode())

    def do_figures(self) -> dict[str, Any]:
        return {
            "amnis": dict(self._amnis.calls),
            "xero": dict(self._xero.calls),
            "struck": dict(self._weather.struck),
        }

    def do_forget(self) -> None:
        self._amnis.calls.clear()
        self._xero.calls.clear()

    def do_clear_books(self, org: str) -> None:
        """Empty books for whoever is next."""
        self._xero.forget(self._org(org))

    def do_source(self, company: str) -> list[list[Any]]:
        return lean(self._amnis.pages[company].rows)

    def do_books(self, org: str) -> dict[str, Any]:
        books = self._xero.books(self._org(org))
        return {"transactions": books.transactions.facts, "transfers": books.transfers.facts}

    def do_accounts(self, org: str) -> list[dict[str, Any]]:
        return self.sandbox.xero.ledger(org).accounts()

    def do_organisations(self) -> list[str]:
        """Their ids; the first is the one of the benchmark."""
        return [str(found["OrganisationID"]) for found in self.sandbox.xero.organisations()]

    def do_tokens(self, org: str) -> dict[str, Any]:
        return dict(self.sandbox.xero.issue_tokens(org))

    def do_weather(self, **values: float) -> None:
        seed = int(values.pop("seed", 1))
        for name, value in values.items():
            setattr(self._weather, name, value)
        self._weather.dice = random.Random(seed)
        self._weather.struck.clear()

    def do_limits(self, minute: int, concurrent: int = 5) -> None:
        """Xero's limits for each organisation, on from now; 0 switches them off."""
        self._xero.limiter.enabled = minute > 0
        self._xero.limiter.quota = Quota(
            minute=minute or PLENTY, day=PLENTY, app_minute=PLENTY, concurrent=concurrent or PLENTY
        )
        self._xero.limiter.reset()

    def do_add(self, company: str, rows: int, seed: int, history: bool = False, first: str = "") -> int:
        start = date.fromisoformat(first) if first else None
        made = self.sandbox.amnis.company(company)
        added = add_random_movements(made, rows, seed=seed, history=history, first=start) if rows else 0
        self._amnis.pages.setdefault(company, RowPages(self.sandbox.store, company)).refresh()
        return added

    def do_pay_in(self, company: str, account: int, amount: str, payer: str) -> str:
        """One movement of this moment."""
        made = self.sandbox.amnis.company(company)
        number = str(made.pay_in(amount=amount, account=account, payer=payer))
        self._amnis.pages.setdefault(company, RowPages(self.sandbox.store, company)).refresh()
        return number

    def _org(self, name: str) -> str:
        return str(self.sandbox.xero.books(name).org)


def _send(start: Start, body: bytes, headers: Iterable[tuple[str, str]] = ()) -> list[bytes]:
    start("200 OK", [("Content-Type", JSON), ("Content-Length", str(len(body))), *headers])
    return [body]


def _broken(start: Start) -> list[bytes]:
    answer = server_error()
    start(answer.status, [*answer.headers])
    return [answer.body]


def _modified_since(environ: Environ) -> int | None:
    text = environ.get("HTTP_IF_MODIFIED_SINCE", "")
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1000


def open_world(rows: dict[str, int], *, seed: int, first: str = "") -> tuple[Amnis, Xero, Control]:
    """A world with these many rows for each company, and its three applications."""
    sandbox, weather = Sandbox(None, limits=False), Weather()
    sandbox.xero.limiter.quota = Quota(minute=PLENTY, day=PLENTY, app_minute=PLENTY)
    amnis, xero = Amnis(sandbox, weather), Xero(sandbox, weather)
    control = Control(sandbox, amnis, xero, weather)
    for company, count in rows.items():
        control.do_add(company, count, seed, history=True, first=first)
    return amnis, xero, control


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.vendors", description=__doc__)
    parser.add_argument("--rows", action="append", default=[], help="company=count, for example ck_1=100000")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--first", default="", help="first day of the movements")
    parser.add_argument("--note", type=Path, required=True)
    options = parser.parse_args()
    rows = {company: int(count) for company, _, count in (item.partition("=") for item in options.rows)}
    amnis, xero, control = open_world(rows, seed=options.seed, first=options.first)
    note = {"amnis": serve_aside(amnis), "xero": serve_aside(xero), "control": serve_aside(control)}
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # until here a signal ends it at once: making a world takes a while
        signal.signal(number, lambda *_: stop.set())
    fresh = options.note.with_suffix(".new")
    fresh.write_text(json.dumps(note), encoding="utf-8")
    fresh.rename(options.note)
    stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
