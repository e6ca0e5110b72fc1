from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from connectors.models.grant import Grant
from tenants.models import TenantModel, tenant_unique


class Connection(TenantModel):
    """One company at one vendor, as one tenant sees it."""

    class Kind(models.TextChoices):
        AMNIS = "amnis", "Amnis"
        XERO = "xero", "Xero"

    class Role(models.TextChoices):
        SOURCE = "source"
        DESTINATION = "destination"

    class Status(models.TextChoices):
        PENDING = "pending"
        ACTIVE = "active"
        NEEDS_RECONNECT = "needs_reconnect"
        DISCONNECTED = "disconnected"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    role = models.CharField(max_length=12, choices=Role.choices)
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, null=True, related_name="connections")
    external_id = models.CharField(max_length=200, default="", blank=True)  # Xero tenantId; Amnis client id
    remote_id = models.CharField(max_length=200, default="", blank=True)  # Xero's id of the connection itself
    name = models.CharField(max_length=200, default="", blank=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.PENDING)
    short_code = models.CharField(max_length=40, default="", blank=True)
    base_currency = models.CharField(max_length=3, default="", blank=True)
    country = models.CharField(max_length=2, default="", blank=True)
    timezone = models.CharField(max_length=60, default="", blank=True)
    lock_date = models.DateField(null=True)
    multi_currency = models.BooleanField(default=True)
    pays_tax = models.BooleanField(default=True)
    last_ok_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, default="", blank=True)
    checked_at = models.DateTimeField(null=True)
    reference_at = models.DateTimeField(null=True)  # the reference rows were last read
    paused_until = models.DateTimeField(null=True)  # the vendor's Retry-After, kept across restarts
    told_until = models.DateTimeField(null=True)  # the newest change that the vendor told of by itself
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "connection"
        indexes = [
            models.Index(fields=["external_id"], name="connection_by_company", condition=models.Q(kind="xero")),
        ]
        constraints = [
            tenant_unique("connection_tenant_id"),
            models.CheckConstraint(
                condition=models.Q(kind="amnis", role="source") | models.Q(kind="xero", role="destination"),
                name="connection_kind_role",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["pending", "active", "needs_reconnect", "disconnected"]),
                name="connection_status",
            ),
            models.UniqueConstraint(
                fields=["tenant", "kind", "external_id"],
                name="connection_once_per_company",
                condition=~models.Q(external_id=""),
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"{self.get_kind_display()} connection {self.pk}"

    @property
    def is_usable(self) -> bool:
        return self.status == self.Status.ACTIVE
