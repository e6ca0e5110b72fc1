"""Migration operations that put the ground rules into the database. Every app's migrations use these and no SQL of their own.

Three roles. The owner (DATABASE_ADMIN_URL) migrates and owns every table; FORCE makes the policies bind it too, unless it
says `SET LOCAL app.maintenance = 'on'` (backups, data migrations, the test flush). The application role
(`settings.DATABASE_APP_ROLE`, the user of DATABASE_URL) owns nothing and cannot bypass; the maintenance setting does
nothing for it. `millrace_dispatch` reads single columns across tenants and is entered by `platform_scope()` alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.db.migrations import RunSQL

from tenants.scoping import DISPATCH_ROLE

DEFAULT_APP_ROLE = "millrace_app"
CURRENT_TENANT = "nullif(current_setting('app.tenant', true), '')::bigint"
MAINTENANCE = "current_setting('app.maintenance', true) = 'on'"


def app_role() -> str:
    """The application role's name, quoted for SQL."""
    name: str = getattr(settings, "DATABASE_APP_ROLE", "") or DEFAULT_APP_ROLE
    return _quoted(name)


def foundations() -> list[RunSQL]:
    """First of all migrations: the dispatch role, the application role's rights, and what the triggers call."""
    role = app_role()
    return [
        RunSQL(_DISPATCH_ROLE.format(app=role), RunSQL.noop),
        RunSQL(
            [
                f"GRANT USAGE ON SCHEMA public TO {role}, {DISPATCH_ROLE}",
                f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
                f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
                f"REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {role}",
                f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
                f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role}",
            ],
            RunSQL.noop,
        ),
        RunSQL(_REFUSE_CHANGE, "DROP FUNCTION refuse_change()"),
    ]


def tenants_of_user() -> RunSQL:
    """The one look across tenants that signing in needs: which tenants a person belongs to, and as what.

    The function runs as the owner, who therefore may always read these two tables, and only those.
    """
    signature = "tenants_of_user(bigint)"
    return RunSQL(
        [
            "CREATE POLICY owner_reads ON tenant FOR SELECT TO CURRENT_USER USING (true)",
            "CREATE POLICY owner_reads ON membership FOR SELECT TO CURRENT_USER USING (true)",
            _TENANTS_OF_USER,
            f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {signature} TO {app_role()}",
        ],
        [
            f"DROP FUNCTION {signature}",
            "DROP POLICY owner_reads ON membership",
            "DROP POLICY owner_reads ON tenant",
        ],
    )


def enable_rls(table: str, *, column: str = "tenant_id") -> RunSQL:
    """Only rows of the transaction's tenant exist; without a tenant none do. `column` names the tenant."""
    name, mine = _quoted(table), f"{_quoted(column)} = {CURRENT_TENANT}"
    return RunSQL(
        [
            f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {name} USING ({mine}) WITH CHECK ({mine})",
            f"CREATE POLICY maintenance ON {name} TO CURRENT_USER USING ({MAINTENANCE}) WITH CHECK ({MAINTENANCE})",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {app_role()}",
        ],
        [
            f"DROP POLICY maintenance ON {name}",
            f"DROP POLICY tenant ON {name}",
            f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY",
            f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY",
        ],
    )


def append_only(table: str) -> RunSQL:
    """No UPDATE, DELETE or TRUNCATE: by GRANT for the application role, by trigger for everybody.

    The trigger lets through the table's owner who has set `app.maintenance` in this transaction, and nobody else.
    """
    name = _quoted(table)
    return RunSQL(
        [
            f"REVOKE UPDATE, DELETE, TRUNCATE ON {name} FROM {app_role()}",
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
        ],
        [
            f"DROP TRIGGER append_only ON {name}",
            f"GRANT UPDATE, DELETE ON {name} TO {app_role()}",
        ],
    )


def kept(table: str) -> RunSQL:
    """No DELETE or TRUNCATE: a row that others tell of stays, as `append_only` means it."""
    name = _quoted(table)
    return RunSQL(
        [
            f"REVOKE DELETE, TRUNCATE ON {name} FROM {app_role()}",
            f"CREATE OR REPLACE TRIGGER kept BEFORE DELETE OR TRUNCATE ON {name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
        ],
        [f"DROP TRIGGER kept ON {name}", f"GRANT DELETE ON {name} TO {app_role()}"],
    )


def keeps_keys(table: str, *, columns: Sequence[str]) -> RunSQL:
    """These columns keep their values: others tell of the row by them. Looked at only where a statement sets one of them.

    After the row, because a trigger before it would be asked for each row of every update.
    """
    name, listed = _quoted(table), list(map(_quoted, columns))
    differs = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in listed)
    return RunSQL(
        f"CREATE TRIGGER keeps_keys AFTER UPDATE OF {', '.join(listed)} ON {name} FOR EACH ROW WHEN ({differs}) "
        "EXECUTE FUNCTION refuse_change()",
        f"DROP TRIGGER keeps_keys ON {name}",
    )


def platform_table(table: str) -> RunSQL:
    """A table of the platform: the application role reads and writes every row, no tenant is asked for."""
    name = _quoted(table)
    return RunSQL(
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {app_role()}",
        f"REVOKE SELECT, INSERT, UPDATE, DELETE ON {name} FROM {app_role()}",
    )


def dispatch_read(table: str, *, columns: Sequence[str]) -> RunSQL:
    """Let the dispatch role read these columns of every tenant: ids, states and times, never content.

    The table must already have `enable_rls`.
    """
    name, listed = _quoted(table), ", ".join(map(_quoted, columns))
    return RunSQL(
        [
            f"GRANT SELECT ({listed}) ON {name} TO {DISPATCH_ROLE}",
            f"CREATE POLICY dispatch_read ON {name} FOR SELECT TO {DISPATCH_ROLE} USING (true)",
        ],
        [
            f"DROP POLICY dispatch_read ON {name}",
            f"REVOKE SELECT ({listed}) ON {name} FROM {DISPATCH_ROLE}",
        ],
    )


def dispatch_reads_too(table: str, *, columns: Sequence[str]) -> RunSQL:
    """More columns of a table that already has `dispatch_read`."""
    name, listed = _quoted(table), ", ".join(map(_quoted, columns))
    return RunSQL(
        f"GRANT SELECT ({listed}) ON {name} TO {DISPATCH_ROLE}",
        f"REVOKE SELECT ({listed}) ON {name} FROM {DISPATCH_ROLE}",
    )


def composite_fk(table: str, column: str, target: str) -> RunSQL:
    """`table.column` may only name a row of `target` that belongs to the same tenant.

    `target` needs the unique constraint of `tenants.models.tenant_unique`. Checked at commit, as Django's own keys are.
    """
    name, constraint = _quoted(table), _quoted(f"{table}_{column}_tenant"[:63])
    return RunSQL(
        f"ALTER TABLE {name} ADD CONSTRAINT {constraint} FOREIGN KEY (tenant_id, {_quoted(column)}) "
        f"REFERENCES {_quoted(target)} (tenant_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {name} DROP CONSTRAINT {constraint}",
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# Roles belong to the whole cluster: another database's migration may be creating the same one at this moment.
_DISPATCH_ROLE = f"""
DO $do$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{DISPATCH_ROLE}') THEN
        CREATE ROLE {DISPATCH_ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $do$;
DO $do$ BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_auth_members
        WHERE roleid = '{DISPATCH_ROLE}'::regrole AND member = '{{app}}'::regrole AND set_option AND NOT inherit_option
    ) THEN
        GRANT {DISPATCH_ROLE} TO {{app}} WITH INHERIT FALSE, SET TRUE;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
WHEN internal_error THEN  -- "tuple concurrently updated": the other one granted the same
    IF SQLERRM NOT LIKE 'tuple concurrently%' THEN RAISE; END IF;
END $do$;
"""

_REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
    IF current_setting('app.maintenance', true) = 'on' AND pg_has_role(
        current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE'
    ) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $fn$
"""

_TENANTS_OF_USER = """
CREATE FUNCTION tenants_of_user(person bigint)
RETURNS TABLE (
    id bigint, public_id text, slug text, name text, timezone text, status text, created_at timestamptz,
    membership_id bigint, role text
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $fn$
    SELECT t.id, t.public_id, t.slug, t.name, t.timezone, t.status, t.created_at, m.id, m.role
    FROM membership m JOIN tenant t ON t.id = m.tenant_id
    WHERE m.user_id = person
    ORDER BY lower(t.name), t.id
$fn$
"""
