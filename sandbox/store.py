"""The sandbox's books on disk: one SQLite file of JSON documents with a few indexed columns."""

import json
import sqlite3
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, cast

Json = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS document (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL, org TEXT NOT NULL, id TEXT NOT NULL,
    updated INTEGER NOT NULL DEFAULT 0,
    name TEXT, status TEXT, type TEXT, date TEXT, account TEXT, contact TEXT,
    body TEXT NOT NULL,
    UNIQUE (kind, org, id)
);
DROP INDEX IF EXISTS document_updated;
CREATE INDEX IF NOT EXISTS document_listed
    ON document (kind, org, updated, id, date, status, type, account, contact, name);
CREATE INDEX IF NOT EXISTS document_name ON document (kind, org, name);
CREATE INDEX IF NOT EXISTS document_date ON document (kind, org, date);
CREATE INDEX IF NOT EXISTS document_account ON document (kind, org, account);
CREATE INDEX IF NOT EXISTS document_contact ON document (kind, org, contact);
"""

T = TypeVar("T")
_KEPT = 16


def to_json(value: object) -> str:
    """Compact JSON; Decimals become numbers, as the vendors' doubles are."""
    return json.dumps(value, default=_number, ensure_ascii=False, separators=(",", ":"))


def from_json(text: str | bytes) -> Any:
    """JSON with exact decimals: no amount passes through a float."""
    return json.loads(text, parse_float=Decimal)


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One stored document, or the columns by which a document is to be found."""

    kind: str
    org: str
    id: str
    body: Json
    updated: int = 0
    name: str | None = None
    status: str | None = None
    type: str | None = None
    date: str | None = None
    account: str | None = None
    contact: str | None = None


class Store:
    """Documents by kind, organisation and id, safe to use from several threads.

    `path` is a file, or None for a store that lives in memory only; it begins with what `like` holds. Writes inside
    `transaction()` are one commit.
    """

    def __init__(self, path: Path | None, *, like: "Store | None" = None) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._made: dict[Hashable, object] = {}
        self._made_at: tuple[int, ...] = ()
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        if like is not None:
            with like._lock:
                like._db.backup(self._db)
        self._db.execute("PRAGMA journal_mode=WAL")
        # Survives a killed process; only a machine without power could lose the last writes, and these books are play.
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("PRAGMA cache_size=-32000")
        self.prepare(_SCHEMA)

    def prepare(self, schema: str) -> None:
        """Create a vendor's own tables; the statements must be repeatable."""
        with self._lock:
            self._db.executescript(schema)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside are kept together or not at all; may be nested; other threads wait."""
        with self._lock:
            outermost = self._depth == 0
            if outermost:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if outermost:
                    self._db.execute("ROLLBACK")
                raise
            self._depth -= 1
            if outermost:
                self._db.execute("COMMIT")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Inside a transaction: what is written here goes if an exception leaves the block; the rest stays."""
        with self.transaction():
            self._db.execute("SAVEPOINT part")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK TO part")
                raise
            finally:
                self._db.execute("RELEASE part")

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all its rows."""
        with self._lock:
            return self._db.execute(sql, parameters).fetchall()

    def once(self, key: Hashable, make: Callable[[], T], *, holds: Callable[[T], bool]) -> T:
        """What `make` gave for this key; made anew after any write, by whomever, or where what it gave no longer holds."""
        with self._lock:
            version = (self._db.total_changes, *self.execute("PRAGMA data_version")[0])
            if version != self._made_at or len(self._made) >= _KEPT:
                self._made.clear()
                self._made_at = version
            found: Any = self._made.get(key)
            if found is None or not holds(found):
                found = self._made[key] = make()
            return cast(T, found)

    def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        with self.transaction():
            self._db.executemany(sql, rows)

    def put(self, row: Row) -> None:
        """Insert the document, or replace the one with the same kind, organisation and id (it keeps its `seq`)."""
        self.put_many([row])

    def put_many(self, rows: Iterable[Row]) -> None:
        self.execute_many(
            "INSERT INTO document (kind, org, id, updated, name, status, type, date, account, contact, body)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (kind, org, id) DO UPDATE SET updated=excluded.updated,"
            " name=excluded.name, status=excluded.status, type=excluded.type, date=excluded.date,"
            " account=excluded.account, contact=excluded.contact, body=excluded.body",
            (
                (
                    r.kind,
                    r.org,
                    r.id,
                    r.updated,
                    r.name,
                    r.status,
                    r.type,
                    r.date,
                    r.account,
                    r.contact,
                    to_json(r.body),
                )
                for r in rows
            ),
        )

    def get(self, kind: str, org: str, id: str) -> Json | None:
        found = self.execute("SELECT body FROM document WHERE kind=? AND org=? AND id=?", (kind, org, id))
        return from_json(found[0][0]) if found else None

    def delete(self, kind: str, org: str, id: str) -> None:
        self.execute("DELETE FROM document WHERE kind=? AND org=? AND id=?", (kind, org, id))

    def find(
        self,
        kind: str,
        org: str,
        *,
        where: str = "1",
        parameters: Sequence[object] = (),
        order: str = "seq",
        limit: int = -1,
        offset: int = 0,
    ) -> list[Json]:
        """Bodies of the documents that match a condition on the indexed columns, in the asked order."""
        texts = self.find_text(kind, org, where=where, parameters=parameters, order=order, limit=limit, offset=offset)
        return [from_json(text) for text in texts]

    def find_everywhere(self, kind: str) -> list[Json]:
        """All documents of a kind, of all organisations."""
        rows = self.execute("SELECT body FROM document WHERE kind=? ORDER BY seq", (kind,))
        return [from_json(row[0]) for row in rows]

    def find_text(
        self,
        kind: str,
        org: str,
        *,
        where: str = "1",
        parameters: Sequence[object] = (),
        order: str = "seq",
        limit: int = -1,
        offset: int = 0,
    ) -> list[str]:
        """As `find`, but the bodies as stored: a long list is answered without parsing it."""
        page = (
            f"SELECT seq AS place FROM document WHERE kind=? AND org=? AND ({where}) ORDER BY {order} LIMIT ? OFFSET ?"
        )
        sql = f"SELECT body FROM ({page}) JOIN document ON seq = place ORDER BY {order}"  # no body is moved for a sort
        return [row[0] for row in self.execute(sql, (kind, org, *parameters, limit, offset))]

    def places(
        self, kind: str, org: str, *, where: str = "1", parameters: Sequence[object] = (), order: str = "seq"
    ) -> Sequence[int]:
        """The `seq` of each document of a list: put together once for all pages that are turned while nothing is written."""

        def put_together() -> list[int]:
            sql = f"SELECT seq FROM document WHERE kind=? AND org=? AND ({where}) ORDER BY {order}"
            return [place for (place,) in self.execute(sql, (kind, org, *parameters))]

        return self.once((kind, org, where, tuple(parameters), order), put_together, holds=lambda _: True)

    def texts_at(self, places: Sequence[int]) -> list[str]:
        """The bodies as stored, in the order of `places`: a page of a list."""
        sql = f"SELECT seq, body FROM document WHERE seq IN ({','.join('?' * len(places))})"
        found = dict(self.execute(sql, tuple(places)))
        return [found[place] for place in places]

    def count(self, kind: str, org: str, *, where: str = "1", parameters: Sequence[object] = ()) -> int:
        sql = f"SELECT count(*) FROM document WHERE kind=? AND org=? AND ({where})"
        return int(self.execute(sql, (kind, org, *parameters))[0][0])

    def setting(self, name: str, default: str) -> str:
        found = self.execute("SELECT value FROM setting WHERE name=?", (name,))
        return str(found[0][0]) if found else default

    def settings(self, prefix: str) -> dict[str, str]:
        """All settings whose names begin with `prefix`."""
        found = self.execute("SELECT name, value FROM setting WHERE substr(name,1,?)=?", (len(prefix), prefix))
        return dict(found)

    def set_setting(self, name: str, value: str) -> None:
        self.execute(
            "INSERT INTO setting VALUES (?,?) ON CONFLICT (name) DO UPDATE SET value=excluded.value", (name, value)
        )
