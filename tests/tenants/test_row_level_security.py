"""What the database itself refuses, asked through a plain connection of the application role: no manager, no scope."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, models
from django.test import override_settings

from tenants import rls
from tenants.models import AuditEvent, Membership, Tenant
from tenants.scoping import tenant_scope
from tests.tenants.conftest import raw_connection

Raw = psycopg.Connection[tuple[Any, ...]]
TABLES = ["tenant", "membership", "audit_event", "audit_head"]


def as_tenant(raw: Raw, tenant: Tenant) -> None:
    """Set the tenant of the open transaction, as tenant_scope does."""
    raw.execute("SELECT set_config('app.tenant', %s, true)", [str(tenant.pk)])


def count(raw: Raw, table: str) -> int:
    row = raw.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])


def test_the_suite_runs_as_a_role_that_the_policies_bind(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)


@pytest.mark.parametrize("table", TABLES)
def test_without_a_tenant_there_are_no_rows(app_role: Raw, muster: Tenant, other: Tenant, table: str) -> None:
    assert count(app_role, table) == 0


@pytest.mark.parametrize("table", TABLES)
def test_a_tenant_sees_its_own_rows_only(app_role: Raw, muster: Tenant, other: Tenant, table: str) -> None:
    with app_role.transaction():
        as_tenant(app_role, muster)
        column = "id" if table == "tenant" else "tenant_id"
        seen = app_role.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall()
    assert seen == [(muster.pk,)]


def test_a_row_for_another_tenant_is_refused(app_role: Raw, muster: Tenant, other: Tenant, alice: Any) -> None:
    with app_role.transaction(force_rollback=True):
        as_tenant(app_role, muster)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            app_role.execute(
                "INSERT INTO membership (tenant_id, user_id, role) VALUES (%s, %s, 'owner')", [other.pk, alice.pk]
            )


def test_a_row_cannot_be_moved_to_another_tenant(app_role: Raw, muster: Tenant, other: Tenant) -> None:
    with app_role.transaction(force_rollback=True):
        as_tenant(app_role, muster)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            app_role.execute("UPDATE membership SET tenant_id = %s", [other.pk])


def test_rows_of_another_tenant_are_neither_changed_nor_deleted(app_role: Raw, muster: Tenant, other: Tenant) -> None:
    with app_role.transaction():
        as_tenant(app_role, muster)
        changed = app_role.execute("UPDATE membership SET role = 'auditor' WHERE tenant_id = %s", [other.pk])
        deleted = app_role.execute("DELETE FROM membership WHERE tenant_id = %s", [other.pk])
    assert (changed.rowcount, deleted.rowcount) == (0, 0)


def test_the_maintenance_setting_opens_nothing_for_the_application_role(app_role: Raw, muster: Tenant) -> None:
    app_role.execute("SET app.maintenance = 'on'")
    assert count(app_role, "membership") == 0


def test_force_binds_the_owner_too(owner_role: Raw, muster: Tenant) -> None:
    assert count(owner_role, "audit_event") == 0
    owner_role.execute("SET app.maintenance = 'on'")
    assert count(owner_role, "audit_event") > 0


def test_the_dispatch_role_is_not_inherited(app_role: Raw, muster: Tenant) -> None:
    assert count(app_role, "tenant") == 0
    with app_role.transaction():
        app_role.execute("SET LOCAL ROLE millrace_dispatch")
        assert app_role.execute("SELECT slug FROM tenant").fetchall() == [("muster",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app_role.execute("SELECT name FROM tenant")


def test_the_dispatch_role_writes_nothing(app_role: Raw, muster: Tenant) -> None:
    with app_role.transaction(force_rollback=True):
        app_role.execute("SET LOCAL ROLE millrace_dispatch")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app_role.execute("UPDATE tenant SET status = 'suspended'")


def test_the_application_role_creates_and_empties_no_table(app_role: Raw, muster: Tenant) -> None:
    for statement in (
        "CREATE TABLE mine (id int)",
        "TRUNCATE membership",
        "ALTER TABLE membership DISABLE ROW LEVEL SECURITY",
        "DELETE FROM django_migrations",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app_role.execute(statement)


def test_a_scope_leaves_nothing_behind_in_its_connection(transactional_db: None, muster: Tenant) -> None:
    """The pool hands the same connection to the next request: it must find no tenant there."""
    with tenant_scope(muster.pk, actor="alice@muster.example"):
        assert Membership.objects.count() == 2
        session = _backend_pid()
    assert _backend_pid() == session
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.tenant', true), current_setting('app.actor', true)")
        left = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM membership")
        seen = cursor.fetchone()
    assert left in (("", ""), (None, None))
    assert seen == (0,)


def test_every_table_with_a_tenant_is_forced_under_a_policy(db: None) -> None:
    """A table that somebody adds without `enable_rls` fails here."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname FROM pg_class c
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
              AND NOT (
                c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (
                    SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant'
                      AND p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL))
            ORDER BY 1
            """
        )
        open_tables = [name for (name,) in cursor.fetchall()]
        cursor.execute("SELECT count(*) FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
        forced = cursor.fetchone()
    # Platform rows that only name a tenant, decided in the security design: consumed by DELETE … RETURNING.
    assert set(open_tables) <= {"oauth_state"}
    assert forced is not None
    assert forced[0] >= len(TABLES)


def test_every_key_between_tenants_rows_is_composite(db: None) -> None:
    """A foreign key from one tenant table to another needs `composite_fk`, or it could point into a stranger's books."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT k.conrelid::regclass || '.' || a.attname
            FROM pg_constraint k
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
            WHERE k.contype = 'f' AND cardinality(k.conkey) = 1 AND a.attname <> 'tenant_id'
              AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = k.conrelid AND attname = 'tenant_id')
              AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = k.confrelid AND attname = 'tenant_id')
              AND NOT EXISTS (
                SELECT FROM pg_constraint c
                JOIN pg_attribute t ON t.attrelid = c.conrelid AND t.attnum = c.conkey[1] AND t.attname = 'tenant_id'
                WHERE c.contype = 'f' AND c.conrelid = k.conrelid AND c.confrelid = k.confrelid
                  AND c.conkey[2] = k.conkey[1])
            ORDER BY 1
            """
        )
        missing = [name for (name,) in cursor.fetchall()]
    assert not missing, missing


def test_a_key_without_a_constraint_of_its_own_is_held_by_a_composite_one(db: None) -> None:
    """`db_constraint=False` spares the second check of the same key; it must never be the only one.

    An event is written from the rows that it names; a trigger looks at any other (decision 39).
    """
    bare = {
        (model._meta.db_table, field.column)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and not getattr(field, "db_constraint", True)
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT k.conrelid::regclass::text, a.attname, array_agg(a.attname) OVER (PARTITION BY k.oid)
            FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
            WHERE k.contype = 'f' AND cardinality(k.conkey) = 2
            """
        )
        held = {(table, column) for table, column, key in cursor.fetchall() if "tenant_id" in key}
        cursor.execute(
            "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'names_its_own' AND tgenabled = 'O'"
        )
        assert cursor.fetchall() == [("event",)]
    held |= {("event", column) for column in ("tenant_id", "flow_id", "record_id", "entry_id")}
    assert len(bare) > 20
    assert bare <= held, bare - held


def test_every_net_that_a_model_names_stands_in_the_database(db: None) -> None:
    """A migration may drop an index or constraint beside the one it means; the code that leans on it would not notice."""
    named = {
        it.name
        for model in apps.get_models()
        if model._meta.managed
        for it in (*model._meta.indexes, *model._meta.constraints)
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'i' UNION SELECT conname FROM pg_constraint")
        standing = {name for (name,) in cursor.fetchall()}
    assert len(named) > 100
    assert named <= standing, named - standing


def test_a_composite_key_refuses_a_strangers_row(owner_role: Raw, muster: Tenant, other: Tenant) -> None:
    """With row-level security out of the way: the key alone must hold."""
    with owner_role.transaction(force_rollback=True):
        owner_role.execute("CREATE TABLE nest (id bigint, tenant_id bigint, UNIQUE (tenant_id, id))")
        owner_role.execute("CREATE TABLE egg (id bigint, tenant_id bigint, nest_id bigint)")
        owner_role.execute(str(rls.composite_fk("egg", "nest_id", "nest").sql))
        owner_role.execute("SET CONSTRAINTS ALL IMMEDIATE")
        owner_role.execute("INSERT INTO nest VALUES (1, %s)", [muster.pk])
        owner_role.execute("INSERT INTO egg VALUES (1, %s, 1), (2, %s, NULL)", [muster.pk, other.pk])
        with owner_role.transaction(force_rollback=True), pytest.raises(psycopg.errors.ForeignKeyViolation):
            owner_role.execute("INSERT INTO egg VALUES (3, %s, 1)", [other.pk])


def test_the_helpers_can_be_taken_back(owner_role: Raw) -> None:
    operations = [
        rls.enable_rls("nest"),
        rls.append_only("nest"),
        rls.dispatch_read("nest", columns=["id", "tenant_id"]),
        rls.composite_fk("nest", "parent_id", "nest"),
        rls.kept("nest"),
        rls.platform_table("nest"),
    ]
    with owner_role.transaction(force_rollback=True):
        owner_role.execute("CREATE TABLE nest (id bigint, tenant_id bigint, parent_id bigint, UNIQUE (tenant_id, id))")
        before = _rules(owner_role)
        for operation in operations:
            _run(owner_role, operation.sql)
        assert _rules(owner_role) != before
        for operation in reversed(operations):
            _run(owner_role, operation.reverse_sql)
        assert _rules(owner_role) == before


def test_two_databases_of_one_cluster_may_make_the_dispatch_role_at_once(owner_role: Raw, second_owner: Raw) -> None:
    """Roles belong to the cluster: a second migration finds the first one's role while it is not yet committed."""
    name = f"race_of_{connection.settings_dict['NAME']}"
    making = rls._DISPATCH_ROLE.replace("millrace_dispatch", name).format(app=rls.app_role())
    try:
        with ThreadPoolExecutor(max_workers=1) as pool:
            with owner_role.transaction():
                owner_role.execute(making)
                late = pool.submit(second_owner.execute, making)
                with pytest.raises(TimeoutError):  # it waits for the first one's end
                    late.result(timeout=0.3)
            late.result(timeout=10)
        granted = owner_role.execute(
            "SELECT inherit_option, set_option FROM pg_auth_members WHERE roleid = %s::regrole AND member = %s::regrole",
            [name, rls.app_role()],
        ).fetchall()
        assert granted == [(False, True)]
    finally:
        owner_role.execute(f"DROP ROLE IF EXISTS {name}")


@pytest.fixture
def second_owner(transactional_db: None) -> Iterator[Raw]:
    with raw_connection(settings.ENV.database_admin_url) as opened:
        yield opened


def test_the_application_roles_name_comes_from_the_settings(db: None) -> None:
    with override_settings(DATABASE_APP_ROLE='odd "name"'):
        assert rls.app_role() == '"odd ""name"""'
    with override_settings(DATABASE_APP_ROLE=""):
        assert rls.app_role() == '"millrace_app"'


def test_the_audit_trail_refuses_change_by_grant(app_role: Raw, muster: Tenant) -> None:
    """The trigger is taken out of the picture by asking what the role may do at all."""
    for right in ("UPDATE", "DELETE", "TRUNCATE"):
        row = app_role.execute("SELECT has_table_privilege('audit_event', %s)", [right]).fetchone()
        assert row == (False,)


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_event SET actor = 'x'", "DELETE FROM audit_event", "TRUNCATE audit_event"]
)
def test_the_audit_trail_refuses_change_by_trigger(owner_role: Raw, muster: Tenant, statement: str) -> None:
    """The owner has every right on its table, and is refused all the same."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        owner_role.execute(statement)


def test_the_escape_is_the_owners_alone(owner_role: Raw, app_role: Raw) -> None:
    """A role that was given the right by mistake is still stopped by the trigger, whatever it sets."""
    owner_role.execute("CREATE TABLE note (id bigint, tenant_id bigint)")
    try:
        _run(owner_role, rls.append_only("note").sql)
        owner_role.execute("SET app.maintenance = 'on'")
        owner_role.execute("UPDATE note SET id = 1")
        owner_role.execute("GRANT UPDATE ON note TO " + rls.app_role())
        app_role.execute("SET app.maintenance = 'on'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            app_role.execute("UPDATE note SET id = 1")
    finally:
        owner_role.execute("DROP TABLE note")


def _run(raw: Raw, sql: Any) -> None:
    for statement in [sql] if isinstance(sql, str) else sql:
        raw.execute(statement)


def _rules(raw: Raw) -> list[tuple[Any, ...]]:
    return raw.execute(
        """
        SELECT relrowsecurity, relforcerowsecurity,
               (SELECT array_agg(polname::text ORDER BY 1) FROM pg_policy WHERE polrelid = c.oid),
               (SELECT array_agg(tgname::text ORDER BY 1) FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal),
               (SELECT array_agg(conname::text ORDER BY 1) FROM pg_constraint WHERE conrelid = c.oid AND contype = 'f')
        FROM pg_class c WHERE relname = 'nest'
        """
    ).fetchall()


def _backend_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def test_an_audit_event_is_readable_by_its_tenant(db: None, muster: Tenant) -> None:
    with tenant_scope(muster.pk):
        assert AuditEvent.objects.filter(action="tenant_created").count() == 1
