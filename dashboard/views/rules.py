"""Rules: their order, the form, the trial on real history, versions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from connectors import services as connector_services
from connectors.contract.errors import ConnectorError
from connectors.selectors import chart
from dashboard.access import tenant_action, tenant_form, tenant_page
from dashboard.forms.rules import RuleForm, form_of_post, form_of_rule
from dashboard.pages import back_to, current_flow, render_page
from dashboard.queries.chart import rule_choices
from dashboard.queries.rule_test import RuleTrial, try_rule
from dashboard.queries.rules import rule_rows, rule_versions
from dashboard.views.flow_acts import flow_or_404
from sync import services
from sync.domain.conditions import Field, Op
from sync.domain.references import ChartIndex, coding_objection
from sync.domain.rules import RuleSpec
from sync.models import Flow, Rule
from tenants.middleware import TenantRequest
from tenants.permissions import Action
from tenants.scoping import tenant_scope


@tenant_page()
def rule_list(request: TenantRequest) -> HttpResponse:
    flow = current_flow()
    rows = rule_rows(flow=flow) if flow else []
    return render_page(request, "dashboard/rules/list.html", {"flow": flow, "rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_form(Action.MAP)
def rule_edit(request: TenantRequest, key: UUID | None = None) -> HttpResponse:
    """The form of one rule, or of a new one: change its rows, try it, save it."""
    flow = current_flow()
    versions = rule_versions(flow=flow, key=key) if flow and key else []
    if flow is None or (key and (not versions or versions[0].superseded_at)):
        raise Http404
    if request.method != "POST":
        form = form_of_rule(versions[0].spec) if versions else RuleForm()
        return _form_page(request, flow, form, versions)
    form = form_of_post(request.POST)
    act = request.POST.get("act", "save")
    spec = form.spec() if act in ("save", "test") else None
    if spec is not None:
        form.error = _tax_problem(flow, spec)
    if act == "save" and spec is not None and not form.error:
        return _save(request, flow, spec, key)
    trial = _trial(request, flow, spec) if spec is not None else None
    return _form_page(request, flow, form, versions, trial)


@tenant_action(Action.MAP)
def rule_move(request: TenantRequest, key: UUID) -> HttpResponse:
    rule = _current(request, key)
    up = request.POST.get("to") != "down"
    services.rule_move(tenant_id=request.tenant.pk, rule_id=rule.pk, actor=request.user.email, up=up)
    return back_to(request, "rules")


@tenant_action(Action.MAP)
def rule_switch(request: TenantRequest, key: UUID) -> HttpResponse:
    rule, active = _current(request, key), request.POST.get("active") == "yes"
    services.rule_switch(tenant_id=request.tenant.pk, rule_id=rule.pk, actor=request.user.email, active=active)
    return back_to(request, "rules", said=_("Switched on.") if active else _("Switched off."))


@tenant_action(Action.MAP)
def rule_remove(request: TenantRequest, key: UUID) -> HttpResponse:
    rule = _current(request, key)
    services.rule_remove(tenant_id=request.tenant.pk, rule_id=rule.pk, actor=request.user.email)
    return back_to(
        request, "rules", said=_("The rule is gone. What it decided stays as it is, and its versions are kept.")
    )


def _tax_problem(flow: Flow, spec: RuleSpec) -> str:
    """Where account and tax are both in Xero and cannot stand together; what is not there yet is said by each movement."""
    if flow.destination is None:
        return ""
    known = ChartIndex.of(chart(flow.destination))
    account, tax = spec.then.account, spec.then.tax
    if known.account(account or "") is None or known.tax_rate(tax or "") is None:
        return ""
    return coding_objection(known, account=account, tax=tax)


def _save(request: TenantRequest, flow: Flow, spec: RuleSpec, key: UUID | None) -> HttpResponse:
    services.rule_save(
        tenant_id=request.tenant.pk,
        flow_id=flow.pk,
        actor=request.user.email,
        spec=spec.to_json(),
        key=str(key) if key else "",
    )
    return back_to(request, "rules", said=_("Saved. It holds for movements that are not posted yet."))


def _trial(request: TenantRequest, flow: Flow, spec: RuleSpec) -> RuleTrial | None:
    if flow.source is None:
        return None
    try:
        source = connector_services.open_source(flow.source)
    except ConnectorError as error:
        messages.error(request, error.message)
        return None
    return try_rule(flow=flow, rule=spec, normalise=source.normalise)


def _current(request: TenantRequest, key: UUID) -> Rule:
    flow = flow_or_404(request)
    with tenant_scope(request.tenant.pk):
        rule = Rule.objects.filter(flow=flow, key=key, superseded_at=None).first()
    if rule is None:
        raise Http404
    return rule


def _form_page(
    request: TenantRequest, flow: Flow, form: RuleForm, versions: list[Rule], trial: RuleTrial | None = None
) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "rule": versions[0] if versions else None,
        "versions": versions,
        "trial": trial,
        "fields": list(Field),
        "ops": list(Op),
        "choices": rule_choices(flow=flow),
    }
    return render_page(request, "dashboard/rules/edit.html", context, status=422 if form.error else 200)
