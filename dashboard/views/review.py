"""The review: what waits for a person, one card for each cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse

from dashboard.access import tenant_page
from dashboard.addresses import fix_page, tenant_url
from dashboard.pages import current_flow, render_page
from dashboard.presenting import fix_label
from dashboard.queries.review import GAVE_UP, ReviewGroup, group_rows, review_groups
from dashboard.queries.transactions import TransactionRow
from dashboard.words import word_for
from sync.models import Flow
from tenants.middleware import TenantRequest
from tenants.models import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCard:
    key: str
    title: str
    message: str
    count: int
    sums: Any
    failed: bool
    can_accept: bool
    is_open: bool
    rows: list[TransactionRow]
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
    title = str(word_for("cause", group.cause.code).label)
    return GroupCard(
        key=group.key,
        title=f"{title}: {group.cause.detail}" if group.cause.detail else title,
        message=group.cause.message,
        count=group.count,
        sums=group.sums,
        failed=group.cause.code == GAVE_UP,
        can_accept=group.complete > 0 and group.cause.code != GAVE_UP,
        is_open=is_open,
        rows=group_rows(flow=flow, group=group) if is_open else [],
        fix_url=tenant_url(tenant, page) if page else "",
        fix_label=fix_label(page),
    )
