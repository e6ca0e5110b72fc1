"""Worker and beat say that they live: a key in Valkey that vanishes by itself when no other follows."""

from __future__ import annotations

import time
from typing import Any

import redis
from celery import bootsteps
from celery.beat import PersistentScheduler

WORKER, BEAT = "worker", "beat"
EVERY_SECONDS = 2.0
LASTS_SECONDS = 15


def key(name: str) -> str:
    """Where the heartbeat of `worker` or `beat` lies."""
    return f"heartbeat:{name}"


def say_alive(client: redis.Redis, name: str) -> None:
    """Leave one heartbeat. A broker that is away is not this process's end, so nothing is raised."""
    try:
        client.set(key(name), str(int(time.time())), ex=LASTS_SECONDS)
    except (redis.RedisError, OSError):
        return


def broker(url: str) -> redis.Redis:
    """A client that gives up quickly: a heartbeat is worth no waiting."""
    return redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)


class WorkerHeartbeat(bootsteps.StartStopStep):  # type: ignore[misc]  celery has no types
    """Beats from the worker's own event loop, so that a worker that hangs falls silent."""

    requires = ("celery.worker.components:Timer",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._beats: Any = None

    def start(self, parent: Any) -> None:
        client = broker(parent.app.conf.broker_url)
        say_alive(client, WORKER)
        self._beats = parent.timer.call_repeatedly(EVERY_SECONDS, say_alive, (client, WORKER))

    def stop(self, parent: Any) -> None:
        if self._beats is not None:
            self._beats.cancel()


class Scheduler(PersistentScheduler):  # type: ignore[misc]
    """Celery's own clock, which also says that it ticks."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.max_interval = EVERY_SECONDS
        self._client = broker(self.app.conf.broker_url)
        self._said = 0.0

    def tick(self, *args: Any, **options: Any) -> float:
        if time.monotonic() - self._said >= EVERY_SECONDS:
            say_alive(self._client, BEAT)
            self._said = time.monotonic()
        return float(super().tick(*args, **options))
