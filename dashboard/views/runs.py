"""Runs: the list, and one with its steps and calls."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _

from dashboard.access import tenant_page
from dashboard.pages import current_flow, render_page
from dashboard.paging import ListPage
from dashboard.queries.runs import run_page, run_story
from dashboard.queries.story import STEPS
from sync.models import Run
from tenants.middleware import TenantRequest


@tenant_page()
def run_list(request: TenantRequest) -> HttpResponse:
    flow = current_flow()
    state, after = request.GET.get("state", ""), request.GET.get("after", "")
    page = run_page(flow=flow, state=state, after=after) if flow else ListPage(items=())
    context = {"page": page, "state": state, "states": Run.State.values}
    return render_page(request, "dashboard/runs/list.html", context)


@tenant_page()
def run_detail(request: TenantRequest, run_id: int) -> HttpResponse:
    flow = current_flow()
    story = run_story(flow=flow, run_id=run_id) if flow else None
    if story is None:
        raise Http404
    run = story.run
    context = {
        "story": story,
        "run": run,
        "figures": _figures(run),
        "timings": [(name, run.timings[name]) for name in _in_order(run.timings)],
        "counts": [(name, value) for name, value in run.counts.items() if isinstance(value, int)],
        "documents": _documents(run),
    }
    return render_page(request, "dashboard/runs/detail.html", context)


def _figures(run: Run) -> list[tuple[str, Any]]:
    names = {"new": _("New"), "pushed": _("Posted"), "confirmed": _("Confirmed"), "skipped": _("Skipped")}
    return [(label, run.counts.get(key, 0)) for key, label in names.items()]


def _in_order(timings: dict[str, Any]) -> list[str]:
    """The six steps first, in their order, then whatever else was timed."""
    return [name for name in STEPS if name in timings] + sorted(name for name in timings if name not in STEPS)


def _documents(run: Run) -> list[Any]:
    """What a dry run would have posted, where the run keeps it."""
    kept = run.counts.get("documents")
    return list(kept) if isinstance(kept, list) else []
