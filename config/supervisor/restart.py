"""When a child that died may start again. Pure: the clock is an argument."""

from __future__ import annotations

from dataclasses import dataclass, field

WINDOW_SECONDS = 60.0
TOO_MANY = 5
FIRST_WAIT = 0.25


@dataclass(slots=True)
class Deaths:
    """The recent deaths of one child."""

    times: list[float] = field(default_factory=list)

    def record(self, now: float) -> float | None:
        """Note one death. Seconds to wait before the next start, or None when it was the fifth within a minute."""
        self.times = [time for time in self.times if now - time < WINDOW_SECONDS] + [now]
        if len(self.times) >= TOO_MANY:
            return None
        return float(FIRST_WAIT * 2 ** (len(self.times) - 1))
