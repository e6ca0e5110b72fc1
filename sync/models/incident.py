from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from sync.models.flow import Flow
from tenants.models import TenantModel

MOVEMENT = "movement:"  # an action that leads to the page of one movement, by the record's number


class Incident(TenantModel):
    """One row for one cause, however often it strikes. Closed when the cause is gone."""

    class Severity(models.TextChoices):
        CRITICAL = "critical"
        WARNING = "warning"

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, null=True, related_name="incidents")
    cause = models.CharField(max_length=120)  # e.g. "reconnect:connection", "twin:MR-…", "waiting_fx:1:31"
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.WARNING)
    error_class = models.CharField(max_length=12, default="system")  # transient, auth, data, system
    title = models.CharField(max_length=200)
    body = models.TextField(default="", blank=True)  # what happened and what to do next
    action = models.CharField(max_length=60, default="", blank=True)  # page that fixes it: connections, accounts, …
    count = models.PositiveIntegerField(default=1)
    opened_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)
    resolution = models.CharField(max_length=300, default="", blank=True)

    class Meta(TenantModel.Meta):
        db_table = "incident"
        indexes = [models.Index(fields=["closed_at"], name="incident_to_tell")]  # open ones and those just closed
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="incident_tenant_id"),
            models.UniqueConstraint(
                fields=["tenant", "cause"], name="incident_one_open", condition=models.Q(closed_at=None)
            ),
        ]

    def __str__(self) -> str:
        return self.title
