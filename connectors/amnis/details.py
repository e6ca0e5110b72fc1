"""The details of ledger rows: from the row where Amnis embeds them, else from the six detail lists, 50 at a time.

Never one call for one row. What was read is kept as long as this reader lives, which is one slice of work.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, timedelta

from connectors.amnis import assumptions
from connectors.amnis.client import AmnisClient
from connectors.amnis.values import Wire, identifier, moment

Key = tuple[str, str]
MARGIN = timedelta(days=1)
MOST_SINGLE_DAYS = 5  # more calls than a search by id takes
_DATE_FIELD = {"fx_transaction_details": "valueDate"}
_EXACT_DAYS_ONLY = "payin_transaction_details"  # the one list whose date filter takes no range


class DetailReader:
    """Finds the detail of each row of a page."""

    def __init__(self, client: AmnisClient) -> None:
        self._client = client
        self._known: dict[Key, Wire] = {}
        self._pages: dict[tuple[str, int], list[Wire]] = {}
        self._read_days: dict[str, set[date]] = defaultdict(set)

    def details_of(self, rows: Sequence[Wire]) -> list[Wire | None]:
        """One detail for each row, in order; None where Amnis has none."""
        wanted = {id(row): key for row in rows if (key := _wanted(row)) is not None}
        self._read(rows, wanted)
        return [assumptions.embedded_detail(row) or self._known.get(wanted.get(id(row), ("", ""))) for row in rows]

    def _read(self, rows: Sequence[Wire], wanted: dict[int, Key]) -> None:
        by_list: dict[str, list[Wire]] = defaultdict(list)
        for row in rows:
            key = wanted.get(id(row))
            if key is not None and key not in self._known:
                by_list[key[0]].append(row)
        for name, group in by_list.items():
            days = {found for row in group for found in _days(row)}
            if name != _EXACT_DAYS_ONLY or len(days) <= MOST_SINGLE_DAYS:
                self._read_days_of(name, days)
            self._search(name, {wanted[id(row)][1] for row in group})

    def _read_days_of(self, name: str, days: set[date]) -> None:
        missing = days - self._read_days[name]
        for query, read in _queries(name, missing):
            self._keep(name, self._client.pages(name, query=query))
            self._read_days[name] |= read

    def _search(self, name: str, numbers: set[str]) -> None:
        """For details whose own date is another one, or whose dates are too many: by id, which the list runs up by."""
        missing = {int(number) for number in numbers if number.isdecimal() and (name, number) not in self._known}
        if not missing:
            return
        number = self._page_of(name, min(missing))
        while _last_id(items := self._page(name, number)) < max(missing) and len(items) == assumptions.PAGE_SIZE:
            number += 1

    def _page_of(self, name: str, wanted: int) -> int:
        """The page on which this id stands if it stands anywhere: by doubling, then by halving."""
        below, above = 0, 1
        while not self._reaches(name, above, wanted):
            below, above = above, above * 2
        while above - below > 1:
            middle = (below + above) // 2
            if self._reaches(name, middle, wanted):
                above = middle
            else:
                below = middle
        return above

    def _reaches(self, name: str, number: int, wanted: int) -> bool:
        items = self._page(name, number)
        return not items or _last_id(items) >= wanted

    def _page(self, name: str, number: int) -> list[Wire]:
        if (name, number) not in self._pages:
            self._pages[name, number] = self._client.page(name, number).items
            self._keep(name, [self._pages[name, number]])
        return self._pages[name, number]

    def _keep(self, name: str, pages: Iterable[list[Wire]]) -> None:
        for items in pages:
            self._known.update({(name, identifier(item.get("id"))): item for item in items})


def _wanted(row: Wire) -> Key | None:
    return None if assumptions.embedded_detail(row) is not None else assumptions.detail_key(row)


def _days(row: Wire) -> list[date]:
    found = moment(row.get("executionDate"))
    return [] if found is None else [found.astimezone(UTC).date()]


def _queries(name: str, days: set[date]) -> Iterator[tuple[dict[str, str], set[date]]]:
    """The list calls for these days: one for each day where only exact days are taken, else one for each stretch."""
    if name == _EXACT_DAYS_ONLY:
        for one in sorted(days):
            yield {"executionDate": assumptions.filter_day(one)}, {one}
        return
    field = _DATE_FIELD.get(name, "executionDate")
    for stretch in _stretches(sorted(days)):
        first, last = stretch[0] - MARGIN, stretch[-1] + MARGIN
        yield (
            {
                f"{field}[gte]": assumptions.filter_day(first),
                f"{field}[lt]": assumptions.filter_day(last + timedelta(days=1)),
            },
            set(stretch),
        )


def _stretches(days: list[date]) -> list[list[date]]:
    """Days that lie close together are read with one call; a gap of a month is not read through."""
    found: list[list[date]] = []
    for one in days:
        if found and one - found[-1][-1] <= timedelta(days=31):
            found[-1].append(one)
        else:
            found.append([one])
    return found


def _last_id(items: list[Wire]) -> int:
    """The id that a page ends with; 0 where it has none to compare by."""
    found = identifier(items[-1].get("id")) if items else ""
    return int(found) if found.isdecimal() else 0
