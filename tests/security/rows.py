"""Every table of a company, filled for two companies, and what the cluster's superuser sees in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.test import TransactionTestCase
from psycopg import sql

from tenants.models import Tenant
from tests.database import _empty, _superuser_url

Raw = psycopg.Connection[tuple[Any, ...]]
OWN_TABLES = """
SELECT c.relname::text FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND (c.relname = 'tenant' OR EXISTS (
    SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped))
ORDER BY 1
"""
PLATFORM = frozenset({"oauth_state"})  # names a tenant, belongs to the platform: consumed by DELETE … RETURNING
# What a NOT NULL column without a default gets in a row that only has to exist. Numbers differ between companies.
FILL = {
    "bool": "false", "int2": "1", "int4": "{pk}", "int8": "{pk}", "numeric": "1", "text": "'x'", "varchar": "'x'",
    "jsonb": "'{}'", "uuid": "gen_random_uuid()", "date": "'2026-03-01'", "timestamptz": "now()", "bytea": "'\\x00'",
    "time": "'05:00'", "interval": "'1 s'",
}  # fmt: skip
# Columns that a rule of their table asks for although they may be empty.
ALSO = {
    "notification_delivery": {"incident_id": "{pk}", "channel": "'email'"},
    "invitation": {"token_hash": "'hash {pk}'"},
    "return_link": {"origin_id": "{pk} + 1"},
}


@contextmanager
def superuser() -> Iterator[Raw]:
    """Sees every row, whatever the policies say; foreign keys and triggers are off for it."""
    with psycopg.connect(_superuser_url(), autocommit=True) as opened:
        opened.execute("SET session_replication_role = replica")
        yield opened


def empty_database() -> None:
    """Take away what a whole file has committed."""
    _empty(TransactionTestCase())


def tables(raw: Raw) -> list[str]:
    """The tables that hold rows of companies."""
    return [str(name) for (name,) in raw.execute(OWN_TABLES).fetchall() if name not in PLATFORM]


def column_of(table: str) -> str:
    return "id" if table == "tenant" else "tenant_id"


def fill(raw: Raw, tenant: Tenant) -> None:
    """Give the tenant a row in each table in which it has none."""
    for table in tables(raw):
        if not rows(raw, table, tenant):
            _insert(raw, table, tenant)


def rows(raw: Raw, table: str, tenant: Tenant) -> list[Any]:
    """The tenant's rows, each as the database's own text."""
    found = raw.execute(
        sql.SQL("SELECT t::text FROM {} t WHERE {} = %s ORDER BY 1").format(
            sql.Identifier(table), sql.Identifier(column_of(table))
        ),
        [tenant.pk],
    )
    return [text for (text,) in found.fetchall()]


def everything(raw: Raw, tenant: Tenant) -> dict[str, list[Any]]:
    """All rows of the tenant, by table."""
    return {table: rows(raw, table, tenant) for table in tables(raw)}


def _insert(raw: Raw, table: str, tenant: Tenant) -> None:
    needed = raw.execute(
        """
        SELECT a.attname::text, t.typname::text FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull
          AND NOT a.atthasdef AND a.attidentity = ''
        """,
        [table],
    ).fetchall()
    allowed = _allowed_words(raw, table)
    values = {name: str(tenant.pk) if name == "tenant_id" else allowed.get(name) or FILL[kind] for name, kind in needed}
    values |= ALSO.get(table, {})
    written = ", ".join(value.replace("{pk}", str(tenant.pk)) for value in values.values())
    raw.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({written})".encode())


def _allowed_words(raw: Raw, table: str) -> dict[str, str]:
    """For columns with a list of allowed words: the first of them."""
    found: dict[str, str] = {}
    rules = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'"
    for (rule,) in raw.execute(rules, [table]).fetchall():
        for name, word in re.findall(r"\(?(\w+)\)?::text = ANY .*?'([^']*)'::", rule):
            found.setdefault(name, f"'{word}'")
    return found
