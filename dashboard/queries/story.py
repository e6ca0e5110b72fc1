"""The whole story of one movement: what came in, what was decided, what was sent, what was read back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, Q

from connectors.models import Reference
from dashboard.queries.accounts import wallet_name
from dashboard.queries.clearing import ClearingProof, clearing_proof
from sync.models import (
    Entry,
    EntryState,
    Event,
    Flow,
    Leg,
    MirrorDocument,
    PushAttempt,
    PushIntent,
    PushIntentItem,
    Record,
    RecordState,
)

STEPS = ("fetch", "transform", "validate", "push", "confirm", "log")
_REACHED: dict[str, int] = {
    EntryState.FETCHED: 2,
    EntryState.WAITING: 2,
    EntryState.READY: 3,
    EntryState.IN_FLIGHT: 3,
    EntryState.UNCONFIRMED: 4,
    EntryState.CONFIRMED: 6,
    EntryState.DUPLICATE: 6,
    EntryState.SKIPPED: 6,
    EntryState.UNDONE: 6,
    EntryState.REVIEW: 2,
    EntryState.FAILED: 3,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMark:
    """One of the six steps as this movement sees it: done, stopped, failed or open."""

    name: str
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One request that carried this entry, with this entry's own part of it and every answer."""

    intent: PushIntent
    item: PushIntentItem
    part: Any
    attempts: Sequence[PushAttempt]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryStory:
    entry: Entry
    sendings: Sequence[Sending]
    in_books: MirrorDocument | None
    is_own: bool  # made from this very row, not from its partner

    @property
    def kind(self) -> str:
        """The kind of document it became, is to become, or "" while none could be made."""
        return self.entry.destination_type or str((self.entry.document or {}).get("kind", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    record: Record
    entries: Sequence[EntryStory]
    partners: Sequence[Record]
    events: Sequence[Event]
    steps: Sequence[StepMark]
    clearing: ClearingProof | None
    names: Mapping[str, str]  # account id in the books -> code and name
    wallets: Mapping[str, str]

    @property
    def main(self) -> Entry | None:
        own = [it.entry for it in self.entries if it.is_own] or [it.entry for it in self.entries]
        return own[0] if own else None

    @property
    def behind(self) -> Entry | None:
        """The one of its own documents that has come least far."""
        return _behind([it.entry for it in self.entries if it.is_own]) or self.main


def movement_story(*, flow: Flow, record_id: int) -> Story | None:
    """Everything about one row of this flow, or None. At most eleven queries, whatever the row is."""
    record = Record.objects.filter(flow=flow, pk=record_id).first()
    if record is None:
        return None
    entries = _entries_of(flow, record)
    in_books = _in_books(flow, entries)
    stories = [_entry_story(entry, record, in_books) for entry in entries]
    names, wallets = _names(flow)
    return Story(
        record=record,
        entries=stories,
        partners=_partners(flow, record),
        events=_events(record, [entry for entry in entries if record.pk in (entry.record_id, entry.other_record_id)]),
        steps=six_steps(record, _behind(_own(record, entries)) or (entries[0] if entries else None)),
        clearing=clearing_proof(entries, flow=flow),
        names=names,
        wallets=wallets,
    )


def _own(record: Record, entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if record.pk in (entry.record_id, entry.other_record_id)]


def _behind(entries: Sequence[Entry]) -> Entry | None:
    """The first of those that stopped or have come least far; a rest that was left behind counts for nothing."""
    going = [entry for entry in entries if not (entry.leg == Leg.REST and entry.state == EntryState.SKIPPED)]
    return min(going, key=lambda entry: _REACHED.get(entry.state, 2), default=None)


def six_steps(record: Record, entry: Entry | None) -> list[StepMark]:
    """How far the movement has come. Read is always done: the row is here."""
    reached, stop = _progress(record, entry)
    marks = ["done"] * reached + [stop] * (reached < 6) + [""] * 6
    return [StepMark(name=name, mark=mark) for name, mark in zip(STEPS, marks, strict=False)]


def _progress(record: Record, entry: Entry | None) -> tuple[int, str]:
    if entry is None:
        return (2, "stopped") if record.state == RecordState.SKIPPED else (1, "")
    reached = _REACHED.get(entry.state, 2)
    if entry.state == EntryState.REVIEW:
        return (5 if entry.destination_id else reached), "stopped"
    return reached, "failed" if entry.state == EntryState.FAILED else ""


def _entries_of(flow: Flow, record: Record) -> list[Entry]:
    """The row's own entries first, then those of the rows that are one event with it."""
    mine = Q(record=record) | Q(other_record=record)
    if record.unit:
        mine |= Q(unit=record.unit)
    sent = Prefetch("intent_items", PushIntentItem.objects.select_related("intent").order_by("id"))
    answers = Prefetch("intent_items__intent__attempts", PushAttempt.objects.order_by("id"))
    found = Entry.objects.filter(mine, flow=flow).select_related("contact").prefetch_related(sent, answers)
    return sorted(found.order_by("id")[:20], key=lambda e: record.pk not in (e.record_id, e.other_record_id))


def _entry_story(entry: Entry, record: Record, in_books: Mapping[str, MirrorDocument]) -> EntryStory:
    sendings = [
        Sending(
            intent=item.intent,
            item=item,
            part=part_of_body(bytes(item.intent.body), position=item.position),
            attempts=list(item.intent.attempts.all()),
        )
        for item in entry.intent_items.all()
    ]
    return EntryStory(
        entry=entry,
        sendings=sendings,
        in_books=in_books.get(entry.destination_id or ""),
        is_own=record.pk in (entry.record_id, entry.other_record_id),
    )


def part_of_body(body: bytes, *, position: int) -> Any:
    """The element of a batch that belongs to one entry; the whole body where it is no batch."""
    try:
        whole = json.loads(body)
    except ValueError:
        return body.decode("utf-8", errors="replace")
    lists = [value for value in whole.values() if isinstance(value, list)] if isinstance(whole, dict) else []
    if len(lists) == 1 and position < len(lists[0]):
        return lists[0][position]
    return whole


def _in_books(flow: Flow, entries: Sequence[Entry]) -> dict[str, MirrorDocument]:
    ids = [entry.destination_id for entry in entries if entry.destination_id]
    found = MirrorDocument.objects.filter(connection=flow.destination, document_id__in=ids)
    return {document.document_id: document for document in found}


def _partners(flow: Flow, record: Record) -> list[Record]:
    if not record.unit:
        return []
    return list(Record.objects.filter(flow=flow, unit=record.unit).exclude(pk=record.pk).defer("payload")[:10])


def _events(record: Record, entries: Sequence[Entry]) -> list[Event]:
    """An event of an entry names the record of that entry too, and is found by it."""
    told = Event.objects.filter(record_id__in={record.pk, *(entry.record_id for entry in entries)})
    return list(told.filter(Q(record=record) | Q(entry__in=entries)).order_by("id")[:200])


def _names(flow: Flow) -> tuple[dict[str, str], dict[str, str]]:
    kinds = (Reference.Kind.ACCOUNT, Reference.Kind.SOURCE_ACCOUNT)
    found = Reference.objects.filter(
        connection_id__in=[pk for pk in (flow.source_id, flow.destination_id) if pk], kind__in=kinds
    )
    books: dict[str, str] = {}
    wallets: dict[str, str] = {}
    for it in found:
        if it.kind == Reference.Kind.ACCOUNT:
            books[it.external_id] = f"{it.code} {it.name}".strip()
        else:
            wallets[it.external_id] = " ".join(filter(None, (it.external_id, wallet_name(it), it.currency)))
    return books, wallets
