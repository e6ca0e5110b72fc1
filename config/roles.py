"""The application role must be weak: row-level security binds nobody who is a superuser, an owner or BYPASSRLS."""

from __future__ import annotations

import psycopg

from config.env import EnvError

# Whatever the role could become by SET ROLE counts as well.
QUESTION = """
    SELECT coalesce(bool_or(r.rolsuper), false), coalesce(bool_or(r.rolbypassrls), false),
           EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                   WHERE n.nspname = 'public' AND pg_has_role(current_user, c.relowner, 'MEMBER')),
           EXISTS (SELECT FROM pg_database d
                   WHERE d.datname = current_database() AND pg_has_role(current_user, d.datdba, 'MEMBER'))
    FROM pg_roles r WHERE pg_has_role(current_user, r.oid, 'MEMBER')
"""
WORDS = ("is a superuser", "has BYPASSRLS", "owns tables", "owns the database")


def refuse_strong_role(database_url: str) -> None:
    """Raise EnvError when the role of DATABASE_URL could pass by row-level security. psycopg's errors go through."""
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        found = connection.execute(QUESTION).fetchone() or ()
        role = connection.info.user
    for is_so, words in zip(found, WORDS, strict=False):
        if is_so:
            raise EnvError(f"DATABASE_URL must be the application role, but {role!r} {words}: see DATABASE_ADMIN_URL")
