"""What a movement gives back, and what was given back of it. Two queries at most, one where there is nothing to choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q

from sync.domain.returns import GIVES_BACK
from sync.models import Entry, Flow, Record, ReturnLink


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """Both directions of one movement's links. `choices`: what it may give back, where that is still open."""

    gives_back: ReturnLink | None
    came_back: Sequence[ReturnLink]
    choices: Sequence[Record]

    @property
    def is_open(self) -> bool:
        """No original is known yet."""
        return bool(self.choices) and (self.gives_back is None or self.gives_back.origin_id is None)

    @property
    def total(self) -> Decimal:
        return sum((link.given or Decimal(0) for link in self.came_back), Decimal(0))

    @property
    def left(self) -> Decimal | None:
        """What of it has not come back; None where nothing did, or in several currencies."""
        paid = {(link.paid, link.currency) for link in self.came_back}
        if len(paid) != 1:
            return None
        [(amount, _currency)] = paid
        return None if amount is None else amount - self.total


def returned_of(*, flow: Flow, record: Record, entry: Entry | None) -> Returned | None:
    """The links of this row; None where it has none."""
    mine = Q(record=record) | Q(origin=record)
    found = ReturnLink.objects.filter(mine, flow=flow).exclude(origin=None, rivals=[])
    links = list(found.select_related("record", "origin").order_by("id")[:50])
    if not links:
        return None
    gives_back = next((link for link in links if link.record_id == record.pk), None)
    return Returned(
        gives_back=gives_back,
        came_back=[link for link in links if link.origin_id == record.pk],
        choices=_choices(flow, record, gives_back, entry),
    )


def _choices(flow: Flow, record: Record, link: ReturnLink | None, entry: Entry | None) -> list[Record]:
    """Only before anything was sent: what stands in the books is not recoded here."""
    if link is None or entry is None or entry.destination_id:
        return []
    wanted = [paid.value for back, paid in GIVES_BACK.items() if back.value == record.movement]
    rivals = Record.objects.filter(flow=flow, pk__in=link.rivals, movement__in=wanted)
    return list(rivals.defer("payload").order_by("-booking_date", "-id"))
