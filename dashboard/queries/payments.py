"""What movements may pay, side by side with the invoices, and what payments that were made pay of what is due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.contract.money import ZERO
from connectors.contract.records import DocumentKind
from dashboard.queries.links import invoice_link
from sync.allocating import proposals_of
from sync.domain.invoices import DOUBTS
from sync.models import Entry, EntryState, Flow, MirrorInvoice, Record

_IN_BOOKS = (EntryState.UNCONFIRMED, EntryState.CONFIRMED)
PAYMENTS = (DocumentKind.PAYMENT, DocumentKind.BATCH_PAYMENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """An invoice or bill in a proposal: what is due, what would be paid, what stays open. Amounts as stored text."""

    number: str
    reference: str
    contact: str
    day: date
    due_day: date | None
    currency: str
    total: str
    due: str
    paid: str
    stays: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownProposal:
    key: str
    score: int
    pays: str
    reasons: Sequence[str]
    lines: Sequence[InvoiceLine]
    over: str  # booked apart, on the suspense account; "" where nothing is left over


@dataclass(frozen=True, slots=True, kw_only=True)
class PayCard:
    """A movement beside what it may pay."""

    record: Record
    entry: Entry
    proposals: Sequence[ShownProposal]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidLine:
    """One part of a payment, with what the books showed as still due when they were last read."""

    number: str
    contact: str
    amount: str
    currency: str
    due: Decimal | None
    is_paid: bool
    link: str


def is_about_invoices(code: str) -> bool:
    return code in DOUBTS


def pay_cards(*, flow: Flow, entry_ids: Sequence[int]) -> list[PayCard]:
    """Movements in this order of booking, each with its proposals. One query."""
    entries = Entry.objects.filter(flow=flow, pk__in=entry_ids).select_related("record")
    found = entries.defer("document", "record__payload").order_by("-booking_date", "-id")
    return [pay_card(flow=flow, entry=entry) for entry in found]


def pay_card(*, flow: Flow, entry: Entry) -> PayCard:
    return PayCard(record=entry.record, entry=entry, proposals=[_shown(it, flow) for it in proposals_of(entry)])


def paid_lines(*, flow: Flow, entries: Iterable[Entry]) -> dict[int, list[PaidLine]]:
    """What each payment among these entries pays, by entry. One query where there is one, else none."""
    paying = [entry for entry in entries if entry.document and entry.document.get("kind") in PAYMENTS]
    if not paying:
        return {}
    wanted = {part["invoice_id"] for entry in paying for part in _parts(entry)}
    rows = MirrorInvoice.objects.filter(connection=flow.destination, invoice_id__in=wanted)
    known = {row.invoice_id: row for row in rows}
    return {
        entry.pk: [_paid(part, entry, known.get(part["invoice_id"]), flow) for part in _parts(entry)]
        for entry in paying
    }


def _parts(entry: Entry) -> list[dict[str, Any]]:
    return list((entry.document or {}).get("allocations", ()))


def _still_due(part: Mapping[str, Any], entry: Entry, row: MirrorInvoice) -> Decimal:
    """After this payment, also where the invoice was read before it was made."""
    is_seen = entry.marker in row.paid_by or (entry.confirmed_at is not None and row.read_at > entry.confirmed_at)
    is_over = row.status != "AUTHORISED"
    return row.due if is_seen or is_over else max(row.due - Decimal(part["amount"]), ZERO)


def _shown(proposal: Mapping[str, Any], flow: Flow) -> ShownProposal:
    return ShownProposal(
        key=proposal["key"],
        score=proposal["score"],
        pays=proposal["pays"],
        reasons=proposal["reasons"],
        lines=[_line(item, flow) for item in proposal["items"]],
        over=proposal["over"] if Decimal(proposal.get("over", 0)) else "",
    )


def _line(item: Mapping[str, Any], flow: Flow) -> InvoiceLine:
    return InvoiceLine(
        number=item["number"],
        reference=item["reference"],
        contact=item["contact"],
        day=date.fromisoformat(item["date"]),
        due_day=date.fromisoformat(item["due_date"]) if item["due_date"] else None,
        currency=item["currency"],
        total=item["total"],
        due=item["due"],
        paid=item["paid"],
        stays=item["stays"],
        link=invoice_link(flow=flow, invoice_id=item["invoice_id"], sales=item["sales"]),
    )


def _paid(part: Mapping[str, Any], entry: Entry, row: MirrorInvoice | None, flow: Flow) -> PaidLine:
    due = _still_due(part, entry, row) if row else None
    return PaidLine(
        number=part["number"],
        contact=part["contact_name"],
        amount=part["amount"],
        currency=part["currency"],
        due=due,
        is_paid=due == 0 and entry.state in _IN_BOOKS,
        link=invoice_link(flow=flow, invoice_id=part["invoice_id"], sales=row.sales) if row else "",
    )
