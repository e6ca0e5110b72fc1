"""The proof page: what agrees, what does not, with the next step of each; certificates; what somebody else typed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from kombu.exceptions import OperationalError

from dashboard.access import tenant_action, tenant_page
from dashboard.pages import back_to, current_flow, render_page, render_part
from dashboard.queries import proof as queries
from dashboard.views.flow_acts import flow_or_404
from sync import certifying, linking, proofs, services
from sync.models import Certificate
from sync.tasks import prove
from tenants import audit
from tenants.middleware import TenantRequest
from tenants.permissions import Action
from tenants.scoping import tenant_scope

MAX_FILE = 20_000_000


@tenant_page()
def proof_page(request: TenantRequest) -> HttpResponse:
    flow = current_flow()
    if flow is None:
        return render_page(request, "dashboard/proof/page.html", {"flow": None})
    chosen = queries.proof_or_latest(flow=flow, number=request.GET.get("proof", ""))
    context: dict[str, Any] = {
        "flow": flow,
        "proof": chosen,
        "check": queries.latest_check(flow=flow),
        "history": queries.history(flow=flow),
        "typed": queries.typed_rows(flow=flow),
    }
    if chosen is not None:
        asked = {name: request.GET.get(name, "") for name in ("account", "month", "year")}
        context |= queries.told(chosen, flow=flow, **asked)
        context["certificate"] = Certificate.objects.defer("pdf", "csv", "content").filter(proof=chosen).first()
    return render_page(request, "dashboard/proof/page.html", context)


@tenant_page()
def proof_live(request: TenantRequest) -> HttpResponse:
    """How far the reading has come, for the part of the page that refreshes itself."""
    flow = current_flow()
    if flow is None:
        return HttpResponse(status=204)
    return render_part(request, "dashboard/proof/progress.html", {"check": queries.latest_check(flow=flow)})


@tenant_page()
def proof_typed(request: TenantRequest) -> HttpResponse:
    """Before anything is linked: each movement beside the document that looks like it."""
    flow = current_flow()
    rows = queries.typed_pairs(flow=flow) if flow else []
    month = request.GET.get("month", "")
    shown = [row for row in rows if not month or row.month == month]
    context = {"rows": shown, "months": queries.typed_months(rows), "chosen": month}
    return render_page(request, "dashboard/proof/typed.html", context)


@tenant_action(Action.SYNC)
def proof_check(request: TenantRequest) -> HttpResponse:
    flow = flow_or_404(request)
    if flow.source_id is None or flow.destination_id is None:
        return back_to(request, "proof", failed=_("Connect both sides first."))
    proofs.proof_ask(tenant_id=request.tenant.pk, flow_id=flow.pk, actor=request.user.email)
    with suppress(OperationalError):  # the row is due anyway: without a broker it costs a minute
        prove.apply_async(kwargs={"tenant_id": request.tenant.pk, "flow_id": flow.pk}, retry=False)
    return back_to(request, "proof", said=_("Both sides are being read afresh. You can leave this page meanwhile."))


@tenant_action(Action.SYNC)
def proof_stop(request: TenantRequest) -> HttpResponse:
    proofs.proof_stop(tenant_id=request.tenant.pk, flow_id=flow_or_404(request).pk, actor=request.user.email)
    return back_to(request, "proof", said=_("The reading stops."))


@tenant_action(Action.SYNC)
def proof_fill(request: TenantRequest) -> HttpResponse:
    """Read what is missing here, and decide anew what failed."""
    flow = flow_or_404(request)
    done = proofs.gap_fill(tenant_id=request.tenant.pk, flow_id=flow.pk, actor=request.user.email)
    return back_to(request, "proof", said=done)


@tenant_action(Action.REVIEW)
def proof_accept(request: TenantRequest) -> HttpResponse:
    flow = flow_or_404(request)
    given = {name: request.POST.get(name, "")[:300] for name in ("document_id", "account_id")}
    try:
        if request.POST.get("withdraw"):
            proofs.document_withdraw(tenant_id=request.tenant.pk, flow_id=flow.pk, actor=request.user.email, **given)
            return back_to(request, "proof", said=_("Taken back. The next proof counts it as unexpected again."))
        proofs.document_accept(
            tenant_id=request.tenant.pk,
            flow_id=flow.pk,
            actor=request.user.email,
            reason=request.POST.get("reason", ""),
            **given,
        )
    except services.NotPossible as problem:
        return back_to(request, "proof", failed=str(problem))
    return back_to(request, "proof", said=_("Accepted, with your reason. The next proof counts it so."))


@tenant_action(Action.REVIEW)
def proof_link(request: TenantRequest) -> HttpResponse:
    """Every chosen movement to the document that was offered for it."""
    flow = flow_or_404(request)
    with tenant_scope(request.tenant.pk):
        known = set(queries.typed_ids(flow=flow))
        pairs = queries.typed_pairs(flow=flow) if request.POST.get("month") else []
    month = [pair.entry.pk for pair in pairs if pair.can_link and pair.month == request.POST["month"]]
    ticked = [int(it) for it in request.POST.getlist("entry") if it.isascii() and it.isdigit() and int(it) in known]
    chosen = month or ticked
    if not chosen:
        return back_to(request, "proof-typed", failed=_("Choose at least one movement."))
    done = linking.entries_link(tenant_id=request.tenant.pk, entry_ids=chosen, actor=request.user.email)
    said = ngettext("%(n)s movement was linked.", "%(n)s movements were linked.", done.linked) % {"n": done.linked}
    if done.refused:
        return back_to(request, "proof-typed", failed=f"{said} {done.refused[0]}")
    return back_to(request, "proof", said=said)


@tenant_action(Action.EXPORT)
def proof_certificate(request: TenantRequest, proof_id: int, form: str) -> HttpResponse:
    """The certificate's file; made with the first download, and the same bytes ever after."""
    if form not in ("pdf", "csv"):
        raise Http404
    try:
        made = certifying.certificate_make(tenant_id=request.tenant.pk, proof_id=proof_id, actor=request.user.email)
    except services.NotPossible as problem:
        raise Http404 from problem
    with tenant_scope(request.tenant.pk, actor=request.user.email):
        audit.record("export", target=f"certificate:{made.number}.{form}", actor=request.user.email)
    kind = "application/pdf" if form == "pdf" else "text/csv; charset=utf-8"
    answer = HttpResponse(bytes(made.pdf if form == "pdf" else made.csv), content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{made.number}.{form}"'
    return answer


@tenant_action(Action.VIEW)
def proof_verify(request: TenantRequest) -> HttpResponse:
    """Is this file, or this printed value, one of our certificates?"""
    file = request.FILES.get("file")
    if file is not None and (file.size or 0) > MAX_FILE:
        return back_to(request, "proof", failed=_("The file is too large to be a certificate."))
    given = file.read() if file is not None else request.POST.get("sha256", "").encode()[:200]
    found = certifying.certificate_check(tenant_id=request.tenant.pk, given=given) if given else None
    if found is None:
        said = _("This is none of our certificates, or it was altered.")
        return back_to(request, "proof", failed=said)
    said = _("Genuine: certificate %(number)s of %(day)s.")
    return back_to(request, "proof", said=said % {"number": found.number, "day": f"{found.made_at:%-d %b %Y}"})
