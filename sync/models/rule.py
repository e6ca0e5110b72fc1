from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now

from sync.models.flow import Flow
from tenants.models import TenantModel


class Rule(TenantModel):
    """One version of one categorisation rule. Changing a rule supersedes the row, so that every decision can be shown.

    `key` names the rule through its versions; `spec` is `RuleSpec.to_json()`.
    """

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="rules")
    key = models.UUIDField(default=uuid.uuid4)
    version = models.PositiveIntegerField(default=1)
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=200)
    spec = models.JSONField()
    active = models.BooleanField(default=True)
    created_by = models.CharField(max_length=254, default="", blank=True)
    created_at = models.DateTimeField(db_default=Now())
    superseded_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "rule"
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["flow", "key", "version"], name="rule_version_once"),
            models.UniqueConstraint(
                fields=["flow", "key"], name="rule_one_current", condition=models.Q(superseded_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"
