from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from sync.domain.payments import PAYMENT_TYPES
from sync.models.contact import ContactLink
from sync.models.flow import Flow
from sync.models.record import Record
from sync.models.run import Run
from tenants.models import OwnedModel


class EntryState(models.TextChoices):
    """See the diagram in docs/exactly-once.md; a trigger holds the white list of moves, last written in migration 0032."""

    FETCHED = "fetched"  # made, not yet validated
    WAITING = "waiting"  # for its partner row, or for the entry it depends on
    READY = "ready"
    IN_FLIGHT = "in_flight"
    UNCONFIRMED = "unconfirmed"  # sent and not yet read back, with or without an id
    CONFIRMED = "confirmed"
    SKIPPED = "skipped"
    DUPLICATE = "duplicate"  # linked by a person: a document that somebody else made is this movement
    REVIEW = "review"
    FAILED = "failed"
    UNDONE = "undone"  # its document was taken out of the books, by us or by hand, and a person wants it so


AT_REST = (
    EntryState.CONFIRMED,
    EntryState.SKIPPED,
    EntryState.DUPLICATE,
    EntryState.REVIEW,
    EntryState.FAILED,
    EntryState.UNDONE,
)
STANDING = (EntryState.CONFIRMED, EntryState.REVIEW)  # of entries with a document: it stands there as ours
BOOKED = (EntryState.CONFIRMED, EntryState.DUPLICATE)  # read back, or linked to a document that somebody else made


class Leg(models.TextChoices):
    MAIN = "main"
    SOLD = "sold"
    BOUGHT = "bought"
    REST = "rest"  # what a payment leaves over


class Entry(OwnedModel):
    """What should stand in the books for a record: one document, its decisions, and how far it has come.

    `document` is the neutral ledger entry as JSON (null while it cannot be built). `amount` is signed from the wallet.
    `note` accompanies a change of state into the event that the database writes with it. An own transfer is one entry
    of two records: the sending `record` and the receiving `other_record`.
    """

    flow = models.ForeignKey(
        Flow, on_delete=models.PROTECT, related_name="entries", db_constraint=False, db_index=False
    )
    organisation_id = models.CharField(max_length=100)
    record = models.ForeignKey(
        Record, on_delete=models.PROTECT, related_name="entries", db_constraint=False, db_index=False
    )
    other_record = models.ForeignKey(
        Record, on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False, db_index=False
    )
    leg = models.CharField(max_length=8, choices=Leg.choices, default=Leg.MAIN)
    unit = models.CharField(
        max_length=120, default="", blank=True
    )  # what belongs together: fx:<deal>, transfer:<transfer>, rest:<record of the payment>; empty where it stands alone
    depends_on = models.ForeignKey(  # not written any more: what waits for what follows from the unit
        "self", on_delete=models.PROTECT, related_name="dependents", null=True, db_constraint=False, db_index=False
    )
    movement = models.CharField(max_length=20)
    state = models.CharField(max_length=12, choices=EntryState.choices, default=EntryState.FETCHED)
    not_before = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(default=0)
    batch_limit = models.PositiveSmallIntegerField(
        default=50
    )  # halved when a whole call was refused, to find the culprit
    held_back = models.BooleanField(default=False)  # a person took it out of automation
    accepted = models.JSONField(default=list)  # finding codes that a person has accepted, of the figures that there are
    chosen_invoices = models.JSONField(null=True)  # a person's choice of what it pays: [{invoice_id, amount}]

    marker = models.CharField(max_length=20)
    generation = models.PositiveSmallIntegerField(
        default=1, db_default=1
    )  # rises when a person posts again what was undone: a new marker for a new document
    destination_type = models.CharField(max_length=15, default="", blank=True)
    destination_id = models.CharField(max_length=100, null=True)
    other_destination_id = models.CharField(max_length=100, null=True)  # linked: a transfer typed as two documents
    lost_link = models.CharField(
        max_length=210, default="", db_default="", blank=True
    )  # what was linked and no longer says the same: both ids joined by "+" for a transfer typed as two documents
    bank_account_id = models.CharField(max_length=100, default="", blank=True)
    contact = models.ForeignKey(
        ContactLink, on_delete=models.PROTECT, related_name="entries", null=True, db_constraint=False, db_index=False
    )
    counterparty = models.ForeignKey(
        ContactLink,
        on_delete=models.PROTECT,
        related_name="movements",
        null=True,
        db_constraint=False,
        db_index=False,
    )  # whom the source names, where that is not `contact`: a payment has none, and a rule may name another
    option_ids = ArrayField(
        models.BigIntegerField(), default=list, db_default=models.Value([], ArrayField(models.BigIntegerField()))
    )  # of tracking links: options that must exist before it is sent
    document = models.JSONField(null=True)
    decisions = models.JSONField(default=dict)  # Coding.trace(): decisions and rule
    findings = models.JSONField(default=list)
    note = models.JSONField(default=dict)
    booking_date = models.DateField(null=True)
    amount = models.DecimalField(max_digits=24, decimal_places=4, null=True)
    currency = models.CharField(max_length=3, default="", blank=True)
    decided_from = models.JSONField(
        null=True, default=dict, db_default=models.Value({}, models.JSONField())
    )  # by record: what the source said when the document was decided, where it says something else by now; null: not kept
    posted_rate = models.DecimalField(max_digits=24, decimal_places=6, null=True)  # as the destination echoed it
    read_back = models.JSONField(
        null=True
    )  # contact, reference, lines as first read back: what else stands there is a person's
    record_revision = models.PositiveIntegerField(default=1)

    run = models.ForeignKey(
        Run, on_delete=models.SET_NULL, null=True, related_name="+", db_constraint=False, db_index=False
    )
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(
        null=True
    )  # when it last became ready to be sent; that a call came to nothing decides nothing
    confirmed_at = models.DateTimeField(null=True)

    class Meta(OwnedModel.Meta):
        db_table = "entry"
        # An entry is written five times on its way, and each time into every index that holds it: no two that one can serve.
        indexes = [
            models.Index(fields=["flow", "not_before", "id"], name="entry_due", condition=models.Q(state="ready")),
            models.Index(
                fields=["flow", "id"],
                name="entry_not_sent",
                condition=models.Q(destination_id=None, state__in=["fetched", "ready", "waiting", "unconfirmed"]),
            ),  # whose documents may stand in the books unknown to us, among all that wait to be read back
            models.Index(fields=["flow", "unit"], name="entry_unit", condition=~models.Q(unit="")),
            models.Index(
                fields=["flow", "state"], name="entry_payments", condition=models.Q(destination_type__in=PAYMENT_TYPES)
            ),  # what payments under way will pay, among all that is under way
            models.Index(
                fields=["flow", "state", "id"], include=["tenant"], name="entry_by_state"
            ),  # the tenant, so that entries are counted without being read
            models.Index(
                "flow",
                models.F("confirmed_at").desc(),
                name="entry_confirmed",
                condition=models.Q(confirmed_at__isnull=False),
            ),
            models.Index(fields=["flow", "bank_account_id", "booking_date"], name="entry_by_account_day"),
            models.Index(fields=["contact", "currency", "-booking_date", "-id"], name="entry_history_of_contact"),
            models.Index(
                fields=["counterparty", "currency", "-booking_date", "-id"],
                name="entry_history_of_party",
                condition=models.Q(counterparty__isnull=False),
            ),
            models.Index(
                fields=["other_record"], name="entry_other_record", condition=models.Q(other_record__isnull=False)
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="entry_tenant_id"),
            models.UniqueConstraint(
                fields=["record", "leg", "flow"], name="entry_once_per_leg"
            ),  # the record first: it is the index of that key too
            models.UniqueConstraint(fields=["organisation_id", "marker"], name="entry_marker"),
            *(
                models.UniqueConstraint(
                    fields=["organisation_id", name],
                    name=f"entry_{name}",
                    condition=models.Q(**{f"{name}__isnull": False}),
                )
                for name in ("destination_id", "other_destination_id")
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["ready", "in_flight"]) | models.Q(document__isnull=False),
                name="entry_ready_has_document",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="confirmed") | models.Q(destination_id__isnull=False),
                name="entry_confirmed_has_id",
            ),
        ]

    def __str__(self) -> str:
        return self.marker

    @property
    def party(self) -> ContactLink | None:
        """Whom the movement is with, whatever document it becomes."""
        return self.counterparty if self.counterparty_id is not None else self.contact

    @property
    def party_id(self) -> int | None:
        return self.counterparty_id if self.counterparty_id is not None else self.contact_id
