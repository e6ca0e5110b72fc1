"""Rate budgets in Valkey: every budget of one call is checked and taken by one script, by the server's own clock.

Keys of one organisation share a hash tag; the application's own budget is a second call, given back when the first
says no. Without Valkey each process falls back to one call a second: slow is safe, unlimited is not.
"""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from connectors.exchange import retry_after

logger = logging.getLogger(__name__)

PLACE_SECONDS = 90.0  # a concurrency place whose owner died comes back after this
OFFLINE_SECONDS = 1.0
CONCURRENT_PAUSE = 1.0  # Xero sends no Retry-After for too many calls at once

# KEYS: log of calls, hour counters, concurrency leases, pause
# ARGV: calls in the window, day limit, concurrent limit, cost, lease id, lease ms, background reserve, window ms
# -> milliseconds to wait (0: go)
_ACQUIRE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local pause = redis.call('PTTL', KEYS[4])
if pause > 0 then return pause end
local cost = tonumber(ARGV[4])
local window = tonumber(ARGV[8])
local wait = 0
if tonumber(ARGV[1]) > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
  local over = redis.call('ZCARD', KEYS[1]) + cost - tonumber(ARGV[1])
  if over > 0 then
    local oldest = redis.call('ZRANGE', KEYS[1], over - 1, over - 1, 'WITHSCORES')
    wait = oldest[2] and (tonumber(oldest[2]) + window + 1 - now) or window
  end
end
local hour = math.floor(now / 3600000)
if tonumber(ARGV[2]) > 0 then
  local used = 0
  local first = nil
  for _, field in ipairs(redis.call('HKEYS', KEYS[2])) do
    if tonumber(field) <= hour - 24 then
      redis.call('HDEL', KEYS[2], field)
    else
      used = used + tonumber(redis.call('HGET', KEYS[2], field))
      if not first or tonumber(field) < first then first = tonumber(field) end
    end
  end
  if used + cost > tonumber(ARGV[2]) - tonumber(ARGV[7]) then
    wait = math.max(wait, ((first or hour) + 24) * 3600000 - now)
  end
end
if tonumber(ARGV[3]) > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
  if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[3]) then wait = math.max(wait, 100) end
end
if wait > 0 then return wait end
if tonumber(ARGV[1]) > 0 then
  for n = 1, cost do redis.call('ZADD', KEYS[1], now, ARGV[5] .. ':' .. n) end
  redis.call('PEXPIRE', KEYS[1], window)
end
if tonumber(ARGV[2]) > 0 then
  redis.call('HINCRBY', KEYS[2], hour, cost)
  redis.call('EXPIRE', KEYS[2], 90000)
end
if tonumber(ARGV[3]) > 0 then
  redis.call('ZADD', KEYS[3], now + tonumber(ARGV[6]), ARGV[5])
  redis.call('PEXPIRE', KEYS[3], tonumber(ARGV[6]))
end
return 0
"""

# KEYS as above. ARGV: used in the window (-1: unknown), used day (-1), pause ms (0: none), id, window ms
# Calls that others made under our name are written in, so that our count is never lower than the vendor's.
_OBSERVE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local calls = tonumber(ARGV[1])
if calls >= 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[5]))
  local missing = math.min(calls - redis.call('ZCARD', KEYS[1]), 10000)
  for n = 1, missing do redis.call('ZADD', KEYS[1], now, ARGV[4] .. ':' .. n) end
  redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[5]))
end
local day = tonumber(ARGV[2])
if day >= 0 then
  local used = 0
  for _, count in ipairs(redis.call('HVALS', KEYS[2])) do used = used + tonumber(count) end
  if day > used then
    redis.call('HINCRBY', KEYS[2], math.floor(now / 3600000), day - used)
    redis.call('EXPIRE', KEYS[2], 90000)
  end
end
local pause = tonumber(ARGV[3])
if pause > 0 and redis.call('PTTL', KEYS[4]) < pause then redis.call('SET', KEYS[4], 1, 'PX', pause) end
return 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the vendor allows one organisation, and the application as a whole. 0: no such limit.

    `calls` may be made in any `seconds`.
    """

    calls: int = 0
    seconds: int = 60
    day: int = 0
    concurrent: int = 0
    app_minute: int = 0

    @property
    def own_calls(self) -> int:
        """A little less than allowed: the vendor's clock and ours do not tick together."""
        return max(1, self.calls * 11 // 12) if self.calls else 0

    @property
    def window(self) -> int:
        return self.seconds * 1000

    @property
    def own_day(self) -> int:
        return max(1, self.day * 19 // 20) if self.day else 0

    @property
    def own_concurrent(self) -> int:
        return max(1, self.concurrent - 1) if self.concurrent else 0

    @property
    def own_app_minute(self) -> int:
        return max(1, self.app_minute * 9 // 10) if self.app_minute else 0

    @property
    def reserve(self) -> int:
        """Calls of the day that background reads leave for everything else: 20 %."""
        return self.day // 5


def connect(url: str) -> redis.Redis:
    """The store of the budgets; it answers within a second or counts as away."""
    retry = Retry(NoBackoff(), 1)  # a connection that the server closed meanwhile is opened once more
    return redis.Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0, retry=retry)


class Budget:
    """The `Throttle` of one organisation, for one thread. `paused_until` is the pause that outlived the store."""

    def __init__(
        self,
        store: redis.Redis,
        *,
        kind: str,
        organisation: str,
        limits: Limits,
        paused_until: datetime | None = None,
        remember_pause: Callable[[datetime], None] | None = None,
        place_seconds: float = PLACE_SECONDS,
    ) -> None:
        self._acquire = store.register_script(_ACQUIRE)
        self._observe = store.register_script(_OBSERVE)
        self._store = store
        self._limits = limits
        self._place_milliseconds = round(place_seconds * 1000)
        self._keys = _keys(f"throttle:{{{kind}:{organisation}}}")
        self._app_keys = _keys(f"throttle:{{{kind}}}:app")
        self._paused_until = paused_until
        self._remember_pause = remember_pause
        self._leases: list[str] = []

    def acquire(self, *, cost: int = 1, background: bool = False) -> float:
        """See `Throttle.acquire`. A place once given is given back by `release`, or by itself after a while."""
        if self._paused_until and (rest := (self._paused_until - datetime.now(UTC)).total_seconds()) > 0:
            return rest
        lease = uuid.uuid4().hex
        try:
            wait = self._take(lease, cost=cost, reserve=self._limits.reserve if background else 0)
        except redis.RedisError as error:
            logger.warning("the rate budgets are out of reach: %s", type(error).__name__)
            return _offline.acquire()
        if not wait and self._limits.concurrent:
            self._leases.append(lease)
        return wait / 1000

    def release(self) -> None:
        """See `Throttle.release`."""
        if not self._leases:
            return
        try:
            self._store.zrem(self._keys[2], self._leases.pop())
        except redis.RedisError:
            logger.warning("a concurrency place could not be given back; it comes back by itself")

    def observe(self, headers: dict[str, str], status: int) -> None:
        """See `Throttle.observe`."""
        pause, whole_app = _pause_of(headers, status)
        if pause and not whole_app:
            self._pause(pause)
        try:
            self._correct(headers, pause=0.0 if whole_app else pause)
            self._correct_app(headers, pause=pause if whole_app else 0.0)
        except redis.RedisError:
            logger.warning("the rate budgets could not be corrected")

    def _take(self, lease: str, *, cost: int, reserve: int) -> int:
        limits = self._limits
        if limits.app_minute:
            wait = int(self._acquire(self._app_keys, [limits.own_app_minute, 0, 0, cost, lease, 0, 0, 60_000]))
            if wait:
                return wait
        own = [limits.own_calls, limits.own_day, limits.own_concurrent]
        wait = int(self._acquire(self._keys, [*own, cost, lease, self._place_milliseconds, reserve, limits.window]))
        if wait and limits.app_minute:
            self._store.zrem(self._app_keys[0], *(f"{lease}:{n}" for n in range(1, cost + 1)))
        return wait

    def _correct(self, headers: dict[str, str], *, pause: float) -> None:
        calls = _used(headers, "x-minlimit-remaining", self._limits.calls)
        day = _used(headers, "x-daylimit-remaining", self._limits.day)
        if calls >= 0 or day >= 0 or pause:
            self._observe(self._keys, [calls, day, int(pause * 1000), uuid.uuid4().hex, self._limits.window])

    def _correct_app(self, headers: dict[str, str], *, pause: float) -> None:
        used = _used(headers, "x-appminlimit-remaining", self._limits.app_minute)
        if used >= self._limits.app_minute // 2 or pause:  # far from the limit our own count is good enough
            self._observe(self._app_keys, [used, -1, int(pause * 1000), uuid.uuid4().hex, 60_000])

    def _pause(self, seconds: float) -> None:
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        self._paused_until = max(self._paused_until or until, until)
        if self._remember_pause and seconds > CONCURRENT_PAUSE * 2:
            self._remember_pause(self._paused_until)


class _Offline:
    """One call a second for the whole process, while the store is away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0.0

    def acquire(self) -> float:
        with self._lock:
            now = time.monotonic()
            if now < self._next:
                return self._next - now
            self._next = now + OFFLINE_SECONDS
            return 0.0


_offline = _Offline()


def _keys(stem: str) -> list[str]:
    return [f"{stem}:calls", f"{stem}:day", f"{stem}:concurrent", f"{stem}:pause"]


def _used(headers: dict[str, str], name: str, limit: int) -> int:
    """How many calls the vendor has counted; -1 where it does not say or where we know no limit."""
    text = headers.get(name, "").strip()
    return max(0, limit - int(text)) if text.isdecimal() and limit else -1


def _pause_of(headers: dict[str, str], status: int) -> tuple[float, bool]:
    """Seconds that an answer asks us to stay away, and whether it means the whole application."""
    if status != 429:
        return (retry_after(headers) or 0.0, False) if status == 503 else (0.0, False)
    problem = headers.get("x-rate-limit-problem", "").strip().lower()
    wait = retry_after(headers)
    if wait is None:
        wait = CONCURRENT_PAUSE + random.uniform(0, 0.5) if problem == "concurrent" else 5.0
    return wait, problem.startswith("app")
