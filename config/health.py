"""What machines ask: does the process answer, can the product work, how is it doing."""

from __future__ import annotations

from collections.abc import Callable

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from config import heartbeat


class HealthMiddleware:
    """Answers /healthz and /readyz before host checks, sessions and everything else that may be what is broken."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        match request.path:
            case "/healthz":
                return HttpResponse("ok\n", content_type="text/plain")
            case "/readyz":
                return _ready()
            case _:
                return self.get_response(request)


def _ready() -> HttpResponseBase:
    found = readiness()
    response = JsonResponse(found, status=200 if all(found.values()) else 503)
    setattr(response, "_has_been_logged", True)  # noqa: B010  Django would log an error for every early question
    return response


def readiness() -> dict[str, bool]:
    """Each part by name and whether it works. Never raises."""
    return {"database": database_works(), "migrations": _migrated(), **broker_and_beats(settings.ENV.redis_url)}


def database_works() -> bool:
    """Whether the application role gets an answer."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone())
    except DatabaseError:
        return False


_migrations_done = False


def _migrated() -> bool:
    """Whether every migration is applied. True stays true: a process never sees its own code grow a migration."""
    global _migrations_done
    if not _migrations_done:
        try:
            executor = MigrationExecutor(connection)
            _migrations_done = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        except DatabaseError:
            return False
    return _migrations_done


def broker_and_beats(redis_url: str) -> dict[str, bool]:
    """The broker, and whether worker and beat have lately said that they live."""
    names = (heartbeat.WORKER, heartbeat.BEAT)
    try:
        with heartbeat.broker(redis_url) as client:
            alive = client.mget([heartbeat.key(name) for name in names])
    except (redis.RedisError, OSError):
        return {"broker": False, **dict.fromkeys(names, False)}
    return {"broker": True, **{name: value is not None for name, value in zip(names, alive, strict=True)}}
