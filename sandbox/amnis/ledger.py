"""The books of the sandbox's Amnis: bodies as the API shows them, beside the columns that filters and balances need."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.amnis.filters import Selection
from sandbox.amnis.switches import Switches
from sandbox.amnis.values import integer_of, micros, micros_of, units_of
from sandbox.amnis.wire import Body, Page
from sandbox.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS amnis_company (client_id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS amnis_account (
    id INTEGER PRIMARY KEY, company TEXT NOT NULL, type TEXT NOT NULL, currency TEXT NOT NULL,
    opening INTEGER NOT NULL, ibans TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS amnis_transaction (
    id INTEGER PRIMARY KEY, company TEXT NOT NULL, type TEXT, account INTEGER, contact INTEGER, currency TEXT,
    units INTEGER NOT NULL, executed INTEGER NOT NULL, dead INTEGER NOT NULL DEFAULT 0,
    created INTEGER, updated INTEGER, execution INTEGER, visible INTEGER NOT NULL DEFAULT 0,
    due INTEGER, deed TEXT, detail INTEGER, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS amnis_transaction_page
    ON amnis_transaction (company, id, visible, executed, updated, created, execution, type, account);
CREATE INDEX IF NOT EXISTS amnis_transaction_changed
    ON amnis_transaction (company, updated, id, visible, executed, type, account);
CREATE INDEX IF NOT EXISTS amnis_transaction_balance
    ON amnis_transaction (account, executed, dead, visible, type, units);
CREATE INDEX IF NOT EXISTS amnis_transaction_due ON amnis_transaction (due) WHERE due IS NOT NULL;
CREATE INDEX IF NOT EXISTS amnis_transaction_detail ON amnis_transaction (type, detail);
CREATE TABLE IF NOT EXISTS amnis_detail (
    kind TEXT NOT NULL, id INTEGER NOT NULL, company TEXT NOT NULL, currency TEXT, units INTEGER,
    currency_to TEXT, units_to INTEGER, created INTEGER, updated INTEGER, execution INTEGER,
    visible INTEGER NOT NULL DEFAULT 0, body TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS amnis_detail_page ON amnis_detail (company, kind, id, visible);
CREATE INDEX IF NOT EXISTS amnis_detail_day ON amnis_detail (company, kind, execution, id, visible);
CREATE TABLE IF NOT EXISTS amnis_resource (
    kind TEXT NOT NULL, id INTEGER NOT NULL, company TEXT NOT NULL, body TEXT NOT NULL,
    visible INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS amnis_token (
    token TEXT PRIMARY KEY, kind TEXT NOT NULL, company TEXT NOT NULL, expires INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS amnis_token_company ON amnis_token (company);
CREATE TABLE IF NOT EXISTS amnis_failed_login (client_id TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS amnis_setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

DETAIL_KINDS = {
    "payin": "payin_transaction_details",
    "payout": "payout_transaction_details",
    "peer": "wallet_transaction_details",
    "fx": "fx_transaction_details",
    "card": "card_transaction_details",
    "fee": "fee_transaction_details",
}
_ROW_COLUMNS = "type, account, contact, currency, units, executed, created, updated, execution, detail, body"
_DETAIL_COLUMNS = "currency, units, currency_to, units_to, created, updated, execution, body"
_FX = "fx_transaction_details"


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def text_of(body: Body) -> str:
    return _encode(body)


def _joined(row: str, detail: str | None) -> str:
    """The text of a ledger row with the text of its detail in it, as `wire.transaction` adds it."""
    return row if detail is None else f'{row[:-1]},"transactionDetail":{detail}}}'


def kind_of(body: Body) -> str | None:
    """The detail list that belongs to a ledger row; None for a type the vendor never announced."""
    return DETAIL_KINDS.get(str(body.get("type")))


@dataclass(slots=True, kw_only=True)
class Row:
    """A ledger row with what the API does not show: is it dead (cancelled, expired), what happens to it, and when."""

    id: int
    company: str
    body: Body
    dead: bool
    deed: str | None
    due: int | None

    @property
    def kind(self) -> str | None:
        return kind_of(self.body)

    @property
    def detail_id(self) -> int | None:
        return integer_of(self.body.get("transactionDetailId"))

    @property
    def executed(self) -> bool:
        return bool(self.body.get("executed"))


def row_columns(body: Body) -> tuple[Any, ...]:
    """The indexed view of a body, in the order of _ROW_COLUMNS; tolerant, because odd rows are stored as they are."""
    contact = body.get("contact")
    return (
        body.get("type"),
        integer_of(body.get("account")),
        integer_of(contact.get("id")) if isinstance(contact, dict) else None,
        body.get("currency"),
        units_of(body.get("amount")),
        int(body.get("executed") is True),
        micros_of(body.get("createdAt")),
        micros_of(body.get("updatedAt")),
        micros_of(body.get("executionDate")),
        integer_of(body.get("transactionDetailId")),
        text_of(body),
    )


def detail_columns(kind: str, body: Body) -> tuple[Any, ...]:
    """For conversions the sold side, the deal date and the value date stand in currency, created and execution."""
    if kind == _FX:
        sold, bought = units_of(body.get("amountFrom")), units_of(body.get("amountTo"))
        deal, value = micros_of(body.get("dealDate")), micros_of(body.get("valueDate"))
        return (body.get("currencyFrom"), sold, body.get("currencyTo"), bought, deal, None, value, text_of(body))
    moments = (micros_of(body.get(name)) for name in ("createdAt", "updatedAt", "executionDate"))
    return (body.get("currency"), units_of(body.get("amount")), None, None, *moments, text_of(body))


@dataclass(frozen=True, slots=True, kw_only=True)
class _List:
    """A list as it was put together at `since`; at `until` its next row becomes visible (microseconds)."""

    ids: Sequence[int]
    since: int
    until: int | None

    def holds_at(self, now: int) -> bool:
        return self.since <= now and (self.until is None or now < self.until)


class Ledger:
    """Reads and writes the books as they stand at `now`; the caller holds the transaction where it writes."""

    def __init__(self, store: Store, now: datetime) -> None:
        self.store = store
        self.now = now
        self.now_micros = micros(now)

    # rows

    def add_row(
        self,
        company: str,
        body: Body,
        *,
        dead: bool = False,
        due: datetime | None = None,
        deed: str = "execute",
        visible: datetime | None = None,
    ) -> int:
        """Stores the body as it is, giving it an id where it has none; `due` lets `deed` happen by the clock."""
        row_id = integer_of(body.get("id")) or self.next_row_id()
        body = {"id": row_id, **body}
        hidden = (int(dead), micros(visible) if visible else 0, micros(due) if due else None, deed if due else None)
        self.store.execute(
            f"INSERT INTO amnis_transaction (id, company, dead, visible, due, deed, {_ROW_COLUMNS})"
            f" VALUES ({', '.join('?' * 17)})",
            (row_id, company, *hidden, *row_columns(body)),
        )
        return row_id

    def add_rows(self, company: str, bodies: Iterable[Body]) -> None:
        """Many rows at once, for benchmarks; every body has its id, nothing is due or hidden."""
        self.store.execute_many(
            f"INSERT INTO amnis_transaction (id, company, {_ROW_COLUMNS}) VALUES ({', '.join('?' * 13)})",
            ((body["id"], company, *row_columns(body)) for body in bodies),
        )

    def save_row(self, row: Row) -> None:
        """Writes the body and the hidden state back."""
        assignments = ", ".join(f"{name} = ?" for name in _ROW_COLUMNS.split(", "))
        self.store.execute(
            f"UPDATE amnis_transaction SET dead = ?, due = ?, deed = ?, {assignments} WHERE id = ?",
            (int(row.dead), row.due, row.deed, *row_columns(row.body), row.id),
        )

    def row(self, row_id: int, *, company: str | None = None) -> Row | None:
        """A visible row; None for an unknown id and for another company's, which look the same from outside."""
        found = self._rows("id = ? AND visible <= ?", (row_id, self.now_micros))
        return next((row for row in found if company in (None, row.company)), None)

    def rows_of_detail(self, kind: str, detail_id: int) -> list[Row]:
        kinds = {resource: type_ for type_, resource in DETAIL_KINDS.items()}
        return list(self._rows("type = ? AND detail = ?", (kinds[kind], detail_id)))

    def rows(self, company: str, *, executed: bool | None = None) -> Iterator[Row]:
        """All visible rows of a company by id."""
        wanted = "company = ? AND visible <= ?" + ("" if executed is None else f" AND executed = {int(executed)}")
        return self._rows(wanted + " ORDER BY id", (company, self.now_micros))

    def latest_rows(self, company: str, count: int) -> list[Body]:
        """The newest visible rows, newest first."""
        query = "SELECT body FROM amnis_transaction WHERE company = ? AND visible <= ? ORDER BY id DESC LIMIT ?"
        return [json.loads(body) for (body,) in self.store.execute(query, (company, self.now_micros, count))]

    def due_rows(self) -> list[Row]:
        wanted = "due IS NOT NULL AND due <= ? AND visible <= ? ORDER BY due, id"
        return list(self._rows(wanted, (self.now_micros, self.now_micros)))

    def _rows(self, where: str, values: tuple[object, ...]) -> Iterator[Row]:
        query = f"SELECT id, company, dead, due, deed, body FROM amnis_transaction WHERE {where}"
        for row_id, company, dead, due, deed, body in self.store.execute(query, values):
            yield Row(id=row_id, company=company, body=json.loads(body), dead=bool(dead), deed=deed, due=due)

    def next_row_id(self) -> int:
        return int(self.store.execute("SELECT coalesce(max(id), 9000) + 1 FROM amnis_transaction")[0][0])

    # details

    def add_detail(self, kind: str, company: str, body: Body, *, visible: datetime | None = None) -> int:
        detail_id = integer_of(body.get("id")) or self.next_id("amnis_detail", kind)
        stored = {"id": detail_id, **body}
        self.store.execute(
            f"INSERT INTO amnis_detail (kind, id, company, visible, {_DETAIL_COLUMNS}) VALUES ({', '.join('?' * 12)})",
            (kind, detail_id, company, micros(visible) if visible else 0, *detail_columns(kind, stored)),
        )
        return detail_id

    def add_details(self, kind: str, company: str, bodies: Iterable[Body]) -> None:
        """Many details at once; every body has its id."""
        self.store.execute_many(
            f"INSERT INTO amnis_detail (kind, id, company, {_DETAIL_COLUMNS}) VALUES ({', '.join('?' * 11)})",
            ((kind, body["id"], company, *detail_columns(kind, body)) for body in bodies),
        )

    def save_detail(self, kind: str, detail_id: int, body: Body) -> None:
        assignments = ", ".join(f"{name} = ?" for name in _DETAIL_COLUMNS.split(", "))
        self.store.execute(
            f"UPDATE amnis_detail SET {assignments} WHERE kind = ? AND id = ?",
            (*detail_columns(kind, body), kind, detail_id),
        )

    def detail(self, kind: str, detail_id: int, *, company: str | None = None) -> Body | None:
        query = "SELECT company, body FROM amnis_detail WHERE kind = ? AND id = ? AND visible <= ?"
        found = self.store.execute(query, (kind, detail_id, self.now_micros))
        return json.loads(found[0][1]) if found and company in (None, found[0][0]) else None

    def details(self, kind: str, company: str) -> list[Body]:
        """All details of a kind by id."""
        query = "SELECT body FROM amnis_detail WHERE kind = ? AND company = ? AND visible <= ? ORDER BY id"
        return [json.loads(body) for (body,) in self.store.execute(query, (kind, company, self.now_micros))]

    def details_of(self, bodies: Sequence[Body]) -> list[Body | None]:
        """The detail of each ledger body, in order, with one query per kind."""
        keys = [
            (DETAIL_KINDS.get(str(body.get("type"))), integer_of(body.get("transactionDetailId"))) for body in bodies
        ]
        found: dict[tuple[str | None, int | None], Body] = {}
        for kind in {kind for kind, _ in keys if kind}:
            wanted = [detail_id for of_kind, detail_id in keys if of_kind == kind and detail_id is not None]
            found.update({(kind, detail_id): body for detail_id, body in self._details(kind, wanted)})
        return [found.get(key) for key in keys]

    def _details(self, kind: str, ids: Sequence[int]) -> Iterator[tuple[int, Body]]:
        for detail_id, body in self._detail_texts(kind, ids):
            yield detail_id, json.loads(body)

    def _detail_texts(self, kind: str, ids: Sequence[int]) -> Iterator[tuple[int, str]]:
        found = self._by_id("SELECT id, body FROM amnis_detail", ids, " AND kind = ?", (kind,))
        return ((number, body) for number, (body,) in found.items())

    # switches

    def switches(self) -> Switches:
        stored = dict(self.store.execute("SELECT name, value FROM amnis_setting"))
        return Switches().with_changes(stored)

    def save_switches(self, changes: dict[str, Any]) -> Switches:
        """Applies JSON or form values; ValueError for an unknown name or value, and then nothing is changed."""
        result = self.switches().with_changes(changes)
        values = [(name, str(getattr(result, name))) for name in changes]
        self.store.execute_many("INSERT OR REPLACE INTO amnis_setting VALUES (?, ?)", values)
        return result

    # everything else the API lists

    def add_resource(self, kind: str, company: str, body: Body) -> int:
        resource_id = integer_of(body.get("id")) or self.next_id("amnis_resource", kind)
        stored = text_of({"id": resource_id, **body})
        self.store.execute(
            "INSERT INTO amnis_resource (kind, id, company, body) VALUES (?, ?, ?, ?)",
            (kind, resource_id, company, stored),
        )
        return resource_id

    def resource(self, kind: str, resource_id: int, *, company: str) -> Body | None:
        query = "SELECT body FROM amnis_resource WHERE kind = ? AND id = ? AND company = ?"
        found = self.store.execute(query, (kind, resource_id, company))
        return json.loads(found[0][0]) if found else None

    def resources(self, kind: str, company: str) -> list[Body]:
        query = "SELECT body FROM amnis_resource WHERE kind = ? AND company = ? ORDER BY id"
        return [json.loads(body) for (body,) in self.store.execute(query, (kind, company))]

    def next_id(self, table: str, kind: str) -> int:
        found = self.store.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {table} WHERE kind = ?", (kind,))
        return int(found[0][0])

    # lists

    def page(
        self, table: str, company: str, wanted: Selection, *, kind: str | None = None, counted: bool = False
    ) -> Page:
        """One page of a list, filtered and ordered as asked; `total` is 0 unless it shall be `counted`."""
        ids = self._listed(table, company, wanted, kind)
        items = [json.loads(body) for body in self._bodies(table, wanted.cut(ids), kind)]
        return Page(items=items, number=wanted.number, size=wanted.size, total=len(ids) if counted else 0)

    def page_texts(self, company: str, wanted: Selection, *, with_details: bool) -> list[str]:
        """One page of the ledger as it is stored, each row with its detail in it where asked."""
        shown = wanted.cut(self._listed("amnis_transaction", company, wanted))
        if not with_details:
            return list(self._bodies("amnis_transaction", shown))
        rows = self._by_id("SELECT id, type, detail, body FROM amnis_transaction", shown)
        details: dict[tuple[str | None, int | None], str] = {}
        for kind in {row[0] for row in rows.values()} & DETAIL_KINDS.keys():
            wanted_ids = [detail for type_, detail, _ in rows.values() if type_ == kind and detail is not None]
            details |= {(kind, number): text for number, text in self._detail_texts(DETAIL_KINDS[kind], wanted_ids)}
        return [_joined(body, details.get((type_, detail))) for type_, detail, body in (rows[one] for one in shown)]

    def _bodies(self, table: str, ids: Sequence[int], kind: str | None = None) -> Iterator[str]:
        """As stored, in the order of `ids`."""
        rest, values = (" AND kind = ?", (kind,)) if kind else ("", ())
        found = self._by_id(f"SELECT id, body FROM {table}", ids, rest, values)
        return (body for (body,) in (found[one] for one in ids))

    def _by_id(
        self, query: str, ids: Sequence[int], rest: str = "", values: tuple[object, ...] = ()
    ) -> dict[int, tuple[Any, ...]]:
        found = {}
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            marks = ", ".join("?" * len(part))
            for number, *columns in self.store.execute(f"{query} WHERE id IN ({marks}){rest}", (*part, *values)):
                found[number] = tuple(columns)
        return found

    def _listed(self, table: str, company: str, wanted: Selection, kind: str | None = None) -> Sequence[int]:
        """The ids of a whole list: put together once for all pages that are turned while nothing is written."""
        where = " AND ".join(["company = ?", *(["kind = ?"] if kind else []), *wanted.where])
        values = (company, *([kind] if kind else []), *wanted.values)

        def put_together() -> _List:
            query = f"SELECT id FROM {table} WHERE {where} AND visible <= ? ORDER BY {wanted.order}"
            ids = [found for (found,) in self.store.execute(query, (*values, self.now_micros))]
            later = f"SELECT min(visible) FROM {table} WHERE {where} AND visible > ?"
            (until,) = self.store.execute(later, (*values, self.now_micros))[0]
            return _List(ids=ids, since=self.now_micros, until=until)

        key = (table, where, values, wanted.order)
        return self.store.once(key, put_together, holds=lambda it: it.holds_at(self.now_micros)).ids
