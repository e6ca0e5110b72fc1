"""Which movement is this? For rows to which the source gives no number: equal ones are told apart by counting. Pure.

All rows here say the same: one account, one content, made at one moment. A reading may show all of them, or only some (it
begins at a moment of change, and comes in pages). What it shows is matched with what is known by the moment of the last
change; only what is left over may be a movement of its own. Where that cannot be told, a person is asked: it is never
dropped, and never posted by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

CHANGED_OR_SECOND = "changed_or_second"
SHOWN_TWICE = "shown_twice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A row as the reading shows it: on which of its pages, and when it was changed last."""

    page: int
    stamp: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A movement we have. `shown`: an earlier part of the same reading showed it already."""

    key: str
    stamp: datetime | None
    shown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    key: str
    doubt: str = ""


def assign(
    shown: Sequence[Shown],
    known: Sequence[Known],
    *,
    fresh: Iterator[str],
    complete: bool,
    since: datetime | None,
) -> list[Given]:
    """The key of each shown row, in their order. `fresh`: keys for movements that nobody knew.
    `complete`: these are all that the reading shows of what changed from `since` on."""
    free = [it for it in known if not it.shown]
    given: list[Given | None] = [_same_stamp(row, free) for row in shown]
    for place, row in enumerate(shown):
        if given[place] is not None:
            continue
        changed = next((it for it in free if complete and _inside(it, since)), None)
        if changed is not None:  # it would be shown as it was, if it were still so
            free.remove(changed)
            given[place] = Given(key=changed.key)
            continue
        given[place] = Given(key=next(fresh), doubt=_doubt(row, place, shown, known, free))
    return [it for it in given if it is not None]


def _same_stamp(row: Shown, free: list[Known]) -> Given | None:
    found = next((it for it in free if it.stamp == row.stamp), None)
    if found is None:
        return None
    free.remove(found)
    return Given(key=found.key)


def _inside(it: Known, since: datetime | None) -> bool:
    return since is None or (it.stamp is not None and it.stamp >= since)


def _doubt(row: Shown, place: int, shown: Sequence[Shown], known: Sequence[Known], free: Sequence[Known]) -> str:
    """Rows on one page are as many as it shows. Pages may shift while they are read, and then show a row once more."""
    if free:
        return CHANGED_OR_SECOND
    before = [it for it in shown[:place] if it.page != row.page and it.stamp == row.stamp]
    earlier = [it for it in known if it.shown and it.stamp == row.stamp]
    return SHOWN_TWICE if before or earlier else ""
