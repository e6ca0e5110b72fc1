"""The review: what waits for a person, one card for each cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _

from dashboard.access import tenant_page
from dashboard.addresses import fix_page, tenant_url
from dashboard.pages import current_flow, render_page
from dashboard.presenting import fix_label
from dashboard.queries.payments import PayCard, is_about_invoices, pay_cards
from dashboard.queries.review import GAVE_UP, SHOWN_IN_GROUP, ReviewGroup, group_rows, review_groups
from dashboard.queries.transactions import TransactionRow
from dashboard.views.invoice_acts import SURE
from dashboard.words import word_for
from sync.allocating import best_of
from sync.domain.coding_case import DEFAULT_WORDS
from sync.models import Flow
from sync.pipeline.findings import is_acceptable
from tenants.middleware import TenantRequest
from tenants.models import Tenant

_INVOICE_FOUND = _("They look like payments of open invoices or bills. Choose what each pays, or book it as it is.")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCard:
    key: str
    title: str
    message: str
    count: int
    sums: Any
    failed: bool
    can_accept: bool
    unsent: int  # of them nothing stands in the books
    posted: int
    deleted: int
    is_open: bool
    rows: list[TransactionRow]
    pays: list[PayCard]  # what its movements may pay, where that is the question
    about_invoices: bool
    sure: int  # so many of those shown have a proposal that can be accepted with the others
    fix_url: str
    fix_label: str


@tenant_page()
def review_inbox(request: TenantRequest) -> HttpResponse:
    flow = current_flow()
    groups = review_groups(flow=flow) if flow else []
    opened = request.GET.get("open", groups[0].key if len(groups) == 1 else "")
    cards = [_card(request.tenant, flow, group, is_open=group.key == opened) for group in groups if flow]
    return render_page(request, "dashboard/review/inbox.html", {"groups": cards})


def _card(tenant: Tenant, flow: Flow, group: ReviewGroup, *, is_open: bool) -> GroupCard:
    page = fix_page(group.cause.code)
    about_invoices = is_about_invoices(group.cause.code)
    shown = group.entry_ids[:SHOWN_IN_GROUP] if is_open and about_invoices else []
    pays = pay_cards(flow=flow, entry_ids=shown) if shown else []
    title, detail = str(word_for("cause", group.cause.code).label), group.cause.detail
    if group.cause.code == "default_missing":
        detail = DEFAULT_WORDS.get(detail, detail)
    return GroupCard(
        key=group.key,
        title=f"{title}: {detail}" if detail else title,
        message=_message(group),
        count=group.count,
        sums=group.sums,
        failed=group.cause.code == GAVE_UP,
        can_accept=group.complete > 0 and group.cause.code != GAVE_UP and is_acceptable(group.cause.code),
        unsent=group.count - group.posted - group.deleted,
        posted=group.posted,
        deleted=group.deleted,
        is_open=is_open,
        rows=group_rows(flow=flow, group=group) if is_open and not about_invoices else [],
        pays=pays,
        about_invoices=about_invoices,
        sure=sum(bool(best_of(card.entry, at_least=SURE)) for card in pays),
        fix_url=tenant_url(tenant, page) if page else "",
        fix_label=fix_label(page),
    )


def _message(group: ReviewGroup) -> str:
    """What one movement says with its own figures is told of the others as an example only."""
    if group.cause.code == "invoice_found":
        return str(_INVOICE_FOUND)
    if group.is_mixed:
        return str(_("One of them: %(words)s") % {"words": group.cause.message})
    return group.cause.message
