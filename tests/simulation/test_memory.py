"""The store in memory against the real statements: the same random operations, the same answers, the same rows.

Postgres's clock cannot be moved, so time passes by moving every moment in its rows into the past. Moments are compared by
how many minutes they lie from now: operations here are ten minutes apart, and a run takes seconds.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from connectors.contract.ports import Shown
from sync import store, store_evidence, store_intents, store_mirror
from sync.models import EntryState
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import ORGANISATION, World, kept_company, sandbox, world
from tests.simulation.memory import MOVES, Memory, Refused

__all__ = ["kept_company", "sandbox", "world"]
STEP = timedelta(minutes=10)
DAY = date(2026, 3, 2)
MOMENTS = {
    "flow": ("lease_until",),
    "entry": ("not_before", "changed_at", "decided_at", "confirmed_at"),
    "push_intent": ("first_send", "last_send", "lease_until", "next_probe", "absent_seen_at", "closed_at"),
    "mirror_document": ("read_at", "updated_at"),
}
ENTRY = (
    "state", "attempts", "batch_limit", "destination_id", "not_before", "changed_at", "decided_at",
    "confirmed_at", "findings",
)  # fmt: skip
INTENT = (
    "idempotency_key", "endpoint", "state", "epoch", "first_send", "last_send", "lease_until", "unknown", "next_probe",
    "probes", "absences", "absent_seen_at", "closed_at",
)  # fmt: skip
ITEM = ("marker", "position", "open", "outcome")
MIRROR = ("status", "reconciled", "lines_hash", "updated_at", "read_at", "total", "unclaimed")


@dataclass
class Pair:
    """Both stores. `to_memory` maps the ids of Postgres to those of the memory, an intent's with a minus."""

    world: World
    memory: Memory
    now: list[datetime]
    to_memory: dict[int, int]
    from_memory: dict[int, int]

    @property
    def scope(self) -> Any:
        return tenant_scope(self.world.tenant.pk)

    def both(self, real: Callable[[], Any], modelled: Callable[[], Any]) -> tuple[Any, Any]:
        """Each in a transaction of its own; "refused" where it is forbidden."""
        self.now[0] = datetime.now(UTC)
        try:
            with self.scope, transaction.atomic():
                left = real()
        except DatabaseError:
            left = "refused"
        try:
            with self.memory.transaction():
                right = modelled()
        except Refused:
            right = "refused"
        return left, right

    def learn(self, real_id: int, memory_id: int) -> None:
        self.to_memory[real_id], self.from_memory[memory_id] = memory_id, abs(real_id)


@pytest.fixture
def pair(world: World) -> Pair:
    now = [datetime.now(UTC)]
    memory = Memory(lambda: now[0])
    found = Pair(world=world, memory=memory, now=now, to_memory={}, from_memory={})
    _add_entries(found, 12)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_the_memory_answers_and_keeps_what_postgres_does(pair: Pair, seed: int) -> None:
    dice = random.Random(seed)
    acts = (
        _claims, _claims, _claims, _decides_anew, _decides_anew, _settles, _settles,
        _takes_over, _looks, _weighs, _moves, _reads, _adopts, _confirms,
        _leases, _ages, _ages,
    )  # fmt: skip
    for number in range(70):
        act = dice.choice(acts)
        act(pair, dice)
        _compare(pair, f"seed {seed}, step {number}: {act.__name__}")


def test_the_memory_lets_pass_what_the_trigger_does(pair: Pair) -> None:
    """Every move of every state."""
    [entry_id, *_] = pair.to_memory
    allowed = {
        (before, after)
        for before in PATHS
        for after in EntryState.values
        if before != after and _is_allowed(pair, entry_id, before, after)
    }

    assert allowed == MOVES


def _is_allowed(pair: Pair, entry_id: int, before: str, after: str) -> bool:
    """The program's own move, after the entry has come to `before` by the moves that lead there; all of it undone."""
    with pair.scope, transaction.atomic():
        _reach(entry_id, before)
        try:
            with transaction.atomic():
                store.run_sql("UPDATE entry SET state = %s WHERE id = %s", [after, entry_id])
            allowed = True
        except DatabaseError:
            allowed = False
        transaction.set_rollback(True)
    return allowed


PATHS: dict[str, tuple[str, ...]] = {
    "ready": (),
    "fetched": ("fetched",),
    "waiting": ("waiting",),
    "review": ("review",),
    "skipped": ("skipped",),
    "duplicate": ("duplicate",),
    "in_flight": ("in_flight",),
    "unconfirmed": ("in_flight", "unconfirmed"),
    "failed": ("in_flight", "failed"),
    "confirmed": ("in_flight", "unconfirmed", "confirmed"),
    "undone": ("in_flight", "unconfirmed", "confirmed", "undone"),
}


def _reach(entry_id: int, state: str) -> None:
    store.run_sql("UPDATE entry SET destination_id = 'doc-x' WHERE id = %s", [entry_id])
    for step in PATHS[state]:
        store.run_sql("SELECT set_config('app.actor', %s, true)", ["alice" if step == "undone" else ""])
        store.run_sql("UPDATE entry SET state = %s WHERE id = %s", [step, entry_id])
    store.run_sql("SELECT set_config('app.actor', '', true)")


# -------------------------------------------------------------------- what happens


def _add_entries(pair: Pair, count: int) -> None:
    for number in range(count):
        pair.world.amnis.pay_in(amount=f"{100 + number % 3}.00", payer="Beispiel AG", executed_on=DAY)
    held = pair.world.flow().held_until
    assert held is None
    with pair.scope:
        store.run_sql(
            "UPDATE flow SET held_until = clock_timestamp() + interval '1 day' WHERE id = %s", [pair.world.flow_id]
        )
    pair.world.sync()  # held, so nothing is sent
    with pair.scope:
        store.run_sql("UPDATE entry SET contact_id = NULL, not_before = clock_timestamp() - interval '1 hour'")
        found = store.rows("SELECT id, marker, document, booking_date, destination_type, state FROM entry ORDER BY id")
    assert {row["state"] for row in found} == {"ready"}
    pair.now[0] = datetime.now(UTC)
    for row in found:
        made = pair.memory.add_entry(
            marker=row["marker"],
            document=row["document"],
            destination_type=row["destination_type"],
            booking_date=row["booking_date"],
            not_before=pair.now[0] - timedelta(hours=1),
        )
        pair.learn(row["id"], made)


def _claims(pair: Pair, dice: random.Random) -> None:
    limit, flow = dice.randrange(1, 5), pair.world.flow_id
    types = dice.choice((("SPEND", "RECEIVE"), ("RECEIVE",), ("SPEND",)))
    waiting = pair.both(
        lambda: store_intents.waited(flow_id=flow, types=types, limit=100),
        lambda: pair.memory.waited(flow_id=1, types=types, limit=100),
    )
    assert len(waiting[0]) == len(waiting[1])
    real, modelled = pair.both(
        lambda: store_intents.due_entries(flow_id=flow, types=types, limit=limit),
        lambda: pair.memory.due_entries(flow_id=1, types=types, limit=limit),
    )
    assert sorted(row["marker"] for row in real) == sorted(row["marker"] for row in modelled) or limit < 12
    if not real:
        return
    chosen, key = [row["id"] for row in real], f"key-{dice.getrandbits(64):x}"
    told = {
        "tenant": pair.world.tenant.pk, "flow": flow, "run": None, "organisation": ORGANISATION,
        "endpoint": "BankTransactions", "lease": dice.choice((300.0, 3000.0)), "bodies": [b"{}"],
    }  # fmt: skip
    intents = [{"key": key, "method": "PUT", "path": "/x"}]
    items = [
        {"key": key, "id": pk, "marker": pair.memory.entries[pair.to_memory[pk]]["marker"], "position": place}
        for place, pk in enumerate(chosen)
    ]
    mirrored = [{**item, "id": pair.to_memory[item["id"]]} for item in items]
    real, modelled = pair.both(
        lambda: store_intents.open_intents(
            {**told, "intents": store.as_json(intents), "items": store.as_json(items)}, contacts=False
        ),
        lambda: pair.memory.open_intents({**told, "intents": intents, "items": mirrored}, contacts=False),
    )
    if real == "refused" or modelled == "refused":
        assert real == modelled, "an entry is in at most one open intent"
        return
    pair.learn(-real[key], modelled[key])


def _settles(pair: Pair, dice: random.Random) -> None:
    """Sometimes with an epoch that is over."""
    opened = [pk for pk, row in pair.memory.intents.items() if row["state"] == "open"]
    if not opened:
        return
    mine = dice.choice(opened)
    intent = pair.memory.intents[mine]
    outcome = dice.choice(("applied", "unknown", "not_applied"))
    unknown = outcome == "unknown"
    state = {"applied": "done", "unknown": "open", "not_applied": "rejected"}[outcome]
    settlement = {
        "epoch": intent["epoch"] - dice.choice((0, 0, 0, 1)), "state": state, "unknown": unknown,
        "probe": 600.0 if unknown else None, "outcome": outcome, "http_status": 200, "milliseconds": 1, "correlation": "",
        "error": "", "answer": "", "answer_sha256": "",
    }  # fmt: skip
    items, moves = [], []
    for item in pair.memory._items_of(mine):
        if not item["open"]:
            continue
        items.append({"position": item["position"], "open": unknown, "outcome": outcome})
        move: dict[str, Any] = {"wait": 0, "note": {"step": "push"}}
        if outcome == "not_applied":
            move |= {"state": "ready", "attempts": dice.randrange(3), "wait": dice.choice((0, 1200))}
        else:
            known = {"destination_id": f"doc-{item['marker']}"} if outcome == "applied" else {}
            move |= {"state": "unconfirmed", **known}
        moves.append((item["entry_id"], move))
    real_id = pair.from_memory[mine]

    def told(intent_id: int, entry: Callable[[int], int], as_json: Callable[[Any], Any]) -> dict[str, Any]:
        return {
            "settlements": as_json([{**settlement, "intent": intent_id}]),
            "items": as_json([{**item, "intent": intent_id} for item in items]),
            "moves": as_json([{**move, "id": entry(pk), "intent": intent_id} for pk, move in moves]),
            "run": None,
        }

    real, modelled = pair.both(
        lambda: store_intents.settle_intents(
            told(real_id, pair.from_memory.__getitem__, store.as_json), contacts=False
        ),
        lambda: pair.memory.settle_intents(told(mine, lambda pk: pk, lambda value: value), contacts=False),
    )
    if "refused" in (real, modelled):
        assert real == modelled, "a document belongs to one entry"
        return
    _same_ids(pair, real, modelled)


def _decides_anew(pair: Pair, dice: random.Random) -> None:
    """What waited is made once more, and made ready once more."""
    waited = pair.memory.waited(flow_id=1, types=("SPEND", "RECEIVE"), limit=100)
    for state in ("fetched", "ready"):
        _move(pair, [(pk, {"state": state, "note": {"step": "validate"}}) for pk in waited])


def _takes_over(pair: Pair, dice: random.Random) -> None:
    real, modelled = pair.both(
        lambda: store_intents.take_over_intents(flow_id=pair.world.flow_id),
        lambda: pair.memory.take_over_intents(flow_id=1),
    )
    _same_ids(pair, [row["id"] for row in real], [row["id"] for row in modelled])
    ids = [row["id"] for row in modelled]
    real_items, items = pair.both(
        lambda: store_evidence.open_items([pair.from_memory[pk] for pk in ids]), lambda: pair.memory.open_items(ids)
    )
    assert sorted(row["marker"] for row in real_items) == sorted(row["marker"] for row in items)
    _move(pair, [(row["entry_id"], {"state": "unconfirmed", "wait": 0, "note": {}}) for row in items])


def _looks(pair: Pair, dice: random.Random) -> None:
    real, modelled = pair.both(
        lambda: store_intents.unknown_intents(flow_id=pair.world.flow_id),
        lambda: pair.memory.unknown_intents(flow_id=1),
    )
    _same_ids(pair, [row["id"] for row in real], [row["id"] for row in modelled])
    assert [(row["probes"], row["absences"]) for row in real] == [(row["probes"], row["absences"]) for row in modelled]


def _weighs(pair: Pair, dice: random.Random) -> None:
    """One more absence; after the second the items are closed and the entries are ready again."""
    ids = [pk for pk, row in pair.memory.intents.items() if row["unknown"] or dice.random() < 0.2][:3]
    real, modelled = pair.both(
        lambda: store_evidence.still_open([pair.from_memory[pk] for pk in ids]), lambda: pair.memory.still_open(ids)
    )
    _same_ids(pair, [row["id"] for row in real], [row["id"] for row in modelled])
    weighed = []
    for row in modelled:
        absent = row["absences"] >= 1
        state = "absent" if absent else "open"
        probe = None if absent else (pair.now[0] + STEP).isoformat()
        seen = (row["absent_seen_at"] or pair.now[0]).isoformat()
        weighed.append(
            {"id": row["id"], "state": state, "probes": row["probes"] + 1, "absences": row["absences"] + 1,
             "absent_seen_at": seen, "next_probe": probe}
        )  # fmt: skip
    pair.both(
        lambda: store_evidence.keep_weighed([{**it, "id": pair.from_memory[it["id"]]} for it in weighed]),
        lambda: pair.memory.keep_weighed(weighed),
    )
    gone = [it["id"] for it in weighed if it["state"] == "absent"]
    moves = [
        (row["entry_id"], {"state": "ready", "attempts": 1, "wait": 0, "note": {}})
        for row in pair.memory.open_items(gone)
    ]
    pair.both(
        lambda: store_intents.close_items([pair.from_memory[pk] for pk in gone], outcome="absent"),
        lambda: pair.memory.close_items(gone, outcome="absent"),
    )
    _move(pair, moves)


def _moves(pair: Pair, dice: random.Random) -> None:
    """Any move, also one that the database refuses: an id that is taken, a state that cannot be reached."""
    chosen = dice.choice(list(pair.memory.entries))
    move: dict[str, Any] = {
        "state": dice.choice(("ready", "confirmed", "review", "failed", "unconfirmed", "in_flight"))
    }
    if dice.random() < 0.3:
        other = pair.memory.entries[dice.choice(list(pair.memory.entries))]
        move["destination_id"] = other["destination_id"] or f"doc-{dice.randrange(4)}"
    if move["state"] in ("in_flight", "unconfirmed"):
        return  # only with an intent
    _move(pair, [(chosen, {**move, "note": {}, "findings": [{"code": "x", "severity": "note"}]})])


def _move(pair: Pair, moves: list[tuple[int, dict[str, Any]]]) -> None:
    real, modelled = pair.both(
        lambda: store.move_entries([{**move, "id": pair.from_memory[pk]} for pk, move in moves], run_id=None),
        lambda: pair.memory.move_entries([{**move, "id": pk} for pk, move in moves], run_id=None),
    )
    assert real == modelled


def _reads(pair: Pair, dice: random.Random) -> None:
    """Documents as a delta read tells them: of ours, of others with the same amount and day, twice in one answer."""
    documents = []
    for _ in range(dice.randrange(1, 4)):
        entry = pair.memory.entries[dice.choice(list(pair.memory.entries))]
        ours = dice.random() < 0.6
        lost = f"MR-LOST-{dice.randrange(3)}" if dice.random() < 0.3 else ""
        name = f"doc-{entry['marker']}" if ours else f"typed-{lost or dice.randrange(5)}"
        documents.append(
            {
                "kind": "RECEIVE", "document_id": name, "account_id": entry["document"]["bank_account_id"],
                "other_account_id": "", "incoming": False, "contact_id": "c", "date": DAY.isoformat(),
                "total": entry["document"]["total"], "currency": "CHF", "rate": None, "reference": "",
                "marker": entry["marker"] if ours else lost, "status": dice.choice(("AUTHORISED", "AUTHORISED", "DELETED")),
                "reconciled": dice.random() < 0.2, "lines_hash": dice.choice(("a", "b", "")), "pays": "", "tax_total": None,
                "updated_at": (pair.now[0] - timedelta(minutes=10 * dice.randrange(5))).isoformat(),
            }
        )  # fmt: skip
    unique = list({it["document_id"]: it for it in documents}.values())
    told: dict[str, Any] = {"tenant_id": pair.world.tenant.pk, "documents": unique}
    with pair.scope:
        connection_id = _connection(pair)
    pair.both(
        lambda: store_mirror.upsert_mirror(connection_id=connection_id, **told),
        lambda: pair.memory.upsert_mirror(connection_id=1, **told),
    )
    shown = [
        Shown(
            it["document_id"], datetime.fromisoformat(it["updated_at"]), it["status"], dice.random() < 0.2, it["total"]
        )
        for it in documents
    ]
    real, modelled = pair.both(
        lambda: store_mirror.already_read(connection_id=connection_id, shown=shown),
        lambda: pair.memory.already_read(connection_id=1, shown=shown),
    )
    assert real == modelled
    some = [it["document_id"] for it in documents if dice.random() < 0.2]
    pair.both(
        lambda: store_mirror.claim_documents(some, connection_id=connection_id),
        lambda: pair.memory.claim_documents(some, connection_id=1),
    )


def _adopts(pair: Pair, dice: random.Random) -> None:
    flow, connection_id = pair.world.flow_id, _connection(pair)
    real, modelled = pair.both(
        lambda: store_mirror.entries_in_books(flow_id=flow, connection_id=connection_id),
        lambda: pair.memory.entries_in_books(flow_id=1, connection_id=1),
    )
    names = ("document_id", "status", "state", "attempts")
    left = [(pair.to_memory[row["id"]], *(row[name] for name in names)) for row in real]
    assert left == [(row["id"], *(row[name] for name in names)) for row in modelled]
    moves = {row["id"]: row["document_id"] for row in modelled}
    real, modelled = pair.both(
        lambda: store_intents.close_items_of_entries([pair.from_memory[pk] for pk in moves], outcome="found"),
        lambda: pair.memory.close_items_of_entries(list(moves), outcome="found"),
    )
    _move(
        pair,
        [(pk, {"state": "unconfirmed", "destination_id": found, "wait": 0, "note": {}}) for pk, found in moves.items()],
    )


def _confirms(pair: Pair, dice: random.Random) -> None:
    flow, connection_id = pair.world.flow_id, _connection(pair)
    for since in (timedelta(), timedelta(seconds=60)):
        real, modelled = pair.both(
            partial(store_evidence.waits_to_confirm, flow_id=flow, since=since),
            partial(pair.memory.waits_to_confirm, flow_id=1, since=since),
        )
        assert real == modelled
    real, modelled = pair.both(
        lambda: store.entries_to_confirm(flow_id=flow, connection_id=connection_id, limit=4),
        lambda: pair.memory.entries_to_confirm(flow_id=1, connection_id=1, limit=4),
    )
    left = [(pair.to_memory[row["id"]], row["found"] and row["found"]["document_id"]) for row in real]
    assert left == [(row["id"], row["found"] and row["found"]["document_id"]) for row in modelled]
    _move(
        pair,
        [(row["id"], {"state": "confirmed", "note": {}}) for row in modelled if row["found"] and dice.random() < 0.5],
    )


def _leases(pair: Pair, dice: random.Random) -> None:
    flow = pair.world.flow_id
    match dice.randrange(3):
        case 0:
            seconds = dice.choice((300.0, 3000.0))
            real, modelled = pair.both(
                lambda: store.take_lease(flow, seconds=seconds), lambda: pair.memory.take_lease(1, seconds=seconds)
            )
            assert (real is None) == (modelled is None)
        case 1:
            off = dice.randrange(2)
            epoch, real_epoch = pair.memory.flow["epoch"] - off, pair.world.flow().epoch - off
            real, modelled = pair.both(
                lambda: store.keep_lease(flow, epoch=real_epoch, seconds=3000),
                lambda: pair.memory.keep_lease(1, epoch=epoch, seconds=3000),
            )
            assert real == modelled
        case _:
            epoch, real_epoch = pair.memory.flow["epoch"], pair.world.flow().epoch
            pair.both(lambda: store.give_back(flow, epoch=real_epoch), lambda: pair.memory.give_back(1, epoch=epoch))


def _ages(pair: Pair, dice: random.Random) -> None:
    """Ten minutes pass."""
    with pair.scope:
        for table, names in MOMENTS.items():
            moved = ", ".join(f"{name} = {name} - interval '10 minutes'" for name in names)
            store.run_sql(f"UPDATE {table} SET {moved}")
    tables: tuple[Any, ...] = (pair.memory.entries, pair.memory.intents, pair.memory.mirror, {0: pair.memory.flow})
    for table in tables:
        for row in table.values():
            for name in {name for names in MOMENTS.values() for name in names} & row.keys():
                row[name] = _earlier(row[name])
    pair.memory._seen.clear()


def _earlier(moment: Any) -> Any:
    if isinstance(moment, str):
        return (datetime.fromisoformat(moment) - STEP).isoformat()
    return moment and moment - STEP


# ----------------------------------------------------------------------- comparing


def _connection(pair: Pair) -> int:
    found = pair.world.flow().destination_id
    assert found is not None
    return found


def _same_ids(pair: Pair, real: Any, modelled: Any) -> None:
    assert {pair.to_memory[-pk] for pk in real} == set(modelled)


def _compare(pair: Pair, when: str) -> None:
    pair.now[0] = datetime.now(UTC)
    with pair.scope:
        entries = store.rows("SELECT * FROM entry")
        intents = store.rows("SELECT * FROM push_intent")
        items = store.rows("SELECT * FROM push_intent_item")
        mirror = store.rows("SELECT * FROM mirror_document")
        flow = store.rows("SELECT lease_until, unclean FROM flow WHERE id = %s", [pair.world.flow_id])
    memory = pair.memory
    assert _told(pair, entries, ENTRY, "marker") == _told(pair, memory.entries.values(), ENTRY, "marker"), when
    assert _told(pair, intents, INTENT, "idempotency_key") == _told(
        pair, memory.intents.values(), INTENT, "idempotency_key"
    ), when
    known = [{**item, "intent_id": pair.to_memory[-item["intent_id"]]} for item in items]
    names = (*ITEM, "intent_id")
    assert sorted(map(str, _told(pair, known, names, ""))) == sorted(
        map(str, _told(pair, memory.items.values(), names, ""))
    ), when
    assert _told(pair, mirror, MIRROR, "document_id") == _told(pair, memory.mirror.values(), MIRROR, "document_id"), (
        when
    )
    assert _told(pair, flow, ("lease_until", "unclean"), "") == _told(
        pair, [memory.flow], ("lease_until", "unclean"), ""
    ), when


def _told(pair: Pair, rows: Any, names: tuple[str, ...], key: str) -> list[Any]:
    told = [(row[key] if key else "", *(_plain(row[name], pair.now[0]) for name in names)) for row in rows]
    return sorted(told, key=str)


def _plain(value: Any, now: datetime) -> Any:
    """A moment as whole steps from now, so that the seconds of the test itself do not matter."""
    if isinstance(value, str) and value[:2] == "20" and "T" in value:
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return f"{round((value - now) / timedelta(minutes=5)) / 2:g} steps"
    if isinstance(value, int | bool) or value is None or isinstance(value, list):
        return value
    return f"{float(value):g}" if str(value).replace(".", "").isdigit() else str(value)
