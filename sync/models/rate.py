from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from sync.models.flow import Flow
from tenants.models import TenantModel


class BookedConversion(TenantModel):
    """A conversion that was booked at the source: the history of rates. Rates: bought units for one unit sold."""

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="conversions")
    deal_id = models.CharField(max_length=100)
    deal_date = models.DateField(null=True)
    value_date = models.DateField(null=True)
    sold = models.CharField(max_length=3)
    bought = models.CharField(max_length=3)
    amount_sold = models.DecimalField(max_digits=24, decimal_places=4)
    amount_bought = models.DecimalField(max_digits=24, decimal_places=4)
    spot_rate = models.DecimalField(max_digits=24, decimal_places=10, null=True)
    platform_rate = models.DecimalField(max_digits=24, decimal_places=10, null=True)
    read_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "booked_conversion"
        constraints = [models.UniqueConstraint(fields=["flow", "deal_id"], name="conversion_once")]

    def __str__(self) -> str:
        return f"{self.sold} -> {self.bought} {self.value_date}"
