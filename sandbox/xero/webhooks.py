"""Xero's webhooks: what changed is told to one address, signed and in batches, again and again until it is heard.

Before that the address has to show that it tells right signatures from wrong ones (the intent to receive); one that fails
too often has to show it again. https://developer.xero.com/documentation/guides/webhooks/overview
"""

import base64
import hmac
import http.client
import json
import secrets
import sqlite3
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sandbox.clock import Clock
from sandbox.store import Json, Store
from sandbox.xero.events import SCHEMA, SETTING, Subscription, subscription

BATCH = 100
PATIENCE = 5.0  # seconds for an answer
RETRIES = (timedelta(0), timedelta(seconds=15), timedelta(seconds=60))  # Xero: at once, then each quarter of an hour
ASK_AGAIN = timedelta(seconds=5)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PLURALS = {"CONTACT": "Contacts", "INVOICE": "Invoices"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; status 0 where nothing did."""

    status: int
    body: bytes = b""
    cookies: bool = False

    @property
    def is_yes(self) -> bool:
        return self.status == 200 and not self.body and not self.cookies


Post = Callable[[str, bytes, Mapping[str, str]], Answer]


def post_over_http(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """One request, no redirect followed."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=PATIENCE)
    try:
        connection.request("POST", parts.path or "/", body=body, headers=dict(headers))
        answer = connection.getresponse()
        return Answer(status=answer.status, body=answer.read(1000), cookies="set-cookie" in answer.headers)
    except (OSError, http.client.HTTPException):
        return Answer(status=0)
    finally:
        connection.close()


class Webhooks:
    """The one subscription of the app. `deliver` is called by whoever wants events to go out; `post` is replaceable."""

    def __init__(self, store: Store, clock: Clock, *, post: Post = post_over_http) -> None:
        store.prepare(SCHEMA)
        self._store, self._clock, self.post = store, clock, post
        self._proven: Subscription | None = None  # whose intent to receive was shown
        self._tries = 0
        self._not_before = datetime.min.replace(tzinfo=UTC)

    @property
    def is_active(self) -> bool:
        return self._proven is not None and self._proven == subscription(self._store)

    @property
    def waiting(self) -> int:
        """How many events have not been heard yet."""
        return int(self._store.execute("SELECT count(*) FROM xero_event")[0][0])

    def subscribe(self, url: str, key: str) -> None:
        """Tell this address from now on; an empty one ends it. ValueError for an address on another machine."""
        parts = urlsplit(url)
        if url and (parts.scheme != "http" or parts.hostname not in _LOOPBACK or not key):
            raise ValueError("webhooks go to this machine only, signed: an http://localhost address and a key")
        with self._store.transaction():
            self._store.set_setting(SETTING, json.dumps(asdict(Subscription(url=url, key=key))) if url else "")
            if not url:
                self._store.execute("DELETE FROM xero_event")
        self._proven, self._tries, self._not_before = None, 0, datetime.min.replace(tzinfo=UTC)

    def deliver(self) -> int:
        """Tell what waits, where it is time to; how many events were heard."""
        found = subscription(self._store)
        if found is None or self._clock.now() < self._not_before:
            return 0
        if self._proven != found:
            if not self._intends_to_receive(found):
                self._wait(ASK_AGAIN)
                return 0
            self._proven = found
        heard = 0
        while batch := self._batch():
            if not self._send(found, batch).is_yes:
                self._failed()
                break
            self._store.execute("DELETE FROM xero_event WHERE seq <= ?", (batch["lastEventSequence"],))
            self._tries, heard = 0, heard + len(batch["events"])
        return heard

    def run(self, stop: threading.Event, *, every: float = 0.5) -> None:
        """Deliver until `stop` is set."""
        while not stop.wait(every):
            try:
                self.deliver()
            except sqlite3.ProgrammingError:
                return  # the books were closed meanwhile

    def _intends_to_receive(self, found: Subscription) -> bool:
        right, wrong = self._send(found, _body([], 0, 0)), self._send(found, _body([], 0, 0), spoil=True)
        return right.is_yes and wrong.status == 401

    def _batch(self) -> Json | None:
        rows = self._store.execute(
            "SELECT seq, org, category, type, resource, at FROM xero_event ORDER BY seq LIMIT ?", (BATCH,)
        )
        return _body([_event(*row[1:]) for row in rows], rows[0][0], rows[-1][0]) if rows else None

    def _send(self, found: Subscription, content: Json, *, spoil: bool = False) -> Answer:
        body = json.dumps(content).encode()
        key = secrets.token_urlsafe(16) if spoil else found.key
        signature = base64.b64encode(hmac.digest(key.encode(), body, "sha256")).decode()
        headers = {"Content-Type": "application/json", "x-xero-signature": signature}
        return self.post(found.url, body, headers)

    def _failed(self) -> None:
        if self._tries < len(RETRIES):
            self._wait(RETRIES[self._tries])
            self._tries += 1
        else:
            self._wait(ASK_AGAIN)
            self._proven, self._tries = None, 0

    def _wait(self, time: timedelta) -> None:
        self._not_before = self._clock.now() + time


def _body(events: list[Json], first: int, last: int) -> Json:
    entropy = secrets.token_urlsafe(15)
    return {"events": events, "firstEventSequence": first, "lastEventSequence": last, "entropy": entropy}


def _event(org: str, category: str, type: str, resource: str, at: int) -> dict[str, Any]:
    moment = datetime.fromtimestamp(at / 1000, UTC).replace(tzinfo=None)
    return {
        "resourceUrl": f"https://api.xero.com/api.xro/2.0/{_PLURALS[category]}/{resource}",
        "resourceId": resource,
        "tenantId": org,
        "tenantType": "ORGANISATION",
        "eventCategory": category,
        "eventType": type,
        "eventDateUtc": moment.isoformat(timespec="milliseconds"),
    }
