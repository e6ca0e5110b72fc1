"""Source transactions as lists: searched, filtered, page by page, and for the export."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import islice

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import QueryDict

from connectors.contract.records import Execution, Movement
from connectors.models import Reference
from dashboard.paging import PAGE_SIZE, DayCursor, ListPage
from sync.domain.days import read_any_day
from sync.domain.printable import clean_text
from sync.models import Entry, EntryState, Flow, Record, RecordState

STATE_GROUPS: dict[str, tuple[str, ...]] = {
    "posted": (EntryState.CONFIRMED,),
    "pending": (
        EntryState.FETCHED,
        EntryState.WAITING,
        EntryState.READY,
        EntryState.IN_FLIGHT,
        EntryState.UNCONFIRMED,
    ),
    "review": (EntryState.REVIEW,),
    "failed": (EntryState.FAILED,),
    "skipped": (EntryState.SKIPPED, EntryState.DUPLICATE, EntryState.UNDONE),
}
EXPORT_CHUNK = 1000
_MARKER = re.compile(r"MR-[0-9A-Z]{13}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionFilter:
    """What a person asked to see; anything unreadable in the address is as if it were not there."""

    search: str = ""
    state: str = ""
    movement: str = ""
    account: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def of(cls, query: QueryDict) -> TransactionFilter:
        state, movement = query.get("state", ""), query.get("type", "")
        known_states = {*STATE_GROUPS, *EntryState.values}
        return cls(
            search=clean_text(query.get("q", "")).strip()[:200],
            state=state if state in known_states else "",
            movement=movement if movement in set(Movement) else "",
            account=query.get("account", "").replace("\x00", "")[:100],
            since=read_any_day(query.get("from", "")),
            until=read_any_day(query.get("to", "")),
        )

    @property
    def is_set(self) -> bool:
        return any((self.search, self.state, self.movement, self.account, self.since, self.until))


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRow:
    """One source transaction with the state a person sees: its entry's, or its own where it yields none."""

    record: Record
    entry: Entry | None

    @property
    def state(self) -> str:
        if self.entry is not None:
            return self.entry.state
        return bare_state(self.record)


def bare_state(record: Record) -> str:
    """The state of a row that has no entry: pending at the source, left out for its reason, or just read."""
    if record.state != RecordState.SKIPPED:
        return "fetched"
    return "pending" if record.execution == Execution.PENDING else "skipped"


def transaction_page(*, flow: Flow, filters: TransactionFilter, after: str) -> ListPage[TransactionRow]:
    """One page, newest booking date first. Two queries."""
    cursor = DayCursor.read(after)
    rows = list(_after(filtered(flow=flow, filters=filters), cursor)[: PAGE_SIZE + 1])
    shown = rows[:PAGE_SIZE]
    last = DayCursor(day=shown[-1].booking_date, row_id=shown[-1].pk) if len(rows) > PAGE_SIZE else None
    return ListPage(
        items=with_entries(flow=flow, records=shown),
        next_cursor=str(last) if last else "",
        is_later=cursor is not None,
    )


def transaction_export(*, flow: Flow, filters: TransactionFilter) -> Iterator[TransactionRow]:
    """Every matching row, read in chunks so that memory stays flat."""
    records = _list_columns(filtered(flow=flow, filters=filters)).iterator(chunk_size=EXPORT_CHUNK)
    while chunk := list(islice(records, EXPORT_CHUNK)):
        yield from with_entries(flow=flow, records=chunk)


def filtered(*, flow: Flow, filters: TransactionFilter) -> QuerySet[Record]:
    records = _list_columns(Record.objects.filter(flow=flow)).order_by("-booking_date", "-id")
    if filters.search:
        records = records.filter(_search(filters.search))
    if filters.movement:
        records = records.filter(movement=filters.movement)
    if filters.account:
        records = records.filter(account_id=filters.account)
    if filters.since:
        records = records.filter(booking_date__gte=filters.since)
    if filters.until:
        records = records.filter(booking_date__lte=filters.until)
    return _in_state(records, filters.state)


def with_entries(*, flow: Flow, records: Iterable[Record]) -> list[TransactionRow]:
    """The rows with the entry each of them yields; an own transfer's entry belongs to both of its rows. One query."""
    rows = list(records)
    ids = [row.pk for row in rows]
    entries = Entry.objects.filter(Q(record_id__in=ids) | Q(other_record_id__in=ids), flow=flow).defer(
        "document", "decisions", "note"
    )
    by_record: dict[int, Entry] = {}
    for entry in entries.order_by("id"):
        for record_id in (entry.record_id, entry.other_record_id):
            if record_id is not None:
                by_record[record_id] = _worse(by_record.get(record_id), entry)
    return [TransactionRow(record=row, entry=by_record.get(row.pk)) for row in rows]


def wallets(*, flow: Flow) -> list[tuple[str, str]]:
    """The source's accounts, for the filter. What has movements is among them, and they are few."""
    found = Reference.objects.filter(connection=flow.source, kind=Reference.Kind.SOURCE_ACCOUNT)
    return list(found.order_by("external_id").values_list("external_id", "currency")[:200])


_WORST_FIRST = (EntryState.FAILED, EntryState.REVIEW, *STATE_GROUPS["pending"], EntryState.CONFIRMED)


def _worse(one: Entry | None, other: Entry) -> Entry:
    if one is None:
        return other
    return min(one, other, key=lambda e: _WORST_FIRST.index(e.state) if e.state in _WORST_FIRST else 99)


def _list_columns(records: QuerySet[Record]) -> QuerySet[Record]:
    return records.defer("payload", "content_hash", "fingerprint")


def _after(records: QuerySet[Record], cursor: DayCursor | None) -> QuerySet[Record]:
    if cursor is None:
        return records
    if cursor.day is None:
        return records.filter(Q(booking_date=None, pk__lt=cursor.row_id) | Q(booking_date__isnull=False))
    later = Q(booking_date__lt=cursor.day) | Q(booking_date=cursor.day, pk__lt=cursor.row_id)
    return records.filter(later, booking_date__lte=cursor.day)  # the bound is where the index begins


def _search(text: str) -> Q:
    if _MARKER.fullmatch(text.upper()):
        return _of_entries(Entry.objects.filter(marker=text.upper()))
    found = Q(source_id=text)
    for spelling in _spellings(text):
        found |= Q(counterparty__icontains=spelling) | Q(text__icontains=spelling)
    amount = _amount(text)
    return found if amount is None else found | Q(amount__in=(amount, -amount))


def _spellings(text: str) -> set[str]:
    """An accent stands in a name as the bank sent it: one sign with its letter, or one behind it."""
    return {unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)}


def _of_entries(entries: QuerySet[Entry]) -> Q:
    """The movements of a few entries, own transfers on both sides: found from these, not looked for among all."""
    others = entries.exclude(other_record=None)
    return Q(pk__in=entries.values("record_id").union(others.values("other_record_id")))


def _in_state(records: QuerySet[Record], state: str) -> QuerySet[Record]:
    if not state:
        return records
    states = STATE_GROUPS.get(state, (state,))
    entries = Entry.objects.filter(state__in=states)
    if EntryState.CONFIRMED in states:  # most of them: whoever reads row by row is soon at the end of a page
        condition = Q(Exists(entries.filter(record_id=OuterRef("pk"))))
        condition |= Q(Exists(entries.filter(other_record_id=OuterRef("pk"))))
    else:
        condition = _of_entries(entries)
    if "skipped" in states:
        condition |= Q(state=RecordState.SKIPPED)
    if "fetched" in states:
        condition |= Q(state=RecordState.FETCHED)
    return records.filter(condition)


def _amount(text: str) -> Decimal | None:
    plain = text.replace("'", "").replace("’", "").replace(",", "").replace("−", "-")  # noqa: RUF001
    try:
        amount = Decimal(plain)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount) < Decimal(10) ** 18 else None
