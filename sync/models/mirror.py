from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from connectors.models import Connection
from tenants.models import OwnedModel, TenantModel


class MirrorDocument(OwnedModel):
    """Xero's side as last read: small, local, queried instead of the API. Never a source of postings."""

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    kind = models.CharField(max_length=20)
    document_id = models.CharField(max_length=100)
    account_id = models.CharField(max_length=100)
    other_account_id = models.CharField(max_length=100, default="", blank=True)
    incoming = models.BooleanField(default=False, db_default=False)  # payments alone: the other kinds say it themselves
    contact_id = models.CharField(max_length=100, default="", blank=True)
    date = models.DateField()
    total = models.DecimalField(max_digits=24, decimal_places=4)
    currency = models.CharField(max_length=3)
    rate = models.DecimalField(max_digits=24, decimal_places=6, null=True)
    reference = models.TextField(default="", blank=True)
    marker = models.CharField(max_length=20, default="", blank=True)
    status = models.CharField(max_length=12)
    reconciled = models.BooleanField(default=False)
    lines_hash = models.CharField(max_length=64, default="", blank=True)
    pays = models.TextField(default="", db_default="", blank=True)  # payments: numbers of what they pay, one a line
    by_account = models.JSONField(
        null=True
    )  # what its lines put on each account, by id; null: not shown when it was read
    tax_total = models.DecimalField(max_digits=24, decimal_places=4, null=True)
    updated_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(db_default=Now())
    unclaimed = models.BooleanField(
        default=True, db_default=True
    )  # no entry of ours carried its marker when it was read, or the one that did has another one by now

    class Meta(OwnedModel.Meta):
        db_table = "mirror_document"
        indexes = [
            models.Index(fields=["connection", "marker"], name="mirror_marker", condition=~models.Q(marker="")),
            models.Index(fields=["connection", "account_id", "date", "total"], name="mirror_lookalike"),
            models.Index(fields=["connection", "read_at"], name="mirror_read"),
            models.Index(fields=["connection", "date"], name="mirror_unclaimed", condition=models.Q(unclaimed=True)),
        ]
        constraints = [models.UniqueConstraint(fields=["connection", "document_id"], name="mirror_document_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.document_id}"


class MirrorInvoice(TenantModel):
    """A sales invoice or bill as last read: what a movement may pay. Read for matching alone, never learned from."""

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    invoice_id = models.CharField(max_length=100)
    sales = models.BooleanField()
    number = models.CharField(max_length=255, default="", blank=True)
    reference = models.CharField(max_length=255, default="", blank=True)
    contact_id = models.CharField(max_length=100, default="", blank=True)
    contact_name = models.CharField(max_length=500, default="", blank=True)
    total = models.DecimalField(max_digits=24, decimal_places=4)
    due = models.DecimalField(max_digits=24, decimal_places=4)
    currency = models.CharField(max_length=3)
    date = models.DateField()
    due_date = models.DateField(null=True)
    rate = models.DecimalField(max_digits=24, decimal_places=6, null=True)
    status = models.CharField(max_length=12)
    paid_by = models.JSONField(default=list)  # our markers on its payments
    updated_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "mirror_invoice"
        indexes = [
            models.Index(
                fields=["connection", "sales", "invoice_id"],
                name="mirror_invoice_open",
                condition=models.Q(status="AUTHORISED"),
            ),
            models.Index(
                fields=["connection", "sales", "updated_at"],
                name="mirror_invoice_closed",
                condition=~models.Q(status="AUTHORISED"),
            ),
        ]
        constraints = [models.UniqueConstraint(fields=["connection", "invoice_id"], name="mirror_invoice_once")]

    def __str__(self) -> str:
        return self.number or self.invoice_id
