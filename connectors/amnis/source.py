"""Amnis as a `Source`: see `connectors.contract.ports` for what each method promises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.amnis import assumptions, kinds, mapping
from connectors.amnis.client import AmnisClient, Query, refuse_repetition
from connectors.amnis.details import DetailReader
from connectors.amnis.values import Wire, flag, identifier, moment, storable, text
from connectors.contract.errors import ConnectorError, RetryLater
from connectors.contract.ports import Health
from connectors.contract.records import (
    Cursor,
    ExecutedMovement,
    FxDetail,
    Page,
    RawRecord,
    SourceAccount,
    SourceReference,
    SourceTransaction,
)
from connectors.contract.spec import Wiring

_EMBED: dict[str, str | int] = {"includeTransactionDetail": "true"}
_DEAD_DEALS = frozenset({"canceled", "cancelled", "error"})
_SIGN_PROBES = ("payout", "fee")


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """Whose key this is, as far as Amnis says so; "" where it does not."""

    company_id: str
    name: str
    base_currency: str = ""
    country: str = ""


class AmnisSource:
    """One company at Amnis. Holds what it has read of details and signs as long as it lives: one slice of work."""

    kind = "amnis"

    def __init__(self, wiring: Wiring) -> None:
        self._client = AmnisClient(wiring)
        self._zone = ZoneInfo(wiring.timezone)
        self._details = DetailReader(self._client)
        self._signed: bool | None = None
        self._probed = False

    def accounts(self) -> tuple[SourceAccount, ...]:
        return tuple(mapping.account(item) for page in self._client.pages("accounts") for item in page)

    def references(self) -> Iterator[SourceReference]:
        for item in self._client.optional("expense_categories"):
            yield _reference("expense_category", item, code="accountingAccountNumber")
        for item in self._client.optional("expense_cost_centers"):
            yield _reference("cost_centre", item, code="number")
        for item in self._client.optional("expense_vats"):
            yield _reference("vat", item, code="externalId")
        for item in self._client.optional("contacts"):
            yield _reference("contact", item, code="")

    def read(self, cursor: Cursor, *, pages: int) -> Page:
        query = {**_EMBED, **assumptions.changed_since(cursor.since)}
        number, rows, calls = cursor.page, list[Wire](), self._client.calls
        before, at_end, breaks = list[Wire](), False, list[int]()
        while not at_end and number < cursor.page + pages:
            try:
                found = self._client.page("transactions", number, query=query)
            except RetryLater:
                if number == cursor.page:
                    raise
                break  # whole pages were read before it: they are kept, and the next reading meets the failure
            refuse_repetition(before, found.items, "transactions")
            breaks.append(len(rows))
            rows += found.items
            at_end, before, number = assumptions.is_last_page(found), found.items, number + 1
        records = self._records(rows)  # the details of all pages at once: fewer calls
        after = Cursor(since=cursor.since, page=1 if at_end else number, high=_newest(cursor.high, rows))
        spent = self._client.calls - calls
        return Page(records=records, cursor=after, at_end=at_end, calls=spent, breaks=tuple(breaks[1:]))

    def read_executed(self, *, since: date, until: date | None = None) -> Iterator[Page]:
        query: Query = {**_EMBED, **assumptions.executed_range(since, until)}
        calls, number = self._client.calls, 1
        for items in self._client.pages("transactions", query=query):
            number += 1
            yield Page(
                records=self._records(items),
                cursor=Cursor(since=None, page=number),
                at_end=len(items) < assumptions.PAGE_SIZE,
                calls=self._client.calls - calls,
            )
            calls = self._client.calls

    def executed(self, *, since: date, until: date | None = None) -> Iterator[tuple[ExecutedMovement, ...]]:
        query: Query = {**_EMBED, **assumptions.executed_range(since, until)}
        for items in self._client.pages("transactions", query=query):
            signed, details = self._shows_signs(items), self._details.details_of(items)
            read = (
                mapping.executed(it, its, signed=signed, zone=self._zone)
                for it, its in zip(items, details, strict=True)
            )
            yield tuple(found for found in read if found is not None)

    def normalise(self, raw: RawRecord) -> SourceTransaction:
        return mapping.normalise(raw, zone=self._zone)

    def deals(self, *, since: date) -> Iterator[FxDetail]:
        query = {"dealDate[gte]": assumptions.filter_day(since - timedelta(days=1))}
        for page in self._client.pages("fx_transaction_details", query=query):
            for item in page:
                deal = kinds.booked_deal(item, zone=self._zone)
                if deal is not None and text(item.get("status")) not in _DEAD_DEALS:
                    yield deal

    def health(self) -> Health:
        try:
            self._client.page("accounts", 1)
        except ConnectorError as error:
            return Health(reachable=False, message=error.message)
        return Health(reachable=True, name=self.company().name)

    def company(self) -> Company:
        """Who we are at Amnis: from the company page and from the contact that is the company itself."""
        told = self._client.one("info") or {}
        mine = next((item for item in self._client.optional("contacts") if flag(item.get("selfContact"))), {})
        account = next(iter(self._client.page("accounts", 1).items), {})
        return Company(
            company_id=identifier(told.get("id")),
            name=text(mine.get("name")),
            base_currency=text(account.get("baseCurrency")),
            country=text(mine.get("country")) or text(told.get("countryOfIncorporation")),
        )

    def _records(self, rows: Sequence[Wire]) -> tuple[RawRecord, ...]:
        signed = self._shows_signs(rows)
        details = self._details.details_of(rows)
        return tuple(mapping.raw_record(row, detail, signed=signed) for row, detail in zip(rows, details, strict=True))

    def _shows_signs(self, rows: Sequence[Wire]) -> bool | None:
        """A12, asked only where a row of this page needs the answer: from the page itself, else from a probe."""
        if self._signed is None and any(assumptions.sign_is_open(row) for row in rows):
            self._signed = True if assumptions.shows_signs(rows) else self._probe_signs()
        return self._signed

    def _probe_signs(self) -> bool | None:
        if self._probed:
            return None
        self._probed = True
        for kind in _SIGN_PROBES:
            found = assumptions.shows_signs(self._client.page("transactions", 1, query={"type": kind}).items)
            if found is not None:
                return found
        return None


def _newest(high: datetime | None, rows: Sequence[Wire]) -> datetime | None:
    moments = [found for row in rows if (found := moment(row.get("updatedAt"))) is not None]
    return max([*moments, *([high] if high else [])], default=None)


def _reference(kind: str, item: Wire, *, code: str) -> SourceReference:
    return SourceReference(
        kind=kind,
        external_id=identifier(item.get("id")),
        name=text(item.get("name")),
        code=text(item.get(code)) if code else "",
        payload=storable(item),
    )
