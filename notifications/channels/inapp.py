"""The bell: an in-app message is delivered by being there; each person marks it as read. Inside the tenant's scope."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from notifications.models import AlertRead, Channel, Delivery, Kind

KEPT_UNREAD = timedelta(days=30)  # what nobody looked at for so long calls for nobody any more


def alerts_of(user_id: int) -> QuerySet[Delivery]:
    """Every in-app alert, newest first, each with `is_read` by this person and its incident."""
    return _bell().annotate(is_read=_read_by(user_id)).select_related("incident").order_by("-id")


def unread(user_id: int) -> QuerySet[Delivery]:
    """The alerts of the last thirty days that this person has not read."""
    return never_read(user_id).filter(created_at__gt=datetime.now(UTC) - KEPT_UNREAD)


def never_read(user_id: int) -> QuerySet[Delivery]:
    """Every alert that this person has not read, however old."""
    return _bell().filter(~_read_by(user_id))


def _bell() -> QuerySet[Delivery]:
    return Delivery.objects.filter(channel=Channel.INAPP, kind=Kind.ALERT)


def _read_by(user_id: int) -> Exists:
    return Exists(AlertRead.objects.filter(delivery_id=OuterRef("pk"), user_id=user_id))


def mark_read(delivery_ids: Iterable[int], *, user_id: int) -> None:
    """Twice is once."""
    marks = [AlertRead(delivery_id=delivery_id, user_id=user_id) for delivery_id in delivery_ids]
    AlertRead.objects.bulk_create(marks, ignore_conflicts=True)
