"""What somebody with the application role's password can do to another company's rows: nothing, table by table.

Asked through a plain psycopg connection: no manager, no scope, no Django between the statement and the policies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from psycopg import errors, sql

from tenants.models import Tenant
from tenants.scoping import DISPATCH_ROLE
from tests.pages.world import make_company
from tests.security.rows import Raw, column_of, empty_database, everything, fill, rows, superuser, tables

ROOT = Path(__file__).resolve().parents[2]
REFUSED = (errors.InsufficientPrivilege, errors.FeatureNotSupported)

# Everything that the second role may see, by table: ids, states, times, a hash and the part of an address. No content.
PLATFORM_READS = {
    "tenant": {"id", "public_id", "slug", "status", "created_at"},
    "invitation": {"id", "tenant_id", "token_hash", "expires_at", "accepted_at"},
    "connection": {
        "id", "tenant_id", "kind", "role", "grant_id", "status", "checked_at", "last_ok_at", "paused_until", "external_id",
    },
    "flow": {
        "id", "tenant_id", "state", "frequency_minutes", "next_at", "lease_until", "held_until", "fetched_at",
        "last_success_at", "proof_due_at",
    },
    "entry": {"id", "tenant_id", "flow_id", "state", "not_before", "changed_at"},
    "push_intent": {"id", "tenant_id", "flow_id", "state", "unknown", "next_probe", "last_send"},
    "incident": {"id", "tenant_id", "flow_id", "severity", "error_class", "opened_at", "closed_at"},
    "notification_delivery": {"id", "tenant_id", "incident_id", "kind", "channel", "state", "not_before"},
}  # fmt: skip


@pytest.fixture(scope="module")
def two(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[Tenant, Tenant, Raw]]:
    """Muster, the stranger, and the superuser's eyes. Both have a row in every table. Committed once for the whole file."""
    with django_db_blocker.unblock():
        own, strange = (make_company(slug=slug, name=f"{slug.title()} AG").tenant for slug in ("muster", "strange"))
        with superuser() as eyes:
            for tenant in (own, strange):
                fill(eyes, tenant)
            yield own, strange, eyes
        empty_database()


@pytest.fixture
def raw(two: tuple[Tenant, Tenant, Raw]) -> Iterator[Raw]:
    url = settings.ENV.database_url
    with psycopg.connect(url, dbname=connection.settings_dict["NAME"], autocommit=True) as opened:
        yield opened


def attacks(table: str, strange: Tenant, row: str) -> Iterator[tuple[str, sql.Composed, list[Any]]]:
    """Statements that would read, add, change, take or remove a stranger's row; `row` is one, as JSON."""
    name, column = sql.Identifier("public", table), sql.Identifier(column_of(table))
    where = sql.SQL(" WHERE {} = %s").format(column)
    yield "select", sql.SQL("SELECT * FROM {}").format(name) + where, [strange.pk]
    yield "count", sql.SQL("SELECT 1 FROM {}").format(name) + where + sql.SQL(" LIMIT 1"), [strange.pk]
    columns = sql.SQL(", ").join(map(sql.Identifier, json.loads(row)))
    insert = sql.SQL("INSERT INTO {0} ({1}) SELECT {1} FROM json_populate_record(NULL::{0}, %s)")
    yield "insert", insert.format(name, columns), [row]
    yield "update", sql.SQL("UPDATE {} SET {} = {}").format(name, column, column) + where, [strange.pk]
    yield "give away", sql.SQL("UPDATE {} SET {} = %s").format(name, column), [strange.pk]
    yield "delete", sql.SQL("DELETE FROM {}").format(name) + where, [strange.pk]
    yield "lock", sql.SQL("SELECT 1 FROM {}").format(name) + where + sql.SQL(" FOR UPDATE"), [strange.pk]


def new_row(eyes: Raw, table: str, strange: Tenant) -> str:
    """A stranger's row under a number that is free."""
    query = sql.SQL("SELECT to_json(t)::text FROM {} t WHERE {} = %s LIMIT 1")
    found = eyes.execute(query.format(sql.Identifier(table), sql.Identifier(column_of(table))), [strange.pk]).fetchone()
    assert found is not None, table
    generated = "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass AND attgenerated <> ''"
    computed = {name for (name,) in eyes.execute(generated, [f'public."{table}"']).fetchall()}
    row = {name: value for name, value in json.loads(found[0]).items() if name not in computed}
    if table != "tenant":
        row["id"] = 9_000_000
    return json.dumps(row)


@pytest.mark.parametrize("whose", ["nobody", "own"])
def test_no_statement_reaches_a_strangers_row(two: tuple[Tenant, Tenant, Raw], raw: Raw, whose: str) -> None:
    own, strange, eyes = two
    before = everything(eyes, strange)
    assert len(before) > 30
    assert all(before.values()), "a table without rows proves nothing"
    for table in before:
        for name, statement, values in attacks(table, strange, new_row(eyes, table, strange)):
            with raw.transaction(force_rollback=True):
                if whose == "own":
                    raw.execute("SELECT set_config('app.tenant', %s, true)", [str(own.pk)])
                _reaches_nothing(raw, f"{name} {table}", statement, values)
    for table in before:  # and once more for good, where nothing is rolled back
        for _, statement, values in attacks(table, strange, new_row(eyes, table, strange)):
            if whose == "nobody":
                _reaches_nothing(raw, table, statement, values)
    assert everything(eyes, strange) == before


def _reaches_nothing(raw: Raw, name: str, statement: sql.Composed, values: list[Any]) -> None:
    try:
        with raw.transaction():
            reached = raw.execute(statement, values).rowcount
    except REFUSED:
        return
    assert (name, reached) == (name, 0)


def test_an_own_row_is_reached(two: tuple[Tenant, Tenant, Raw], raw: Raw) -> None:
    """The test above is only worth something while the same statements reach what is one's own."""
    own, _, eyes = two
    for table in tables(eyes):
        with raw.transaction():
            raw.execute("SELECT set_config('app.tenant', %s, true)", [str(own.pk)])
            assert raw.execute(sql.SQL("SELECT 1 FROM {}").format(sql.Identifier(table))).rowcount > 0, table


def test_copy_takes_out_own_rows_and_puts_in_none(two: tuple[Tenant, Tenant, Raw], raw: Raw) -> None:
    own, strange, eyes = two
    for table in tables(eyes):
        name = sql.Identifier(table)
        with raw.transaction(force_rollback=True), raw.cursor() as cursor:
            raw.execute("SELECT set_config('app.tenant', %s, true)", [str(own.pk)])
            with cursor.copy(sql.SQL("COPY {} TO STDOUT").format(name)) as out:
                taken = b"".join(bytes(piece) for piece in out).decode().splitlines()
            assert len(taken) == len(rows(eyes, table, own)), table
        into = sql.SQL("COPY {} FROM STDIN").format(name)
        with pytest.raises(REFUSED), raw.cursor() as cursor, cursor.copy(into) as copy:  # refused where policies bind
            copy.write(b"1\n")
    for door in ("COPY tenant TO '/tmp/out'", "COPY tenant TO PROGRAM 'cat'", "COPY tenant FROM PROGRAM 'id'"):
        with pytest.raises(errors.InsufficientPrivilege):
            raw.execute(door.encode())
    assert rows(eyes, "tenant", strange)


@pytest.mark.parametrize("setting", ["SET row_security = off", "SET app.maintenance = 'on'", "SET ROLE NONE"])
def test_no_setting_opens_a_table(two: tuple[Tenant, Tenant, Raw], raw: Raw, setting: str) -> None:
    raw.execute(setting.encode())
    for table in tables(two[2]):
        try:
            seen = raw.execute(sql.SQL("SELECT 1 FROM {}").format(sql.Identifier(table))).rowcount
        except errors.InsufficientPrivilege:  # row_security = off: an error instead of a filtered answer
            continue
        assert (table, seen) == (table, 0)


def test_the_role_becomes_nobody_stronger(two: tuple[Tenant, Tenant, Raw], raw: Raw) -> None:
    """Every role of the cluster is tried: the only one that can be entered is the narrow second one."""
    names = [name for (name,) in two[2].execute("SELECT rolname::text FROM pg_roles").fetchall()]
    mine = raw.execute("SELECT session_user::text").fetchone()
    assert mine is not None
    entered = []
    for name in names:
        for statement in ("SET ROLE {}", "SET SESSION AUTHORIZATION {}"):
            try:
                with raw.transaction():
                    raw.execute(sql.SQL(statement).format(sql.Identifier(name)))
                    entered.append((statement, name))
            except errors.InsufficientPrivilege:
                continue
            raw.execute("RESET SESSION AUTHORIZATION")
            raw.execute("RESET ROLE")
    strong = {(text, name) for text, name in entered if name != mine[0]}
    assert strong == {("SET ROLE {}", DISPATCH_ROLE)}


def test_a_function_of_ones_own_sees_no_hidden_row(two: tuple[Tenant, Tenant, Raw], raw: Raw) -> None:
    """The classic leak: a cheap function in the WHERE that prints what it is given before the policy has judged it.

    The role can make none; here it is lent the right for a moment.
    """
    own, _, eyes = two
    heard: list[str] = []
    raw.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))
    make = (
        "CREATE FUNCTION pg_temp.tell(text) RETURNS boolean COST 0.0000001 LANGUAGE plpgsql AS"
        " $fn$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $fn$"
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute(make)
    names = [sql.Identifier(connection.settings_dict["NAME"]), sql.Identifier(settings.DATABASE_APP_ROLE)]
    eyes.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {}").format(*names))
    try:
        raw.execute(make)
    finally:
        eyes.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM {}").format(*names))
    for table in tables(eyes):
        with raw.transaction():
            raw.execute("SELECT set_config('app.tenant', %s, true)", [str(own.pk)])
            tell = sql.SQL("SELECT 1 FROM {} t WHERE pg_temp.tell({}::text)")
            raw.execute(tell.format(sql.Identifier(table), sql.Identifier(column_of(table))))
    assert set(heard) == {str(own.pk)}


def test_the_planners_statistics_tell_nothing(two: tuple[Tenant, Tenant, Raw], raw: Raw) -> None:
    """pg_stats keeps the most frequent values of each column: names and amounts of everybody."""
    two[2].execute("ANALYZE")
    seen = raw.execute("SELECT DISTINCT tablename::text FROM pg_stats WHERE schemaname = 'public'").fetchall()
    assert {name for (name,) in seen} & set(tables(two[2])) == set()


def test_one_function_runs_as_its_owner_and_it_answers_for_one_person(two: tuple[Tenant, Tenant, Raw]) -> None:
    """SECURITY DEFINER steps over the policies; a second one, or one with an open search path, fails here."""
    eyes = two[2]
    found = eyes.execute(
        "SELECT proname::text, proconfig::text, has_function_privilege('public', oid, 'EXECUTE'),"
        " has_function_privilege(%s, oid, 'EXECUTE')"
        " FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef",
        [DISPATCH_ROLE],
    ).fetchall()
    assert found == [("tenants_of_user", '{"search_path=pg_catalog, public, pg_temp"}', False, False)]


def test_no_view_steps_over_the_policies(two: tuple[Tenant, Tenant, Raw]) -> None:
    """A view reads with its owner's rights unless it says security_invoker; a materialised one keeps everybody's rows."""
    views = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')"
    assert two[2].execute(views).fetchall() == []


def test_the_second_role_sees_ids_states_and_times_alone(two: tuple[Tenant, Tenant, Raw], raw: Raw) -> None:
    """Column by column: what is not in the table above is refused, in each table of the database."""
    columns = (
        two[2]
        .execute(
            "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = 'public'"
        )
        .fetchall()
    )
    seen: dict[str, set[str]] = {}
    raw.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(DISPATCH_ROLE)))
    for table, column in columns:
        try:
            raw.execute(sql.SQL("SELECT {} FROM {} LIMIT 1").format(sql.Identifier(column), sql.Identifier(table)))
        except errors.InsufficientPrivilege:
            continue
        seen.setdefault(table, set()).add(column)
    assert seen == PLATFORM_READS


def test_the_second_role_writes_nothing_anywhere(two: tuple[Tenant, Tenant, Raw]) -> None:
    rights = two[2].execute(
        """
        SELECT c.relname::text, r.kind FROM pg_class c
        CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS r(kind)
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
          AND has_table_privilege(%s, c.oid, r.kind)
        """,
        [DISPATCH_ROLE],
    )
    assert rights.fetchall() == []


def test_no_line_of_ours_sets_a_tenant_for_a_whole_session() -> None:
    """A session-level setting would stay in the pooled connection for the next request."""
    found = [
        (path.name, call)
        for folder in ("tenants", "connectors", "sync", "notifications", "dashboard", "config")
        for path in (ROOT / folder).rglob("*.py")
        for call in re.findall(r"set_config\('app\.[^)]*\)|SET (?!LOCAL)(?:SESSION )?app\.\w+", path.read_text())
    ]
    lasting = [(name, call) for name, call in found if not call.endswith("true)")]
    assert len(found) > len(lasting)
    assert lasting == []
