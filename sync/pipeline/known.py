"""Whose row is this? The key of each row that was read: its own, or that of the movement we know it to be.

A number is enough where there is one; a row whose account changed keeps the key of the account it had. Rows without a number
are counted among equals (`sync.domain.unnumbered`). One statement for each kind, and none where there is none of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connectors.contract.records import Page, RawRecord, SourceTransaction
from sync import store_known
from sync.domain.fingerprint import content_hash, content_key, fingerprint, fresh_keys, numbered_key
from sync.domain.unnumbered import Given, Known, Shown, assign
from sync.pipeline.context import Context

Group = tuple[str, str, str, str]  # account, content hash, when it was made, the vendor's number of the event


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One reading of the source from its first page to its last. `seen`: the keys that it
    showed so far, with their stamps, for a preview that writes nothing down. `whole`: the part at hand is all of it."""

    began: datetime
    since: datetime | None = None
    whole: bool = False
    seen: dict[str, datetime | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row with its key. `doubt`: why nobody can tell whether it is a movement of its own."""

    key: str
    record: RawRecord
    transaction: SourceTransaction
    doubt: str = ""


def keyed(ctx: Context, page: Page, reading: Reading) -> list[Row]:
    """Each movement once, the latest reading last; pages that shift while they are read repeat rows."""
    read = [(record, ctx.source.normalise(record)) for record in page.records]
    moved, given = _moved(ctx, page.records), _unnumbered(ctx, page, read, reading)
    rows: dict[str, Row] = {}
    for place, (record, transaction) in enumerate(read):
        number = record.source_id.strip()
        own = Given(key=moved.get(number) or numbered_key(ctx.source.kind, record)) if number else None
        one = own or given[place]
        rows[one.key] = Row(key=one.key, record=record, transaction=transaction, doubt=one.doubt)
    return list(rows.values())


def _moved(ctx: Context, records: Sequence[RawRecord]) -> dict[str, str]:
    """By number: the key under which the row is known, where its account was another one. A number that is shown on two
    accounts at once names two rows."""
    own: dict[str, set[str]] = {}
    for record in records:
        if record.source_id.strip():
            own.setdefault(record.source_id.strip(), set()).add(fingerprint(numbered_key(ctx.source.kind, record)))
    once = {number: next(iter(found)) for number, found in own.items() if len(found) == 1}
    if not once:
        return {}
    with ctx.commit():
        return store_known.under_other_keys(flow_id=ctx.flow_id, own=once)


def _unnumbered(
    ctx: Context, page: Page, read: Sequence[tuple[RawRecord, SourceTransaction]], reading: Reading
) -> dict[int, Given]:
    groups: dict[Group, list[int]] = {}
    for place, (record, transaction) in enumerate(read):
        if not record.source_id.strip():
            groups.setdefault(_group(record, transaction), []).append(place)
    if not groups:
        return {}
    known = _known(ctx, list(groups), reading)
    found: dict[int, Given] = {}
    for group, places in groups.items():
        stem = content_key(ctx.source.kind, read[places[0]][0])
        mine = _with_seen(known.get(group, []), reading, stem)
        given = assign(
            [Shown(page=_page_of(page, place), stamp=read[place][0].updated_at) for place in places],
            mine,
            fresh=fresh_keys(stem, known=(it.key for it in mine)),
            complete=reading.whole,
            since=reading.since,
        )
        found |= dict(zip(places, given, strict=True))
    reading.seen.update((one.key, read[place][0].updated_at) for place, one in found.items())
    return found


def _with_seen(known: Sequence[Known], reading: Reading, stem: str) -> list[Known]:
    there = {it.key for it in known}
    seen = reading.seen.items()
    before = [(key, stamp) for key, stamp in seen if key.startswith(stem) and key not in there]
    return [*known, *(Known(key=key, stamp=stamp, shown=True) for key, stamp in before)]


def _known(ctx: Context, groups: Sequence[Group], reading: Reading) -> Mapping[Group, list[Known]]:
    with ctx.commit():
        rows = store_known.without_number(flow_id=ctx.flow_id, content_hashes=[group[1] for group in groups])
    found: dict[Group, list[Known]] = {}
    for row in rows:
        group = (row["account_id"], row["content_hash"], _text(row["made_at"]), row["event"])
        shown = row["shown_in"] == reading.began or row["key"] in reading.seen
        found.setdefault(group, []).append(Known(key=row["key"], stamp=row["source_updated_at"], shown=shown))
    return found


def _group(record: RawRecord, transaction: SourceTransaction) -> Group:
    return record.account_id, content_hash(transaction), _text(transaction.created_at), record.event_id


def _page_of(page: Page, place: int) -> int:
    return sum(place >= start for start in page.breaks)


def _text(moment: datetime | None) -> str:
    return f"{moment.timestamp():.6f}" if moment else ""
