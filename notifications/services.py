"""What others call: people's acts on alerts and settings, and the two passes that the tasks make."""

from __future__ import annotations

from notifications.channels import inapp
from notifications.collecting import collect
from notifications.delivering import deliver_due
from notifications.models import Channel, Delivery
from notifications.preferences import settings_save
from notifications.summaries import daily

__all__ = ["alert_read", "alerts_read_all", "collect", "daily", "deliver_due", "settings_save"]


def alert_read(*, alert_id: int, user_id: int) -> None:
    """This person has read this alert. Twice is once. Raises Delivery.DoesNotExist. Inside the tenant's scope."""
    alert = Delivery.objects.get(pk=alert_id, channel=Channel.INAPP)
    inapp.mark_read([alert.pk], user_id=user_id)


def alerts_read_all(*, user_id: int) -> None:
    """This person has read every alert that there is. Inside the tenant's scope."""
    inapp.mark_read(list(inapp.never_read(user_id).values_list("id", flat=True)), user_id=user_id)
