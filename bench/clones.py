"""Many tenants at once, by SQL: copies of the one that was imported, with its connections, mapping and chart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[Any]
FIRST = 1_000_000  # ids of copies begin here; nothing of the product's own reaches them


def clone(inside: Connection, count: int, *, runnable: bool) -> None:
    """`count` more tenants, each with one active flow. What is not runnable can be found and claimed; what is has the chart,
    and knows what its source still shows: a look finds nothing new."""
    tenant, flow, source, destination = _template(inside)
    identity = f"{FIRST} + g"
    _copy(inside, "tenant", tenant, count, {"id": identity, "public_id": "'c' || g", "slug": "'c' || g"})
    sides = {source: f"{FIRST} + 2 * g", destination: f"{FIRST} + 2 * g + 1"}
    for connection, number in sides.items():
        _copy(inside, "connection", connection, count, {"id": number, "tenant_id": identity})
    columns = {
        "id": identity, "tenant_id": identity, "source_id": sides[source], "destination_id": sides[destination],
        "next_at": "now() + interval '1 day'",
    }  # fmt: skip
    _copy(inside, "flow", flow, count, columns)
    if runnable:
        number = f"{FIRST} + g * {FIRST} + t.id"
        _copy_all(inside, "record", "flow_id", flow, count, {"id": number, "flow_id": identity, "tenant_id": identity})
        _copy_all(inside, "account_mapping", "flow_id", flow, count, {"flow_id": identity, "tenant_id": identity})
        _copy_all(inside, "rule", "flow_id", flow, count, {"flow_id": identity, "tenant_id": identity})
        for connection, number in sides.items():
            changes = {"connection_id": number, "tenant_id": identity}
            _copy_all(inside, "reference", "connection_id", connection, count, changes)
    inside.execute("ANALYZE")


def _template(inside: Connection) -> tuple[int, int, int, int]:
    found = inside.execute("SELECT tenant_id, id, source_id, destination_id FROM flow ORDER BY id LIMIT 1").fetchone()
    assert found is not None
    return int(found[0]), int(found[1]), int(found[2]), int(found[3])


def _copy(inside: Connection, table: str, number: int, count: int, changes: Mapping[str, str]) -> None:
    names = _columns(inside, table)
    _insert(inside, table, names, changes, where=f"t.id = {number}", count=count)


def _copy_all(inside: Connection, table: str, key: str, value: int, count: int, changes: Mapping[str, str]) -> None:
    """Every row that belongs to something, with ids of its own: new ones where `changes` names none."""
    names = [name for name in _columns(inside, table) if name != "id" or name in changes]
    _insert(inside, table, names, changes, where=f"t.{key} = {value}", count=count)


def copy_everything(inside: Connection, table: str, count: int, changes: Mapping[str, str], *, below: int) -> None:
    """Every row with an id below `below`, `count` times; what of `changes` the table does not have is left out."""
    _insert(inside, table, _columns(inside, table), changes, where=f"t.id < {below}", count=count)


def _insert(
    inside: Connection, table: str, names: list[str], changes: Mapping[str, str], *, where: str, count: int
) -> None:
    target = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(changes.get(name, f't."{name}"') for name in names)
    copies = f"generate_series(1::bigint, {count}) g"
    query = f'INSERT INTO "{table}" ({target}) SELECT {values} FROM "{table}" t, {copies} WHERE {where}'
    inside.execute(sql.SQL(query))  # names and numbers of ours, nothing foreign


def _columns(inside: Connection, table: str) -> list[str]:
    query = (
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s"
        " AND is_generated = 'NEVER' ORDER BY ordinal_position"
    )
    return [str(name) for (name,) in inside.execute(query, (table,)).fetchall()]
