"""What the buttons of the overview do: sync now, pause, resume, dry run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from connectors.contract.errors import ConnectorError
from dashboard.access import tenant_action
from dashboard.pages import back_to, render_page, unconnected
from sync import selectors, services
from sync.models import Flow
from sync.pipeline.dryrun import dry_run
from sync.pipeline.result import NotConnected
from sync.pipeline.run import LeaseHeld
from sync.tasks import run_slice
from tenants.middleware import TenantRequest
from tenants.permissions import Action

SHOWN = 200
PATIENCE_SECONDS = 8.0
log = structlog.get_logger(__name__)


@tenant_action(Action.SYNC)
def flow_sync(request: TenantRequest) -> HttpResponse:
    flow = flow_or_404(request)
    if flow.state != Flow.State.ACTIVE:
        return back_to(request, "overview", failed=_("The sync is paused. Resume it first."))
    if missing := unconnected(flow):
        said = _("%(vendors)s is not connected. Connect it first; the gap fills itself.")
        return back_to(request, "connections", failed=said % {"vendors": ", ".join(missing)})
    who = request.user.email
    services.flow_sync_now(tenant_id=request.tenant.pk, flow_id=flow.pk, actor=who)
    hint(request.tenant.pk, flow.pk, who)
    return back_to(request, "overview", said=_("The sync has been asked for; the figures follow by themselves."))


@tenant_action(Action.PAUSE)
def flow_pause(request: TenantRequest) -> HttpResponse:
    services.flow_pause(tenant_id=request.tenant.pk, flow_id=flow_or_404(request).pk, actor=request.user.email)
    return back_to(request, "overview", said=_("Paused. Nothing is posted until you resume; nothing is lost."))


@tenant_action(Action.PAUSE)
def flow_resume(request: TenantRequest) -> HttpResponse:
    services.flow_resume(tenant_id=request.tenant.pk, flow_id=flow_or_404(request).pk, actor=request.user.email)
    return back_to(request, "overview", said=_("The sync runs again and catches up by itself."))


@tenant_action(Action.SYNC)
def flow_dry_run(request: TenantRequest) -> HttpResponse:
    flow = flow_or_404(request)
    try:
        found = when_free(lambda: dry_run(tenant_id=request.tenant.pk, flow_id=flow.pk, actor=request.user.email))
    except LeaseHeld:
        return back_to(request, "overview", failed=_("A sync is running at the moment. Try again when it is done."))
    except NotConnected as problem:
        return back_to(request, "overview", failed=str(problem))
    except ConnectorError as error:
        return back_to(request, "overview", failed=error.message)
    return render_page(request, "dashboard/dry_run.html", _shown(found))


def flow_or_404(request: TenantRequest) -> Flow:
    """The company's flow; for acts, which open no scope of their own."""
    flow = selectors.flow_of(request.tenant.pk)
    if flow is None:
        raise Http404
    return flow


def when_free(act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A short wait for a pass that is at work; the schedule leaves long gaps. Raises LeaseHeld when it takes longer."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return act()
        except LeaseHeld:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


def _shown(found: Mapping[str, Any]) -> dict[str, Any]:
    """The first documents, and the reasons for waiting with how often each one stands there."""
    reasons = Counter(message for item in found["held"] for message in item["findings"])
    return {"found": found, "documents": found["documents"][:SHOWN], "held": reasons.most_common(50)}


def hint(tenant_id: int, flow_id: int, actor: str) -> None:
    """Look now. The row is due anyway, so a broker that is down costs a tick and nothing else."""
    try:
        run_slice.apply_async(
            kwargs={"tenant_id": tenant_id, "flow_id": flow_id, "trigger": "person", "actor": actor}, retry=False
        )
    except OperationalError:
        log.warning("hint_lost", flow_id=flow_id)
