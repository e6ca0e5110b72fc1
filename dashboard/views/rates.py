"""The tenant's own rates: the list, a preview of what an upload would change, taking it, the export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from dashboard import exporting
from dashboard.access import tenant_action, tenant_page
from dashboard.forms.rates import RateForm, read_rate_form
from dashboard.pages import back_to, current_flow, render_page
from dashboard.paging import ListPage
from dashboard.queries import rates as queries
from dashboard.views.flow_acts import flow_or_404
from sync import rates
from sync.domain.printable import clean_text
from sync.domain.rate_tables import UNITS, Direction, Method, RateFault
from sync.models import Flow, RateTableRow
from tenants.middleware import TenantRequest
from tenants.permissions import Action
from tenants.scoping import tenant_scope

SHOWN = 100
COLUMNS = (
    "currency", "valid_from", "valid_to", "rate", "unit", "direction", "per_base", "method", "source", "version", "replaced",
    "added_by", "added_at",
)  # fmt: skip


@tenant_page()
def rate_list(request: TenantRequest) -> HttpResponse:
    return _list_page(request, faults=())


@tenant_page(Action.EXPORT)
def rate_export(request: TenantRequest) -> HttpResponseBase:
    flow = current_flow()
    rows = queries.rate_export(flow=flow) if flow else iter(())
    answer = exporting.csv_response("rates.csv", COLUMNS, _export_rows(rows))
    exporting.write_down(request, "rates")
    return answer


@tenant_action(Action.MAP)
def rate_preview(request: TenantRequest) -> HttpResponse:
    """What these rates would change; nothing is kept yet."""
    flow = flow_or_404(request)
    try:
        form = read_rate_form(request.POST, request.FILES)
        with tenant_scope(request.tenant.pk, actor=request.user.email):
            change = rates.rate_preview(flow=flow, rates=form.rates, method=form.method)
    except RateFault as refused:
        return _list_page(request, faults=refused.faults)
    context = {"form": form, "change": change, "fresh": change.fresh[:SHOWN], "base": _base(flow)}
    return render_page(request, "dashboard/rates/preview.html", context)


@tenant_action(Action.MAP)
def rate_take(request: TenantRequest) -> HttpResponse:
    flow = flow_or_404(request)
    try:
        form = read_rate_form(request.POST, {})
        table = _take(request, flow, form)
    except RateFault as refused:
        return _list_page(request, faults=refused.faults)
    if table is None:
        return back_to(request, "rates", said=_("Nothing changed: these rates stand already."))
    said = _("Version %(version)s of your rates is in force; what waited for one of them goes on now.")
    return back_to(request, "rates", said=said % {"version": table.version})


def _take(request: TenantRequest, flow: Flow, form: RateForm) -> Any:
    return rates.rates_take(
        tenant_id=request.tenant.pk,
        flow_id=flow.pk,
        actor=request.user.email,
        rates=form.rates,
        method=form.method,
        source=form.source,
        confirmed=request.POST.get("confirmed") == "yes",
    )


def _list_page(request: TenantRequest, *, faults: tuple[str, ...]) -> HttpResponse:
    with tenant_scope(request.tenant.pk, actor=request.user.email):
        flow = current_flow()
        currency = clean_text(request.GET.get("currency", ""))[:3].upper()
        context: dict[str, Any] = {"flow": flow, "faults": faults, "page": ListPage(items=()), "currency": currency}
        if flow is not None:
            after = request.GET.get("after", "")
            context |= {
                "page": queries.rate_page(flow=flow, currency=currency, after=after),
                "currencies": queries.rate_currencies(flow=flow),
                "missing": queries.missing_rates(flow=flow),
                "in_use": flow.policies.get("rate") == "table",
                "base": _base(flow),
                "methods": list(Method),
                "units": UNITS,
                "directions": list(Direction),
                "typed": request.POST,
            }
        return render_page(request, "dashboard/rates/list.html", context, status=422 if faults else 200)


def _base(flow: Flow) -> str:
    if flow.destination is None:
        raise Http404
    return flow.destination.base_currency


def _export_rows(rows: Iterator[RateTableRow]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        table, replaced = row.table, cast(Any, row).replaced
        value = f"{row.value.normalize():f}"
        yield (
            row.currency, row.valid_from, row.valid_to, value, row.unit, row.direction, row.per_base, table.method,
            table.source, table.version, "yes" if replaced else "no", table.created_by, table.created_at.isoformat(),
        )  # fmt: skip
