from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from sync.models.flow import Flow
from tenants.models import TenantModel


class Proof(TenantModel):
    """The result of one balance proof, as printed by the command. Both vendors were read afresh for it."""

    flow = models.ForeignKey(Flow, on_delete=models.PROTECT, related_name="proofs")
    balanced = models.BooleanField()
    result = models.JSONField()
    made_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "proof"
        indexes = [models.Index(fields=["flow", "-id"], name="proof_list")]

    def __str__(self) -> str:
        return "balanced" if self.balanced else "not balanced"
