"""Reads both sides of a proof afresh: what lies in its days, and what over their border belongs to that."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from django.db.models import Min, Q

from connectors.contract.money import ZERO
from connectors.contract.ports import Destination, Source
from connectors.contract.records import NEVER, DocumentKind, Execution, MirrorDocument
from sync import store_figures
from sync.domain import plan
from sync.domain.booking import booking_date, possible_days
from sync.domain.fingerprint import content_hash, fingerprint, marker, natural_keys
from sync.domain.pairing import Leg, Ours, SourceRow, Span, Undated, own_day, planned_day
from sync.domain.proof import Wallet, in_parts, legs, rest_key
from sync.models import Flow, Record
from sync.models import MirrorDocument as MirrorRow
from sync.pipeline import coded, foreign, mirror
from sync.pipeline.books import DEFAULT_POLICIES
from tenants.scoping import tenant_scope

Progress = Callable[[str, int, int], None]  # step (books, source), how many were read, how many there are about
MOST_MISSED = 1000  # movements that belong into the proof and were not read, asked for the days to read further
_MAY_HAVE_MOVED = (Execution.EXECUTED, Execution.UNKNOWN)
_TOLD = ("fingerprint", "source_id", "account_id", "amount", "currency", "booking_date", "execution")
MOST_LOOKED_UP = 50  # documents that are not among what was read, each a call


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Without looking for garbage among the very many records that stay: a sixth of the time it takes to read them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Both sides, and what we say about them. `not_looked_up`: documents that may stand before what was read; `changed`:
    bank transactions, with their lines, that changed since a sync last read them; `undated`: what has no readable day, which
    no reading by days shows, so it is told as a sync read it last."""

    rows: list[SourceRow]
    undated: list[Undated]
    books: list[Leg]
    ours: dict[str, Ours]
    not_looked_up: frozenset[str]
    changed: list[MirrorDocument]


@dataclass(slots=True, kw_only=True)
class Reader:
    """One proof's reading. `began`: what changed since then is moving; `mirrored`: until when a sync has read the books."""

    flow: Flow
    source: Source
    destination: Destination
    wallets: Sequence[Wallet]
    span: Span
    start: date
    began: datetime
    mirrored: datetime
    told: Progress
    _dayless: set[int] = field(default_factory=set)  # records that a sync has read last without a day of execution
    _seen: set[str] = field(default_factory=set)
    _equals: Counter[str] = field(default_factory=Counter)

    def read(self, *, records: int, documents: int) -> Reading:
        """Raises the connectors' errors. `records` and `documents`: how many there are, about.

        The books come first: a movement that is posted afterwards is one of `moving`, and no document without a row.
        """
        changed: list[MirrorDocument] = []
        standing = self._standing(changed)
        books = legs(_counted(standing, "books", documents, self.told))
        rows = list(_counted(self._rows(self.start, self.span.until), "source", records, self.told))
        with tenant_scope(self.flow.tenant_id):
            known = store_figures.posted_by_fingerprint(self.flow.pk, since=self.began)
        organisation = self.flow.destination.external_id if self.flow.destination else ""
        ours = {_key(row): _ours(row, organisation) for row in known}
        named = named_as_ours(rows, known)
        further = [row for since, until in self._unread(named, books, ours) for row in self._further(since, until)]
        named = named_as_ours([*rows, *further], known) if further else named
        dated, undated = self._without_a_day({row.fingerprint for row in named}, ours)
        parts = [part for row in [*named, *dated] for part in in_parts(row, ours)]
        found, left = self._looked_up(parts, books, ours)
        return Reading(
            rows=parts, undated=undated, books=[*books, *found], ours=ours, not_looked_up=left, changed=changed
        )

    def _standing(self, changed: list[MirrorDocument]) -> Iterator[list[MirrorDocument]]:
        """Every document of the proved days; those that a sync does not know as they are now are put into `changed`."""
        for page in _documents(self.destination, self.start, lines_since=self.mirrored):
            changed += [it for it in page if it.by_account is not None]
            yield page

    def _rows(self, since: date, until: date | None) -> Iterator[list[SourceRow]]:
        """Page by page the executed movements of the proved wallets; each once, however often it is shown."""
        policies = {**DEFAULT_POLICIES, **self.flow.policies}
        mapped = {wallet.source_account_id for wallet in self.wallets}
        for page in self.source.executed(since=since, until=until):
            found = []
            for key, it in zip(natural_keys(self.source.kind, page, equals=self._equals), page, strict=True):
                day = booking_date(it, card_date=policies["card_date"], fx_date=policies["fx_date"])
                if key in self._seen or day is None or it.account_id not in mapped:
                    continue
                self._seen.add(key)
                found.append(
                    SourceRow(
                        fingerprint=fingerprint(key),
                        source_id=it.source_id,
                        account_id=it.account_id,
                        booking_date=day,
                        amount=it.amount.amount,
                        currency=it.amount.currency,
                        says="" if it.raw is None else content_hash(self.source.normalise(it.raw)),
                        days=possible_days(it),
                        in_doubt=it.in_doubt,
                    )
                )
            yield found

    def _without_a_day(self, read: Collection[str], ours: Mapping[str, Ours]) -> tuple[list[SourceRow], list[Undated]]:
        """Movements of the proved wallets that no reading by days shows, because they have no day of execution: those with
        a document, or with another day, as rows of that day, the others without one. One statement."""
        mapped = [wallet.source_account_id for wallet in self.wallets]
        dayless = Q(booking_date=None) | Q(pk__in=self._dayless) if self._dayless else Q(booking_date=None)
        with tenant_scope(self.flow.tenant_id):
            executed = Record.objects.filter(dayless, flow=self.flow, execution__in=_MAY_HAVE_MOVED)
            found = list(executed.filter(account_id__in=mapped).order_by("id").values(*_TOLD))
        rows, undated = [], []
        for it in found:
            mine = ours.get(it["fingerprint"])
            if mine is None or it["fingerprint"] in read:
                continue
            day, in_doubt = it.pop("booking_date"), it.pop("execution") == Execution.UNKNOWN
            day = day or (mine.booked or mine.day if mine.documents else None)
            it["amount"] = (it["amount"] or ZERO).normalize()
            if day is None:
                undated.append(Undated(**it))
            else:
                rows.append(SourceRow(**it, booking_date=day, in_doubt=in_doubt))
        return rows, undated

    def _further(self, since: date, until: date) -> list[SourceRow]:
        """Rows with a number only: one without is told apart by counting, which begins anew with a second reading."""
        return [row for page in self._rows(since, until) for row in page if row.source_id]

    def _unread(
        self, rows: Iterable[SourceRow], books: Iterable[Leg], ours: Mapping[str, Ours]
    ) -> list[tuple[date, date]]:
        """The days beyond what was read on which movements were executed that belong into the proof: a card that settled
        months later, a document that stands in the proved days and whose movement does not."""
        read = {row.fingerprint for row in rows}
        mapped = {wallet.source_account_id for wallet in self.wallets}
        banks = {wallet.bank_account_id for wallet in self.wallets}
        inside = [leg for leg in books if leg.day in self.span and leg.account_id in banks]
        standing = {name for leg in inside for name in (leg.document_id, leg.marker) if name}
        unread = (mine for key, mine in ours.items() if key not in read and mine.account_id in mapped)
        days = self._executed_on([mine for mine in unread if self._is_asked(mine, standing)])
        first, last = min(days, default=self.start), max(days, default=self.start)
        until = self.span.until
        before = [(first, self.start)] if first < self.start else []
        return before + ([(until, last)] if until is not None and last > until else [])

    def _executed_on(self, missed: Sequence[Ours]) -> list[date]:
        """On which days these were executed, by what the source said of them last."""
        if not missed:
            return []
        with tenant_scope(self.flow.tenant_id):
            known = list(Record.objects.filter(pk__in=[mine.record for mine in missed[:MOST_MISSED]]).values())
        days = {record["id"]: coded.of_record(self.source, record).execution_date for record in known}
        self._dayless.update(pk for pk, day in days.items() if day is None)
        return [day for day in days.values() if day is not None]

    def _is_asked(self, mine: Ours, standing: set[str]) -> bool:
        if not standing.isdisjoint((*mine.documents, mine.marker)):
            return True
        return mine.state not in ("skipped", "undone") and mine.booked is not None and mine.booked in self.span

    def _looked_up(
        self, rows: Iterable[SourceRow], books: Iterable[Leg], ours: Mapping[str, Ours]
    ) -> tuple[list[Leg], frozenset[str]]:
        """Documents that should stand in the proved days and do not, read by their ids: do they stand before? And those
        that were too many to ask."""
        standing = {leg.document_id for leg in books}
        wanted: dict[str, str] = {}
        for row in rows:
            mine = ours.get(row.fingerprint)
            if mine is None or mine.moving or standing.issuperset(mine.documents):
                continue
            if planned_day(row, mine) in self.span or own_day(row, mine) in self.span:
                wanted |= {one: mine.kind for one in mine.documents if one not in standing}
        listed = self._listed(wanted) if len(wanted) > MOST_LOOKED_UP else {}
        unseen = {one: kind for one, kind in wanted.items() if one not in listed}
        asked = [(one, kind) for one, kind in unseen.items() if kind in set(DocumentKind)][:MOST_LOOKED_UP]
        found = [self.destination.document(DocumentKind(kind), one) for one, kind in asked]
        left = frozenset(unseen) - {one for one, _ in asked}
        return legs([*listed.values(), *(document for document in found if document is not None)]), left

    def _listed(self, wanted: Collection[str]) -> dict[str, MirrorDocument]:
        """Of these, too many to ask one by one, the ones that stand before what was read: read again from the first day on
        which a sync saw one of them."""
        with tenant_scope(self.flow.tenant_id):
            known = MirrorRow.objects.filter(connection_id=self.flow.destination_id or 0, document_id__in=list(wanted))
            first = known.aggregate(first=Min("date"))["first"]
        if first is None or first >= self.start:
            return {}
        pages = _documents(self.destination, first)
        return {document.document_id: document for page in pages for document in page if document.document_id in wanted}


def named_as_ours(rows: Sequence[SourceRow], known: Sequence[Mapping[str, Any]]) -> list[SourceRow]:
    """Rows that we know under another fingerprint get that one: their account changed, or they have no number."""
    read, told = {row.fingerprint for row in rows}, {row["fingerprint"] for row in known}
    others: dict[tuple[str, ...], list[str]] = {}
    for row in known:
        if row["fingerprint"] not in read and row["leg"] != plan.REST:
            says = ("id", row["source_id"]) if row["source_id"] else ("", row["account_id"], row["content_hash"])
            others.setdefault(says, []).append(row["fingerprint"])
    named = []
    for it in rows:
        mine = others.get(("id", it.source_id) if it.source_id else ("", it.account_id, it.says), [])
        named.append(replace(it, fingerprint=mine.pop(0)) if mine and it.fingerprint not in told else it)
    return named


def _documents(
    destination: Destination, start: date, *, lines_since: datetime = NEVER
) -> Iterator[list[MirrorDocument]]:
    """From the first day on, to the end: Xero is asked by the first day only, and what stands later explains a border."""
    for endpoint in mirror.ALL_ENDPOINTS:
        for page in destination.changes(endpoint, since=None, from_date=start, lines_since=lines_since):
            yield [it for it in page if it.date >= start]


def _counted(pages: Iterable[list[Any]], step: str, total: int, told: Progress) -> Iterator[Any]:
    done = 0
    told(step, 0, total)
    for page in pages:
        yield from page
        done += len(page)
        told(step, done, max(total, done))


def _key(row: Mapping[str, Any]) -> str:
    return rest_key(row["fingerprint"]) if row["leg"] == plan.REST else str(row["fingerprint"])


def _former(row: Mapping[str, Any], organisation_id: str) -> tuple[str, ...]:
    """What was linked to it before, and the markers under which it was posted before the one of today."""
    lost = tuple(row["lost_link"].split("+")) if row["lost_link"] else ()
    return lost + tuple(
        marker(row["key"], leg=row["leg"], organisation_id=organisation_id, generation=number)
        for number in range(1, row["generation"] or 1)
    )


def _ours(row: Mapping[str, Any], organisation_id: str) -> Ours:
    offer, parts = (
        next((it["detail"] for it in row["findings"] or () if it["code"] == code), "")
        for code in (foreign.CODE, foreign.IN_PARTS)
    )
    return Ours(
        state=row["state"],
        reason=row["reason"] or "",
        document_id=row["destination_id"] or "",
        other_document_id=row["other_destination_id"] or "",
        marker=row["marker"] or "",
        record=row["record"],
        moving=row["moving"],
        halfway=bool(row["halfway"]),
        day=date.fromisoformat(row["day"]) if row["day"] else None,
        share=None if row["share"] is None else row["share"].normalize(),
        booked=row["booked"] or row["record_day"],
        source_id=row["source_id"],
        account_id=row["account_id"],
        kind=row["destination_type"] or "",
        former=_former(row, organisation_id),
        offered=tuple(offer.split("+")) if offer and row["state"] == "review" else (),
        in_parts=tuple(parts.split("+")) if parts else (),
        offer_fits=foreign.can_link(row["findings"] or ()),
    )
