"""Where the vendors send the browser back to after consent."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from connectors import services
from connectors.contract.errors import ConnectorError
from connectors.registry import SPECS
from dashboard.addresses import tenant_url
from dashboard.views.connections import connected
from tenants.middleware import TenantRequest
from tenants.models import User
from tenants.permissions import Action, allowed
from tenants.selectors import Belonging, tenants_of

MAX_PARAMETER = 4000


@require_safe
@login_required
def callback(request: HttpRequest, kind: str) -> HttpResponse:
    """Finish a consent. The state says for which company; the person must (still) be allowed to connect it."""
    if kind not in {it.kind for it in SPECS}:
        raise Http404
    user = cast(User, request.user)
    try:
        finished = services.connection_finish(
            kind=kind,
            state=request.GET.get("state", "")[:MAX_PARAMETER],
            code=request.GET.get("code", "")[:MAX_PARAMETER],
            user_id=user.pk,
            session_key=request.session.session_key or "",
            actor=user.email,
            error=request.GET.get("error", "")[:200],
            may_connect=lambda tenant_id: _may_connect(user, tenant_id),
        )
    except services.ConsentRefused as problem:
        return _back(request, str(problem))
    except ConnectorError as error:
        return _back(request, error.message)
    place = _place(user, finished.tenant_id)
    member = cast(TenantRequest, request)
    vars(member).update(tenant=place.tenant, membership=place.membership, role=place.role)
    if finished.has_choice:
        return HttpResponseRedirect(tenant_url(place.tenant, "connections-choices", kind))
    return connected(member, finished.connections[0])


def _may_connect(user: User, tenant_id: int) -> bool:
    return any(it.tenant.pk == tenant_id and allowed(it.role, Action.CONNECT) for it in tenants_of(user))


def _place(user: User, tenant_id: int) -> Belonging:
    found = next((it for it in tenants_of(user) if it.tenant.pk == tenant_id), None)
    if found is None or not allowed(found.role, Action.CONNECT):
        raise Http404
    return found


def _back(request: HttpRequest, message: str) -> HttpResponse:
    """To the connections of the company the person came from, where there is only one; else to the choice."""
    messages.error(request, message or _("The connection was not made."))
    places = tenants_of(cast(User, request.user))
    if len(places) == 1:
        return HttpResponseRedirect(tenant_url(places[0].tenant, "connections"))
    return HttpResponseRedirect(reverse("dashboard:home"))
