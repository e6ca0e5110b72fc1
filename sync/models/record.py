from __future__ import annotations

from django.db import models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Now

from sync.models.flow import Flow
from tenants.models import OwnedModel


class RecordState(models.TextChoices):
    FETCHED = "fetched"  # new or changed: to be transformed
    ENTERED = "entered"  # its entries carry the state
    SKIPPED = "skipped"  # yields nothing, for `reason`


class Record(OwnedModel):
    """The fingerprint table: one row for each movement at the source, whatever becomes of it.

    `fingerprint` says which movement (unique for ever), `content_hash` what it says now. `unit` joins rows that are one
    event (the two rows of a conversion or of an own transfer).
    """

    flow = models.ForeignKey(
        Flow, on_delete=models.PROTECT, related_name="records", db_constraint=False, db_index=False
    )
    fingerprint = models.CharField(max_length=80)
    account_id = models.CharField(max_length=100)
    source_id = models.CharField(max_length=200, default="", blank=True)
    content_hash = models.CharField(max_length=80)
    payload = models.JSONField()
    # A column, because row-level security keeps conditions inside a JSON value away from every index.
    event_id = models.GeneratedField(
        expression=KeyTextTransform("event", "payload"), output_field=models.TextField(), db_persist=True
    )
    state = models.CharField(max_length=10, choices=RecordState.choices, default=RecordState.FETCHED)
    reason = models.CharField(max_length=300, default="", blank=True)
    movement = models.CharField(max_length=20, default="", blank=True)
    execution = models.CharField(max_length=10, default="", blank=True)
    unit = models.CharField(max_length=120, default="", blank=True)
    booking_date = models.DateField(null=True)
    amount = models.DecimalField(max_digits=24, decimal_places=4, null=True)
    currency = models.CharField(max_length=3, default="", blank=True)
    counterparty = models.CharField(max_length=400, default="", blank=True)
    source_contact = models.CharField(
        max_length=64, default="", db_default="", blank=True
    )  # digest of the source's contact id
    iban = models.CharField(max_length=64, default="", db_default="", blank=True)  # digest of the counterparty's IBAN
    iban_last4 = models.CharField(max_length=4, default="", db_default="", blank=True)
    made_at = models.DateTimeField(null=True)  # when the source first knew of it: for a card, the moment of its use
    text = models.TextField(default="", blank=True)
    revision = models.PositiveIntegerField(default=1)
    source_updated_at = models.DateTimeField(null=True)
    shown_in = models.DateTimeField(null=True)  # the reading that showed it last; only of rows without a number
    fetched_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    class Meta(OwnedModel.Meta):
        db_table = "record"
        indexes = [
            models.Index(fields=["flow", "id"], name="record_to_transform", condition=models.Q(state="fetched")),
            models.Index(
                fields=["flow"], include=["tenant"], name="record_skipped", condition=models.Q(state="skipped")
            ),
            models.Index(fields=["flow", "unit"], name="record_unit", condition=~models.Q(unit="")),
            models.Index(fields=["flow", "-booking_date", "-id"], name="record_list"),
            models.Index(fields=["flow", "event_id"], name="record_event", condition=~models.Q(event_id="")),
            models.Index(fields=["flow", "source_id"], name="record_by_number", condition=~models.Q(source_id="")),
            models.Index(
                fields=["flow", "content_hash"], name="record_without_number", condition=models.Q(source_id="")
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["flow", "fingerprint"], name="record_fingerprint"),
            models.UniqueConstraint(fields=["tenant", "id"], name="record_tenant_id"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}/{self.source_id}"
