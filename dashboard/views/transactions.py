"""Movements: the list, its export, and the whole story of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from connectors.contract.records import Movement
from dashboard import exporting
from dashboard.access import tenant_page
from dashboard.acts import acts_for
from dashboard.pages import current_flow, render_page
from dashboard.paging import ListPage
from dashboard.presenting import shown_events, shown_findings
from dashboard.queries import overview, payments, story, transactions
from dashboard.queries.links import document_link
from dashboard.queries.returned import returned_of
from sync.allocating import proposals_of
from sync.domain.coding_case import DecidedBy
from sync.models import Entry, EntryState, Flow
from sync.models.amendment import ON_THE_WAY
from sync.models.entry import STANDING
from sync.proposals import proposal_of
from sync.undoing import can_be_posted_again
from tenants.middleware import TenantRequest
from tenants.permissions import Action

EXPORT_COLUMNS = (
    "account",
    "source_id",
    "type",
    "state",
    "booking_date",
    "amount",
    "currency",
    "counterparty",
    "text",
    "destination_type",
    "destination_id",
    "marker",
)


@tenant_page()
def transaction_list(request: TenantRequest) -> HttpResponse:
    flow = current_flow()
    filters = transactions.TransactionFilter.of(request.GET)
    context: dict[str, Any] = {"filters": filters, "page": ListPage(items=()), "movements": list(Movement)}
    if flow is not None:
        context |= {
            "page": transactions.transaction_page(flow=flow, filters=filters, after=request.GET.get("after", "")),
            "wallets": transactions.wallets(flow=flow),
            "chips": _chips(flow),
        }
    return render_page(request, "dashboard/transactions/list.html", context)


@tenant_page(Action.EXPORT)
def transaction_export(request: TenantRequest) -> HttpResponseBase:
    flow = current_flow()
    filters = transactions.TransactionFilter.of(request.GET)
    rows = transactions.transaction_export(flow=flow, filters=filters) if flow else iter(())
    answer = exporting.csv_response("transactions.csv", EXPORT_COLUMNS, _export_rows(rows))
    exporting.write_down(request, "transactions")
    return answer


@tenant_page()
def transaction_detail(request: TenantRequest, record_id: int) -> HttpResponse:
    flow = current_flow()
    found = story.movement_story(flow=flow, record_id=record_id) if flow else None
    if flow is None or found is None:
        raise Http404
    entry = found.main
    decisions, rule_hit = _decided(entry.decisions if entry else [])
    context = {
        "story": found,
        "record": found.record,
        "entry": entry,
        "state": found.behind.state if found.behind else transactions.bare_state(found.record),
        "findings": shown_findings(request.tenant, entry.findings, accepted=entry.accepted) if entry else [],
        "returned": returned_of(flow=flow, record=found.record, entry=entry),
        "decisions": decisions,
        "is_codable": any(it["field"] == "account" and it["by"] != DecidedBy.POLICY for it in decisions),
        "rule_hit": rule_hit,
        "events": shown_events(found.events),
        "acts": acts_for(entry, role=request.role),
        "later": _later_acts(entry, [it.entry for it in found.entries]),
        "paid": payments.paid_lines(flow=flow, entries=[it.entry for it in found.entries]),
        "pay_card": payments.pay_card(flow=flow, entry=entry) if entry and _is_undecided(entry) else None,
        "link": document_link(flow=flow, entry=entry) if entry else "",
        "base_currency": flow.destination.base_currency if flow.destination else "",
    }
    return render_page(request, "dashboard/transactions/detail.html", context)


def _later_acts(entry: Entry | None, whole: Sequence[Entry]) -> dict[str, bool]:
    """What can be done with a document that was posted: take it back, post it again (or what of the `whole` movement is
    gone), decide a proposed change."""
    if entry is None:
        return {}
    on_the_way = entry.amendments.filter(state__in=ON_THE_WAY).exists()
    return {
        "undo": entry.destination_id is not None
        and entry.state in STANDING
        and not on_the_way
        and not can_be_posted_again(entry),
        "again": not on_the_way and any(can_be_posted_again(it) for it in whole),
        "proposal": not on_the_way and proposal_of(entry) is not None,
        "on_the_way": on_the_way,
    }


def _is_undecided(entry: Entry) -> bool:
    """Does it wait for a person who says what it pays?"""
    return entry.state == EntryState.REVIEW and bool(proposals_of(entry))


def _chips(flow: Flow) -> list[dict[str, Any]]:
    totals = overview.totals(flow=flow)
    labels = {
        "posted": _("In the books"),
        "pending": _("On the way"),
        "review": _("Needs review"),
        "failed": _("Failed"),
        "skipped": _("Skipped"),
    }
    return [{"key": key, "label": label, "count": getattr(totals, key)} for key, label in labels.items()]


def _decided(stored: Any) -> tuple[list[Any], Any]:
    """Decisions and the rule that won, as `Coding.trace` stores them."""
    if isinstance(stored, dict):
        return list(stored.get("decisions") or ()), stored.get("rule")
    return list(stored or ()), None


def _export_rows(rows: Iterator[transactions.TransactionRow]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        record, entry = row.record, row.entry
        yield (
            record.account_id,
            record.source_id,
            record.movement,
            row.state,
            record.booking_date,
            exporting.amount(record.amount, record.currency),
            record.currency,
            record.counterparty,
            record.text,
            entry.destination_type if entry else "",
            entry.destination_id if entry else "",
            entry.marker if entry else "",
        )
