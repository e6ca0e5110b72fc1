"""What conversions cost, month by month, and the same as a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse, HttpResponseBase

from dashboard import exporting
from dashboard.access import tenant_page
from dashboard.pages import current_flow, render_page
from dashboard.queries.conversions import CostRow, cost_export, cost_month
from tenants.middleware import TenantRequest
from tenants.permissions import Action

COLUMNS = (
    "value_date", "deal_date", "deal", "sold", "bought", "amount_sold", "amount_bought", "rate", "spot", "margin",
    "cost", "cost_currency",
)  # fmt: skip


@tenant_page()
def conversion_costs(request: TenantRequest) -> HttpResponse:
    flow = current_flow()
    found = cost_month(flow=flow, wanted=request.GET.get("month", "")) if flow else None
    base = flow.destination.base_currency if flow and flow.destination else ""
    return render_page(request, "dashboard/conversions/costs.html", {"flow": flow, "found": found, "base": base})


@tenant_page(Action.EXPORT)
def conversion_export(request: TenantRequest) -> HttpResponseBase:
    flow = current_flow()
    base = flow.destination.base_currency if flow and flow.destination else ""
    rows = cost_export(flow=flow, wanted=request.GET.get("month", "")) if flow else iter(())
    answer = exporting.csv_response("conversions.csv", COLUMNS, _export_rows(rows, base))
    exporting.write_down(request, "conversions")
    return answer


def _export_rows(rows: Iterator[CostRow], base: str) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        it = row.booked
        spot = "" if it.spot_rate is None else f"{it.spot_rate.normalize():f}"
        margin = "" if row.percent is None else f"{row.percent:.4f}"
        sold, bought = exporting.amount(it.amount_sold, it.sold), exporting.amount(it.amount_bought, it.bought)
        yield (
            it.value_date, it.deal_date or "", it.deal_id, it.sold, it.bought, sold, bought, f"{row.rate:.6f}", spot, margin,
            exporting.amount(row.cost, base), base if row.cost is not None else "",
        )  # fmt: skip
