"""Step 1: read the source since the watermark, and keep every row. Rows and watermark move in one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors import faults
from connectors.contract.records import Cursor, Execution, FxDetail, Movement, Page, SourceTransaction
from sync import store, store_known
from sync.domain import plan
from sync.domain.booking import booking_date
from sync.domain.fingerprint import content_hash, fingerprint, identity_digest
from sync.models import BookedConversion
from sync.pipeline.context import Context, Progress
from sync.pipeline.known import Reading, Row, keyed

PAGES = 10  # five hundred rows a commit
BACK_FILL = timedelta(days=35)  # rows dated after the cut-off may have been changed some time before it


def fetch(ctx: Context) -> Progress:
    """Read up to `PAGES` pages and store what is new or changed. Sets `source_at_end` when the source had no more."""
    cursor = cursor_of(ctx)
    began = _moment(ctx.flow.cursor.get("began")) if cursor.page > 1 else None
    page = ctx.source.read(cursor, pages=PAGES)  # no transaction is open
    reading = Reading(began=began or ctx.now(), since=cursor.since, whole=cursor.page == 1 and page.at_end)
    with ctx.commit():
        read = keyed(ctx, page, reading)
        rows = [row_of(ctx, row) for row in read]
        found = store.Fetched(new=0, changed=0, unchanged=len(rows))
        if _tells_nothing_new(ctx, rows, reading):
            _mark_shown(ctx, rows, reading)
        else:
            ctx.begin_run()
            found = keep(ctx, rows, reading)
            keep_deals(ctx, [row.transaction for row in read])
        faults.point("after_rows_before_commit")
        ctx.store_flow(**_progress(ctx, page, reading))
    ctx.just_read |= {
        row["fingerprint"]: (row["content_hash"], it.transaction) for row, it in zip(rows, read, strict=True)
    }
    ctx.source_at_end = page.at_end
    if found.new or found.changed:
        ctx.left = None
    ctx.counts.update(fetched=len(rows), new=found.new, changed=found.changed)
    return Progress(moved=found.new + found.changed)


def cursor_of(ctx: Context) -> Cursor:
    stored = ctx.flow.cursor
    if not stored:
        start = datetime.combine(ctx.flow.cutoff - BACK_FILL, datetime.min.time(), tzinfo=ctx.books.zone)
        return Cursor(since=start)
    return Cursor(since=_moment(stored.get("since")), page=int(stored.get("page", 1)), high=_moment(stored.get("high")))


def keep(ctx: Context, rows: Sequence[dict[str, Any]], reading: Reading) -> store.Fetched:
    """Store what is new or changed, and which rows without a number this reading has shown. Inside `commit`."""
    found = store.upsert_records(tenant_id=ctx.tenant_id, flow_id=ctx.flow_id, run_id=ctx.run_id, records=rows)
    _mark_shown(ctx, rows, reading)
    return found


def _tells_nothing_new(ctx: Context, rows: Sequence[Mapping[str, Any]], reading: Reading) -> bool:
    """So do most looks, because each goes back by the overlap: no run is begun, nothing is written. Of one that takes several
    parts it is not asked."""
    if not rows:
        return True
    if not reading.whole or ctx.flow.fetched_at is None:
        return False
    return store_known.are_known(flow_id=ctx.flow_id, said={it["fingerprint"]: it["content_hash"] for it in rows})


def _mark_shown(ctx: Context, rows: Sequence[Mapping[str, Any]], reading: Reading) -> None:
    unnumbered = [(row["fingerprint"], row["source_updated_at"]) for row in rows if not row["source_id"]]
    if unnumbered:
        store_known.mark_shown(flow_id=ctx.flow_id, reading=reading.began, stamps=unnumbered)


def _progress(ctx: Context, page: Page, reading: Reading) -> dict[str, Any]:
    """Columns of the flow after this page: the next page, or, at the end, the new watermark less the overlap."""
    cursor, kept = page.cursor, {"read_back_at": ctx.flow.cursor.get("read_back_at")}
    if not page.at_end:
        place = {"since": _text(cursor.since), "page": cursor.page, "high": _text(cursor.high)}
        return {"cursor": {**kept, **place, "began": _text(reading.began)}}
    newest = max((moment for moment in (cursor.high, cursor.since) if moment is not None), default=None)
    back = newest - ctx.timing.overlap if newest is not None and newest != cursor.since else cursor.since
    since = max((moment for moment in (back, cursor.since) if moment is not None), default=None)
    return {"cursor": {**kept, "since": _text(since), "page": 1, "high": None}, "fetched_at": ctx.now()}


def rows_of(ctx: Context, page: Page, reading: Reading) -> list[dict[str, Any]]:
    """The page as rows of the table, each movement once."""
    return [row_of(ctx, row) for row in keyed(ctx, page, reading)]


def row_of(ctx: Context, row: Row) -> dict[str, Any]:
    key, record, transaction = row.key, row.record, row.transaction
    doubt = {"doubt": row.doubt} if row.doubt else {}
    day = booking_date(transaction, card_date=ctx.books.policy("card_date"), fx_date=ctx.books.policy("fx_date"))
    return {
        "fingerprint": fingerprint(key),
        "account_id": record.account_id,
        "source_id": record.source_id.strip(),
        "content_hash": content_hash(transaction),
        "payload": {"key": key, "event": record.event_id, **doubt, **record.payload},
        "movement": transaction.movement.value,
        "execution": transaction.execution.value,
        "unit": unit_of(transaction),
        "booking_date": day.isoformat() if day else None,
        "amount": str(transaction.amount.amount),
        "currency": transaction.amount.currency,
        "counterparty": transaction.counterparty.name[:400],
        **_identities(ctx, transaction),
        "made_at": _text(transaction.created_at),
        "text": " ".join(part for part in (transaction.reference, transaction.text) if part)[:2000],
        "source_updated_at": _text(record.updated_at),
    }


def _identities(ctx: Context, transaction: SourceTransaction) -> dict[str, str]:
    """What tells the counterparty apart besides its name; of a bank account number only a digest and the last four."""
    other, books = transaction.counterparty, ctx.connection.external_id
    return {
        "source_contact": identity_digest("source", other.source_contact_id, organisation_id=books),
        "iban": identity_digest("iban", other.iban, organisation_id=books),
        "iban_last4": "".join(other.iban.split())[-4:],
    }


def keep_deals(ctx: Context, transactions: Sequence[SourceTransaction]) -> None:
    """Booked conversions are kept as the history of rates: one statement, and none where a slice has no deal.
    One that was cancelled afterwards never was one."""
    deals = {
        transaction.fx.deal_id: transaction.fx
        for transaction in transactions
        if transaction.fx is not None and transaction.execution is Execution.EXECUTED
    }
    dead = {it.fx.deal_id[:100] for it in transactions if it.fx is not None and it.execution is Execution.CANCELLED}
    if dead - deals.keys():
        BookedConversion.objects.filter(flow=ctx.flow, deal_id__in=dead - deals.keys()).delete()
    if deals:
        BookedConversion.objects.bulk_create(
            [_conversion(ctx, deal) for deal in deals.values()],
            update_conflicts=True,
            unique_fields=["flow", "deal_id"],
            update_fields=["deal_date", "value_date", "amount_sold", "amount_bought", "spot_rate", "platform_rate"],
        )


def _conversion(ctx: Context, deal: FxDetail) -> BookedConversion:
    return BookedConversion(
        tenant_id=ctx.tenant_id,
        flow=ctx.flow,
        deal_id=deal.deal_id[:100],
        deal_date=deal.deal_date,
        value_date=deal.value_date,
        sold=deal.sold.currency,
        bought=deal.bought.currency,
        amount_sold=deal.sold.amount,
        amount_bought=deal.bought.amount,
        spot_rate=deal.spot_rate,
        platform_rate=deal.platform_rate,
    )


def unit_of(transaction: SourceTransaction) -> str:
    """What joins the rows of one event: the two rows of a conversion, or of a transfer between own wallets."""
    if transaction.movement is Movement.FX and transaction.fx is not None:
        return f"fx:{transaction.fx.deal_id}"
    if transaction.movement in plan.TRANSFERS and transaction.transfer is not None:
        return f"transfer:{transaction.transfer.transfer_id}"
    return ""


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
