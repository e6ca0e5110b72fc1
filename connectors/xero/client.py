"""Reading one organisation at Xero: envelopes, pages, changes. Knows HTTP paths, no meaning."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.contract.errors import RetryLater
from connectors.contract.records import Answer, Prepared
from connectors.contract.spec import Wiring
from connectors.http import ApiClient
from connectors.xero.dates import modified_since
from connectors.xero.mapping import API
from connectors.xero.reading import Wire, elements_of, identifier, part

PAGE_SIZE = 1000
READINGS = 3
Query = Mapping[str, str | int]


class XeroClient:
    """Calls for one organisation. Reads raise RetryLater, ActionRequired or ContractBroken; a write never raises."""

    def __init__(self, wiring: Wiring) -> None:
        self._api = ApiClient(wiring, vendor="Xero", headers={"xero-tenant-id": wiring.organisation_id})

    def get(
        self, path: str, *, query: Query | None = None, since: datetime | None = None, missing_ok: bool = False
    ) -> Any:
        """The decoded answer; None for "not there" (where `missing_ok`) and for "nothing changed since"."""
        headers = {} if since is None else {"If-Modified-Since": modified_since(since)}
        return self._api.get_json(f"{API}/{path}", params=query, headers=headers, missing_ok=missing_ok)

    def all(self, plural: str, *, query: Query | None = None, since: datetime | None = None) -> list[Wire]:
        """Every element of a list that Xero does not page."""
        answer = self.get(plural, query=query, since=since)
        return [] if answer is None else elements_of(answer, plural)

    def one(self, plural: str, key: str) -> Wire | None:
        """The element with this id or number, None where there is none."""
        answer = self.get(f"{plural}/{key}", missing_ok=True)
        return None if answer is None else next(iter(elements_of(answer, plural)), None)

    def pages(
        self, plural: str, *, id_key: str, query: Query | None = None, since: datetime | None = None
    ) -> Iterator[list[Wire]]:
        """Every page to the last one.

        Xero pages by offset: when a record that was read already changes meanwhile, it moves to the end, and the first
        record of the next page slips through. Then a record is seen twice, and everything is read once more; what was
        yielded before is yielded again. Raises RetryLater for a short page and for books that do not stand still.
        """
        for _ in range(READINGS):
            shifted = yield from self._reading(plural, id_key=id_key, query=query or {}, since=since)
            if not shifted:
                return
        raise RetryLater("Xero's books keep changing while we read them.", wait=timedelta(minutes=1))

    def send(self, prepared: Prepared, *, key: str, allowed: Callable[[], bool]) -> Answer:
        return self._api.send_once(prepared, key=key, allowed=allowed)

    def _reading(
        self, plural: str, *, id_key: str, query: Query, since: datetime | None
    ) -> Generator[list[Wire], None, bool]:
        """Yields the pages; returns whether a record was seen twice."""
        seen: set[str] = set()
        shifted = is_last = False
        page = 0
        while not is_last:
            page += 1
            answer = self.get(plural, query={**query, "page": page, "pageSize": PAGE_SIZE}, since=since)
            elements = [] if answer is None else elements_of(answer, plural)
            is_last = _is_last(answer, page=page, found=len(elements))
            ids = {identifier(element, id_key) for element in elements}
            yield elements
            del answer, elements  # large: whoever took the page lets it go before the next one is read
            shifted = shifted or not seen.isdisjoint(ids)
            seen |= ids
        return shifted


def _is_last(answer: Any, *, page: int, found: int) -> bool:
    """Was this the last page? Raises RetryLater where the page holds less than Xero's own figures say."""
    if answer is None:
        return True
    figures = part(answer, "pagination")
    size, items = figures.get("pageSize"), figures.get("itemCount")
    if not isinstance(size, int) or not isinstance(items, int) or size < 1:
        return found == 0  # no figures: only an empty page is the end
    if found < min(size, max(0, items - (page - 1) * size)):
        raise RetryLater("Xero sent a page that is not complete.", wait=timedelta(seconds=30))
    return page * size >= items
