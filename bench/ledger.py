"""Amnis' list of ledger rows as finished bytes: rendered once, answered from memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.amnis.ledger import DETAIL_KINDS
from sandbox.amnis.values import micros, parse_moment
from sandbox.store import Store, from_json

PAGE_SIZE = 50
PAGED = {"page", "itemsPerPage", "order[id]", "includeTransactionDetail"}
KNOWN = PAGED | {"updatedAt[gte]", "executionDate[gte]", "executionDate[lt]"}
Row = tuple[str, str, str, Decimal, str]  # id, kind, account, signed amount, day


@dataclass(slots=True)
class RowPages:
    """The rows of one company, by id; `rows` is what a judge needs to know of each."""

    store: Store
    company: str
    texts: list[bytes] = field(default_factory=list)
    updated: list[int] = field(default_factory=list)
    executed: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    _last: int = 0
    _pages: dict[tuple[int, int, int], list[int]] = field(default_factory=dict)

    def refresh(self) -> None:
        """Take in the rows that were added since."""
        details = self._details()
        query = (
            "SELECT id, type, detail, units, account, updated, execution, body FROM amnis_transaction"
            " WHERE company=? AND id>? ORDER BY id"
        )
        for number, kind, detail, _, account, updated, execution, body in self.store.execute(
            query, (self.company, self._last)
        ):
            text = details.get((DETAIL_KINDS.get(kind, ""), detail))
            whole = f'{body[:-1]},"transactionDetail":{text}}}' if text else body
            self.texts.append(whole.encode())
            self.updated.append(updated)
            self.executed.append(execution)
            told = from_json(body)
            self.rows.append((str(number), kind, str(account), Decimal(told["amount"]), told["executionDate"][:10]))
            self._last = number
        self._pages.clear()

    def _details(self) -> dict[tuple[str, int], str]:
        query = "SELECT kind, id, body FROM amnis_detail WHERE company=?"
        return {(kind, number): body for kind, number, body in self.store.execute(query, (self.company,))}

    def answers(self, query: Mapping[str, str]) -> bool:
        """Is this a question for which bytes are prepared?"""
        return (
            query.keys() <= KNOWN
            and query.get("includeTransactionDetail") == "true"
            and query.get("itemsPerPage") == str(PAGE_SIZE)
            and query.get("order[id]") == "ASC"
        )

    def page(self, query: Mapping[str, str]) -> bytes:
        start = (int(query.get("page", "1")) - 1) * PAGE_SIZE
        found = self._selected(query)
        return b"[" + b",".join(self.texts[place] for place in found[start : start + PAGE_SIZE]) + b"]"

    def _selected(self, query: Mapping[str, str]) -> list[int]:
        """Places of the rows that the filters let through; kept, because a list is read page by page."""
        since, first = _moment(query.get("updatedAt[gte]"), 0), _moment(query.get("executionDate[gte]"), 0)
        before = _moment(query.get("executionDate[lt]"), 2**62)
        key = (since, first, before)
        if key not in self._pages:
            if len(self._pages) > 20:
                self._pages.clear()
            pairs = enumerate(zip(self.updated, self.executed, strict=True))
            self._pages[key] = [n for n, (changed, day) in pairs if changed >= since and first <= day < before]
        return self._pages[key]


def _moment(text: str | None, otherwise: int) -> int:
    if not text:
        return otherwise
    found: datetime = parse_moment(text)
    return int(micros(found))


def lean(rows: list[Row]) -> list[list[Any]]:
    """As JSON: the amount as text."""
    return [[number, kind, account, str(amount), day] for number, kind, account, amount, day in rows]
