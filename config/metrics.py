"""GET /metrics: what a Prometheus server reads. For this machine, or for who knows the token; totals only, no names.

`python -m config.metrics` prints the token, in the environment of `web`.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import sys
from collections.abc import Iterator

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from config import heartbeat
from config.broker import PREFIX, QUEUES
from config.health import readiness
from tenants.scoping import platform_scope

# Totals over all tenants, read as the role that sees ids, states and times only.
COUNTS = {
    "entries": ("Ledger entries by state", "state", "SELECT state, count(*) FROM entry GROUP BY state"),
    "connections": ("Connections by status", "status", "SELECT status, count(*) FROM connection GROUP BY status"),
    "incidents_open": (
        "Open incidents by severity",
        "severity",
        "SELECT severity, count(*) FROM incident WHERE closed_at IS NULL GROUP BY severity",
    ),
    "flows_due": (
        "Flows that are due by now, by state",
        "state",
        "SELECT state, count(*) FROM flow WHERE next_at <= now() GROUP BY state",
    ),
}


def metrics_token() -> str:
    """The bearer token of this installation; it changes with SECRET_KEY."""
    return salted_hmac("config.metrics", "token", algorithm="sha256").hexdigest()


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text; to everybody who may not read it the page does not exist."""
    if not (_is_local(request) or _has_token(request)):
        raise Http404
    registry = CollectorRegistry()
    registry.register(_Now())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _is_local(request: HttpRequest) -> bool:
    """From this machine and not through a proxy on it."""
    if "HTTP_X_FORWARDED_FOR" in request.META or "HTTP_FORWARDED" in request.META:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _has_token(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return hmac.compare_digest(given.encode(), metrics_token().encode())


class _Now(Collector):
    """Everything is asked at the moment of the question, so any number of web processes say the same."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        parts = readiness()
        yield _gauge("millrace_up", "Whether a part works", "part", {name: int(up) for name, up in parts.items()})
        if parts["broker"]:
            yield _gauge("millrace_queue_length", "Hints that nobody has taken yet", "queue", _queue_lengths())
        if parts["database"] and parts["migrations"]:
            for name, (words, label, query) in COUNTS.items():
                yield _gauge(f"millrace_{name}", words, label, _counts(query))


def _gauge(name: str, words: str, label: str, values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _queue_lengths() -> dict[str, int]:
    try:
        with heartbeat.broker(settings.ENV.redis_url) as client:
            return {name: int(client.llen(f"{PREFIX}{name}")) for name in QUEUES}
    except (redis.RedisError, OSError):
        return {}


def _counts(query: str) -> dict[str, int]:
    try:
        with platform_scope(), connection.cursor() as cursor:
            cursor.execute(query)
            return {str(key): int(value) for key, value in cursor.fetchall()}
    except DatabaseError:
        return {}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    sys.stdout.write(f"{metrics_token()}\n")
