"""What screens show of alerts and their settings. Inside the tenant's scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from notifications.channels import inapp
from notifications.models import Delivery
from notifications.preferences import owners, standing
from sync.models import Incident


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One line of the bell. `path` is the page with the way out."""

    id: int
    subject: str
    lines: Sequence[str]
    path: str
    at: datetime
    is_read: bool
    incident: Incident


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSettings:
    """`email` is None while every owner is told; those are in `owners`. Of the webhook only its end is known."""

    slack_last_four: str
    email: Sequence[str] | None
    owners: Sequence[str]
    daily: bool
    weekly: bool


def unread_count(*, user_id: int) -> int:
    """How many alerts of the last thirty days this person has not read. One query."""
    return inapp.unread(user_id).count()


def alerts(*, user_id: int, limit: int = 50, before_id: int | None = None) -> list[Alert]:
    """The alerts, newest first; `before_id` continues a list. One query."""
    rows = inapp.alerts_of(user_id)
    if before_id is not None:
        rows = rows.filter(id__lt=before_id)
    return [_alert(row) for row in rows[:limit]]


def settings_shown() -> ShownSettings:
    """Two queries."""
    stands = standing()
    return ShownSettings(
        slack_last_four=stands.slack_last_four,
        email=stands.email,
        owners=owners(),
        daily=stands.daily,
        weekly=stands.weekly,
    )


def _alert(row: Delivery) -> Alert:
    assert row.incident is not None  # by a constraint
    return Alert(
        id=row.pk,
        subject=row.subject,
        lines=row.lines,
        path=row.path,
        at=row.created_at,
        is_read=vars(row)["is_read"],
        incident=row.incident,
    )
