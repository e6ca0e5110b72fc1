"""One movable clock for the whole sandbox."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sandbox.store import Store

Now = Callable[[], datetime]


def system_now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """The sandbox's time: the machine's, plus an offset that survives a restart."""

    def __init__(self, store: Store, *, base: Now | None = None) -> None:
        self._store = store
        self._base = base or system_now
        self._offset = timedelta(seconds=float(store.setting("clock.offset", "0")))

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        return self._base().astimezone(UTC) + self._offset

    def milliseconds(self) -> int:
        return round(self.now().timestamp() * 1000)

    def advance(self, by: timedelta | None = None, *, seconds: float = 0, minutes: float = 0, days: float = 0) -> None:
        """Move the sandbox's time forward; negative values move it back."""
        self._offset += (by or timedelta()) + timedelta(seconds=seconds, minutes=minutes, days=days)
        self._store.set_setting("clock.offset", repr(self._offset.total_seconds()))

    def reset(self) -> None:
        """The machine's time again."""
        self.advance(-self._offset)
