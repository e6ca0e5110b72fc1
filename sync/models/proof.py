from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from sync.domain.unproved import NOTHING, verdict
from sync.models.flow import Flow
from tenants.models import TenantModel


class Proof(TenantModel):
    """The result of one balance proof, as printed by the command. Both vendors were read afresh for it. Never changed."""

    flow = models.ForeignKey(Flow, on_delete=models.PROTECT, related_name="proofs", db_index=False)
    balanced = models.BooleanField()
    result = models.JSONField()
    since = models.DateField(null=True)
    until = models.DateField(null=True)  # null: open-ended, and with it the proof of all there is
    trigger = models.CharField(max_length=10, default="command", db_default="command")
    made_by = models.CharField(max_length=254, default="", db_default="", blank=True)
    made_at = models.DateTimeField(db_default=Now())
    seconds = models.FloatField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "proof"
        indexes = [models.Index(fields=["flow", "-id"], name="proof_list")]
        constraints = [models.UniqueConstraint(fields=["tenant", "id"], name="proof_tenant_id")]

    def __str__(self) -> str:
        return "balanced" if self.balanced else "not balanced"

    @property
    def proves_nothing(self) -> bool:
        """No wallet was mapped: whatever it says, nothing was compared."""
        return bool(verdict(self.result) == NOTHING)


class ProofCheck(TenantModel):
    """A proof that was asked for: how far its reading has come, and what became of it. One at a time for each flow."""

    class State(models.TextChoices):
        ASKED = "asked"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.ASKED)
    trigger = models.CharField(max_length=10)
    asked_by = models.CharField(max_length=254, default="", blank=True)
    since = models.DateField(null=True)
    until = models.DateField(null=True)
    step = models.CharField(max_length=10, default="", blank=True)  # books, source
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)  # as many as we know of: the vendors do not say beforehand
    asked_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(db_default=Now())  # the last sign of life
    ended_at = models.DateTimeField(null=True)
    stop_asked = models.BooleanField(default=False, db_default=False)
    error = models.TextField(default="", blank=True)
    proof = models.ForeignKey(Proof, on_delete=models.PROTECT, related_name="+", null=True)

    class Meta(TenantModel.Meta):
        db_table = "proof_check"
        indexes = [models.Index(fields=["flow", "-id"], name="proof_check_list")]
        constraints = [
            models.UniqueConstraint(
                fields=["flow"], name="proof_check_one_open", condition=models.Q(state__in=["asked", "running"])
            )
        ]

    def __str__(self) -> str:
        return self.state

    @property
    def is_open(self) -> bool:
        return self.state in (self.State.ASKED, self.State.RUNNING)


class Certificate(TenantModel):
    """A proof as an auditor files it: the same bytes for ten years. `content` is what `sha256` was taken over."""

    proof = models.OneToOneField(Proof, on_delete=models.PROTECT, related_name="certificate")
    number = models.CharField(max_length=40)
    content = models.TextField()
    sha256 = models.CharField(max_length=64)
    pdf = models.BinaryField()
    pdf_sha256 = models.CharField(max_length=64)
    csv = models.BinaryField()
    csv_sha256 = models.CharField(max_length=64)
    version = models.CharField(max_length=40)
    made_by = models.CharField(max_length=254)
    made_at = models.DateTimeField(db_default=Now())
    keep_until = models.DateField()

    class Meta(TenantModel.Meta):
        db_table = "certificate"
        constraints = [models.UniqueConstraint(fields=["tenant", "number"], name="certificate_number")]

    def __str__(self) -> str:
        return self.number


class AcceptedDocument(TenantModel):
    """A document that is not ours and that a person accepted, with the reason: it no longer breaks the balance.

    It holds for what the document said at that time; one that changes its amount or day is unexpected again.
    """

    flow = models.ForeignKey(Flow, on_delete=models.PROTECT, related_name="+")
    document_id = models.CharField(max_length=100)
    account_id = models.CharField(max_length=100)
    kind = models.CharField(max_length=20)
    date = models.DateField()
    amount = models.DecimalField(max_digits=24, decimal_places=4)  # signed from the bank account
    currency = models.CharField(max_length=3)
    reference = models.TextField(default="", blank=True)
    reason = models.CharField(max_length=300)
    accepted_by = models.CharField(max_length=254)
    accepted_at = models.DateTimeField(db_default=Now())
    withdrawn_by = models.CharField(max_length=254, default="", blank=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "accepted_document"
        constraints = [
            models.UniqueConstraint(
                fields=["flow", "document_id", "account_id"],
                name="accepted_document_once",
                condition=models.Q(withdrawn_at=None),
            )
        ]

    def __str__(self) -> str:
        return self.document_id
