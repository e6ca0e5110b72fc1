from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from sync.models.flow import Flow
from tenants.models import TenantModel


class RateTable(TenantModel):
    """One version of the tenant's own rates, as uploaded or typed. Never changed: a correction is a new version, and the
    newest version that covers a day wins."""

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="rate_tables")
    version = models.PositiveIntegerField()
    method = models.CharField(max_length=10)
    source = models.CharField(max_length=100)
    note = models.CharField(max_length=300, default="", blank=True)  # doubts that a person confirmed
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "rate_table"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="rate_table_tenant_id"),
            models.UniqueConstraint(fields=["flow", "version"], name="rate_table_version"),
        ]

    def __str__(self) -> str:
        return f"{self.source} v{self.version}"


class RateTableRow(TenantModel):
    """One rate: as published (value, unit, direction), and as the books take it (foreign units for one base unit)."""

    table = models.ForeignKey(RateTable, on_delete=models.CASCADE, related_name="rates")
    currency = models.CharField(max_length=3)
    valid_from = models.DateField()
    valid_to = models.DateField()
    value = models.DecimalField(max_digits=24, decimal_places=10)
    unit = models.PositiveIntegerField()
    direction = models.CharField(max_length=20)
    per_base = models.DecimalField(max_digits=24, decimal_places=6)

    class Meta(TenantModel.Meta):
        db_table = "rate_table_row"
        indexes = [models.Index(fields=["currency", "valid_from"], name="rate_by_day")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="rate_row_tenant_id"),
            models.UniqueConstraint(fields=["table", "currency", "valid_from"], name="rate_row_once"),
            models.CheckConstraint(condition=models.Q(per_base__gt=0), name="rate_row_positive"),
            models.CheckConstraint(condition=models.Q(valid_to__gte=models.F("valid_from")), name="rate_row_range"),
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.valid_from} {self.per_base}"
