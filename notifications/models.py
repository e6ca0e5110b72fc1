"""Where a tenant wants to be told, what it was told or will be, and who has read what. Every row belongs to one tenant."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from sync.models import Incident
from tenants.encryption import EncryptedText
from tenants.models import TenantModel, User, tenant_unique


class ChannelSetting(TenantModel):
    """One row per tenant; none means the defaults. The webhook is write-only: screens show its last four characters.

    `email` is a list of addresses; null means every owner.
    """

    slack_webhook = EncryptedText(default="", blank=True)
    slack_last_four = models.CharField(max_length=4, default="", blank=True)
    email = models.JSONField(null=True)
    daily = models.BooleanField(default=True)
    weekly = models.BooleanField(default=False)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "notification_setting"
        constraints = [models.UniqueConstraint(fields=["tenant"], name="notification_setting_once")]

    def __str__(self) -> str:
        return f"notifications of tenant {self.tenant_id}"


class Channel(models.TextChoices):
    SLACK = "slack"
    EMAIL = "email"
    INAPP = "inapp"


class Kind(models.TextChoices):
    ALERT = "alert"
    RESOLVED = "resolved"
    DAILY = "daily"
    WEEKLY = "weekly"


class DeliveryState(models.TextChoices):
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"  # tried in vain; tried again at `not_before`
    GIVEN_UP = "given_up"


DUE_STATES = (DeliveryState.PENDING, DeliveryState.FAILED)


class Delivery(TenantModel):
    """One message to one place, written before it is sent. `key` says what about, so it exists once for each place.

    An in-app row is delivered by standing here. `path` is the page with the way out, below PUBLIC_URL.
    """

    channel = models.CharField(max_length=5, choices=Channel.choices)
    address = models.CharField(
        max_length=254, default="", blank=True
    )  # of an e-mail; Slack and the bell have one place
    kind = models.CharField(max_length=8, choices=Kind.choices)
    key = models.CharField(max_length=60)  # e.g. "alert:31", "resolved:31", "daily:2026-11-20"
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, null=True, related_name="+")
    subject = models.CharField(max_length=200)
    lines = models.JSONField(default=list)
    path = models.CharField(max_length=200, default="", blank=True)
    state = models.CharField(max_length=8, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(db_default=Now())
    error = models.CharField(max_length=300, default="", blank=True)
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "notification_delivery"
        indexes = [
            models.Index(
                fields=["not_before", "id"], name="delivery_due", condition=models.Q(state__in=["pending", "failed"])
            ),
            models.Index(fields=["tenant", "-id"], name="delivery_bell", condition=models.Q(channel="inapp")),
        ]
        constraints = [
            tenant_unique("delivery_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "key", "channel", "address"], name="delivery_once"),
            models.CheckConstraint(condition=models.Q(state__in=DeliveryState.values), name="delivery_state"),
            models.CheckConstraint(
                condition=~models.Q(channel="inapp") | models.Q(state="sent"), name="delivery_bell_is_there"
            ),
            models.CheckConstraint(
                condition=models.Q(channel="email") ^ models.Q(address=""), name="delivery_email_has_address"
            ),
            models.CheckConstraint(
                condition=~models.Q(kind__in=["alert", "resolved"]) | models.Q(incident__isnull=False),
                name="delivery_alert_has_incident",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} by {self.channel}: {self.state}"


class AlertRead(TenantModel):
    """One person has read one in-app alert."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="reads")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    read_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "notification_read"
        constraints = [models.UniqueConstraint(fields=["tenant", "delivery", "user"], name="notification_read_once")]

    def __str__(self) -> str:
        return f"{self.delivery_id} read by {self.user_id}"
