"""A payment or purchase that is read after what gives it back, because the first day was moved, days were filled back, or the
source was late: what was decided without it is decided anew. What is posted already is never rewritten, but proposed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.db.models import Q

from connectors.contract.money import ZERO
from connectors.contract.records import SourceTransaction
from sync.domain.returns import LOOK_BACK
from sync.models import RecordState, ReturnLink
from sync.pipeline import returned
from sync.pipeline.coded import CodedRecord
from sync.pipeline.context import Context


def look_again(ctx: Context, rows: Sequence[CodedRecord], standing: Mapping[tuple[int, str], Any]) -> None:
    """Have what came back without its original looked at once more, where one of these rows may be it. `standing`: the entries
    that there were before. Inside `commit`; one statement where a payment or purchase is new, else none."""
    known = {record_id for record_id, _ in standing}
    new = [(row, day) for row, day in returned.may_be_given_back(ctx, rows) if row.record["id"] not in known]
    if not new:
        return
    here, days = {row.record["id"] for row in rows}, [day for _, day in new]
    links = [link for link in _without_original(ctx, min(days), max(days)) if link["record_id"] not in here]
    alike = _Alike([row.transaction for row, _ in new])
    returned.decide_by_itself([link["record_id"] for link in links if link in alike])


def _without_original(ctx: Context, first: date, last: date) -> list[dict[str, Any]]:
    """What came back at the time of these days; also what fits nothing but a payment or purchase that the source took back."""
    links = ReturnLink.objects.filter(
        Q(origin=None) | Q(origin__execution__in=returned.NOT_EXECUTED),
        flow=ctx.flow,
        record__state=RecordState.ENTERED,
        record__booking_date__range=(first, last + LOOK_BACK),
    )
    return [
        {"record_id": pk, "name": name, "money": (abs(amount or ZERO), currency)}
        for pk, name, amount, currency in links.values_list(
            "record_id", "record__counterparty", "record__amount", "record__currency"
        )
    ]


class _Alike:
    """Do these have the same amount, or a name that begins alike? As originals are looked for."""

    def __init__(self, new: Sequence[SourceTransaction]) -> None:
        self._names = sorted(it.counterparty.name.casefold() for it in new)
        self._money = {(abs(it.amount.amount), it.amount.currency) for it in new}

    def __contains__(self, link: Mapping[str, Any]) -> bool:
        first = next(iter(link["name"].casefold().split()), "")
        at = bisect_left(self._names, first)
        alike = bool(first) and at < len(self._names) and self._names[at].startswith(first)
        return alike or link["money"] in self._money
