"""Back-fills and the first day: choose, see what would come, confirm, watch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from connectors.contract.errors import ConnectorError
from dashboard.access import tenant_action, tenant_page
from dashboard.addresses import tenant_url
from dashboard.pages import back_to, current_flow, render_page, render_part
from dashboard.views.flow_acts import SHOWN, flow_or_404, when_free
from sync.backfilling import backfill_preview, backfill_start, backfill_stop, cutoff_move, cutoff_preview
from sync.domain.backfill import Window
from sync.domain.days import DayFault, read_day
from sync.models import Backfill, Flow
from sync.pipeline.result import NotConnected
from sync.pipeline.run import LeaseHeld
from sync.services import NotPossible
from tenants.middleware import TenantRequest
from tenants.permissions import Action

LISTED = 50


@tenant_page()
def backfill_page(request: TenantRequest) -> HttpResponse:
    flow = current_flow()
    today = timezone.localdate()
    context = {
        "flow": flow,
        "lock_date": flow.destination.lock_date if flow and flow.destination else None,
        "since": max(today.replace(day=1), flow.cutoff) if flow else today,
        "until": today,
        **_listed(flow),
    }
    return render_page(request, "dashboard/runs/backfill.html", context)


@tenant_page()
def backfill_live(request: TenantRequest) -> HttpResponse:
    return render_part(request, "dashboard/parts/backfills.html", _listed(current_flow()))


@tenant_action(Action.SYNC)
def backfill_look(request: TenantRequest) -> HttpResponse:
    flow = flow_or_404(request)
    try:
        asked = _window(request)
    except DayFault as fault:
        return back_to(request, "runs-backfill", failed=_choose_both(fault))
    about: dict[str, Any] = {"tenant_id": request.tenant.pk, "flow_id": flow.pk, "actor": request.user.email}
    found = _looked(lambda: backfill_preview(asked=asked, **about))
    if isinstance(found, str):
        return back_to(request, "runs-backfill", failed=found)
    hidden = [("since", asked.since.isoformat()), ("until", asked.until.isoformat())]
    return _preview(request, found, page="runs-backfill", confirm="runs-backfill-start", hidden=hidden)


@tenant_action(Action.SYNC)
def backfill_begin(request: TenantRequest) -> HttpResponse:
    flow = flow_or_404(request)
    try:
        asked = _window(request)
        backfill_start(tenant_id=request.tenant.pk, flow_id=flow.pk, asked=asked, actor=request.user.email)
    except DayFault as fault:
        return back_to(request, "runs-backfill", failed=_choose_both(fault))
    except NotPossible as problem:
        return back_to(request, "runs-backfill", failed=str(problem))
    return back_to(request, "runs-backfill", said=_("The days are read now, month by month. You can leave this page."))


@tenant_action(Action.SYNC)
def backfill_end(request: TenantRequest) -> HttpResponse:
    text = request.POST.get("backfill", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    if backfill_stop(tenant_id=request.tenant.pk, backfill_id=number, actor=request.user.email):
        return back_to(request, "runs-backfill", said=_("Stopped. What was read stays; the rest can be read later."))
    return back_to(request, "runs-backfill", failed=_("It had ended already."))


# --------------------------------------------------------------- the first day


@tenant_page()
def cutoff_page(request: TenantRequest) -> HttpResponse:
    flow = current_flow()
    if flow is None:
        return back_to(request, "settings")
    return render_page(request, "dashboard/settings_cutoff.html", {"flow": flow})


@tenant_action(Action.SETTINGS)
def cutoff_look(request: TenantRequest) -> HttpResponse:
    flow = flow_or_404(request)
    try:
        cutoff = read_day(request.POST.get("cutoff", ""))
    except DayFault as fault:
        return back_to(request, "settings-cutoff", failed=_choose(fault))
    if cutoff == flow.cutoff:
        return back_to(request, "settings-cutoff", failed=_("This is the first day already."))
    about: dict[str, Any] = {"tenant_id": request.tenant.pk, "flow_id": flow.pk, "actor": request.user.email}
    found = _looked(lambda: cutoff_preview(cutoff=cutoff, **about))
    if isinstance(found, str):
        return back_to(request, "settings-cutoff", failed=found)
    hidden = [("cutoff", cutoff.isoformat())]
    return _preview(request, found, page="settings-cutoff", confirm="settings-cutoff-move", hidden=hidden)


@tenant_action(Action.SETTINGS)
def cutoff_confirm(request: TenantRequest) -> HttpResponse:
    flow = flow_or_404(request)
    try:
        cutoff = read_day(request.POST.get("cutoff", ""))
        cutoff_move(tenant_id=request.tenant.pk, flow_id=flow.pk, cutoff=cutoff, actor=request.user.email)
    except DayFault as fault:
        return back_to(request, "settings-cutoff", failed=_choose(fault))
    except NotPossible as problem:
        return back_to(request, "settings-cutoff", failed=str(problem))
    return back_to(request, "settings", said=_("The first day is moved. What was posted stays as it is."))


# ---------------------------------------------------------------------- shared


def _looked(look: Callable[[], dict[str, Any]]) -> dict[str, Any] | str:
    """What was found, or the sentence that says why nothing was."""
    try:
        return when_free(look)
    except LeaseHeld:
        return _("A sync is running at the moment. Try again when it is done.")
    except DayFault as fault:
        return _choose(fault)
    except (NotPossible, NotConnected) as problem:
        return str(problem)
    except ConnectorError as error:
        return error.message


def _preview(
    request: TenantRequest, found: dict[str, Any], *, page: str, confirm: str, hidden: Sequence[tuple[str, str]]
) -> HttpResponse:
    is_backfill = page == "runs-backfill"
    context = {
        "found": {"documents": None, **found},
        "documents": found.get("documents", [])[:SHOWN],
        "heading": _("Back-fill") if is_backfill else _("First day"),
        "back": tenant_url(request.tenant, page),
        "back_label": _("Back-fill") if is_backfill else _("First day"),
        "confirm": tenant_url(request.tenant, confirm),
        "confirm_label": _("Read and post") if is_backfill else _("Move the first day"),
        "hidden": hidden,
    }
    return render_page(request, "dashboard/runs/backfill_preview.html", context)


def _listed(flow: Flow | None) -> dict[str, Any]:
    rows = list(Backfill.objects.filter(flow=flow).order_by("-id")[:LISTED]) if flow else []
    return {"backfills": rows, "running": any(row.state == Backfill.State.RUNNING for row in rows)}


def _window(request: TenantRequest) -> Window:
    """Raises DayFault."""
    return Window(since=read_day(request.POST.get("since", "")), until=read_day(request.POST.get("until", "")))


def _choose(fault: DayFault) -> str:
    return _("Choose a day: %(why)s.") % {"why": fault}


def _choose_both(fault: DayFault) -> str:
    return _("Choose the first and the last day: %(why)s.") % {"why": fault}
