"""What settings would have held: every movement of the last ninety days looked at with them, and nothing changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.contract.errors import Severity
from sync.domain.limits import Limits
from sync.models import Entry, Flow
from sync.pipeline.remarkable import remarks_for

DAYS = 90
MOST = 20_000  # the newest ones, where there are more
CHUNK = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """`held` and `noted`: movements by the remark's code; one with two remarks counts for both, once in `waiting`."""

    looked_at: int
    waiting: int
    held: Mapping[str, int]
    noted: Mapping[str, int]

    @property
    def codes(self) -> list[str]:
        return sorted({*self.held, *self.noted})


def review_trial(*, flow: Flow, review: Mapping[str, Any], today: date, zone: ZoneInfo) -> Trial:
    """How many movements of the last ninety days these settings hold or note. Inside the tenant's scope; reads only."""
    limits = Limits.of(review)
    held, noted = Counter[str](), Counter[str]()
    looked_at = waiting = 0
    for chunk in _chunks(flow, today - timedelta(days=DAYS)):
        looked_at += len(chunk)
        for found in remarks_for(chunk, limits=limits, zone=zone).values():
            waiting += any(it.severity is Severity.REVIEW for it in found)
            for it in found:
                (held if it.severity is Severity.REVIEW else noted)[it.code] += 1
    return Trial(looked_at=looked_at, waiting=waiting, held=held, noted=noted)


def _chunks(flow: Flow, since: date) -> list[list[Entry]]:
    found = (
        Entry.objects.filter(flow=flow, booking_date__gte=since, amount__isnull=False)
        .select_related("contact", "counterparty", "record")
        .only(
            "tenant", "movement", "amount", "currency", "booking_date", "leg", "unit",
            "contact__tenant", "contact__name", "contact__state", "contact__created_by_us",
            "counterparty__tenant", "counterparty__name", "counterparty__state", "counterparty__created_by_us",
            "record__tenant", "record__amount", "record__counterparty", "record__iban", "record__made_at",
        )
        .order_by("-booking_date", "-id")[:MOST]
    )  # fmt: skip
    rows = list(found)
    return [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
