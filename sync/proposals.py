"""A document that should read otherwise, because its movement changed at the source: looked at, applied or kept by a person."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from connectors import services as connector_services
from connectors.contract.errors import Finding
from connectors.contract.records import DocumentKind, LedgerEntry, MirrorDocument
from sync import store, store_amend
from sync.domain import amending, deleted, documents, match
from sync.models import Amendment, AmendmentState, Entry, EntryState, Flow, Record, RecordState
from sync.models import MirrorDocument as MirrorRow
from sync.models.amendment import ON_THE_WAY
from sync.pipeline import findings, gone
from sync.pipeline.afresh import Wanted, read_afresh
from sync.pipeline.amend import other_leg
from sync.pipeline.mirror import from_row
from sync.pipeline.result import NotConnected
from sync.undoing import can_be_posted_again, refuse_paused
from tenants import audit
from tenants.scoping import tenant_scope

DECIDABLE = (AmendmentState.PROPOSED, AmendmentState.REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One document: what it is to be, judged by a fresh reading. `problem`: why it stays as it is. Of a payment that Amnis
    changed nothing is wanted: what becomes of it is decided once it is undone."""

    amendment: Amendment
    posted: LedgerEntry
    wanted: LedgerEntry | None
    found: MirrorDocument | None
    problem: Finding | None

    @property
    def effects(self) -> tuple[amending.Effect, ...]:
        """How applying it moves each account: the amounts that stand go, the new ones come. Nothing, of a payment."""
        if self.stays_a_payment:
            return ()
        if self.found is None:
            return amending.exchanged(self.posted, self.wanted)
        stands = amending.as_it_stands(self.posted, amending.snapshot(self.found, posted=self.posted))
        return amending.exchanged(stands, self.wanted)

    @property
    def stays_a_payment(self) -> bool:
        return self.problem is not None and self.problem.code == amending.PAYMENT_STAYS

    @property
    def needs_naming(self) -> bool:
        return self.problem is not None and self.problem.code == amending.TOUCHED


def proposal_of(entry: Entry) -> Amendment | None:
    """The newest proposal that a person may decide. Inside the tenant's scope."""
    if entry.state != EntryState.REVIEW or can_be_posted_again(entry):
        return None
    newest = entry.amendments.order_by("-id").first()
    return newest if newest is not None and newest.state in DECIDABLE and newest.changed else None


def proposal_preview(*, tenant_id: int, entry_id: int, named: Collection[int] = ()) -> list[Proposal]:
    """What applying it would do, with the other half of a currency exchange; [] where nothing is proposed any more.

    Calls Xero, writes nothing. Raises NotConnected and the connectors' errors.
    """
    with tenant_scope(tenant_id):
        entries = _with_unit(entry_id)
        decided = [(entry, found) for entry in entries if (found := proposal_of(entry)) is not None]
        flow = Flow.objects.select_related("destination__grant").get(pk=entries[0].flow_id)
    if not decided:
        return []
    if flow.destination is None or not flow.destination.is_usable:
        raise NotConnected("Xero is not connected. Connect it on the Connections page.")
    destination = connector_services.open_destination(flow.destination)
    lock_date = destination.organisation().lock_date
    wanted = [Wanted(kind=DocumentKind(it.destination_type), document_id=it.document_id) for _, it in decided]
    shown = read_afresh(destination, flow, wanted, singly=True)
    judged = [_judged(entry, it, shown.get(it.document_id), lock_date, named) for entry, it in decided]
    return _together(judged)


def _with_unit(entry_id: int) -> list[Entry]:
    entry = Entry.objects.select_related("contact", "record").get(pk=entry_id)
    if not entry.unit:
        return [entry]
    halves = Entry.objects.select_related("contact", "record").filter(flow=entry.flow_id, unit=entry.unit)
    return sorted(halves, key=lambda half: half.pk != entry_id)


def _judged(
    entry: Entry, amendment: Amendment, found: MirrorDocument | None, lock_date: date | None, named: Collection[int]
) -> Proposal:
    posted = documents.from_json(dict(entry.document or {}))
    wanted = documents.from_json(dict(amendment.wanted)) if amendment.wanted else None
    problem = amending.obstacle(
        posted,
        found,
        read_back=entry.read_back,
        lock_date=lock_date,
        day=wanted.date if wanted else None,
        contact_id=entry.contact.contact_id or "" if entry.contact else "",
    )
    if wanted is not None and amending.is_payment(posted) and (problem is None or problem.code == amending.TOUCHED):
        wanted, problem = None, amending.payment_stays()
    if problem is not None and problem.code == amending.TOUCHED and entry.pk in named:
        problem = None
    return Proposal(amendment=amendment, posted=posted, wanted=wanted, found=found, problem=problem)


def _together(judged: Sequence[Proposal]) -> list[Proposal]:
    stopped = next((it.problem for it in judged if it.problem is not None), None)
    if stopped is None:
        return list(judged)
    return [
        it
        if it.problem is not None
        else Proposal(
            amendment=it.amendment, posted=it.posted, wanted=it.wanted, found=it.found, problem=other_leg(stopped)
        )
        for it in judged
    ]


def proposal_apply(*, tenant_id: int, entry_id: int, actor: str, named: Collection[int] = ()) -> uuid.UUID | None:
    """Ask for it, judged anew. None where something stands against it, or somebody else was faster; where the document turns
    out to be gone, the entry says so. Raises Paused, and as the preview.
    """
    judged = proposal_preview(tenant_id=tenant_id, entry_id=entry_id, named=named)
    if judged:
        refuse_paused(tenant_id=tenant_id, flow_id=judged[0].amendment.flow_id)
    lost = [it.amendment.entry_id for it in judged if it.problem is not None and it.problem.code == deleted.GONE]
    if lost:
        with tenant_scope(tenant_id, actor=actor):
            _tell_gone(
                list(Entry.objects.select_for_update().filter(pk__in=lost, state=EntryState.REVIEW).order_by("pk"))
            )
    if not judged or any(it.problem is not None for it in judged):
        return None
    batch = uuid.uuid4()
    with tenant_scope(tenant_id, actor=actor):
        ids = [it.amendment.entry_id for it in judged]
        entries = list(Entry.objects.select_for_update().filter(pk__in=ids, state=EntryState.REVIEW).order_by("pk"))
        if len(entries) != len(judged) or Amendment.objects.filter(entry__in=ids, state__in=ON_THE_WAY).exists():
            return None
        for it in judged:
            _ask(it, batch, actor, touched=it.amendment.entry_id in named)
        Flow.objects.filter(pk=entries[0].flow_id).update(next_at=store.now())
        fields = [field for it in judged for field in it.amendment.changed]
        audit.record(
            "entry.amend",
            target="entry:" + ",".join(str(pk) for pk in ids),
            actor=actor,
            before={name: posted for name, posted, _ in fields},
            after={name: now for name, _, now in fields},
        )
    return batch


def _ask(it: Proposal, batch: uuid.UUID, actor: str, *, touched: bool) -> None:
    """A refused one is asked for under a new row: what was closed stays closed."""
    assert it.found is not None
    asked = it.amendment
    if asked.state == AmendmentState.REFUSED:
        asked.pk, asked._state.adding, asked.closed_at, asked.attempts = None, True, None, 0
    asked.state, asked.batch, asked.asked_by, asked.touched_confirmed = AmendmentState.ASKED, batch, actor, touched
    asked.before = amending.snapshot(it.found, posted=it.posted)
    asked.scope, asked.note, asked.code = f"entry {asked.entry_id}", "", ""
    asked.not_before = asked.changed_at = store.now()
    asked.save()


def _tell_gone(entries: Sequence[Entry]) -> None:
    """Somebody deleted their documents while the change waited: nothing can be applied or kept."""
    moves = [gone.move({"id": entry.pk, "note": entry.note, "findings": entry.findings}) for entry in entries]
    gone.withdraw_proposals(moves)
    store.move_entries(moves, run_id=None)


def _tell_edited(told: Mapping[int, list[dict[str, Any]]]) -> None:
    """Whether that is what the source says now is decided next."""
    note = {"step": "review", "reason": "kept as posted"}
    moves = [{"id": pk, "state": EntryState.REVIEW, "findings": it, "note": note} for pk, it in told.items()]
    store.move_entries(moves, run_id=None)
    Record.objects.filter(entries__in=list(told)).update(state=RecordState.FETCHED)


def _stands_otherwise(entries: Sequence[Entry]) -> dict[int, list[dict[str, Any]]]:
    """The entries whose documents are not as posted, as last read, with what a person is told. The look at changes sees only
    what is read after a document is confirmed."""
    named = {entry.destination_id: entry for entry in entries if entry.destination_id}
    rows = MirrorRow.objects.filter(document_id__in=list(named)).values()
    found = {named[row["document_id"]]: from_row(dict(row)) for row in rows}
    judged = {entry: [deleted.gone(it.status)] if not it.is_live else _edited(entry, it) for entry, it in found.items()}
    return {entry.pk: findings.as_json(told) for entry, told in judged.items() if told}


def _edited(entry: Entry, found: MirrorDocument) -> list[Finding]:
    posted = documents.from_json(dict(entry.document or {}))
    return list(match.differences(posted, found, answered_rate=entry.posted_rate))


def proposal_keep(*, tenant_id: int, entry_id: int, actor: str, reason: str = "") -> int:
    """What is posted stays; the same difference is not proposed again. Returns how many documents are kept.

    One that somebody edited or deleted in Xero meanwhile is asked about: it is not what is posted."""
    with tenant_scope(tenant_id, actor=actor):
        decided = [(entry, found) for entry in _with_unit(entry_id) if (found := proposal_of(entry)) is not None]
        for _, proposal in decided:
            if proposal.state == AmendmentState.PROPOSED:
                note = f"{actor} keeps what is posted."
                store_amend.move_amendments([{"id": proposal.pk, "state": AmendmentState.WITHDRAWN, "note": note}])
            Amendment.objects.filter(pk=proposal.pk).update(kept=True)
        otherwise = _stands_otherwise([entry for entry, _ in decided])
        decision = {"step": "review", "reason": reason or "kept as posted"}
        moves = [
            {"id": entry.pk, "state": EntryState.CONFIRMED, "findings": [], "note": decision}
            for entry, _ in decided
            if entry.pk not in otherwise
        ]
        store.move_entries(moves, run_id=None)
        dead = {pk for pk, told in otherwise.items() if deleted.is_told(told)}
        _tell_gone([entry for entry, _ in decided if entry.pk in dead])
        _tell_edited({pk: told for pk, told in otherwise.items() if pk not in dead})
        if decided:
            targets = ",".join(str(entry.pk) for entry, _ in decided)
            audit.record("entry.keep", target=f"entry:{targets}", actor=actor, reason=reason)
        return len(moves)
