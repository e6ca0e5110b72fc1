"""Reading Amnis: lists of any envelope, page by page. Knows paths, no meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from connectors.amnis import assumptions
from connectors.amnis.assumptions import Collection
from connectors.amnis.values import Wire
from connectors.contract.errors import ActionRequired, ContractBroken, RetryLater
from connectors.contract.spec import Wiring
from connectors.http import ApiClient

MAX_PAGES = 4000
Query = Mapping[str, str | int]


class AmnisClient:
    """Calls for one company. Raises RetryLater, ActionRequired or ContractBroken; an answer is never half read."""

    def __init__(self, wiring: Wiring) -> None:
        self._api = ApiClient(wiring, vendor="Amnis", key_header="Unique-Request-Id")
        self.calls = 0

    def page(self, path: str, number: int, *, query: Query | None = None) -> Collection:
        """One page of a list, complete."""
        found = self._list(path, {**(query or {}), **assumptions.page_query(number)}, missing_ok=False)
        assert found is not None
        if assumptions.is_cut_short(found, number):
            raise RetryLater("Amnis sent a page that is not complete.", wait=timedelta(seconds=30))
        return found

    def pages(self, path: str, *, query: Query | None = None) -> Iterator[list[Wire]]:
        """Every page to the end of the list. Raises ContractBroken where the list never ends."""
        before: list[Wire] = []
        for number in range(1, MAX_PAGES):
            found = self.page(path, number, query=query)
            refuse_repetition(before, found.items, path)
            yield found.items
            if assumptions.is_last_page(found):
                return
            before = found.items
        raise ContractBroken(f"Amnis' list {path} does not end.")

    def optional(self, path: str) -> Iterator[Wire]:
        """A list that may not exist or not be open to our key: then it is empty."""
        number, before = 1, list[Wire]()
        while number < MAX_PAGES:
            try:
                found = self._list(path, assumptions.page_query(number), missing_ok=True)
            except ActionRequired:
                return
            if found is None:
                return
            refuse_repetition(before, found.items, path)
            yield from found.items
            if assumptions.is_last_page(found):
                return
            number, before = number + 1, found.items

    def one(self, path: str) -> Wire | None:
        """An object; None where there is none, or none for our key."""
        try:
            found = self._get(path, {}, missing_ok=True)
        except ActionRequired:
            return None
        return found if isinstance(found, Mapping) else None

    def _list(self, path: str, query: Query, *, missing_ok: bool) -> Collection | None:
        body = self._get(path, query, missing_ok=missing_ok)
        if body is None and missing_ok:
            return None
        found = assumptions.collection(body)
        if found is None:
            raise ContractBroken(f"Amnis answered {path} with something that is not a list.", detail=_shape(body))
        return found

    def _get(self, path: str, query: Query, *, missing_ok: bool) -> Any:
        self.calls += 1
        return self._api.get_json(f"/api/{path}", params=query, missing_ok=missing_ok)


def refuse_repetition(before: list[Wire], found: list[Wire], path: str) -> None:
    """A server that does not turn the page would be read for ever."""
    if found and found == before:
        raise ContractBroken(f"Amnis' list {path} shows the same page again and again.")


def _shape(body: Any) -> str:
    return f"an object with {sorted(body)[:10]}" if isinstance(body, Mapping) else type(body).__name__
