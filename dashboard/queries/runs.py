"""Runs: each pass of the six steps, its figures and its calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.models import Call
from dashboard.paging import PAGE_SIZE, ListPage, read_id
from sync.models import Flow, Run

MAX_CALLS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStory:
    run: Run
    calls: Sequence[Call]
    more_calls: bool

    @property
    def longest(self) -> int:
        return max((int(value) for value in self.run.timings.values()), default=0)


def run_page(*, flow: Flow, state: str, after: str) -> ListPage[Run]:
    """One page, newest first. One query."""
    runs = Run.objects.filter(flow=flow).order_by("-id")
    if state in Run.State.values:
        runs = runs.filter(state=state)
    last_id = read_id(after)
    if last_id is not None:
        runs = runs.filter(pk__lt=last_id)
    found = list(runs[: PAGE_SIZE + 1])
    more = len(found) > PAGE_SIZE
    return ListPage(
        items=found[:PAGE_SIZE],
        next_cursor=str(found[PAGE_SIZE - 1].pk) if more else "",
        is_later=last_id is not None,
    )


def run_story(*, flow: Flow, run_id: int) -> RunStory | None:
    """Two queries."""
    run = Run.objects.filter(flow=flow, pk=run_id).first()
    if run is None:
        return None
    calls = list(Call.objects.filter(run_id=run_id).select_related("connection").order_by("id")[: MAX_CALLS + 1])
    return RunStory(run=run, calls=calls[:MAX_CALLS], more_calls=len(calls) > MAX_CALLS)
