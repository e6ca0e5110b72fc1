"""The write-ahead intent: no request leaves without a committed row that holds its exact bytes."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from sync.models.amendment import Amendment
from sync.models.contact import ContactLink
from sync.models.entry import Entry
from sync.models.flow import Flow
from sync.models.run import Run
from sync.models.tracking import TrackingLink
from tenants.models import OwnedModel


class PushIntent(OwnedModel):
    """One request that will be, or may have been, sent. `open` until the outcome of every item is known for sure.

    `absences`: complete probes after the quarantine that found nothing; two of them, a gap apart, prove absence.
    """

    class State(models.TextChoices):
        OPEN = "open"
        DONE = "done"
        REJECTED = "rejected"
        ABSENT = "absent"

    flow = models.ForeignKey(
        Flow, on_delete=models.PROTECT, related_name="intents", db_constraint=False, db_index=False
    )
    run = models.ForeignKey(
        Run, on_delete=models.SET_NULL, null=True, related_name="+", db_constraint=False, db_index=False
    )
    organisation_id = models.CharField(max_length=100)
    endpoint = models.CharField(max_length=30)
    method = models.CharField(max_length=6)
    path = models.CharField(max_length=500)
    body = models.BinaryField()
    idempotency_key = models.CharField(max_length=128, unique=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    epoch = models.PositiveIntegerField(default=1)
    lease_until = models.DateTimeField(null=True)
    first_send = models.DateTimeField(null=True)
    last_send = models.DateTimeField(null=True)
    unknown = models.BooleanField(default=False)
    next_probe = models.DateTimeField(null=True)
    probes = models.PositiveSmallIntegerField(default=0)
    absences = models.PositiveSmallIntegerField(default=0)
    absent_seen_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)

    class Meta(OwnedModel.Meta):
        db_table = "push_intent"
        indexes = [models.Index(fields=["flow", "id"], name="intent_open", condition=models.Q(state="open"))]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="intent_tenant_id"),
            models.CheckConstraint(
                condition=models.Q(first_send=None, last_send=None)
                | models.Q(first_send__isnull=False, last_send__isnull=False),
                name="intent_sends_together",
            ),
        ]

    def __str__(self) -> str:
        return f"intent {self.pk}"


class PushIntentItem(OwnedModel):
    """One subject of an intent. A subject is in at most one open intent: the partial unique index says so."""

    class Deed(models.TextChoices):
        CREATE = "create"
        CHANGE = "change"
        VOID = "void"

    intent = models.ForeignKey(
        PushIntent, on_delete=models.CASCADE, related_name="items", db_constraint=False, db_index=False
    )
    entry = models.ForeignKey(
        Entry, on_delete=models.PROTECT, null=True, related_name="intent_items", db_constraint=False
    )
    contact = models.ForeignKey(
        ContactLink,
        on_delete=models.PROTECT,
        null=True,
        related_name="intent_items",
        db_constraint=False,
        db_index=False,
    )
    option = models.ForeignKey(
        TrackingLink,
        on_delete=models.PROTECT,
        null=True,
        related_name="intent_items",
        db_constraint=False,
        db_index=False,
    )
    amendment = models.ForeignKey(
        Amendment, on_delete=models.PROTECT, null=True, related_name="intent_items", db_constraint=False, db_index=False
    )
    deed = models.CharField(max_length=6, choices=Deed.choices, default=Deed.CREATE)
    marker = models.CharField(max_length=50)
    position = models.PositiveSmallIntegerField()
    open = models.BooleanField(default=True)
    outcome = models.CharField(max_length=20, default="", blank=True)

    class Meta(OwnedModel.Meta):
        db_table = "push_intent_item"
        indexes = [
            models.Index(fields=[name], name=f"item_of_{name}", condition=models.Q(**{f"{name}__isnull": False}))
            for name in ("contact", "option", "amendment")
        ]
        constraints = [
            models.UniqueConstraint(fields=["entry"], name="item_entry_one_open", condition=models.Q(open=True)),
            *(
                models.UniqueConstraint(
                    fields=[name],
                    name=f"item_{name}_one_open",
                    condition=models.Q(open=True, **{f"{name}__isnull": False}),
                )
                for name in ("contact", "option")
            ),
            models.UniqueConstraint(fields=["intent", "position"], name="item_position"),
            models.CheckConstraint(
                condition=models.Q(entry__isnull=False, contact__isnull=True, option__isnull=True)
                | models.Q(entry__isnull=True, contact__isnull=False, option__isnull=True)
                | models.Q(entry__isnull=True, contact__isnull=True, option__isnull=False),
                name="item_one_subject",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.deed} {self.marker}"


class PushAttempt(OwnedModel):
    """Append-only: every send of an intent and what came back, with an excerpt fit to show."""

    intent = models.ForeignKey(PushIntent, on_delete=models.PROTECT, related_name="attempts", db_constraint=False)
    epoch = models.PositiveIntegerField()
    sent_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=20)
    http_status = models.PositiveSmallIntegerField(default=0)
    milliseconds = models.PositiveIntegerField(default=0)
    correlation_id = models.CharField(max_length=100, default="", blank=True)
    error = models.TextField(default="", blank=True)
    answer = models.TextField(default="", blank=True)
    answer_sha256 = models.CharField(max_length=64, default="", blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta(OwnedModel.Meta):
        db_table = "push_attempt"

    def __str__(self) -> str:
        return f"{self.outcome} {self.http_status}"
