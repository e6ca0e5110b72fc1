"""Keyset paging: a page starts after the last row of the one before, so that a hundred thousand rows cost no more than ten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

Row = TypeVar("Row")

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage(Generic[Row]):
    """Rows of one page; `next_cursor` is "" on the last one. `is_later`: this is not the first page."""

    items: Sequence[Row]
    next_cursor: str = ""
    is_later: bool = False

    @property
    def has_next(self) -> bool:
        return bool(self.next_cursor)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCursor:
    """A place in a list by day and id, both falling; rows without a day stand first. Written as `2026-01-31.17`."""

    day: date | None
    row_id: int

    def __str__(self) -> str:
        return f"{self.day.isoformat() if self.day else 'none'}.{self.row_id}"

    @classmethod
    def read(cls, text: str) -> DayCursor | None:
        """None where the text is no cursor: a changed address then shows the first page."""
        day, _, row_id = text.partition(".")
        try:
            return cls(day=None if day == "none" else date.fromisoformat(day), row_id=bounded_id(row_id))
        except ValueError:
            return None


def bounded_id(text: str) -> int:
    """A row id as Postgres can hold it. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValueError(f"{text!r} is no row id")
    return int(text)


def read_id(text: str) -> int | None:
    try:
        return bounded_id(text)
    except ValueError:
        return None
