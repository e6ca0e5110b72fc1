from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from sync.models.flow import Flow
from tenants.models import TenantModel


class StatementExport(TenantModel):
    """A statement file that left: which lines of which bank account and month, so that none is imported twice.

    `lines`: marker, entry, date and amount of each line, as they were then. `cut`: the entries (early ones: the markers) of
    the whole month, on the export that began a set of parts; `cut_at`: when, on each export of that set.
    """

    flow = models.ForeignKey(Flow, on_delete=models.PROTECT, related_name="statement_exports")
    bank_account_id = models.CharField(max_length=100)
    month = models.DateField()  # its first day
    only_new = models.BooleanField(default=False)
    lines = models.JSONField(default=list)
    total = models.DecimalField(max_digits=24, decimal_places=4)
    cut = models.JSONField(null=True)
    cut_at = models.DateTimeField(null=True)
    sha256 = models.CharField(max_length=64)
    actor = models.CharField(max_length=254)
    at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "statement_export"
        indexes = [models.Index(fields=["flow", "bank_account_id", "month", "id"], name="statement_export_of")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="statement_export_tenant_id"),
            models.CheckConstraint(condition=models.Q(month__day=1), name="statement_export_month"),
        ]

    def __str__(self) -> str:
        return f"{self.bank_account_id} {self.month:%Y-%m}"
