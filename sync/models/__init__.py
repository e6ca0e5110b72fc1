"""Tables of the pipeline. `record` is the fingerprint table, `entry` what should stand in the books, `push_intent` the
only way to write to a vendor. Every table is tenant-scoped; the database itself forbids the impossible."""

from sync.models.amendment import Amendment, AmendmentState
from sync.models.backfill import Backfill
from sync.models.contact import ContactIdentity, ContactLink
from sync.models.entry import Entry, EntryState, Leg
from sync.models.event import Event
from sync.models.flow import Flow
from sync.models.incident import Incident
from sync.models.intent import PushAttempt, PushIntent, PushIntentItem
from sync.models.mapping import AccountMapping
from sync.models.mirror import MirrorDocument, MirrorInvoice
from sync.models.proof import AcceptedDocument, Certificate, Proof, ProofCheck
from sync.models.rate import BookedConversion
from sync.models.rate_table import RateTable, RateTableRow
from sync.models.record import Record, RecordState
from sync.models.returned import ReturnLink
from sync.models.rule import Rule
from sync.models.run import DailyStat, Run
from sync.models.statement import StatementExport
from sync.models.tracking import TrackingLink

__all__ = [
    "AcceptedDocument",
    "AccountMapping",
    "Amendment",
    "AmendmentState",
    "Backfill",
    "BookedConversion",
    "Certificate",
    "ContactIdentity",
    "ContactLink",
    "DailyStat",
    "Entry",
    "EntryState",
    "Event",
    "Flow",
    "Incident",
    "Leg",
    "MirrorDocument",
    "MirrorInvoice",
    "Proof",
    "ProofCheck",
    "PushAttempt",
    "PushIntent",
    "PushIntentItem",
    "RateTable",
    "RateTableRow",
    "Record",
    "RecordState",
    "ReturnLink",
    "Rule",
    "Run",
    "StatementExport",
    "TrackingLink",
]
