"""What gives a payment or purchase back is coded like the original, and the link between the two is kept.

A person's choice stands, and so does the link of what is posted; everything else is looked for anew each time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, Sum

from connectors.contract.errors import Finding
from connectors.contract.records import (
    BankTransaction,
    BatchPayment,
    DocumentKind,
    Execution,
    LineItem,
    MirrorDocument,
    Movement,
    Payment,
    SourceTransaction,
)
from sync.domain import deleted, documents, reasons
from sync.domain.booking import booking_date
from sync.domain.coding import Coding
from sync.domain.plan import Outcome, Planned
from sync.domain.returns import (
    BOOKED_BY_HAND,
    GIVES_BACK,
    GONE,
    LEFT_OUT,
    LOOK_BACK,
    NOT_YET,
    UNCLEAR,
    WITHDRAWN,
    Found,
    How,
    Origin,
    chosen,
    find_origin,
    lines_that_stand,
    mirrored,
    objections,
    remembered,
)
from sync.models import Entry, EntryState, Record, RecordState, ReturnLink
from sync.pipeline.coded import CodedRecord, coded, normalised
from sync.pipeline.context import Context

MOST_CANDIDATES = 2000
_WAITS = (EntryState.REVIEW, EntryState.WAITING)
NOT_EXECUTED = (Execution.CANCELLED, Execution.PENDING)
_PAYMENTS = (DocumentKind.PAYMENT, DocumentKind.BATCH_PAYMENT)
_Amounts = defaultdict[int, defaultdict[str, Decimal]]  # by record and currency
_NOT_WITH_ORIGIN = frozenset({"return_unmatched"})  # said by coding, which sees no lines but one account


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A document read by its id, with its contact's name where that is known; None where it is not shown."""

    document: MirrorDocument | None
    contact_name: str = ""


def coded_all(
    ctx: Context,
    records: Sequence[Mapping[str, Any]],
    *,
    readings: Mapping[int, Reading],
    paying: Collection[int] = (),
) -> list[CodedRecord]:
    """All records; what gives a payment or purchase back is coded like it, be it in this slice or long posted.

    `readings`: by record, what stands otherwise than it was posted. `paying`: those of which it is known that they pay an
    invoice or bill, so that no account of theirs is taken over.
    """
    rows = [coded(ctx, record) for record in records]
    again = {
        row.record["id"]: _like_the_original(ctx, row, found)
        for row, found in _origins_of(ctx, rows, readings=readings, paying=paying)
    }
    return [again.get(row.record["id"], row) for row in rows]


def that_pay(rows: Sequence[CodedRecord], outcomes: Iterable[Outcome]) -> frozenset[int]:
    """The records of this slice that may be given back by others in it, and that turn out to pay an invoice or bill: what is
    paid is matched after the coding."""
    links = [row.gives_back for row in rows if row.gives_back is not None]
    wanted = {it.record_id for found in links for it in (found.origin, *found.rivals) if it is not None}
    return frozenset(
        it.part.record_id
        for it in outcomes
        if isinstance(it, Planned) and it.part.record_id in wanted and isinstance(it.document, Payment | BatchPayment)
    )


def looked_for(ctx: Context, rows: Sequence[CodedRecord]) -> set[int]:
    """The records of which one may be given back by these; none, and no statement, where nothing gives back."""
    return {
        origin.record_id
        for _, found in _origins_of(ctx, rows, readings={})
        for origin in (found.origin, *found.rivals)
        if origin is not None
    }


def _origins_of(
    ctx: Context, rows: Sequence[CodedRecord], *, readings: Mapping[int, Reading], paying: Collection[int] = ()
) -> list[tuple[CodedRecord, Found]]:
    """Those of the rows that give something back, and what."""
    backs = sorted((row for row in rows if _gives_back(row)), key=lambda row: _in_time(ctx, row))
    if not backs:
        return []
    standing = _standing(ctx, [row.record["id"] for row in backs])
    here = _among(ctx, rows, paying=paying)
    uncoded, coded_here = [it for it in here if it.lost], [it for it in here if not it.lost]
    posted = _posted(ctx, backs, standing, readings)  # what stands says more than that nothing codes it today
    origins = {it.record_id: it for it in (*uncoded, *posted, *coded_here)}
    returned, too_much = _returned(list(origins), but=[row.record["id"] for row in backs])
    decided = []
    for row in backs:
        link = standing.get(row.record["id"])
        candidates = [
            replace(it, returned=_but(returned[pk], too_much[pk]) if _fitted(link, pk) else dict(returned[pk]))
            for pk, it in origins.items()
        ]
        found = _found(ctx, row, link, candidates)
        decided.append((row, found))
        if found.origin is not None and found.given is not None:
            returned[found.origin.record_id][found.given.currency] += found.given.amount
    return decided


def keep(ctx: Context, rows: Iterable[CodedRecord]) -> None:
    """Store what gives back what, also of what nothing was found yet, and that what was withdrawn gives nothing back: a
    statement each, and none where the slice has no such movement. Inside `commit`."""
    rows = list(rows)
    links = [_link(ctx, row.record["id"], row.gives_back) for row in rows if row.gives_back is not None]
    over = [row.record["id"] for row in rows if _gave_back(row)]
    if over:
        ReturnLink.objects.filter(flow=ctx.flow, record__in=over).update(given=None)
    if links:
        ReturnLink.objects.bulk_create(
            links,
            update_conflicts=True,
            unique_fields=["flow", "record"],
            update_fields=["origin", "how", "certainty", "given", "paid", "currency", "rivals"],
        )


def decide_anew(origins: Sequence[int]) -> None:
    """These records are coded otherwise now: what gives them back is looked at again. Inside the tenant's scope; no statement
    where there are none."""
    if not origins:
        return
    links = ReturnLink.objects.filter(origin__in=origins, record__state=RecordState.ENTERED)
    decide_by_itself(list(links.values_list("record_id", flat=True)))


def decide_by_itself(record_ids: Sequence[int]) -> None:
    """Anew. What a person was asked about was decided without knowing this: as if the source had said a word more. Inside
    the tenant's scope; no statement where there are none."""
    if record_ids:
        Record.objects.filter(pk__in=record_ids).update(state=RecordState.FETCHED)  # records are locked before entries
        asked = Entry.objects.filter(record__in=record_ids, state=EntryState.REVIEW, destination_id=None)
        asked.filter(record_revision__gt=0).update(record_revision=F("record_revision") - 1)


def coded_otherwise(
    fresh: Iterable[Mapping[str, Any]], standing: Mapping[tuple[int, str], Mapping[str, Any]]
) -> list[int]:
    """The records of payments and purchases whose entries, never sent, are rewritten with other lines than they had, or were
    to yield nothing until now."""
    found = []
    for row in fresh:
        old = standing.get((row["record_id"], row["leg"]))
        if old is None or row["movement"] not in GIVES_BACK.values():
            continue
        if old["state"] == EntryState.SKIPPED or _lines(old) != _lines(row):
            found.append(row["record_id"])
    return found


def _lines(entry: Mapping[str, Any]) -> Any:
    """A payment has none, which is otherwise than nothing at all."""
    document = entry["document"] or {}
    return document.get("lines", document.get("kind"))


def _link(ctx: Context, record_id: int, found: Found) -> ReturnLink:
    return ReturnLink(
        tenant_id=ctx.tenant_id,
        flow=ctx.flow,
        record_id=record_id,
        origin_id=found.origin.record_id if found.origin else None,
        how=found.how.value,
        certainty=found.certainty,
        given=found.given.amount if found.given else None,
        paid=found.paid.amount if found.paid else None,
        currency=found.paid.currency if found.paid else "",
        rivals=[origin.record_id for origin in found.rivals],
    )


# ------------------------------------------------------------------- deciding


def _gives_back(row: CodedRecord) -> bool:
    return row.transaction.movement in GIVES_BACK and row.transaction.execution is Execution.EXECUTED


def _gave_back(row: CodedRecord) -> bool:
    return row.transaction.movement in GIVES_BACK and row.transaction.execution in NOT_EXECUTED


def _in_time(ctx: Context, row: CodedRecord) -> tuple[str, str, int, str]:
    """Earlier refunds use a purchase up before later ones; the source's numbers decide within one moment."""
    number = row.transaction.source_id
    return (str(_day(ctx, row)), str(row.transaction.created_at), len(number), number)


def _found(ctx: Context, row: CodedRecord, link: Mapping[str, Any] | None, candidates: Sequence[Origin]) -> Found:
    decided = next((it for it in candidates if link is not None and it.record_id == link["origin_id"]), None)
    if decided is not None and link is not None and (link["how"] == How.PERSON or link["posted"]):
        return chosen(row.transaction, decided, how=How(link["how"]), certainty=link["certainty"])
    return find_origin(row.transaction, day=_day(ctx, row), candidates=candidates)


def _like_the_original(ctx: Context, row: CodedRecord, found: Found) -> CodedRecord:
    again = coded(ctx, row.record, origin=found.coded)
    hit, coding = again.coding.hit, again.coding
    by_rule = hit is not None and bool(hit.rule.then.account or hit.rule.then.split)
    whole = () if by_rule else mirrored(found, row.transaction)
    told = objections(found, row.transaction, by_rule=by_rule)
    coded_as = _with_origin(coding.findings) if found.origin is not None else coding.findings
    coding = replace(coding, findings=(*coded_as, *told))
    return replace(again, coding=_line_by_line(coding, whole) if whole else coding, gives_back=found)


def _line_by_line(coding: Coding, lines: tuple[LineItem, ...]) -> Coding:
    findings = _with_origin(coding.findings)
    said = tuple(replace(line, description=coding.description) for line in lines)
    return replace(coding, lines=said, account=None, findings=findings)


def _with_origin(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.code not in _NOT_WITH_ORIGIN)


# ----------------------------------------------------------------- candidates


def may_be_given_back(ctx: Context, rows: Iterable[CodedRecord]) -> Iterator[tuple[CodedRecord, date]]:
    """Payouts and purchases of this slice that are not left out, each with its day."""
    for row in rows:
        transaction = row.transaction
        if transaction.movement not in GIVES_BACK.values() or transaction.execution is not Execution.EXECUTED:
            continue
        day = _day(ctx, row)
        if not row.coding.skip and day is not None and day >= ctx.flow.cutoff:
            yield row, day


def _among(ctx: Context, rows: Sequence[CodedRecord], *, paying: Collection[int]) -> list[Origin]:
    """The same as origins; those that cannot be coded yet are not in the books yet."""
    found = []
    for row, day in may_be_given_back(ctx, rows):
        if row.record["id"] in paying:
            found.append(_origin(row.record["id"], row.transaction, day, (), ""))
            continue
        lines, contact = row.coding.lines, row.coding.contact_name if row.coding.lines else ""
        found.append(_origin(row.record["id"], row.transaction, day, lines, contact, lost="" if lines else NOT_YET))
    return found


def _posted(
    ctx: Context,
    backs: Sequence[CodedRecord],
    links: Mapping[int, Mapping[str, Any]],
    readings: Mapping[int, Reading],
) -> list[Origin]:
    """Earlier payouts and purchases that have a document, or wait for one, and resemble what came back. One statement."""
    days = [day for row in backs if (day := _day(ctx, row)) is not None]
    if not days:
        return []
    alike = Q(record_id__in=[link["origin_id"] for link in links.values() if link["origin_id"]])
    for row in backs:
        alike |= _resembling(row.transaction)
    entries = (
        Entry.objects.filter(
            alike,
            Q(document__isnull=False) | Q(state__in=(*_WAITS, EntryState.SKIPPED)),
            flow=ctx.flow,
            movement__in=[movement.value for movement in GIVES_BACK.values()],
            booking_date__range=(min(days) - LOOK_BACK, max(days)),
        )
        .select_related("record")
        .order_by("-booking_date", "-id")[:MOST_CANDIDATES]
    )
    return [_origin_of(ctx, entry, readings.get(entry.record_id)) for entry in entries]


def _resembling(transaction: SourceTransaction) -> Q:
    first = transaction.counterparty.name.split()[:1]
    same = Q(amount=-abs(transaction.amount.amount), currency=transaction.amount.currency)
    return same | Q(record__counterparty__istartswith=first[0]) if first else same


def _origin_of(ctx: Context, entry: Entry, reading: Reading | None) -> Origin:
    record = entry.record
    transaction = normalised(
        ctx,
        {
            "account_id": record.account_id,
            "source_id": record.source_id,
            "source_updated_at": record.source_updated_at,
            "payload": record.payload,
        },
    )
    if entry.document is None:
        assert entry.booking_date is not None  # by which it was found
        lost = _not_in_the_books(entry, transaction) or NOT_YET
        return _origin(record.pk, transaction, entry.booking_date, (), "", lost=lost)
    document = documents.from_json(dict(entry.document))
    day = entry.booking_date or document.date
    if not isinstance(document, BankTransaction):
        return _origin(record.pk, transaction, day, (), "")
    lines, contact = document.lines, document.contact_name
    if reading is not None:
        lines = lines_that_stand(reading.document, total=document.total.amount)
        contact = reading.contact_name or contact
    is_paid = reading is not None and reading.document is not None and reading.document.kind in _PAYMENTS
    is_gone = reading is not None and reading.document is not None and not reading.document.is_live
    lost = _not_in_the_books(entry, transaction, is_gone=is_gone) or ("" if lines or is_paid else UNCLEAR)
    return _origin(record.pk, transaction, day, () if lost else lines, contact, lost=lost)


def _not_in_the_books(entry: Entry, transaction: SourceTransaction, *, is_gone: bool = False) -> str:
    """Why nothing of ours stands there by now, "" otherwise. `is_gone`: its document was just seen to be."""
    is_gone = is_gone or entry.state == EntryState.UNDONE or deleted.is_told(entry.findings)
    if transaction.execution in NOT_EXECUTED and (is_gone or entry.destination_id is None):
        return WITHDRAWN
    if entry.state in (EntryState.SKIPPED, EntryState.UNDONE) and _reason(entry).startswith(reasons.BY_HAND):
        return BOOKED_BY_HAND
    if is_gone:
        return GONE
    return LEFT_OUT if entry.state == EntryState.SKIPPED else ""


def _reason(entry: Entry) -> str:
    return str((entry.note or {}).get("reason", ""))


def _origin(
    record_id: int,
    transaction: SourceTransaction,
    day: date,
    lines: tuple[LineItem, ...],
    contact: str,
    *,
    lost: str = "",
) -> Origin:
    word = "purchase" if transaction.movement is Movement.CARD else "payment"
    return Origin(
        record_id=record_id,
        movement=transaction.movement,
        counterparty=transaction.counterparty.name,
        amount=abs(transaction.amount),
        original=transaction.card.original if transaction.card else None,
        text=transaction.text,
        day=day,
        coded=remembered(lines, contact=contact, why=f"as the {word} of {day:%-d %b %Y} that it gives back"),
        lines=lines,
        lost=lost,
    )


def _standing(ctx: Context, record_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    posted = Exists(Entry.objects.filter(record_id=OuterRef("record_id"), destination_id__isnull=False))
    links = ReturnLink.objects.filter(flow=ctx.flow, record_id__in=record_ids).annotate(posted=posted)
    read = links.values("record_id", "origin_id", "how", "certainty", "given", "posted")
    return {row["record_id"]: dict(row) for row in read}


def _returned(origin_ids: Sequence[int], *, but: Sequence[int]) -> tuple[_Amounts, _Amounts]:
    """What was given back of each so far, by currency, without the movements that are being decided: all of it, and of that
    what was more than was left."""
    found: _Amounts = defaultdict(lambda: defaultdict(Decimal))
    too_much: _Amounts = defaultdict(lambda: defaultdict(Decimal))
    links = ReturnLink.objects.filter(origin_id__in=origin_ids).exclude(record_id__in=but)
    for row in links.values("origin_id", "currency", "how").annotate(total=Sum("given")):
        for amounts in (found, too_much) if row["how"] == How.MORE else (found,):
            amounts[row["origin_id"]][row["currency"]] += row["total"] or Decimal(0)
    return found, too_much


def _fitted(link: Mapping[str, Any] | None, origin_id: int) -> bool:
    """Was it found before to give this one back, and no more than was left of it? Then what was too much was so because
    this one had been counted already, and does not count against it in turn."""
    if link is None or link["origin_id"] != origin_id:
        return False
    return link["given"] is not None and link["how"] != How.MORE


def _but(given: Mapping[str, Decimal], without: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {currency: amount - without.get(currency, Decimal(0)) for currency, amount in given.items()}


def _day(ctx: Context, row: CodedRecord) -> date | None:
    policy = ctx.books.policy
    return booking_date(row.transaction, card_date=policy("card_date"), fx_date=policy("fx_date"))
