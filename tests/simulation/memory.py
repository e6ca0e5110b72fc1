"""The rows of one flow in memory, with the statements of `sync.store`, `store_intents` and `store_evidence` that push, settle,
confirm and reconcile use. `test_memory.py` runs the same random operations here and on the real Postgres and compares every row.

It models: each statement's conditions, columns, order and answer; the constraints (one open item for each entry, one
document for each id, markers unique, a document where one is sent, an id where one is confirmed, the white list of moves);
a transaction that is undone as a whole; the database's clock. It does not model two transactions at the same time: one
runs after the other, as if serialised. What row locks and SKIP LOCKED are for is tested on Postgres (`test_claims.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.contract.ports import Shown
from sync.domain.retry import LOOK_AGAIN_AFTER

Row = dict[str, Any]
MOVES = frozenset(
    {
        ("fetched", "waiting"), ("fetched", "ready"), ("fetched", "review"), ("fetched", "skipped"),
        ("fetched", "duplicate"), ("fetched", "unconfirmed"),
        ("waiting", "fetched"), ("waiting", "ready"), ("waiting", "review"), ("waiting", "skipped"),
        ("waiting", "unconfirmed"),
        ("ready", "in_flight"), ("ready", "review"), ("ready", "waiting"), ("ready", "fetched"), ("ready", "skipped"),
        ("ready", "duplicate"), ("ready", "unconfirmed"),
        ("in_flight", "unconfirmed"), ("in_flight", "ready"), ("in_flight", "review"), ("in_flight", "failed"),
        ("unconfirmed", "confirmed"), ("unconfirmed", "ready"), ("unconfirmed", "failed"), ("unconfirmed", "review"),
        ("confirmed", "review"), ("duplicate", "review"),
    }
)  # fmt: skip
KEPT = ("findings", "document", "destination_id", "posted_rate", "read_back", "contact_id", "attempts", "batch_limit")
MIRRORED = ("updated_at", "status", "reconciled", "lines_hash")


class Refused(Exception):
    """The database forbids it."""


class Memory:
    """Stands in for `sync.store`, `store_intents` and `store_evidence`. `clock` is the database's."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.now = clock
        self.flow: Row = {"id": 1, "lease_until": None, "epoch": 0, "unclean": 0, "next_at": None}
        self.entries: dict[int, Row] = {}
        self.intents: dict[int, Row] = {}
        self.items: dict[int, Row] = {}
        self.attempts: list[Row] = []
        self.mirror: dict[str, Row] = {}
        self._seen: dict[str, Mapping[str, Any]] = {}
        self._undo: list[Callable[[], None]] | None = None
        self._last = 0

    # ------------------------------------------------------------ transactions

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing; an inner one is part of the outer one."""
        if self._undo is not None:
            yield
            return
        self._undo = []
        try:
            yield
        except BaseException:
            for undo in reversed(self._undo):
                undo()
            raise
        finally:
            self._undo = None

    def _change(self, row: Row, **columns: Any) -> None:
        if self._undo is not None:
            before = dict(row)

            def undo() -> None:
                row.clear()
                row.update(before)

            self._undo.append(undo)
        row.update(columns)

    def change_flow(self, **columns: Any) -> None:
        self._change(self.flow, **columns)

    def _insert(self, table: dict[Any, Row], key: Any, row: Row) -> None:
        if self._undo is not None:
            self._undo.append(lambda: table.__delitem__(key))
        table[key] = row

    def _next(self) -> int:
        self._last += 1
        return self._last

    @staticmethod
    def as_json(value: Any) -> Any:
        """Nothing leaves this process, so nothing is written down."""
        return value

    # --------------------------------------------------------------- the lease

    def take_lease(self, flow_id: int, *, seconds: float) -> tuple[int, datetime] | None:
        flow, now = self.flow, self.now()
        if flow["lease_until"] is not None and flow["lease_until"] >= now:
            return None
        unclean = 0 if flow["lease_until"] is None else flow["unclean"] + 1
        self._change(flow, lease_until=now + timedelta(seconds=seconds), epoch=flow["epoch"] + 1, unclean=unclean)
        return flow["epoch"], now

    def keep_lease(self, flow_id: int, *, epoch: int, seconds: float) -> bool:
        if self.flow["epoch"] != epoch:
            return False
        self._change(self.flow, lease_until=self.now() + timedelta(seconds=seconds))
        return True

    def give_back(self, flow_id: int, *, epoch: int) -> None:
        if self.flow["epoch"] == epoch:
            self._change(self.flow, lease_until=None, unclean=0)

    # -------------------------------------------------------------------- push

    def kinds_ready(self, *, flow_id: int) -> list[tuple[str, bool, bool]]:
        now = self.now()
        ready = (row for row in self.entries.values() if row["state"] == "ready" and not row["held_back"])
        return sorted({(row["destination_type"], row["not_before"] <= now, False) for row in ready})

    def due_entries(self, *, flow_id: int, types: Sequence[str], limit: int) -> list[Row]:
        due = [row for row in self._claimable(types) if not self._waited(row)]
        names = ("id", "marker", "document", "attempts", "batch_limit", "booking_date")
        blank = {
            "movement": "pay_in",
            "destination_contact": None,
            "destination_options": None,
        }  # nothing comes back here
        return [{**{name: row[name] for name in names}, **blank} for row in due[:limit]]

    def _claimable(self, types: Sequence[str]) -> list[Row]:
        now = self.now()
        found = [
            row
            for row in self.entries.values()
            if row["state"] == "ready"
            and row["not_before"] <= now
            and not row["held_back"]
            and row["destination_type"] in types
        ]
        return sorted(found, key=lambda row: (row["not_before"], row["id"]))

    def _waited(self, row: Row) -> bool:
        failed = row["attempts"] > 0 and row["note"].get("step") in ("push", "reconcile")
        return failed or row["decided_at"] < self.now() - LOOK_AGAIN_AFTER

    def waited(self, *, flow_id: int, types: Sequence[str], limit: int) -> list[int]:
        return [row["id"] for row in self._claimable(types) if self._waited(row)][:limit]

    def decide_anew(self, entry_ids: Sequence[int]) -> None:
        """Of records nothing is modelled: what is looked at again is found as it was, in the same moment."""
        for entry_id in entry_ids:
            now = self.now()
            self._change(self.entries[entry_id], changed_at=now, decided_at=now, note={"step": "validate"})

    def due_contacts(self, *, flow_id: int, limit: int) -> list[Row]:
        return []

    def open_intents(self, parameters: Mapping[str, Any], *, contacts: bool) -> dict[str, int]:
        now, made = self.now(), {}
        for told, body in zip(parameters["intents"], parameters["bodies"], strict=True):
            if any(row["idempotency_key"] == told["key"] for row in self.intents.values()):
                raise Refused("this key was used before")
            made[told["key"]] = pk = self._next()
            lease = now + timedelta(seconds=parameters["lease"])
            row = {
                "id": pk, "idempotency_key": told["key"], "method": told["method"], "path": told["path"], "body": body,
                "endpoint": parameters["endpoint"], "state": "open", "epoch": 1, "first_send": now, "last_send": now,
                "lease_until": lease, "unknown": False, "next_probe": None, "probes": 0, "absences": 0,
                "absent_seen_at": None, "closed_at": None,
            }  # fmt: skip
            self._insert(self.intents, pk, row)
        for item in parameters["items"]:
            self._insert_item(made[item["key"]], item)
            entry = self.entries[item["id"]]
            self._move(entry, state="in_flight", changed_at=now, note={})
        return made

    def _insert_item(self, intent_id: int, item: Mapping[str, Any]) -> None:
        if any(row["open"] and row["entry_id"] == item["id"] for row in self.items.values()):
            raise Refused("this entry is in an open intent already")
        pk = self._next()
        row = {"id": pk, "intent_id": intent_id, "entry_id": item["id"], "contact_id": None, "option_id": None}
        rest = {"marker": item["marker"], "position": item["position"], "open": True, "outcome": ""}
        self._insert(self.items, pk, row | rest)

    def settle_intents(self, parameters: Mapping[str, Any], *, contacts: bool) -> set[int]:
        now, mine = self.now(), set()
        for told in parameters["settlements"]:
            row = self.intents.get(told["intent"])
            if row is None or row["epoch"] != told["epoch"] or row["state"] != "open":
                continue
            mine.add(row["id"])
            probe = None if told["probe"] is None else now + timedelta(seconds=told["probe"])
            closed = None if told["state"] == "open" else now
            changed = {"state": told["state"], "unknown": told["unknown"], "lease_until": None, "next_probe": probe}
            self._change(row, **changed, closed_at=closed)
            attempt = {"intent_id": row["id"], "outcome": told["outcome"], "http_status": told["http_status"]}
            self._log(attempt)
        for told in parameters["items"]:
            if told["intent"] in mine:
                for item in self._items_of(told["intent"]):
                    if item["position"] == told["position"]:
                        self._change(item, open=told["open"], outcome=told["outcome"])
        self._move_all([move for move in parameters["moves"] if move["intent"] in mine])
        return mine

    def _log(self, attempt: Row) -> None:
        if self._undo is not None:
            self._undo.append(lambda: self.attempts.remove(attempt))
        self.attempts.append(attempt)

    def _items_of(self, intent_id: int) -> list[Row]:
        return [row for row in self.items.values() if row["intent_id"] == intent_id]

    def pause_organisation(self, connection_id: int, *, until: datetime) -> None:
        self._change(self.flow, held_until=until)

    # ----------------------------------------------------------------- entries

    def move_entries(self, moves: Sequence[Mapping[str, Any]], *, run_id: int | None) -> int:
        return self._move_all(moves)

    def _move_all(self, moves: Sequence[Mapping[str, Any]]) -> int:
        now, moved = self.now(), 0
        for move in moves:
            row = self.entries.get(move["id"])
            if row is None:
                continue
            state = str(move["state"])
            columns: Row = {name: move[name] for name in KEPT if move.get(name) is not None}
            columns["note"] = move.get("note") or {}
            if move.get("wait") is not None:
                columns["not_before"] = now + timedelta(seconds=move["wait"])
            if state != row["state"]:
                columns["changed_at"] = now
                if state == "ready" and row["state"] not in ("in_flight", "unconfirmed"):
                    columns["decided_at"] = now
                if state == "confirmed":
                    columns["confirmed_at"] = now
            self._move(row, state=state, **columns)
            moved += 1
        return moved

    def _move(self, row: Row, **columns: Any) -> None:
        """What the database forbids is refused."""
        state = columns["state"]
        if state != row["state"] and (row["state"], state) not in MOVES:
            raise Refused(f"an entry may not move {row['state']} -> {state}")
        wanted = columns.get("destination_id", row["destination_id"])
        if wanted != row["destination_id"] and any(
            other is not row and other["destination_id"] == wanted for other in self.entries.values()
        ):
            raise Refused("another entry has this document")
        if state == "confirmed" and wanted is None:
            raise Refused("a confirmed entry has an id")
        self._change(row, **columns)

    def add_entry(self, **columns: Any) -> int:
        """A decided entry, as validate leaves it."""
        pk, now = self._next(), self.now()
        if any(row["marker"] == columns["marker"] for row in self.entries.values()):
            raise Refused("another entry has this marker")
        row = {
            "id": pk, "state": "ready", "attempts": 0, "batch_limit": 50, "held_back": False, "not_before": now,
            "changed_at": now, "decided_at": now, "destination_id": None, "posted_rate": None, "read_back": None,
            "contact_id": None, "findings": [], "note": {}, "confirmed_at": None, **columns,
        }  # fmt: skip
        self._insert(self.entries, pk, row)
        return pk

    # --------------------------------------------------------------- reconcile

    def take_over_intents(self, *, flow_id: int) -> list[Row]:
        now, found = self.now(), []
        for row in self.intents.values():
            over = row["lease_until"] is not None and row["lease_until"] < now
            if row["state"] != "open" or row["unknown"] or not over:
                continue
            sent = row["first_send"] is not None
            self._change(
                row,
                epoch=row["epoch"] + 1,
                lease_until=None,
                unknown=sent,
                state="open" if sent else "rejected",
                closed_at=None if sent else now,
                next_probe=now if sent else None,
            )
            found.append({name: row[name] for name in ("id", "endpoint", "first_send")})
        return found

    def close_items(self, intent_ids: Sequence[int], *, outcome: str) -> None:
        for row in self.items.values():
            if row["open"] and row["intent_id"] in intent_ids:
                self._change(row, open=False, outcome=outcome)

    def unknown_intents(self, *, flow_id: int) -> list[Row]:
        now = self.now()
        names = ("id", "endpoint", "first_send", "last_send", "probes", "absences", "absent_seen_at")
        return [
            {name: row[name] for name in names}
            for row in self.intents.values()
            if row["state"] == "open" and row["unknown"] and row["next_probe"] is not None and row["next_probe"] <= now
        ]

    def open_items(self, intent_ids: Sequence[int]) -> list[Row]:
        names = ("id", "intent_id", "entry_id", "contact_id", "option_id", "marker")
        return [
            {name: row[name] for name in names}
            for row in self.items.values()
            if row["open"] and row["intent_id"] in intent_ids
        ]

    def still_open(self, intent_ids: Sequence[int]) -> list[Row]:
        names = ("id", "last_send", "probes", "absences", "absent_seen_at")
        found = (self.intents[pk] for pk in sorted(intent_ids) if pk in self.intents)
        return [{name: row[name] for name in names} for row in found if row["state"] == "open" and row["unknown"]]

    def keep_weighed(self, intents: Sequence[Mapping[str, Any]]) -> None:
        for told in intents:
            is_open = told["state"] == "open"
            self._change(
                self.intents[told["id"]],
                state=told["state"],
                probes=told["probes"],
                absences=told["absences"],
                absent_seen_at=_moment(told["absent_seen_at"]),
                next_probe=_moment(told["next_probe"]),
                unknown=is_open,
                closed_at=None if is_open else self.now(),
            )

    def attempts_of(self, entry_ids: Sequence[int]) -> dict[int, int]:
        return {pk: row["attempts"] for pk, row in self.entries.items() if pk in entry_ids}

    def move_links_left_behind(self, links: Sequence[Mapping[str, Any]]) -> None:
        assert not links, "contacts and options are not part of this model"

    # ------------------------------------------------------------------ mirror

    def upsert_mirror(self, *, tenant_id: int, connection_id: int, documents: Sequence[Mapping[str, Any]]) -> None:
        newest: dict[str, Mapping[str, Any]] = {}
        for document in documents:
            other = newest.get(document["document_id"])
            if other is None or (document["updated_at"] or "") > (other["updated_at"] or ""):
                newest[document["document_id"]] = document
        ours = {row["marker"] for row in self.entries.values()}
        for key, document in newest.items():
            known = self.mirror.get(key)
            if self._seen.get(key) is document:
                continue  # the very same reading
            self._note_seen(key, document)
            told = {"read_at": self.now(), "unclaimed": document["marker"] not in ours}
            if known is None:
                self._insert(self.mirror, key, {**document, **told})
            elif any(known[name] != document[name] for name in MIRRORED):
                rate = document["rate"] if document["rate"] is not None else known["rate"]
                self._change(known, **{**document, "rate": rate, **told})

    def already_read(self, *, connection_id: int, shown: Sequence[Shown]) -> frozenset[str]:
        return frozenset(it.document_id for it in shown if self._has(it, self.mirror.get(it.document_id)))

    @staticmethod
    def _has(shown: Shown, row: Row | None) -> bool:
        if row is None or row["updated_at"] is None or shown.updated_at is None or not row["lines_hash"]:
            return False
        told = (datetime.fromisoformat(row["updated_at"]), row["status"], row["reconciled"], Decimal(row["total"]))
        return told == (shown.updated_at, shown.status, shown.reconciled, Decimal(shown.total))

    def claim_documents(self, document_ids: Sequence[str], *, connection_id: int) -> None:
        for key in document_ids:
            if self.mirror[key]["marker"]:
                self._change(self.mirror[key], unclaimed=False)

    def _note_seen(self, key: str, document: Mapping[str, Any]) -> None:
        before = self._seen.get(key, {})
        if self._undo is not None:
            self._undo.append(lambda: self._seen.update({key: before}))
        self._seen[key] = document

    def entries_in_books(self, *, flow_id: int, connection_id: int) -> list[Row]:
        by_marker: dict[str, list[Row]] = {}
        for document in self.mirror.values():
            if document["marker"]:
                by_marker.setdefault(document["marker"], []).append(document)
        names = ("document_id", "status", "rate", "kind")
        return [
            {"id": row["id"], "state": row["state"], "attempts": row["attempts"]} | {name: it[name] for name in names}
            for row in self.entries.values()
            if row["destination_id"] is None and row["state"] in ("fetched", "ready", "waiting", "unconfirmed")
            for it in sorted(by_marker.get(row["marker"], []), key=lambda it: str(it["document_id"]))
        ]

    def close_items_of_entries(self, entry_ids: Sequence[int], *, outcome: str) -> None:
        touched = set()
        for row in self.items.values():
            if row["open"] and row["entry_id"] in entry_ids:
                self._change(row, open=False, outcome=outcome)
                touched.add(row["intent_id"])
        for pk in touched:
            intent = self.intents[pk]
            if intent["state"] == "open" and not any(item["open"] for item in self._items_of(pk)):
                self._change(intent, state="done", unknown=False, closed_at=self.now(), next_probe=None)

    # ----------------------------------------------------------------- confirm

    def waits_to_confirm(self, *, flow_id: int, since: timedelta) -> bool:
        now = self.now()
        return any(row["changed_at"] <= now - since for row in self._to_confirm()[:100])

    def entries_to_confirm(self, *, flow_id: int, connection_id: int, limit: int) -> list[Row]:
        names = ("id", "marker", "document", "destination_id", "changed_at", "posted_rate", "findings")
        return [
            {**{name: row[name] for name in names}, "found": self.mirror.get(row["destination_id"])}
            for row in self._to_confirm()[:limit]
        ]

    def _to_confirm(self) -> list[Row]:
        """In the order of their numbers."""
        now = self.now()
        sent = (row for row in self.entries.values() if row["state"] == "unconfirmed" and row["destination_id"])
        return sorted((row for row in sent if row["not_before"] <= now), key=lambda row: row["id"])

    # -------------------------------------------------------------------- rest

    def next_wake(self) -> datetime | None:
        """When something becomes due; None where nothing will."""
        times = [
            row["not_before"]
            for row in self.entries.values()
            if row["state"] == "ready" or (row["state"] == "unconfirmed" and row["destination_id"] is not None)
        ]
        for row in self.intents.values():
            if row["state"] == "open":
                times += [moment for moment in (row["next_probe"], row["lease_until"]) if moment is not None]
        return min(times, default=None)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
