"""The start is refused when the program would run with rights that make row-level security worthless."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured
from django.db import connection

# MEMBER, not USAGE: a role that could be entered by SET ROLE is as dangerous as one that is inherited.
_RIGHTS = """
SELECT
    bool_or(rolsuper),
    bool_or(rolbypassrls),
    EXISTS (
        SELECT FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND pg_has_role(%(role)s, relowner, 'MEMBER')
    ),
    bool_or(has_database_privilege(oid, current_database(), 'TEMPORARY'))
FROM pg_roles WHERE pg_has_role(%(role)s, oid, 'MEMBER')
"""


class RoleTooStrong(ImproperlyConfigured):
    """DATABASE_URL names a role that row-level security does not bind. The text is one line for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What a role has, or could have by becoming another role."""

    role: str
    superuser: bool
    bypasses: bool
    owns_tables: bool
    temporary: bool

    def objection(self) -> str:
        """What is wrong with serving tenants under this role; empty when nothing is."""
        if self.superuser:
            return "is a superuser"
        if self.bypasses:
            return "has BYPASSRLS"
        if self.owns_tables:
            return "owns tables"
        return "may make temporary tables (DATABASE_ADMIN_URL must own the database)" if self.temporary else ""


def rights_of(role: str) -> Rights:
    """Ask the database about a role, and about every role it can become."""
    with connection.cursor() as cursor:
        cursor.execute(_RIGHTS, {"role": role})
        superuser, bypasses, owns, temporary = cursor.fetchone() or (True, True, True, True)
    return Rights(role=role, superuser=superuser, bypasses=bypasses, owns_tables=owns, temporary=temporary)


def require_plain_role() -> None:
    """Raises RoleTooStrong when the current database role is, or can become, a superuser, BYPASSRLS or an owner, or may
    make temporary tables: a trigger on one passes for one of ours.

    Call it once before anything is served.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        (role,) = cursor.fetchone() or ("",)
    if objection := rights_of(role).objection():
        raise RoleTooStrong(
            f"DATABASE_URL: the role {role!r} {objection}, so tenants would not be kept apart; "
            "use a role with NOSUPERUSER NOBYPASSRLS that owns nothing (DATABASE_ADMIN_URL migrates)"
        )
