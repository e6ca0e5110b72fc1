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
        READY = "ready"  # to be created
        IN_FLIGHT = "in_flight"
        UNCONFIRMED = "unconfirmed"  # sent, outcome unknown
        LINKED = "linked"
        REVIEW = "review"

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="contacts")
    key = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    marker = models.CharField(max_length=50)
    contact_id = models.CharField(max_length=100, default="", blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.READY)
    findings = models.JSONField(default=list)
    created_by_us = models.BooleanField(default=False)
    decided_by = models.CharField(max_length=254, default="", blank=True)  # a person's e-mail, or "" for the program
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "contact_link"
        indexes = [
            models.Index(fields=["flow", "not_before", "id"], name="contact_due", condition=models.Q(state="ready"))
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
