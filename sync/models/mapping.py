from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from sync.models.flow import Flow
from tenants.models import TenantModel


class AccountMapping(TenantModel):
    """Which bank account of the books a wallet stands for, or why it is left out."""

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="mappings")
    source_account_id = models.CharField(max_length=100)
    source_currency = models.CharField(max_length=3, default="", blank=True)
    source_label = models.CharField(max_length=200, default="", blank=True)
    destination_account_id = models.CharField(max_length=100, default="", blank=True)
    ignored = models.BooleanField(default=False)
    ignore_reason = models.CharField(max_length=200, default="", blank=True)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "account_mapping"
        constraints = [
            models.UniqueConstraint(fields=["flow", "source_account_id"], name="mapping_once_per_wallet"),
            models.UniqueConstraint(
                fields=["flow", "destination_account_id"],
                name="mapping_once_per_bank_account",
                condition=~models.Q(destination_account_id=""),
            ),
            models.CheckConstraint(
                condition=models.Q(ignored=True, destination_account_id="") | ~models.Q(ignored=True),
                name="mapping_ignored_has_no_target",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source_account_id} -> {self.destination_account_id or 'ignored'}"
