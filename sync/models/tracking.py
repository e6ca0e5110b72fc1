from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from sync.models.flow import Flow
from tenants.models import TenantModel


class TrackingLink(TenantModel):
    """A tracking option that the books lacked: to be created, or which one it is by now.

    `key` is the folded name. An option carries no marker of ours in the books; its name is unique within its category.
    """

    class State(models.TextChoices):
        READY = "ready"  # to be created
        IN_FLIGHT = "in_flight"
        UNCONFIRMED = "unconfirmed"  # sent, outcome unknown
        LINKED = "linked"
        REVIEW = "review"

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="+")
    category_id = models.CharField(max_length=100)
    key = models.CharField(max_length=300)  # folding may lengthen a name
    name = models.CharField(max_length=100)
    label = models.CharField(max_length=210)  # "Region: Zürich", for people
    marker = models.CharField(max_length=50)
    option_id = models.CharField(max_length=100, default="", blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.READY)
    findings = models.JSONField(default=list)
    attempts = models.PositiveSmallIntegerField(default=0)
    name_taken = models.BooleanField(default=False)  # so the books say: they are read before anything else is done
    not_before = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "tracking_link"
        indexes = [
            models.Index(fields=["flow", "not_before", "id"], name="tracking_due", condition=models.Q(state="ready"))
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="tracking_tenant_id"),
            models.UniqueConstraint(fields=["flow", "category_id", "key"], name="tracking_once_per_name"),
            models.CheckConstraint(
                condition=~models.Q(state="linked") | ~models.Q(option_id=""), name="tracking_linked_has_id"
            ),
        ]

    def __str__(self) -> str:
        return self.label
