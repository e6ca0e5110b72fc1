from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from sync.models.flow import Flow
from tenants.models import TenantModel


class ContactLink(TenantModel):
    """What we remember about a counterparty: which contact in the books it is, or that one is to be created.

    `key` is the normalised name. `marker` becomes the ContactNumber of a contact that we create.
    """

    class State(models.TextChoices):
        # Named by a tenant file, or by movements that need no contact (payments, a rule that names another): which contact it
        # is, is decided with the first document that needs it.
        UNMET = "unmet"
        READY = "ready"  # to be created
        IN_FLIGHT = "in_flight"
        UNCONFIRMED = "unconfirmed"  # sent, outcome unknown
        LINKED = "linked"
        REVIEW = "review"

    class How(models.TextChoices):
        """What decided which contact it is."""

        EXACT = "exact"  # the contact has the same name
        NORMALISED = "normalised"  # the same but for legal form, spelling or what card terminals add
        ALIKE = "alike"  # alike enough by the tenant's threshold; `score` says how much
        PERSON = "person"  # an alias: somebody chose it, and it holds until somebody chooses anew
        CREATED = "created"  # there was none, so one was made

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="contacts")
    key = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    marker = models.CharField(max_length=50)
    contact_id = models.CharField(max_length=100, default="", blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.READY)
    findings = models.JSONField(default=list)
    created_by_us = models.BooleanField(default=False)
    how = models.CharField(max_length=10, choices=How.choices, default="", db_default="", blank=True)
    score = models.PositiveSmallIntegerField(null=True)  # how alike the names are, 0 to 100
    proposals = models.JSONField(
        default=list, db_default=models.Value([], models.JSONField())
    )  # contacts to choose from: contact_id, name, score
    decided_by = models.CharField(max_length=254, default="", blank=True)  # a person's e-mail, or "" for the program
    coding = models.JSONField(
        default=dict, db_default=models.Value({}, models.JSONField())
    )  # what a person decided for its movements: {"in" or "out": {account, tax, by, day}}
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "contact_link"
        indexes = [
            models.Index(fields=["flow", "not_before", "id"], name="contact_due", condition=models.Q(state="ready")),
            models.Index(fields=["flow", "contact_id"], name="contact_by_books_id", condition=~models.Q(contact_id="")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="contact_tenant_id"),
            models.UniqueConstraint(fields=["flow", "key"], name="contact_once_per_name"),
            models.CheckConstraint(
                condition=~models.Q(state="linked") | ~models.Q(contact_id=""), name="contact_linked_has_id"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ContactIdentity(TenantModel):
    """What tells a counterparty apart besides its name: its id at the source, or an IBAN (a digest and the last four).

    An IBAN that turns up for a counterparty that had another one is not `known` until a person accepts it.
    """

    class Kind(models.TextChoices):
        SOURCE = "source"
        IBAN = "iban"

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="+")
    contact = models.ForeignKey(ContactLink, on_delete=models.CASCADE, related_name="identities")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    digest = models.CharField(max_length=64)
    last4 = models.CharField(max_length=4, default="", blank=True)
    known = models.BooleanField(default=False)
    decided_by = models.CharField(max_length=254, default="", blank=True)
    first_seen_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "contact_identity"
        indexes = [models.Index(fields=["flow", "digest"], name="contact_identity_by_digest")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="contact_identity_tenant_id"),
            models.UniqueConstraint(fields=["contact", "kind", "digest"], name="contact_identity_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} …{self.last4}"
