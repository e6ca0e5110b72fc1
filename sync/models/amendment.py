"""Every change of a posted document: asked by a person (or by a policy of theirs), sent through an intent, read back."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from sync.models.entry import Entry
from sync.models.flow import Flow
from tenants.models import TenantModel


class AmendmentState(models.TextChoices):
    PROPOSED = "proposed"  # a person decides
    ASKED = "asked"
    IN_FLIGHT = "in_flight"
    UNCONFIRMED = "unconfirmed"  # sent; the document itself has not shown it yet
    DONE = "done"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


OPEN_AMENDMENTS = (
    AmendmentState.PROPOSED,
    AmendmentState.ASKED,
    AmendmentState.IN_FLIGHT,
    AmendmentState.UNCONFIRMED,
)
ON_THE_WAY = (AmendmentState.ASKED, AmendmentState.IN_FLIGHT, AmendmentState.UNCONFIRMED)


class Amendment(TenantModel):
    """One document to be changed or removed. At most one is open for each entry: the partial unique index says so.

    `before`: the document as read back when it was asked for, with its lines. `wanted`: as it should read (a change).
    `columns`: what the entry itself takes over when it is done. `changed`: (field, posted, new) for people; `digest` of
    it, so that a difference that a person kept is not proposed again. `note`: what came of it, in a bookkeeper's words.
    """

    class Deed(models.TextChoices):
        CHANGE = "change"
        VOID = "void"

    class Then(models.TextChoices):
        UNDONE = "undone"  # out of automation until a person posts again
        AGAIN = "again"  # what was removed is decided anew as the source says it now: nothing, while that withdraws it
        STANDS = "stands"

    flow = models.ForeignKey(Flow, on_delete=models.PROTECT, related_name="amendments", db_constraint=False)
    entry = models.ForeignKey(
        Entry, on_delete=models.PROTECT, related_name="amendments", db_constraint=False, db_index=False
    )
    batch = models.UUIDField(null=True)  # asked for together: an entry, a run, a day
    deed = models.CharField(max_length=6, choices=Deed.choices)
    then = models.CharField(max_length=8, choices=Then.choices)
    state = models.CharField(max_length=12, choices=AmendmentState.choices)
    document_id = models.CharField(max_length=100)
    destination_type = models.CharField(max_length=15)
    marker = models.CharField(max_length=20)
    wanted = models.JSONField(null=True)
    before = models.JSONField(default=dict)
    columns = models.JSONField(default=dict)
    changed = models.JSONField(default=list)
    digest = models.CharField(max_length=67, default="", blank=True)
    scope = models.CharField(max_length=60, default="", blank=True)  # "day 2026-03-02", "run 12", "entry 7"
    reason = models.CharField(max_length=300, default="", blank=True)
    asked_by = models.CharField(max_length=254, default="", blank=True)  # "" where a policy asked
    touched_confirmed = models.BooleanField(default=False)  # named although somebody had edited it in the books
    kept = models.BooleanField(default=False)  # a person keeps what is posted
    alone = models.BooleanField(default=False)  # a whole call was refused: this one travels by itself
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(db_default=Now())
    code = models.CharField(max_length=60, default="", blank=True)
    note = models.TextField(default="", blank=True)
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "amendment"
        indexes = [
            models.Index(
                fields=["flow", "not_before", "id"],
                name="amendment_due",
                condition=models.Q(state__in=["asked", "in_flight", "unconfirmed"]),
            ),
            models.Index(
                fields=["flow", "batch", "id"], name="amendment_batch", condition=models.Q(batch__isnull=False)
            ),
            models.Index(fields=["entry", "id"], name="amendment_of_entry"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="amendment_tenant_id"),
            models.UniqueConstraint(
                fields=["entry"],
                name="amendment_entry_one_open",
                condition=models.Q(state__in=["proposed", "asked", "in_flight", "unconfirmed"]),
            ),
            models.CheckConstraint(
                condition=models.Q(deed="void") | models.Q(wanted__isnull=False), name="amendment_change_has_wanted"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.deed} {self.marker}"
