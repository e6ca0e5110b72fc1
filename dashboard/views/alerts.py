"""Alerts: what is wrong now, and what was, each with the way to put it right."""

from __future__ import annotations

from django.http import HttpResponse

from dashboard.access import tenant_page
from dashboard.pages import render_page
from dashboard.presenting import shown_incident
from sync.models import Incident
from tenants.middleware import TenantRequest

SHOWN = 50


@tenant_page()
def alert_list(request: TenantRequest) -> HttpResponse:
    still_open = Incident.objects.filter(closed_at=None).order_by("severity", "-last_seen_at")[:SHOWN]
    closed = Incident.objects.filter(closed_at__isnull=False).order_by("-closed_at")[:SHOWN]
    context = {
        "still_open": [shown_incident(request.tenant, it) for it in still_open],
        "closed": [shown_incident(request.tenant, it) for it in closed],
    }
    return render_page(request, "dashboard/alerts.html", context)
