"""The start is refused when the program would run with rights that make row-level security worthless."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db import connection

# MEMBER, not USAGE: a role that could be entered by SET ROLE is as dangerous as one that is inherited.
_RIGHTS = """
SELECT
    bool_or(rolsuper),
    bool_or(rolbypassrls),
    EXISTS (
        SELECT FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
          AND pg_has_role(current_user, relowner, 'MEMBER')
    )
FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER')
"""


class RoleTooStrong(ImproperlyConfigured):
    """DATABASE_URL names a role that row-level security does not bind. The text is one line for the operator."""


def require_plain_role() -> None:
    """Raises RoleTooStrong when the current database role is, or can become, a superuser, BYPASSRLS or an owner.

    Call it once before anything is served; the answer is one query.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RIGHTS)
        superuser, bypasses, owns = cursor.fetchone() or (True, True, True)
        cursor.execute("SELECT current_user")
        (name,) = cursor.fetchone() or ("",)
    for wrong, said in ((superuser, "is a superuser"), (bypasses, "has BYPASSRLS"), (owns, "owns tables")):
        if wrong:
            raise RoleTooStrong(
                f"DATABASE_URL: the role {name!r} {said}, so tenants would not be kept apart; "
                "use a role with NOSUPERUSER NOBYPASSRLS that owns nothing (DATABASE_ADMIN_URL migrates)"
            )
