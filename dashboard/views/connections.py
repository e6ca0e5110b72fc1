"""Connections: how they stand, and connecting, choosing the company, testing and disconnecting."""

from __future__ import annotations

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _

from connectors import providers, services
from connectors.contract.errors import ConnectorError
from connectors.models import Connection
from connectors.registry import SPECS, spec
from dashboard.access import tenant_action, tenant_page
from dashboard.onboarding import flow_complete
from dashboard.pages import back_to, render_page
from dashboard.queries.connections import open_choice, vendor_cards
from tenants.middleware import TenantRequest
from tenants.permissions import Action
from tenants.scoping import tenant_scope


@tenant_page()
def connection_list(request: TenantRequest) -> HttpResponse:
    return render_page(request, "dashboard/connections/list.html", {"cards": vendor_cards()})


@tenant_action(Action.CONNECT)
def connection_connect(request: TenantRequest, kind: str) -> HttpResponse:
    """To the vendor's consent page. An existing connection is renewed, so that its mappings stay."""
    _known(kind)
    if request.session.session_key is None:
        request.session.create()
    try:
        address = services.connection_start(
            kind=kind,
            tenant_id=request.tenant.pk,
            user_id=request.user.pk,
            session_key=request.session.session_key or "",
            connection_id=_to_renew(request, kind),
        )
    except services.ConsentRefused as problem:
        return back_to(request, "connections", failed=str(problem))
    return HttpResponseRedirect(address)


@tenant_action(Action.CONNECT)
def connection_key(request: TenantRequest, kind: str) -> HttpResponse:
    """Connect Amnis by the company's own key. The secret is never shown or sent back."""
    if kind != providers.AMNIS:
        raise Http404
    client_id = request.POST.get("client_id", "").strip()[:200]
    client_secret = request.POST.get("client_secret", "").strip()[:500]
    if not client_id or not client_secret:
        return back_to(request, "connections", failed=_("Both the client id and the secret are needed."))
    try:
        connection = services.connection_with_key(
            tenant_id=request.tenant.pk, client_id=client_id, client_secret=client_secret, actor=request.user.email
        )
    except ConnectorError as error:
        return back_to(request, "connections", failed=error.message)
    return connected(request, connection)


@tenant_page(Action.CONNECT)
def connection_choices(request: TenantRequest, kind: str) -> HttpResponse:
    """Of several companies that a consent opened, which one is meant?"""
    _known(kind)
    organisations = open_choice(kind=kind, wanted=request.tenant.name)
    if not organisations:
        return back_to(request, "connections")
    context = {"organisations": organisations, "kind": kind, "title": spec(kind).title}
    return render_page(request, "dashboard/connections/choose.html", context)


@tenant_action(Action.CONNECT)
def connection_choose(request: TenantRequest, kind: str) -> HttpResponse:
    _known(kind)
    with tenant_scope(request.tenant.pk):
        offered = {str(it.connection.pk): it.connection for it in open_choice(kind=kind, wanted="")}
    chosen = offered.get(request.POST.get("organisation", ""))
    if chosen is None:
        return back_to(request, "connections", failed=_("Choose one of the companies that were offered."))
    try:
        connection = services.connection_choose(
            tenant_id=request.tenant.pk, connection_id=chosen.pk, actor=request.user.email
        )
    except ConnectorError as error:
        return back_to(request, "connections", failed=error.message)
    return connected(request, connection)


@tenant_action(Action.CONNECT)
def connection_test(request: TenantRequest, connection_id: int) -> HttpResponse:
    connection = _mine(request, connection_id)
    health = services.connection_test(connection=connection)
    if health.reachable:
        said = _("%(vendor)s answers and knows us as %(name)s.") % {
            "vendor": connection.get_kind_display(),
            "name": health.name or connection.name,
        }
        return back_to(request, "connections", said=said)
    return back_to(request, "connections", failed=health.message or _("No answer."))


@tenant_action(Action.CONNECT)
def connection_disconnect(request: TenantRequest, connection_id: int) -> HttpResponse:
    connection = _mine(request, connection_id)
    try:
        services.connection_disconnect(connection=connection, actor=request.user.email)
    except ConnectorError as error:
        return back_to(request, "connections", failed=error.message)
    return back_to(request, "connections", said=_("Disconnected. Mappings and rules are kept."))


def connected(request: TenantRequest, connection: Connection) -> HttpResponse:
    """A connection works now: the flow is completed, and the next thing to do is shown."""
    flow = flow_complete(tenant_id=request.tenant.pk, actor=request.user.email, today=timezone.localdate())
    said = _("%(vendor)s is connected: %(name)s.") % {
        "vendor": connection.get_kind_display(),
        "name": connection.name or connection.external_id,
    }
    return back_to(request, "overview" if flow else "connections", said=said)


def _known(kind: str) -> None:
    if kind not in {it.kind for it in SPECS}:
        raise Http404


def _to_renew(request: TenantRequest, kind: str) -> int | None:
    """The connection that a new consent renews: the one that works or worked last, unless it was ended on purpose."""
    with tenant_scope(request.tenant.pk):
        standing = (Connection.Status.ACTIVE, Connection.Status.NEEDS_RECONNECT)
        found = Connection.objects.filter(kind=kind, status__in=standing).order_by("-id").first()
        return found.pk if found else None


def _mine(request: TenantRequest, connection_id: int) -> Connection:
    with tenant_scope(request.tenant.pk):
        found = Connection.objects.filter(pk=connection_id).first()
    if found is None:
        raise Http404
    return found
