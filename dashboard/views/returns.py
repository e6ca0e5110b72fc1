"""Which payment came back: a person's choice on the page of the movement."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _

from dashboard.access import tenant_action
from dashboard.pages import back_to
from dashboard.views.flow_acts import flow_or_404
from sync import returning, services
from sync.models import Record
from tenants.middleware import TenantRequest
from tenants.permissions import Action
from tenants.scoping import tenant_scope


@tenant_action(Action.REVIEW)
def transaction_original(request: TenantRequest, record_id: int) -> HttpResponse:
    """It gives back the movement `origin`; it is decided anew with the next pass."""
    flow, origin = flow_or_404(request), request.POST.get("origin", "")
    with tenant_scope(request.tenant.pk):
        if not Record.objects.filter(pk=record_id, flow=flow).exists():
            raise Http404
    if not origin.isdecimal() or len(origin) > 18:
        return back_to(request, "transactions-detail", record_id, failed=_("Choose what it gives back."))
    try:
        returning.return_choose(
            tenant_id=request.tenant.pk, record_id=record_id, origin_id=int(origin), actor=request.user.email
        )
    except services.NotPossible as problem:
        return back_to(request, "transactions-detail", record_id, failed=str(problem))
    return back_to(request, "transactions-detail", record_id, said=_("Chosen: it is coded like what it gives back."))
