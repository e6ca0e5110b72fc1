"""Worker and beat say that they live: a key in Valkey that vanishes by itself when no other follows."""

from __future__ import annotations

import time

import redis

from config.heartbeat_key import key

__all__ = ["BEAT", "EVERY_SECONDS", "LASTS_SECONDS", "WORKER", "broker", "key", "say_alive"]

WORKER, BEAT = "worker", "beat"
EVERY_SECONDS = 2.0
LASTS_SECONDS = 15


def say_alive(client: redis.Redis, name: str) -> None:
    """Leave one heartbeat. A broker that is away is not this process's end, so nothing is raised."""
    try:
        client.set(key(name), str(int(time.time())), ex=LASTS_SECONDS)
    except (redis.RedisError, OSError):
        return


def broker(url: str) -> redis.Redis:
    """A client that gives up quickly: a heartbeat is worth no waiting."""
    return redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
