"""Settings of the flow: how often, from when, by which policies, what by default, what a person looks at first."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from connectors.selectors import chart
from dashboard.access import tenant_form
from dashboard.forms.settings import SettingsForm
from dashboard.onboarding import cutoff_change
from dashboard.pages import back_to, current_flow, render_page
from dashboard.queries.chart import rule_choices
from sync import configuration
from sync.domain.days import DayFault
from sync.domain.references import ChartIndex
from sync.models import Flow, Record
from sync.reviewing import Trial, review_trial
from sync.services import NotPossible
from tenants.middleware import TenantRequest
from tenants.permissions import Action


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_form(Action.SETTINGS)
def settings_edit(request: TenantRequest) -> HttpResponse:
    flow = current_flow()
    if flow is None:
        return render_page(request, "dashboard/settings.html", {"flow": None, "form": None})
    choices = rule_choices(flow=flow)
    if request.method == "POST":
        form = SettingsForm.of_post(request.POST, choices, chart=_chart(flow))
        if not form.errors and "try" not in request.POST:
            return _save(request, flow, form)
    else:
        form = SettingsForm.of_flow(flow, choices)
    context = {
        "flow": flow,
        "form": form,
        "cutoff_is_open": not Record.objects.filter(flow=flow).exists(),
        "trial": _trial(flow, form) if "try" in request.POST and not form.errors else None,
    }
    return render_page(request, "dashboard/settings.html", context, status=422 if form.errors else 200)


def _chart(flow: Flow) -> ChartIndex | None:
    """What Xero showed when it was last read; None before it is connected."""
    return ChartIndex.of(chart(flow.destination)) if flow.destination is not None else None


def _trial(flow: Flow, form: SettingsForm) -> Trial:
    """What these settings would have held, without saving them."""
    zone = timezone.get_current_timezone()
    return review_trial(flow=flow, review=form.remarks(), today=timezone.localdate(), zone=ZoneInfo(str(zone)))


def _save(request: TenantRequest, flow: Flow, form: SettingsForm) -> HttpResponse:
    who = request.user.email
    try:
        if form.cutoff is not None:
            cutoff_change(tenant_id=request.tenant.pk, flow_id=flow.pk, cutoff=form.cutoff, actor=who)
    except NotPossible as problem:
        return back_to(request, "settings", failed=str(problem))
    except DayFault as fault:
        return back_to(request, "settings", failed=f"{fault}.")
    configuration.flow_change(flow=flow, actor=who, **form.changes())
    return back_to(request, "settings", said=_("Saved. The change holds for movements that are not posted yet."))
