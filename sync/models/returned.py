from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from sync.models.flow import Flow
from sync.models.record import Record
from tenants.models import TenantModel


class ReturnLink(TenantModel):
    """Which payment came back, which purchase was refunded: `record` gives back `given` of the `paid` of `origin`.

    `how` says by what the two were joined (sync.domain.returns.How) and `certainty` out of 100 how sure that is;
    `rivals` are the records that a person may choose from. Without an origin it is still to be chosen.
    """

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="+")
    record = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="+")
    origin = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="+", null=True)
    how = models.CharField(max_length=10)
    certainty = models.PositiveSmallIntegerField(default=0)
    given = models.DecimalField(max_digits=24, decimal_places=4, null=True)
    paid = models.DecimalField(max_digits=24, decimal_places=4, null=True)
    currency = models.CharField(max_length=3, default="", blank=True)
    rivals = models.JSONField(default=list)
    decided_by = models.CharField(max_length=254, default="", blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "return_link"
        constraints = [
            models.UniqueConstraint(fields=["flow", "record"], name="return_link_once"),
            models.CheckConstraint(condition=~models.Q(origin=models.F("record")), name="return_link_two_movements"),
        ]

    def __str__(self) -> str:
        return f"{self.record_id} of {self.origin_id}"
