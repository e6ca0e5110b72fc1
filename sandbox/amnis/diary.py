"""Movements noted in any order, written in the order in which they happened."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sandbox.amnis.company import Company


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """The moments of one noted movement: created, and executed on the same day a little later."""

    day: date
    created: datetime
    updated: datetime

    @property
    def moments(self) -> dict[str, Any]:
        """As arguments of the movements."""
        return {"executed_on": self.day, **self.stamps}

    @property
    def stamps(self) -> dict[str, Any]:
        return {"created_at": self.created, "updated_at": self.updated}


Deed = Callable[[Company, When], object]


class Diary:
    """Collects deeds of several companies; `write` does them by time, so that ids grow as in real life."""

    def __init__(self, *, now: datetime, dice: random.Random) -> None:
        self.now = now
        self.today = now.date()
        self.dice = dice
        self._notes: list[tuple[datetime, int, Company, When, Deed]] = []

    def note(self, company: Company, day: date, deed: Deed, *, at: time | None = None, settles_in: int = 0) -> None:
        """One movement on a day; a day that has not come yet is left out. `settles_in` days later the row changed."""
        created = datetime.combine(day, at or self._office_hour(), tzinfo=UTC)
        if day > self.today:
            return
        created = min(created, self.now)
        updated = min(created + timedelta(days=settles_in, minutes=self.dice.randint(2, 90)), self.now)
        when = When(day=day, created=created, updated=updated)
        self._notes.append((created, len(self._notes), company, when, deed))

    def write(self) -> None:
        for _, _, company, when, deed in sorted(self._notes, key=lambda note: note[:2]):
            deed(company, when)
        self._notes.clear()

    def amount(self, lowest: int, highest: int) -> str:
        """A random price between two numbers of cents."""
        cents = self.dice.randint(lowest, highest)
        return f"{cents // 100}.{cents % 100:02d}"

    def months(self, first: date) -> Iterator[date]:
        """The first day of each month from `first` to this one."""
        month = first.replace(day=1)
        while month <= self.today:
            yield month
            month = (month + timedelta(days=32)).replace(day=1)

    def _office_hour(self) -> time:
        return time(self.dice.randint(7, 16), self.dice.randint(0, 59), self.dice.randint(0, 59))


def month_end(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def workday(day: date) -> date:
    """The day itself, or the Monday after."""
    return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)
