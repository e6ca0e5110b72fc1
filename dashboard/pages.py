"""Rendering a page with everything that surrounds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone

from connectors.models import Connection
from dashboard.access import may
from dashboard.addresses import tenant_url
from dashboard.shell import shell_for
from sync.models import Flow
from tenants.middleware import TenantRequest
from tenants.scoping import tenant_scope
from tenants.selectors import tenants_of


def render_page(
    request: TenantRequest, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """The template with the shell, what the member may do, and the moment it is now."""
    with tenant_scope(request.tenant.pk, actor=request.user.email):
        belongings = [found.tenant for found in tenants_of(request.user)]
        shell = shell_for(request, request.tenant, belongings)
        surrounding = {"shell": shell, "may": may(request), "now": timezone.now()}
        return render(request, template, {**surrounding, **(context or {})}, status=status)


def render_part(request: TenantRequest, template: str, context: Mapping[str, Any]) -> HttpResponse:
    """A part of a page, for an update in place."""
    shell = {"tenant": request.tenant}
    return render(request, template, {"shell": shell, "may": may(request), "now": timezone.now(), **context})


def current_flow() -> Flow | None:
    """The tenant's flow with both of its connections, or None before anything is set up. Inside the scope."""
    return Flow.objects.select_related("source__grant", "destination__grant").order_by("id").first()


def unconnected(flow: Flow) -> list[str]:
    """The sides of the flow that cannot be reached until a person connects them, by the vendor's name."""
    sides = ((flow.source, Connection.Kind.AMNIS), (flow.destination, Connection.Kind.XERO))
    return [str(kind.label) for side, kind in sides if side is None or not side.is_usable]


def back_to(request: TenantRequest, name: str, *args: object, said: str = "", failed: str = "") -> HttpResponseRedirect:
    """To a page of this company, with one message."""
    if failed:
        messages.error(request, failed)
    elif said:
        messages.success(request, said)
    return HttpResponseRedirect(tenant_url(request.tenant, name, *args))
