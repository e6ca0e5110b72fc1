from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from sync.models.flow import Flow
from tenants.models import TenantModel


class Backfill(TenantModel):
    """A range of booking dates that is read afresh at the source, month by month; what is missing is entered.

    `reached` is the first day not read yet: a process that dies goes on there. `notes`: what was taken off the range.
    """

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        STOPPED = "stopped"  # by a person

    flow = models.ForeignKey(Flow, on_delete=models.PROTECT, related_name="backfills")
    since = models.DateField()
    until = models.DateField()
    reached = models.DateField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    notes = models.JSONField(default=list)
    read = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    asked_by = models.CharField(max_length=254, default="", blank=True)
    asked_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "backfill"
        indexes = [models.Index(fields=["flow", "-id"], name="backfill_list")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="backfill_tenant_id"),
            models.UniqueConstraint(fields=["flow"], name="backfill_one_running", condition=models.Q(state="running")),
            models.CheckConstraint(condition=models.Q(since__lte=models.F("until")), name="backfill_range"),
        ]

    def __str__(self) -> str:
        return f"{self.since} - {self.until}"

    @property
    def days(self) -> int:
        return (self.until - self.since).days + 1

    @property
    def days_done(self) -> int:
        return min(self.days, max(0, (self.reached - self.since).days))
