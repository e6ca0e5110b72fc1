"""Alerts: what is wrong now, what this person was told, and who is told where."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, QueryDict
from django.utils.translation import gettext as _

from dashboard.access import tenant_action, tenant_page
from dashboard.pages import back_to, render_page
from dashboard.presenting import shown_incident
from notifications import selectors, services
from sync.models import Incident
from tenants.middleware import TenantRequest
from tenants.permissions import Action
from tenants.scoping import tenant_scope

SHOWN = 50


@tenant_page()
def alert_list(request: TenantRequest) -> HttpResponse:
    still_open = Incident.objects.filter(closed_at=None).order_by("severity", "-last_seen_at")[:SHOWN]
    closed = Incident.objects.filter(closed_at__isnull=False).order_by("-closed_at")[:SHOWN]
    context = {
        "still_open": [shown_incident(request.tenant, it) for it in still_open],
        "closed": [shown_incident(request.tenant, it) for it in closed],
        "alerts": selectors.alerts(user_id=request.user.pk, limit=SHOWN),
        "told": selectors.settings_shown(),
    }
    return render_page(request, "dashboard/alerts.html", context)


@tenant_action(Action.VIEW)
def alerts_read(request: TenantRequest) -> HttpResponse:
    """This person has read everything that stands here now."""
    with tenant_scope(request.tenant.pk, actor=request.user.email):
        services.alerts_read_all(user_id=request.user.pk)
    return back_to(request, "alerts")


@tenant_action(Action.ALERTS)
def alerts_settings(request: TenantRequest) -> HttpResponse:
    """Who is told. An empty webhook field leaves the webhook as it is; it is taken away by its own box.

    Without an address the owners are told: somebody always is.
    """
    post = request.POST
    changes: dict[str, Any] = {
        "daily": "daily" in post,
        "email": None if "owners" in post else _addresses(post) or None,
    }
    webhook = post.get("slack_webhook", "").strip()[:500]
    if webhook or "slack_remove" in post:
        changes["slack_webhook"] = webhook
    try:
        with tenant_scope(request.tenant.pk, actor=request.user.email):
            services.settings_save(actor=request.user.email, **changes)
    except ValueError as problem:
        return back_to(request, "alerts", failed=str(problem))
    return back_to(request, "alerts", said=_("Saved. From now on they are told."))


def _addresses(post: QueryDict) -> list[str]:
    return [it for it in post.get("email", "")[:10_000].replace(",", " ").replace(";", " ").split() if it]
