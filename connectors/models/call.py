from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from connectors.models.connection import Connection
from tenants.models import TenantModel


class Call(TenantModel):
    """One HTTP call to a vendor, redacted, for the story of a movement and for support. Kept for 90 days."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="calls")
    run_id = models.BigIntegerField(null=True)
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=500)
    status = models.PositiveSmallIntegerField(default=0)  # 0: no answer
    outcome = models.CharField(max_length=20)
    milliseconds = models.PositiveIntegerField(default=0)
    correlation_id = models.CharField(max_length=100, default="", blank=True)
    write = models.BooleanField(default=False)
    request_excerpt = models.TextField(default="", blank=True)
    response_excerpt = models.TextField(default="", blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "call"
        indexes = [
            models.Index(fields=["tenant", "run_id"], name="call_of_run"),
            models.Index(fields=["created_at"], name="call_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"
