"""Contacts: which one each counterparty is, who decided it, and the choice of another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard import exporting
from dashboard.access import tenant_action, tenant_page
from dashboard.pages import back_to, current_flow, render_page
from dashboard.paging import ListPage, read_id
from dashboard.queries import contacts
from dashboard.queries.chart import rule_choices
from dashboard.views.flow_acts import flow_or_404
from sync import coding_memory, contacting
from sync.domain.printable import clean_text
from sync.models import ContactIdentity, ContactLink
from sync.services import NotPossible
from tenants.middleware import TenantRequest
from tenants.permissions import Action
from tenants.scoping import tenant_scope

EXPORT_COLUMNS = (
    "counterparty",
    "state",
    "decided",
    "score",
    "decided_by",
    "contact",
    "contact_id",
    "posted",
    "waiting",
)


@tenant_page()
def contact_list(request: TenantRequest) -> HttpResponse:
    flow, filters = current_flow(), contacts.ContactFilter.of(request.GET)
    page: ListPage[contacts.ContactRow] = ListPage(items=())
    if flow is not None:
        page = contacts.contact_page(flow=flow, filters=filters, after=clean_text(request.GET.get("after", "")))
    context = {"filters": filters, "page": page, "states": _states()}
    return render_page(request, "dashboard/contacts/list.html", context)


@tenant_page(Action.EXPORT)
def contact_export(request: TenantRequest) -> HttpResponseBase:
    flow, filters = current_flow(), contacts.ContactFilter.of(request.GET)
    rows = contacts.contact_export(flow=flow, filters=filters) if flow else iter(())
    answer = exporting.csv_response("contacts.csv", EXPORT_COLUMNS, _export_rows(rows))
    exporting.write_down(request, "contacts")
    return answer


@tenant_page()
def contact_decide(request: TenantRequest) -> HttpResponse:
    flow = current_flow()
    rows = contacts.to_decide(flow=flow) if flow else []
    return render_page(request, "dashboard/contacts/decide.html", {"rows": rows})


@tenant_page()
def contact_detail(request: TenantRequest, link_id: int) -> HttpResponse:
    flow = current_flow()
    row = contacts.one_link(flow=flow, link_id=link_id) if flow else None
    if flow is None or row is None:
        raise Http404
    search = clean_text(request.GET.get("q", "")).strip()[:200]
    context: dict[str, Any] = {
        "row": row,
        "identities": contacts.identities(row.link),
        "posted": contacts.posted_by(flow=flow, link=row.link),
        "entries": contacts.entries_of(row.link),
        "search": search,
        "coding": [(it, row.link.coding[it]) for it in coding_memory.DIRECTIONS if it in row.link.coding],
        "choices": rule_choices(flow=flow),
        "found": contacts.contacts_named(flow=flow, search=search),
        "may_change": row.link.state not in (ContactLink.State.IN_FLIGHT, ContactLink.State.UNCONFIRMED),
    }
    return render_page(request, "dashboard/contacts/detail.html", context)


@tenant_action(Action.MAP)
def contact_act(request: TenantRequest, link_id: int, act: str) -> HttpResponse:
    flow = flow_or_404(request)
    with tenant_scope(request.tenant.pk):
        if not ContactLink.objects.filter(flow=flow, pk=link_id).exists():
            raise Http404
    try:
        said, failed = _do(request, link_id, act), ""
    except NotPossible as problem:
        said, failed = "", str(problem)
    if request.POST.get("from") == "decide":
        return back_to(request, "contacts-decide", said=said, failed=failed)
    return back_to(request, "contacts-detail", link_id, said=said, failed=failed)


def _do(request: TenantRequest, link_id: int, act: str) -> str:
    """What was done, as a sentence. 404 for an act that does not exist; raises NotPossible."""
    common: dict[str, Any] = {"tenant_id": request.tenant.pk, "actor": request.user.email}
    if act == "choose":
        chosen = clean_text(request.POST.get("contact", ""))[:100]
        return _chosen(contacting.contact_choose(**common, link_id=link_id, contact_id=chosen))
    if act == "create":
        name = clean_text(request.POST.get("name", ""))
        return _created(contacting.contact_create(**common, link_id=link_id, name=name))
    if act == "hold":
        contacting.contact_hold(**common, link_id=link_id)
        return _("Held back. It is created when you say so.")
    if act in ("code", "uncode"):
        return _coding(request, link_id, act, common)
    if act == "details":
        return _details(request, link_id, common)
    raise Http404


def _coding(request: TenantRequest, link_id: int, act: str, common: dict[str, Any]) -> str:
    direction = request.POST.get("direction", "")
    if act == "uncode":
        coding_memory.contact_uncode(**common, link_id=link_id, direction=direction)
        return _("Taken back. What is not posted yet is coded by your defaults again.")
    account, tax = (clean_text(request.POST.get(name, ""))[:100] for name in ("account", "tax"))
    coding_memory.contact_code(**common, link_id=link_id, direction=direction, account=account, tax=tax)
    return _("Remembered. It holds for what is not posted yet, where no rule and no category at Amnis says otherwise.")


def _details(request: TenantRequest, link_id: int, common: dict[str, Any]) -> str:
    wanted = read_id(request.POST.get("identity", "")) or 0
    with tenant_scope(request.tenant.pk):
        if not ContactIdentity.objects.filter(pk=wanted, contact=link_id, kind=ContactIdentity.Kind.IBAN).exists():
            raise NotPossible(_("These bank details are gone. Look again."))
    contacting.details_accept(**common, identity_id=wanted)
    return _("Accepted. Payments to this account are no longer remarkable.")


def _chosen(moved: int) -> str:
    return _("Remembered for this counterparty.") + _moved(moved)


def _created(moved: int) -> str:
    return _("It is created with the next sync.") + _moved(moved)


def _moved(moved: int) -> str:
    if not moved:
        return ""
    return " " + ngettext("%(n)s movement goes on.", "%(n)s movements go on.", moved) % {"n": moved}


def _states() -> list[tuple[str, str]]:
    return [
        ("decide", _("Needs a choice")),
        ("details", _("New bank details")),
        ("coming", _("About to be created")),
        ("alias", _("Chosen by a person")),
        ("created", _("Created by Millrace")),
    ]


def _export_rows(rows: Iterator[contacts.ContactRow]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        link = row.link
        yield (
            link.name,
            link.state,
            link.how,
            link.score,
            link.decided_by,
            row.contact,
            link.contact_id,
            row.posted,
            row.waiting,
        )
