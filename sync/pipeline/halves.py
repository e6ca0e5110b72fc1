"""Halves of deals that stand in the books already, and what the other halves have to know of them: a document of ours, or one
that somebody else made and that is linked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Q

from sync.domain.amending import NOT_SHOWN
from sync.domain.deleted import GONE
from sync.domain.plan import Booked
from sync.models import Entry, EntryState, RecordState
from sync.models import MirrorDocument as MirrorRow
from sync.models.entry import BOOKED
from sync.pipeline.context import Context

Row = Mapping[str, Any]


def are_due_beside_documents(ctx: Context) -> bool:
    """Is a half due whose other half is linked, or stands alone? A person may just have corrected that one. One statement,
    inside `commit`."""
    due = Entry.objects.filter(flow=ctx.flow, record__state=RecordState.FETCHED, movement="fx").exclude(unit="")
    alone = Q(unit__in=due.filter(destination_id=None).values("unit")) & ~Q(state=EntryState.UNDONE)
    linked = Q(unit__in=due.values("unit"), state=EntryState.DUPLICATE)
    stand = Entry.objects.filter(alone | linked, flow=ctx.flow, destination_id__isnull=False)
    return stand.exclude(unit="").exists()


def booked(ctx: Context, standing: Iterable[Row]) -> dict[int, Booked]:
    """By record: the documents of deals from which the other one follows, at the rates at which they stand. One statement more
    where there is one."""
    units: dict[str, list[Row]] = defaultdict(list)
    for row in standing:
        if row["unit"] and row["leg"] in ("sold", "bought") and stands(row):
            units[row["unit"]].append(row)
    rates = _rates(ctx, [row for rows in units.values() for row in rows])
    found = {}
    for rows in units.values():
        for row in rows:
            it = booked_of(row, base_currency=ctx.books.base_currency, read_rate=rates.get(row["destination_id"]))
            if it is not None and (it.rate is None or len(rows) > 1 or _is_known(row)):
                found[row["record_id"]] = it
    return found


def stands(row: Row) -> bool:
    """Is its document in the books, as far as we know?"""
    if not row["destination_id"] or row["state"] == EntryState.UNDONE:
        return False
    return not any(it["code"] in (GONE, NOT_SHOWN) for it in row["findings"] or ())


def booked_of(row: Row, *, base_currency: str, read_rate: Decimal | None = None) -> Booked | None:
    """None where it is not known what the document is worth. `row`: an entry's columns. `read_rate`: at which it was last
    read, which is what it stands at also after an amendment or a correction in the books."""
    document, total = row["document"] or {}, abs(Decimal(row["amount"]))
    in_base = row["currency"] == base_currency
    is_linked = row["state"] == EntryState.DUPLICATE
    sent = document.get("rate") if not is_linked else None
    rate = None if in_base else read_rate or _decimal(row["posted_rate"]) or _decimal(sent)
    if rate is None and not in_base:
        return None
    line = next(iter(document.get("lines") or ()), None) if not is_linked else None
    return Booked(
        total=total if is_linked or not document else Decimal(document["total"]),
        rate=rate,
        clearing=Decimal(line["amount"]) if line else None,
        is_linked=is_linked,
        sent_rate=_decimal(sent),
        account=(line["account_id"], line["account_code"]) if line else None,
    )


def _is_known(row: Row) -> bool:
    """Read back, so that its rate is the destination's last word."""
    return row["state"] in BOOKED or (row["state"] == EntryState.REVIEW and bool(row["read_back"]))


def _rates(ctx: Context, rows: Iterable[Row]) -> dict[str, Decimal | None]:
    """As the books were last read, in foreign currencies: by document."""
    ids = [row["destination_id"] for row in rows if row["currency"] != ctx.books.base_currency]
    if not ids:
        return {}
    known = MirrorRow.objects.filter(connection=ctx.connection, document_id__in=ids)
    return dict(known.values_list("document_id", "rate"))


def _decimal(value: object) -> Decimal | None:
    return None if value in (None, "") else Decimal(str(value))
