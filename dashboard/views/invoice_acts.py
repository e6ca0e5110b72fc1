"""What a person decides about movements that may pay invoices: one proposal, or all that are sure enough."""

from __future__ import annotations

from django.db.models import Q
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.access import tenant_action
from dashboard.pages import back_to
from dashboard.queries.review import review_groups
from dashboard.views.flow_acts import flow_or_404
from sync import allocating, services
from sync.models import Entry
from tenants.middleware import TenantRequest
from tenants.permissions import Action
from tenants.scoping import tenant_scope

SURE = 90  # of 100, from which all of a group can be accepted at once


@tenant_action(Action.REVIEW)
def invoice_choose(request: TenantRequest, record_id: int) -> HttpResponse:
    """The movement pays what the proposal of this key says."""
    flow = flow_or_404(request)
    with tenant_scope(request.tenant.pk):
        entry = Entry.objects.filter(Q(record_id=record_id), flow=flow).order_by("id").first()
    if entry is None:
        raise Http404
    key = request.POST.get("key", "")[:2000]
    try:
        moved = allocating.invoice_choose(
            tenant_id=request.tenant.pk, entry_id=entry.pk, key=key, actor=request.user.email
        )
    except services.NotPossible as problem:
        return back_to(request, "transactions-detail", record_id, failed=str(problem))
    if not moved:
        return back_to(
            request, "transactions-detail", record_id, failed=_("Nothing changed: the movement has moved on.")
        )
    said = _("Chosen. The payment is posted with the next sync, if the invoice is still open then.")
    return back_to(request, "transactions-detail", record_id, said=said)


@tenant_action(Action.REVIEW)
def invoices_choose_best(request: TenantRequest) -> HttpResponse:
    """Every movement of one cause pays what its best proposal says, where that is sure."""
    flow = flow_or_404(request)
    key = request.POST.get("group", "")
    with tenant_scope(request.tenant.pk):
        group = next((it for it in review_groups(flow=flow) if it.key == key), None)
    if group is None:
        return back_to(request, "review", failed=_("This cause is gone: somebody was faster, or it was fixed."))
    moved = allocating.invoices_choose_best(
        tenant_id=request.tenant.pk, entry_ids=group.entry_ids, at_least=SURE, actor=request.user.email
    )
    if not moved:
        return back_to(request, "review", failed=_("No proposal here is that sure. Choose one by one."))
    said = ngettext("%(n)s payment is on its way.", "%(n)s payments are on their way.", moved) % {"n": moved}
    return back_to(request, "review", said=said)
