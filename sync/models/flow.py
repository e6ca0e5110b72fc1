"""A flow carries one source connection into one destination organisation: its settings, its place in the due queue, its
watermarks. The scheduling columns are read across tenants by the dispatch role; nothing else of the row is."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from connectors.models import Connection
from tenants.models import TenantModel


class Flow(TenantModel):
    class State(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"  # by a person
        STOPPED = "stopped"  # by the program: a person must act (see `stopped_because`)

    source = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+", null=True)
    destination = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+", null=True)
    cutoff = models.DateField()
    frequency_minutes = models.PositiveSmallIntegerField(default=5)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    stopped_because = models.TextField(default="", blank=True)
    policies = models.JSONField(default=dict)
    defaults = models.JSONField(default=dict)
    review = models.JSONField(default=dict)
    config_version = models.PositiveIntegerField(
        default=1
    )  # not written any more: an event of the audit says what changed

    next_at = models.DateTimeField(db_default=Now())
    held_until = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    epoch = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)  # connection-level failures in a row
    unclean = models.PositiveSmallIntegerField(default=0)  # slices that ended without a word, in a row

    cursor = models.JSONField(default=dict)  # since, page, high of the source
    fetched_at = models.DateTimeField(null=True)  # the source was last read to its end
    # `pipeline.mirror`: by endpoint the newest change stamp of the last wide reading, by "seen:" and the endpoint that of any
    # reading, and in "wide_at" and "short_at" when all was last read with that overlap. `pipeline.invoices`: in "Invoices" the
    # newest stamp, in "PaidInvoices" since when those that are settled were read.
    mirror_watermarks = models.JSONField(default=dict)
    mirror_read_at = models.DateTimeField(null=True)
    drift_looked_at = models.DateTimeField(null=True)  # what the mirror showed by then was compared with what we posted
    contacts_read_at = models.DateTimeField(null=True)
    lock_read_at = models.DateTimeField(null=True)
    reference_read_at = models.DateTimeField(null=True)
    proof_due_at = models.DateTimeField(null=True)  # null: not scheduled yet
    last_success_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "flow"
        indexes = [
            models.Index(fields=["next_at", "id"], name="flow_due", condition=models.Q(state="active")),
            models.Index(fields=["proof_due_at"], name="flow_proof_due", condition=models.Q(state="active")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="flow_tenant_id"),
            models.UniqueConstraint(fields=["source", "destination"], name="flow_once_per_pair"),
            models.CheckConstraint(condition=models.Q(frequency_minutes__gte=1), name="flow_frequency_positive"),
        ]

    def __str__(self) -> str:
        return f"flow {self.pk}"
