"""Xero in memory: it stores what it is sent, keeps idempotency keys for six minutes, answers late, half or not at all, shows
documents with a delay, and pages by offset, so that pages shift while they are read. It knows nothing of our tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.contract import wire
from connectors.contract.errors import RetryLater
from connectors.contract.records import Answer, Prepared, Transport
from connectors.xero.text import find_marker

KEY_SECONDS = 360.0
PAGE = 20
START = datetime(2026, 3, 2, 12, tzinfo=UTC)
ID_OF = {"BankTransactions": "BankTransactionID", "BankTransfers": "BankTransferID"}
Wire = dict[str, Any]


class Wrong(AssertionError):
    """Something that must never be: the sentence says what."""


@dataclass(slots=True, kw_only=True)
class Books:
    """`clock` in virtual seconds. `refuses`: markers that are never taken."""

    clock: Callable[[], float]
    lag: float
    refuses: frozenset[str] = frozenset()
    documents: list[Wire] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)  # how often each marker arrived
    paused: dict[int, float] = field(default_factory=dict)  # by pass: until when it was told to wait
    on_created: Callable[[Wire], None] = lambda document: None
    _keys: dict[str, tuple[float, bytes, int, bytes]] = field(default_factory=dict)

    # ------------------------------------------------------------------ writes

    def write(self, prepared: Prepared, key: str, *, only_first_half: bool = False) -> tuple[int, bytes]:
        """Carry out one call: its status and body. A key that was used within six minutes gives the same answer again."""
        known = self._keys.get(key)
        if known is not None and self.clock() - known[0] < KEY_SECONDS:
            return (known[2], known[3]) if known[1] == prepared.body else (400, b'{"Message": "Idempotency key"}')
        asked: list[Wire] = wire.decode(prepared.body)[prepared.endpoint.value]
        if only_first_half:
            asked = asked[: (len(asked) + 1) // 2]
        answered = [self._one(prepared.endpoint.value, element) for element in asked]
        if prepared.endpoint.value == "BankTransfers" and answered[0].get("StatusAttributeString") == "ERROR":
            refusal = {
                "Type": "ValidationException",
                "Message": "A validation exception occurred",
                "Elements": answered,
            }
            status, body = 400, wire.encode(refusal)
        else:
            status, body = 200, wire.encode({prepared.endpoint.value: answered})
        self._keys[key] = (self.clock(), prepared.body, status, body)
        return status, body

    def _one(self, plural: str, element: Wire) -> Wire:
        marker = element["Reference"][-16:]
        if marker in self.refuses:
            errors = [{"Message": "Account code '400' is not a valid code for this document."}]
            return {**element, "StatusAttributeString": "ERROR", "ValidationErrors": errors}
        return {**self.store(plural, element, marker), "StatusAttributeString": "OK"}

    def store(self, plural: str, element: Wire, marker: str = "") -> Wire:
        number = len(self.documents) + 1
        lines = [{**line, "LineAmount": line["UnitAmount"]} for line in element.get("LineItems", ())]
        total = sum((line["UnitAmount"] for line in lines), Decimal(0))
        extra = {"LineItems": lines, "Total": total, "CurrencyCode": "CHF", "TotalTax": Decimal(0)} if lines else {}
        document = {
            **element,
            **extra,
            ID_OF[plural]: f"00000000-0000-4000-8000-{number:012x}",
            "Status": "AUTHORISED",
            "IsReconciled": False,
            "UpdatedDateUTC": self._stamp(),
            "_plural": plural,
            "_marker": marker,
            "_visible": self.clock() + self.lag,
        }
        self.documents.append(document)
        self.on_created(document)
        return {name: value for name, value in document.items() if not name.startswith("_")}

    def change(self, document: Wire, **columns: Any) -> None:
        """What a person edits gets a new stamp, and moves to the end of every list."""
        document.update(columns, UpdatedDateUTC=self._stamp(), _visible=self.clock() + self.lag)

    def _stamp(self) -> str:
        return (START + timedelta(seconds=self.clock())).isoformat()

    # ------------------------------------------------------------------- reads

    def read(self, plural: str, *, since: datetime | None, page: int | None) -> Wire:
        """A list as it can be seen now. What was created shows after the lag; so does an edit, until then unseen."""
        limit = None if since is None else since.isoformat()
        found = [
            document
            for document in self.documents
            if document["_plural"] == plural
            and document["_visible"] <= self.clock()
            and (limit is None or document["UpdatedDateUTC"] >= limit)
        ]
        found.sort(key=lambda it: it["UpdatedDateUTC"])
        if page is None:
            return {plural: found}
        shown = found[(page - 1) * PAGE : page * PAGE]
        return {plural: shown, "pagination": {"pageSize": PAGE, "itemCount": len(found), "page": page}}

    def by_id(self, plural: str, key: str) -> Wire:
        return {plural: [it for it in self.documents if it["_plural"] == plural and it[ID_OF[plural]] == key]}


class Line:
    """One worker's line to the books: what `XeroClient` calls instead of HTTP. `told` decides what happens to each call."""

    def __init__(self, books: Books, *, pass_number: int, world: Any) -> None:
        self._books, self._number, self._world = books, pass_number, world

    def get_json(self, path: str, *, params: Any = None, headers: Any = None, missing_ok: bool = False) -> Wire:
        plural, _, key = path.removeprefix("/api.xro/2.0/").partition("/")
        fault = self._world.on_read(plural)
        if fault == "unreachable":
            raise RetryLater("Xero could not be reached.", whole_connection=True)
        if key:
            return self._books.by_id(plural, key)
        stamp = (headers or {}).get("If-Modified-Since")
        since = None if stamp is None else datetime.fromisoformat(stamp).replace(tzinfo=UTC)
        found = self._books.read(plural, since=since, page=(params or {}).get("page"))
        if fault == "short_page" and found[plural] and "pagination" in found:
            found = {**found, plural: found[plural][:-1]}
        return found

    def send_once(self, prepared: Prepared, *, key: str, allowed: Callable[[], bool]) -> Answer:
        """The moments of a request: before the first byte, on its way, carried out, on its way back."""
        if not allowed():
            return Answer(transport=Transport.WITHHELD, error="the permission to send was lost")
        self._world.note("sends", prepared.endpoint.value, len(prepared.markers))
        fault = self._world.on_write()
        self._check_pause()
        self._world.check_age(key)
        answer: Answer = getattr(self, f"_{fault}")(prepared, key)
        if answer.status not in (200, 429):
            self._world.failed(prepared.markers)
        self._world.pause(0.1)
        self._world.note("is answered", answer.transport.value, answer.status)
        return answer

    def _check_pause(self) -> None:
        if self._books.clock() < self._books.paused.get(self._number, 0.0):
            raise Wrong("a call left during the pause that Xero asked for")

    def _apply(self, prepared: Prepared, key: str, **options: Any) -> tuple[int, bytes]:
        for marker in prepared.markers:
            self._books.sent[marker] = self._books.sent.get(marker, 0) + 1
        return self._books.write(prepared, key, **options)

    # Each fault by its name.

    def _none(self, prepared: Prepared, key: str) -> Answer:
        self._world.pause(0.3)
        status, body = self._apply(prepared, key)
        return Answer(transport=Transport.ANSWERED, status=status, body=body)

    def _lost_answer(self, prepared: Prepared, key: str) -> Answer:
        self._world.pause(0.3)
        self._apply(prepared, key)
        self._world.pause(30.0)
        return Answer(transport=Transport.NO_ANSWER, error="ReadTimeout")

    def _lost_request(self, prepared: Prepared, key: str) -> Answer:
        self._world.pause(30.0)
        return Answer(transport=Transport.NO_ANSWER, error="ReadTimeout")

    def _delayed(self, prepared: Prepared, key: str) -> Answer:
        return self._late(prepared, key, 90.0)

    def _delayed_long(self, prepared: Prepared, key: str) -> Answer:
        return self._late(prepared, key, 540.0)

    def _late(self, prepared: Prepared, key: str, seconds: float) -> Answer:
        """Our time-out is over long before Xero carries it out; within the quarantine, as the design assumes."""
        self._world.later(seconds, lambda: self._apply(prepared, key))
        self._world.pause(30.0)
        return Answer(transport=Transport.NO_ANSWER, error="ReadTimeout")

    def _partial_500(self, prepared: Prepared, key: str) -> Answer:
        self._world.pause(0.3)
        self._apply(prepared, key, only_first_half=True)
        return Answer(transport=Transport.ANSWERED, status=500)

    def _error_after_commit(self, prepared: Prepared, key: str) -> Answer:
        self._world.pause(0.3)
        self._apply(prepared, key)
        return Answer(transport=Transport.ANSWERED, status=502)

    def _error_before(self, prepared: Prepared, key: str) -> Answer:
        return Answer(transport=Transport.ANSWERED, status=503)

    def _not_sent(self, prepared: Prepared, key: str) -> Answer:
        return Answer(transport=Transport.NOT_SENT, error="ConnectError")

    def _rate_limit(self, prepared: Prepared, key: str) -> Answer:
        self._books.paused[self._number] = self._books.clock() + 20.0
        headers = {"x-rate-limit-problem": "minute", "retry-after": "20"}
        return Answer(transport=Transport.ANSWERED, status=429, headers=headers, wait_seconds=20.0)

    def _shuffled(self, prepared: Prepared, key: str) -> Answer:
        return self._rearranged(prepared, key, lambda elements: elements[1:] + elements[:1])

    def _dropped_element(self, prepared: Prepared, key: str) -> Answer:
        """Of the one that is missing nothing is known. Nor is a refusal beside it heard: an answer that does not fit what was
        sent is no verdict, only presence counts (docs/exactly-once.md)."""

        def dropped(elements: list[Wire]) -> list[Wire]:
            left = elements[1:]
            self._world.failed(
                tuple(find_marker(it["Reference"]) for it in left if it.get("StatusAttributeString") == "ERROR")
            )
            return left

        self._world.failed(prepared.markers[:1])
        return self._rearranged(prepared, key, dropped)

    def _unmarked(self, prepared: Prepared, key: str) -> Answer:
        """The echo has lost its references; the documents themselves carry them."""
        return self._rearranged(prepared, key, lambda elements: [{**it, "Reference": ""} for it in elements])

    def _rearranged(self, prepared: Prepared, key: str, how: Callable[[list[Wire]], list[Wire]]) -> Answer:
        self._world.pause(0.3)
        status, body = self._apply(prepared, key)
        if status == 200:
            plural = prepared.endpoint.value
            body = wire.encode({plural: how(wire.decode(body)[plural])})
        return Answer(transport=Transport.ANSWERED, status=status, body=body)

    def _reset_late(self, prepared: Prepared, key: str) -> Answer:
        """The connection breaks and Xero carries the call out a moment later."""
        self._world.later(2.0, lambda: self._apply(prepared, key))
        return Answer(transport=Transport.NO_ANSWER, error="ReadError")

    def _refused_batch(self, prepared: Prepared, key: str) -> Answer:
        body = json.dumps({"Message": "The request could not be understood."}).encode()
        whole = "summarizeErrors=false" in prepared.path and len(prepared.markers) > 1
        return Answer(transport=Transport.ANSWERED, status=400, body=body) if whole else self._none(prepared, key)
