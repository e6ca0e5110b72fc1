"""One authorised call of the Accounting API, and how its answer is put together."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.faults import Effect, Fault
from sandbox.store import Json, from_json, to_json
from sandbox.web import Request, Response
from sandbox.xero.books import Books, public
from sandbox.xero.problems import Invalid, PostDataInvalid, ValidationFailed
from sandbox.xero.switches import Switches
from sandbox.xero.wire import NO_ID, envelope, read_decimal


class HalfBatchDone(Exception):
    """The planned fault: the first half is kept, the client gets a 500."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The request, the books it concerns, and the sandbox's switches."""

    request: Request
    books: Books
    switches: Switches
    app_name: str

    @property
    def now(self) -> int:
        return self.books.clock.milliseconds()

    def flag(self, name: str, *, default: bool) -> bool:
        text = self.request.args.get(name)
        return default if text is None else text.strip().lower() == "true"

    @property
    def four_decimals(self) -> bool:
        return self.request.args.get("unitdp") == "4"

    @property
    def summarize_errors(self) -> bool:
        return self.flag("summarizeErrors", default=True)

    def json(self) -> Json | list[Json]:
        """The request's body; Xero reads anything that is not declared as JSON as XML."""
        if "json" not in (self.request.content_type or ""):
            raise PostDataInvalid("Data at the root level is invalid. Line 1, position 1.")
        try:
            body = from_json(self.request.get_data())
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise PostDataInvalid("The request body is not valid JSON.") from None
        if not isinstance(body, dict | list):
            raise PostDataInvalid("The request body must be an object.")
        return body

    def elements(self, plural: str) -> list[Json]:
        """The elements of a write, from the plural envelope or as one bare object."""
        body = self.json()
        found = body.get(plural, body) if isinstance(body, dict) else body
        found = found if isinstance(found, list) else [found]
        if not found or not all(isinstance(element, dict) for element in found):
            raise PostDataInvalid(f"The body must hold at least one element of {plural}.")
        return found

    def answer(self, plural: str, bodies: Iterable[Json]) -> Response:
        return self.answer_texts(plural, [to_json(public(body)) for body in bodies])

    def answer_texts(self, plural: str, texts: Iterable[str], *, pagination: dict[str, int] | None = None) -> Response:
        text = envelope(plural, texts, now=self.now, pagination=pagination)
        return Response(text, content_type="application/json; charset=utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """An element as it now stands in the books."""

    body: Json
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A write of many elements: `save` keeps one, or raises Invalid before it has written anything."""

    plural: str
    id_field: str
    save: Callable[[Json], Saved]
    may_tell_each: bool = True  # the operation knows summarizeErrors

    def run(self, call: Call) -> Response:
        """With summarizeErrors=false 200 and a status per element; else all or nothing."""
        elements = call.elements(self.plural)
        summarize = call.summarize_errors or not self.may_tell_each
        fault = call.request.environ.get("sandbox.fault")
        if isinstance(fault, Fault) and fault.effect is Effect.HALF_BATCH:
            self._run_half(call, elements)
        with call.books.store.transaction():
            outcomes = [self._outcome(element) for element in elements]
            failed = [outcome for outcome in outcomes if outcome.get("ValidationErrors")]
            if summarize and failed:
                raise ValidationFailed([_without_status(outcome) for outcome in failed])
        return call.answer(self.plural, map(_without_status, outcomes) if summarize else outcomes)

    def _run_half(self, call: Call, elements: list[Json]) -> None:
        with call.books.store.transaction():
            for element in elements[: (len(elements) + 1) // 2]:
                self._outcome(element)
        raise HalfBatchDone

    def _outcome(self, element: Json) -> Json:
        try:
            saved = self.save(element)
        except Invalid as error:
            messages = [{"Message": message} for message in error.messages]
            return {
                self.id_field: NO_ID,
                **echo(element),
                "StatusAttributeString": "ERROR",
                "ValidationErrors": messages,
            }
        if saved.warnings:
            warnings = [{"Message": message} for message in saved.warnings]
            return saved.body | {"StatusAttributeString": "WARNING", "Warnings": warnings}
        return saved.body | {"StatusAttributeString": "OK"}


def _without_status(outcome: Json) -> Json:
    return {key: value for key, value in outcome.items() if key != "StatusAttributeString"}


_NUMBERS = {
    "Amount",
    "BankAmount",
    "CurrencyRate",
    "LineAmount",
    "Quantity",
    "SubTotal",
    "TaxAmount",
    "Total",
    "TotalTax",
    "UnitAmount",
}


def echo(element: Json) -> Json:
    """What a refused element looks like in the answer: as sent, numbers as numbers."""
    return {key: _echoed(key, value) for key, value in element.items()}


def _echoed(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return echo(value)
    if isinstance(value, list):
        return [echo(item) if isinstance(item, dict) else item for item in value]
    if key in _NUMBERS and isinstance(value, str):
        return read_decimal(value, path=key)
    return value
