from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from sync.models.entry import Entry
from sync.models.flow import Flow
from sync.models.record import Record
from tenants.models import OwnedModel


class Event(OwnedModel):
    """Append-only story of a movement: written by the database itself in the commit that changes an entry's state.

    Steps that change no state (fetched, changed at the source, read back) add their own rows.
    """

    flow = models.ForeignKey(Flow, on_delete=models.PROTECT, related_name="events", db_constraint=False, db_index=False)
    record = models.ForeignKey(
        Record, on_delete=models.PROTECT, null=True, related_name="events", db_constraint=False, db_index=False
    )
    entry = models.ForeignKey(
        Entry, on_delete=models.PROTECT, null=True, related_name="events", db_constraint=False, db_index=False
    )
    run_id = models.BigIntegerField(null=True)
    step = models.CharField(max_length=12)
    from_state = models.CharField(max_length=12, default="", blank=True)
    to_state = models.CharField(max_length=12, default="", blank=True)
    actor = models.CharField(max_length=254, default="", blank=True)
    note = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=Now())

    class Meta(OwnedModel.Meta):
        db_table = "event"
        indexes = [models.Index(fields=["record", "id"], name="event_of_record")]  # an entry's name its record too

    def __str__(self) -> str:
        return f"{self.step}: {self.from_state} -> {self.to_state}"
