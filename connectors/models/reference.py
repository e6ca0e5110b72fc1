from __future__ import annotations

from django.db import models

from connectors.models.connection import Connection
from tenants.models import TenantModel


class Reference(TenantModel):
    """One thing at a vendor that entries or mappings may point at, as it was last read there."""

    class Kind(models.TextChoices):
        ACCOUNT = "account"
        TAX_RATE = "tax_rate"
        TRACKING_CATEGORY = "tracking_category"
        CONTACT = "contact"
        CURRENCY = "currency"
        SOURCE_ACCOUNT = "source_account"
        EXPENSE_CATEGORY = "expense_category"
        COST_CENTRE = "cost_centre"
        VAT = "vat"

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="references")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    external_id = models.CharField(max_length=200)
    code = models.CharField(max_length=60, default="", blank=True)
    name = models.CharField(max_length=500, default="", blank=True)
    status = models.CharField(max_length=20, default="ACTIVE")
    currency = models.CharField(max_length=3, default="", blank=True)
    payload = models.JSONField(default=dict)
    updated_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "reference"
        constraints = [
            models.UniqueConstraint(fields=["connection", "kind", "external_id"], name="reference_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.code or self.name or self.external_id}"
