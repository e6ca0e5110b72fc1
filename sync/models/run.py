from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from sync.models.flow import Flow
from tenants.models import TenantModel


class Run(TenantModel):
    """One pass of the six steps over one flow. `counts`: fetched, new, changed, skipped, pushed, confirmed, review, …

    `timings`: step -> milliseconds. `error` is the sentence people read when the run ended early.
    """

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        ABANDONED = "abandoned"  # its process died

    flow = models.ForeignKey(Flow, on_delete=models.PROTECT, related_name="runs", db_index=False)
    trigger = models.CharField(max_length=20, default="schedule")
    actor = models.CharField(max_length=254, default="", blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    dry_run = models.BooleanField(default=False)
    counts = models.JSONField(default=dict)
    timings = models.JSONField(default=dict)
    api_calls = models.PositiveIntegerField(default=0)
    write_calls = models.PositiveIntegerField(default=0)
    error = models.TextField(default="", blank=True)
    error_class = models.CharField(max_length=12, default="", blank=True)  # transient, auth, data, system
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "run"
        indexes = [models.Index(fields=["flow", "-id"], name="run_list")]
        constraints = [models.UniqueConstraint(fields=["tenant", "id"], name="run_tenant_id")]

    def __str__(self) -> str:
        return f"run {self.pk}"


class DailyStat(TenantModel):
    """Roll-up that the database keeps in the commit that confirms: movements per booking day and currency."""

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="stats", db_index=False)
    day = models.DateField()
    measure = models.CharField(max_length=20)  # confirmed
    currency = models.CharField(max_length=3)
    count = models.IntegerField(default=0)
    amount = models.DecimalField(max_digits=24, decimal_places=4, default=0)

    class Meta(TenantModel.Meta):
        db_table = "daily_stat"
        constraints = [models.UniqueConstraint(fields=["flow", "day", "measure", "currency"], name="daily_stat_key")]

    def __str__(self) -> str:
        return f"{self.day} {self.measure} {self.currency}"
