"""What a person decides about movements: one on its page, or a whole cause in the review."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.access import tenant_action
from dashboard.acts import BY_NAME, document_of
from dashboard.pages import back_to
from dashboard.queries.review import review_groups
from dashboard.views.flow_acts import flow_or_404
from sync import linking, services
from sync.models import Entry
from tenants.middleware import TenantRequest
from tenants.permissions import Action, allowed
from tenants.scoping import tenant_scope

Service = Callable[..., int]
_SERVICES: dict[str, Service] = {
    "retry": services.entry_retry,
    "accept": services.entry_accept,
    "skip": services.entry_skip,
    "leave": services.entry_skip,  # what stands in the books stays there
    "leave_out": services.entry_skip,  # what somebody deleted there is out
    "handled": services.entry_handled_by_hand,
    "unlink": linking.entry_unlink,
}


@tenant_action(Action.REVIEW)
def transaction_act(request: TenantRequest, record_id: int, act: str) -> HttpResponse:
    flow = flow_or_404(request)
    with tenant_scope(request.tenant.pk):
        mine = Entry.objects.filter(Q(record_id=record_id) | Q(other_record_id=record_id), flow=flow)
        entries = list(mine.order_by("id"))
    if not entries:
        raise Http404
    if act == "link":
        said, failed = _link(request, next((it for it in entries if linking.offered_to(it)), entries[0]))
    else:
        said, failed = _do(request, act, entries)
    return back_to(request, "transactions-detail", record_id, said=said, failed=failed)


@tenant_action(Action.REVIEW)
def review_act(request: TenantRequest, act: str) -> HttpResponse:
    """The same for every movement of one cause."""
    flow = flow_or_404(request)
    key = request.POST.get("group", "")
    with tenant_scope(request.tenant.pk):
        group = next((it for it in review_groups(flow=flow) if it.key == key), None)
        entries = list(Entry.objects.filter(pk__in=group.entry_ids)) if group else []
    if not entries:
        return back_to(request, "review", failed=_("This cause is gone: somebody was faster, or it was fixed."))
    said, failed = _do(request, act, entries)
    return back_to(request, "review", said=said, failed=failed)


def _link(request: TenantRequest, entry: Entry) -> tuple[str, str]:
    """The document that stands in Xero already is this movement: nothing is posted a second time."""
    if not linking.offered_to(entry):
        return "", _("Nothing changed: the movement has moved on.")
    try:
        linking.entry_link(tenant_id=request.tenant.pk, entry_id=entry.pk, actor=request.user.email)
    except services.NotPossible as problem:
        return "", str(problem)
    return _("Linked to the document that is already in Xero."), ""


def _do(request: TenantRequest, act: str, entries: Sequence[Entry]) -> tuple[str, str]:
    """(what was done, what was wrong). 404 for an act that does not exist, 403 for one that the role may not. Of a whole
    cause it does what the act says, so it leaves alone what is posted where the act is about what is not."""
    known = BY_NAME.get(act)
    if known is None or act not in _SERVICES:
        raise Http404
    if not allowed(request.role, known.action):
        raise PermissionDenied
    reason = request.POST.get("reason", "").strip()[:200]
    if known.needs_reason and not reason:
        return "", _("Please give a reason.")
    entry_ids = [it.pk for it in entries if document_of(it) in known.document]
    try:
        moved = _SERVICES[act](
            tenant_id=request.tenant.pk, entry_ids=entry_ids, actor=request.user.email, reason=reason
        )
    except services.NotPossible as problem:
        return "", str(problem)
    if not moved:
        return "", _("Nothing changed: the movement has moved on, or its posting is still being looked up in Xero.")
    return _done(act, moved), ""


def _done(act: str, moved: int) -> str:
    if act == "leave":
        return ngettext(
            "%(n)s movement is left as it is in Xero.", "%(n)s movements are left as they are in Xero.", moved
        ) % {"n": moved}
    if act in ("skip", "handled", "leave_out"):
        return ngettext("%(n)s movement was left out.", "%(n)s movements were left out.", moved) % {"n": moved}
    return ngettext("%(n)s movement is decided anew.", "%(n)s movements are decided anew.", moved) % {"n": moved}
