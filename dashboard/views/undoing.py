"""Undo of a movement, a run or a day, and changes of posted documents: preview, one confirmation, progress, result."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _

from connectors.contract.errors import ConnectorError
from dashboard.access import tenant_action, tenant_page
from dashboard.pages import back_to, current_flow, render_page, render_part
from dashboard.queries import undoing as queries
from dashboard.views.flow_acts import flow_or_404, hint
from sync import proposals, undoing
from sync.domain.days import read_day
from sync.models import Entry
from sync.pipeline.result import NotConnected
from sync.undoing import NothingThere, Paused, Selection
from tenants.middleware import TenantRequest
from tenants.permissions import Action
from tenants.scoping import tenant_scope

SHOWN = 200
T = TypeVar("T")


@tenant_action(Action.UNDO)
def undo_preview(request: TenantRequest) -> HttpResponse:
    flow, selection = flow_or_404(request), _selection(request)
    preview, failed = _tried(
        lambda: undoing.undo_preview(tenant_id=request.tenant.pk, flow_id=flow.pk, selection=selection)
    )
    if preview is None:
        return _back(request, selection, failed)
    with tenant_scope(request.tenant.pk):
        names = queries.account_names(flow)
    context = {
        "preview": preview,
        "selection": selection,
        "going": preview.going[:SHOWN],
        "named": [item for item in preview.staying if item.needs_naming],
        "staying": [item for item in preview.staying if not item.needs_naming][:SHOWN],
        "effects": queries.shown_effects(preview.effects, names),
        "balances": [(names.get(it.account_id, it.account_id), it) for it in preview.balances],
    }
    return render_page(request, "dashboard/undo/preview.html", context)


@tenant_action(Action.UNDO)
def undo_confirm(request: TenantRequest) -> HttpResponse:
    flow, selection = flow_or_404(request), _selection(request)
    asked, failed = _tried(
        lambda: undoing.undo(
            tenant_id=request.tenant.pk,
            flow_id=flow.pk,
            selection=selection,
            actor=request.user.email,
            reason=request.POST.get("reason", "").strip()[:300],
            named=_named(request),
        )
    )
    if asked is None:
        return _back(request, selection, failed)
    if asked.batch is None:
        why = " ".join(queries.reasons(asked.preview.staying)[:2])
        return _back(request, selection, _("Nothing was undone. %(why)s") % {"why": why})
    hint(request.tenant.pk, flow.pk, request.user.email)
    return back_to(request, "undo-batch", asked.batch)


@tenant_page()
def undo_batch(request: TenantRequest, batch: uuid.UUID) -> HttpResponse:
    return render_page(request, "dashboard/undo/batch.html", _batch(batch))


@tenant_page()
def undo_batch_live(request: TenantRequest, batch: uuid.UUID) -> HttpResponse:
    """The progress alone; 286 tells the page to stop asking once all is settled."""
    context = _batch(batch)
    answer = render_part(request, "dashboard/undo/progress.html", context)
    if context["story"].is_over:
        answer.status_code = 286
    return answer


@tenant_action(Action.UNDO)
def proposal_preview(request: TenantRequest, record_id: int) -> HttpResponse:
    flow, entry = flow_or_404(request), _entry_or_404(request, record_id)
    found, failed = _tried(lambda: proposals.proposal_preview(tenant_id=request.tenant.pk, entry_id=entry.pk))
    if not found:
        failed = failed or _("Nothing is proposed for this movement any more.")
        return back_to(request, "transactions-detail", record_id, failed=failed)
    with tenant_scope(request.tenant.pk):
        names = queries.account_names(flow)
    shown = [(it, queries.shown_fields(it.amendment, names), queries.shown_effects(it.effects, names)) for it in found]
    context = {
        "proposals": shown,
        "record_id": record_id,
        "problem": next((it.problem for it in found if it.problem is not None and not it.needs_naming), None),
        "touched": [it for it in found if it.needs_naming],
    }
    return render_page(request, "dashboard/undo/proposal.html", context)


@tenant_action(Action.UNDO)
def proposal_apply(request: TenantRequest, record_id: int) -> HttpResponse:
    flow, entry = flow_or_404(request), _entry_or_404(request, record_id)
    batch, failed = _tried(
        lambda: proposals.proposal_apply(
            tenant_id=request.tenant.pk, entry_id=entry.pk, actor=request.user.email, named=_named(request)
        )
    )
    if batch is None:
        failed = failed or _("Nothing was changed: something stands against it by now. Look at the proposal again.")
        return back_to(request, "transactions-detail", record_id, failed=failed)
    hint(request.tenant.pk, flow.pk, request.user.email)
    return back_to(request, "undo-batch", batch)


@tenant_action(Action.UNDO)
def proposal_keep(request: TenantRequest, record_id: int) -> HttpResponse:
    entry = _entry_or_404(request, record_id)
    kept = proposals.proposal_keep(tenant_id=request.tenant.pk, entry_id=entry.pk, actor=request.user.email)
    if not kept:
        return back_to(request, "transactions-detail", record_id, failed=_("Nothing is proposed any more."))
    said = _("What is posted stays. The same difference is not proposed again.")
    return back_to(request, "transactions-detail", record_id, said=said)


@tenant_action(Action.UNDO)
def post_again(request: TenantRequest, record_id: int) -> HttpResponse:
    flow, entry = flow_or_404(request), _entry_or_404(request, record_id)
    moved = undoing.entry_post_again(tenant_id=request.tenant.pk, entry_ids=[entry.pk], actor=request.user.email)
    if not moved:
        failed = _("Nothing changed: the movement has moved on.")
        return back_to(request, "transactions-detail", record_id, failed=failed)
    hint(request.tenant.pk, flow.pk, request.user.email)
    return back_to(request, "transactions-detail", record_id, said=_("It is decided anew and posted once more."))


def _batch(batch: uuid.UUID) -> dict[str, Any]:
    flow = current_flow()
    story = undoing.batch_story(flow=flow, batch=batch) if flow else None
    if flow is None or story is None:
        raise Http404
    names = queries.account_names(flow)
    return {
        "story": story,
        "batch": batch,
        "first": story.amendments[0],
        "amendments": story.amendments[:SHOWN],
        "progress": queries.progress(story),
        "accounts": queries.shown_left(story, names),
        "is_removal": all(it.deed == "void" for it in story.amendments),
    }


def _selection(request: TenantRequest) -> Selection:
    """404 for a selection that no form of ours sends."""
    entry, run, day = (request.POST.get(name, "") for name in ("entry", "run", "day"))
    try:
        if entry:
            return Selection(entry=int(entry))
        return Selection(run=int(run)) if run else Selection(day=read_day(day))
    except ValueError:
        raise Http404 from None


def _named(request: TenantRequest) -> tuple[int, ...]:
    return tuple(int(text) for text in request.POST.getlist("named") if text.isdecimal())


def _entry_or_404(request: TenantRequest, record_id: int) -> Entry:
    with tenant_scope(request.tenant.pk):
        found = Entry.objects.filter(record_id=record_id).select_related("record").order_by("id").first()
        found = found or Entry.objects.filter(other_record_id=record_id).order_by("id").first()
    if found is None:
        raise Http404
    return found


def _tried(act: Callable[[], T]) -> tuple[T | None, str]:
    """(what came of it, "") or (None, what was wrong)."""
    try:
        return act(), ""
    except (NothingThere, NotConnected, Paused) as problem:
        return None, str(problem)
    except ConnectorError as error:
        return None, error.message


def _back(request: TenantRequest, selection: Selection, failed: str) -> HttpResponse:
    if selection.run is not None:
        return back_to(request, "runs-detail", selection.run, failed=failed)
    if selection.entry is not None:
        with tenant_scope(request.tenant.pk):
            record = Entry.objects.filter(pk=selection.entry).values_list("record_id", flat=True).first()
        if record is not None:
            return back_to(request, "transactions-detail", record, failed=failed)
    return back_to(request, "transactions", failed=failed)
