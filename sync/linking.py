"""A document that somebody else made is this movement: linked instead of posted a second time, and taken back again.

A linked entry is at rest in the state `duplicate` and carries the document's id, which the database lets no other entry
carry: two equal movements never share one document.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from connectors.contract.money import ZERO
from connectors.contract.records import MirrorDocument
from sync import services, store, store_links
from sync.domain import documents, lookalikes
from sync.domain.rests import UNIT
from sync.models import AccountMapping, Entry, EntryState, Leg, Record
from sync.models import MirrorDocument as MirrorRow
from sync.pipeline import foreign, rests, returned
from sync.pipeline.mirror import from_row
from sync.services import NotPossible
from tenants import audit
from tenants.scoping import tenant_scope

LINKABLE = (
    EntryState.REVIEW,
    EntryState.FAILED,
    EntryState.SKIPPED,
    EntryState.WAITING,
    EntryState.READY,
    EntryState.FETCHED,
)


@dataclass(slots=True, kw_only=True)
class Linked:
    """How many movements were linked, and why the others were not."""

    linked: int = 0
    refused: list[str] = field(default_factory=list)


def entry_link(*, tenant_id: int, entry_id: int, actor: str, document_id: str = "") -> int:
    """The document (two joined by "+" for a transfer typed as two; without one the document that was offered) is this
    movement. Raises NotPossible with the reason."""
    done = entries_link(tenant_id=tenant_id, entry_ids=[entry_id], actor=actor, document_id=document_id)
    if done.refused:
        raise NotPossible(done.refused[0])
    return done.linked


def entries_link(*, tenant_id: int, entry_ids: Sequence[int], actor: str, document_id: str = "") -> Linked:
    """Each movement to the document that was offered for it. One that does not fit any more is refused by itself."""
    done = Linked()
    with tenant_scope(tenant_id, actor=actor):
        entries = _linkable(entry_ids)
        named = {entry.pk: (document_id or offered_to(entry)).split("+") for entry in entries}
        known = _documents(entries, [one for names in named.values() for one in names])
        linked, mapped = [], _mapped(entries)
        for entry in entries:
            try:
                _link(entry, [known[name] for name in named[entry.pk] if name in known], mapped)
            except NotPossible as problem:
                done.refused.append(str(problem))
            else:
                linked.append(entry)
                named[entry.pk] = [name for name in named[entry.pk] if name in known]
        _tell(linked, named, known, actor)
        done.linked = len(linked)
        if len(entries) < len(set(entry_ids)):
            done.refused.append("Some movements have moved on, or their posting is still being looked up in Xero.")
    return done


def entry_unlink(*, tenant_id: int, entry_ids: Sequence[int], actor: str, reason: str = "") -> int:
    """The document was another one after all: the movement is decided anew. The document stays as it is."""
    with tenant_scope(tenant_id, actor=actor):
        services.lock_records(entry_ids)
        entries = list(
            Entry.objects.select_for_update().filter(pk__in=entry_ids, state=EntryState.DUPLICATE).order_by("pk")
        )
        if not entries:
            return 0
        before = {str(entry.pk): entry.destination_id for entry in entries}
        store_links.unlink([entry.pk for entry in entries])
        for entry in entries:
            entry.destination_id = entry.other_destination_id = None
        audit.record("entry.unlink", target=services.targets(entries), actor=actor, before=before, reason=reason)
        return services.reopen(entries, actor=actor, reason=reason or "the link was taken back")


def offered_to(entry: Entry) -> str:
    """What the finding names, "" without one."""
    return next((str(it["detail"]) for it in entry.findings if it["code"] == foreign.CODE), "")


def _linkable(entry_ids: Sequence[int]) -> list[Entry]:
    services.lock_records(entry_ids)
    in_doubt = Entry.objects.filter(pk__in=entry_ids, intent_items__open=True).values_list("id", flat=True)
    found = Entry.objects.select_for_update(of=("self",)).filter(
        pk__in=entry_ids, state__in=LINKABLE, destination_id=None
    )
    return list(found.select_related("record").exclude(pk__in=list(in_doubt)).order_by("pk"))


def _documents(entries: Sequence[Entry], names: Iterable[str]) -> dict[str, MirrorDocument]:
    flows = {entry.flow_id for entry in entries}
    rows = MirrorRow.objects.filter(connection__in=_connections(flows), document_id__in=set(names)).values()
    return {row["document_id"]: from_row(dict(row)) for row in rows}


def _connections(flow_ids: Iterable[int]) -> list[int]:
    found = Entry.objects.filter(flow_id__in=flow_ids).values_list("flow__destination_id", flat=True).distinct()
    return [pk for pk in found if pk is not None]


def _link(entry: Entry, chosen: Sequence[MirrorDocument], mapped: Collection[str]) -> None:
    """Raises NotPossible where the documents are not this movement, to the cent and on its account."""
    if not chosen:
        raise NotPossible("The document is not known here. Sync once, then try again.")
    if entry.leg == Leg.REST:
        raise NotPossible("This is the rest of a payment. Link the payment: it stands for the whole movement.")
    _refuse_misfit(entry, chosen, mapped)
    ids = [document.document_id for document in chosen]
    if store_links.linked_documents(ids, organisation_id=entry.organisation_id):
        raise NotPossible("This document already stands for another movement. Each document counts once.")
    try:
        with transaction.atomic():
            store_links.link(
                entry.pk,
                document_id=ids[0],
                other_document_id=ids[1] if len(ids) > 1 else None,
                kind=chosen[0].kind.value,
            )
    except IntegrityError as error:
        raise NotPossible("This document already stands for another movement. Each document counts once.") from error


def _refuse_misfit(entry: Entry, chosen: Sequence[MirrorDocument], mapped: Collection[str]) -> None:
    dead = next((document for document in chosen if not document.is_live), None)
    if dead is not None:
        raise NotPossible("The document was deleted in Xero meanwhile.")
    markers = {document.marker for document in chosen} - {"", entry.marker}
    if markers and Entry.objects.filter(organisation_id=entry.organisation_id, marker__in=markers).exists():
        raise NotPossible("The document belongs to another movement: it carries its marker.")
    whole = entry.document is None or entry.unit.startswith(UNIT)
    posted = None if whole else documents.from_json(dict(entry.document or {}))
    amount = entry.record.amount or ZERO
    if lookalikes.missing_effects(posted, bank_account_id=entry.bank_account_id, amount=amount, documents=chosen):
        raise NotPossible("The document has another amount or stands on another account than the movement.")
    if lookalikes.surplus_effects(
        posted, bank_account_id=entry.bank_account_id, amount=amount, documents=chosen, mapped=mapped
    ):
        raise NotPossible(
            "The document moves another wallet as well, and this movement does not. Correct it in Xero to move this wallet only."
        )


def _mapped(entries: Sequence[Entry]) -> frozenset[str]:
    """The bank accounts of wallets."""
    known = AccountMapping.objects.filter(flow__in={entry.flow_id for entry in entries}, ignored=False)
    return frozenset(known.exclude(destination_account_id="").values_list("destination_account_id", flat=True))


def _tell(
    linked: Sequence[Entry], named: Mapping[int, Sequence[str]], known: Mapping[str, MirrorDocument], actor: str
) -> None:
    if not linked:
        return
    rates = {name: document.rate for name, document in known.items()}
    aside = [entry for entry in linked if entry.state in (EntryState.SKIPPED, EntryState.WAITING)]
    store.move_entries([{"id": entry.pk, "state": EntryState.FETCHED, "note": {}} for entry in aside], run_id=None)
    store.move_entries([_move(entry, named[entry.pk], rates) for entry in linked], run_id=None)
    store.move_entries(rests.taken_together(linked), run_id=None)
    Record.objects.filter(pk__in=[entry.record_id for entry in linked]).update(reason="")
    after = {str(entry.pk): "+".join(named[entry.pk]) for entry in linked[:200]}
    audit.record("entry.link", target=services.targets(linked), actor=actor, after=after)
    returned.decide_anew([entry.record_id for entry in linked])
    _decide_others_anew(linked, [one for entry in linked for one in named[entry.pk]], actor)


def _move(entry: Entry, names: Sequence[str], rates: Mapping[str, Decimal | None]) -> dict[str, Any]:
    note = {"step": "review", "document": "+".join(names), "reason": "linked to a document that somebody else made"}
    rate = rates.get(names[0])  # what the second document of a deal in two foreign currencies is made from
    return {
        "id": entry.pk,
        "state": EntryState.DUPLICATE,
        "note": note,
        "posted_rate": None if rate is None else str(rate),
    }


def _decide_others_anew(linked: Sequence[Entry], document_ids: Sequence[str], actor: str) -> None:
    """Movements to which the same document was offered."""
    ids = {*store_links.offered(flow_id=linked[0].flow_id, document_ids=document_ids)} - {it.pk for it in linked}
    waiting = Entry.objects.select_for_update().filter(pk__in=ids, destination_id=None).order_by("pk")
    services.go_on(waiting, actor=actor, reason="the document was linked to another movement")
