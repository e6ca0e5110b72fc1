"""Audit: who did what, when, from what to what; and whether the chain still holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from dashboard import exporting
from dashboard.access import tenant_action, tenant_page
from dashboard.pages import back_to, render_page
from dashboard.queries.audit import AuditFilter, audit_actions, audit_export, audit_page, contact_names
from tenants import audit
from tenants.middleware import TenantRequest
from tenants.permissions import Action

COLUMNS = ("position", "at", "actor", "action", "target", "before", "after", "reason", "hash")


@tenant_page(Action.AUDIT_VIEW)
def audit_list(request: TenantRequest) -> HttpResponse:
    filters = AuditFilter.of(request.GET)
    page = audit_page(filters=filters, after=request.GET.get("after", ""))
    context = {
        "filters": filters,
        "page": page,
        "contacts": contact_names(page.items),
        "actions": audit_actions(),
    }
    return render_page(request, "dashboard/audit.html", context)


@tenant_page(Action.EXPORT)
def audit_csv(request: TenantRequest) -> HttpResponseBase:
    answer = exporting.csv_response("audit.csv", COLUMNS, _rows(AuditFilter.of(request.GET)))
    exporting.write_down(request, "audit")
    return answer


@tenant_action(Action.AUDIT_VIEW)
def audit_verify(request: TenantRequest) -> HttpResponse:
    broken = audit.verify(request.tenant.pk)
    if broken:
        places = ", ".join(_("the end") if it == audit.MISSING_TAIL else str(it) for it in broken[:20])
        said = _("The chain is broken at: %(places)s. Tell the operators at once.") % {"places": places}
        return back_to(request, "audit", failed=said)
    return back_to(
        request, "audit", said=_("Checked from the first event to the last: nothing was changed or taken away.")
    )


def _rows(filters: AuditFilter) -> Iterator[tuple[Any, ...]]:
    for event in audit_export(filters=filters):
        at = event.at.isoformat()
        yield (
            event.position,
            at,
            event.actor,
            event.action,
            event.target,
            event.before,
            event.after,
            event.reason,
            event.hash,
        )
