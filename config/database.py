"""Two roles, one database: everything runs as the application role, and `as_owner` is the one door to the owner's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.conf import settings
from django.db import connection
from django.db.models.signals import pre_migrate

from config.env import EnvError

CREDENTIALS = ("USER", "PASSWORD", "HOST", "PORT")


def from_url(url: str) -> dict[str, Any]:
    """Django's settings for `postgresql://user:password@host:port/name?option=value`; a socket's folder as `?host=`.

    A statement that a connection repeats is planned once; `?prepare_threshold=off` for poolers that cannot keep plans.
    Raises EnvError for another word there.
    """
    parts = urlsplit(url)
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    threshold = _threshold(options.pop("prepare_threshold", "3"))
    host = options.pop("host", "") or unquote(parts.hostname or "")
    port = options.pop("port", "") or str(parts.port or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": port,
        "OPTIONS": {"connect_timeout": 5, "server_side_binding": True, "prepare_threshold": threshold, **options},
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
    }


def _threshold(text: str) -> int | None:
    if text == "off":
        return None
    if not text.isdecimal():
        raise EnvError("prepare_threshold in DATABASE_URL is a number of times, or off")
    return int(text)


@contextmanager
def as_owner() -> Iterator[None]:
    """Inside, the default connection is the owner's (DATABASE_ADMIN_URL): for migrations, backups and nothing else.

    What migrations create inside is the application role's to read and write. Raises EnvError when no owner's address
    is known. The connection must not be inside a transaction.
    """
    if not settings.ENV.database_admin_url:
        raise EnvError("DATABASE_ADMIN_URL (or DATABASE_ADMIN_URL_FILE) is not set: it names the role that migrates")
    owner = from_url(settings.ENV.database_admin_url)
    kept = {key: connection.settings_dict[key] for key in CREDENTIALS}
    connection.close()
    connection.settings_dict.update({key: owner[key] for key in CREDENTIALS})
    pre_migrate.connect(_grant, dispatch_uid="config.database")
    try:
        yield
    finally:
        pre_migrate.disconnect(dispatch_uid="config.database")
        connection.close()
        connection.settings_dict.update(kept)


def _grant(**_: Any) -> None:
    """Let the application role read and write what the owner is about to create: rows, never tables. Repeatable.

    Not temporary ones either: a trigger on one would pass for one of ours. A copy of a database is made without this.
    """
    role = connection.ops.quote_name(settings.DATABASE_APP_ROLE)
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute(f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC, {role}")
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
        for rights, kind in (("SELECT, INSERT, UPDATE, DELETE", "TABLES"), ("USAGE, SELECT", "SEQUENCES")):
            cursor.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {rights} ON {kind} TO {role}")
