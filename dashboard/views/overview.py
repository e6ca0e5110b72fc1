"""The first page of a company."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from dashboard import charts
from dashboard.access import tenant_page
from dashboard.pages import current_flow, render_page, render_part, unconnected
from dashboard.presenting import shown_incident
from dashboard.queries import overview as queries
from dashboard.queries.checklist import checklist
from sync import selectors
from sync.models import Flow
from tenants.middleware import TenantRequest


@tenant_page()
def overview(request: TenantRequest) -> HttpResponse:
    flow = current_flow()
    context: dict[str, Any] = {
        "flow": flow,
        "checklist": checklist(tenant=request.tenant, flow=flow),
        "incidents": [shown_incident(request.tenant, it) for it in selectors.open_incidents()],
    }
    if flow is not None:
        context |= _live(flow) | _figures(flow) | {"unconnected": unconnected(flow)}
    return render_page(request, "dashboard/overview.html", context)


@tenant_page()
def overview_live(request: TenantRequest) -> HttpResponse:
    """The counts alone, for the page that refreshes itself."""
    flow = current_flow()
    if flow is None:
        return HttpResponse(status=204)
    return render_part(request, "dashboard/parts/live.html", {"flow": flow, **_live(flow)})


def _live(flow: Flow) -> dict[str, Any]:
    totals = queries.totals(flow=flow)
    return {
        "totals": totals,
        "total_rows": totals.posted + totals.pending,
        "run": queries.latest_run(flow=flow),
        "freshness": selectors.freshness_p95(flow.pk),
        "sync_label": _("Sync"),
    }


def _figures(flow: Flow) -> dict[str, Any]:
    today = timezone.localdate()
    days = [(it.day, it.posted, it.held) for it in queries.volume(flow=flow, today=today)]
    names = {"today": _("Today"), "week": _("This week"), "month": _("This month")}
    return {
        "chart": charts.volume_chart(days),
        "periods": queries.periods(flow=flow, today=today, names=names),
        "health": queries.vendor_health(flow=flow),
        "proof": queries.latest_proof(flow=flow),
    }
