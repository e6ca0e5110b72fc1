"""Xero's four limits: concurrent, minute and day per organisation and app; minute per app.

https://developer.xero.com/documentation/guides/oauth2/limits/
"""

import threading
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sandbox.clock import Clock

MINUTE, DAY = 60, 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Calls allowed; the tier of the app decides the day's figure."""

    minute: int = 60
    day: int = 5_000
    app_minute: int = 10_000
    concurrent: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class OverLimit(Exception):
    """`problem` is the header's word; `retry_after` is None where Xero sends none."""

    problem: str
    retry_after: int | None


class Limiter:
    """Fixed windows; each organisation's window starts at its own second. Switched off, it counts but refuses nothing."""

    def __init__(self, clock: Clock, *, enabled: bool = True, quota: Quota | None = None) -> None:
        self._clock = clock
        self.enabled = enabled
        self.quota = quota or Quota()
        self._used: Counter[tuple[str, str, int]] = Counter()
        self._running: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()  # calls over a limit, by the header's word
        self._lock = threading.Lock()

    @contextmanager
    def call(self, app: str, org: str) -> Iterator[None]:
        """One call of an app at an organisation; raises OverLimit. Refused calls by minute and day count too."""
        subject = f"{app}|{org}"
        with self._lock:
            if self.enabled and self._running[subject] >= self.quota.concurrent:
                raise self._over("concurrent", None)
            self._count(app, org)
            self._running[subject] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[subject] -= 1

    def _count(self, app: str, org: str) -> None:
        for problem, subject, seconds, allowed in self._windows(app, org):
            window = self._window(subject, seconds)
            if self.enabled and self._used[problem, subject, window] >= allowed:
                raise self._over(problem, self.seconds_left(subject, seconds))
        for problem, subject, seconds, _ in self._windows(app, org):
            self._used[problem, subject, self._window(subject, seconds)] += 1
        if len(self._used) > 10_000:
            self._forget_old()

    def _over(self, problem: str, retry_after: int | None) -> OverLimit:
        self.refused[problem] += 1
        return OverLimit(problem=problem, retry_after=retry_after)

    def _windows(self, app: str, org: str) -> list[tuple[str, str, int, int]]:
        return [
            ("day", f"{app}|{org}", DAY, self.quota.day),
            ("minute", f"{app}|{org}", MINUTE, self.quota.minute),
            ("appminute", app, MINUTE, self.quota.app_minute),
        ]

    def _window(self, subject: str, seconds: int) -> int:
        return int(self._clock.now().timestamp() + _start(subject, seconds)) // seconds

    def seconds_left(self, subject: str, seconds: int) -> int:
        passed = int(self._clock.now().timestamp() + _start(subject, seconds)) % seconds
        return seconds - passed

    def headers(self, app: str, org: str | None) -> dict[str, str]:
        """What is left, as each answer tells (all of it while limits are off); without an organisation only the app's."""
        names = {
            "day": "X-DayLimit-Remaining",
            "minute": "X-MinLimit-Remaining",
            "appminute": "X-AppMinLimit-Remaining",
        }
        windows = [window for window in self._windows(app, org or "") if org or window[0] == "appminute"]
        if not self.enabled:
            return {names[problem]: str(allowed) for problem, _, _, allowed in windows}
        return {
            names[problem]: str(max(0, allowed - self._used[problem, subject, self._window(subject, seconds)]))
            for problem, subject, seconds, allowed in windows
        }

    def use_up(self, kind: str, app: str, org: str, *, leave: int = 0) -> None:
        """Spend the window of one kind (minute, day, appminute) but for `leave` calls."""
        for problem, subject, seconds, allowed in self._windows(app, org):
            if problem == kind:
                self._used[problem, subject, self._window(subject, seconds)] = allowed - leave

    def reset(self) -> None:
        self._used.clear()

    def _forget_old(self) -> None:
        for key in list(self._used):
            problem, subject, window = key
            if window < self._window(subject, DAY if problem == "day" else MINUTE):
                del self._used[key]


def _start(subject: str, seconds: int) -> int:
    return zlib.crc32(subject.encode()) % seconds
