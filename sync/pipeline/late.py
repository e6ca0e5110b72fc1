"""A payment or purchase that is read after what gives it back, because the first day was moved, days were filled back, or the
source was late: what was decided without it is decided anew. What is posted already is never rewritten, but proposed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q

from connectors.contract.money import ZERO
from sync.domain.returns import LOOK_BACK, Origin
from sync.models import RecordState, ReturnLink
from sync.pipeline import returned
from sync.pipeline.coded import CodedRecord
from sync.pipeline.context import Context


def look_again(ctx: Context, rows: Sequence[CodedRecord], standing: Mapping[tuple[int, str], Any]) -> None:
    """Have what came back without its original looked at once more, where one of these rows may be it. `standing`: the entries
    that there were before. Inside `commit`; one statement where a payment or purchase is new, else none."""
    known = {record_id for record_id, _ in standing}
    new = [it for it in returned.among(ctx, rows) if it.record_id not in known]
    if not new:
        return
    alike = _Alike(new)
    found = [link["record_id"] for link in _without_original(ctx, rows, new) if link in alike]
    returned.decide_by_itself(found)


def _without_original(ctx: Context, rows: Sequence[CodedRecord], new: Sequence[Origin]) -> list[dict[str, Any]]:
    """What came back at the time of these, and was not decided together with them; also what fits nothing but a payment or
    purchase that the source took back."""
    first, last = min(it.day for it in new), max(it.day for it in new)
    links = ReturnLink.objects.filter(
        Q(origin=None) | Q(origin__execution__in=returned.NOT_EXECUTED),
        flow=ctx.flow,
        record__state=RecordState.ENTERED,
        record__booking_date__range=(first, last + LOOK_BACK),
    ).exclude(record__in=[row.record["id"] for row in rows])
    return [
        {"record_id": pk, "name": name, "money": (abs(amount or ZERO), currency)}
        for pk, name, amount, currency in links.values_list(
            "record_id", "record__counterparty", "record__amount", "record__currency"
        )
    ]


class _Alike:
    """Do these have the same amount, or a name that begins alike? As originals are looked for."""

    def __init__(self, new: Sequence[Origin]) -> None:
        self._names = sorted(it.counterparty.casefold() for it in new)
        self._money = {(it.amount.amount, it.amount.currency) for it in new}

    def __contains__(self, link: Mapping[str, Any]) -> bool:
        first = next(iter(link["name"].casefold().split()), "")
        at = bisect_left(self._names, first)
        alike = bool(first) and at < len(self._names) and self._names[at].startswith(first)
        return alike or link["money"] in self._money
