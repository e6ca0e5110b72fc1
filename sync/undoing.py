"""Undo of an entry, a run or a day: a preview from a fresh reading, one confirmation, and what came of it.

Only people undo. What they undo leaves the books by an amendment each (`sync.pipeline.amend`) and stays out of automation
until a person posts it again.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, Q

from connectors import services as connector_services
from connectors.contract.errors import Finding
from connectors.contract.ports import Destination
from connectors.contract.records import Allocation, BankTransaction, DocumentKind, LedgerEntry, MirrorDocument
from sync import store, store_amend
from sync.domain import amending, deleted, documents
from sync.domain.match import account_of, signed
from sync.models import Amendment, AmendmentState, Entry, EntryState, Flow, Leg, PushIntentItem
from sync.models.amendment import ON_THE_WAY, OPEN_AMENDMENTS
from sync.models.entry import STANDING
from sync.pipeline import pairs
from sync.pipeline.afresh import Wanted, read_afresh
from sync.pipeline.again import post_again
from sync.pipeline.amend import other_leg
from sync.pipeline.result import NotConnected
from tenants import audit
from tenants.scoping import tenant_scope

ASKED_ALREADY = "asked_already"
_COMING = (EntryState.FETCHED, EntryState.WAITING, EntryState.READY, EntryState.IN_FLIGHT, EntryState.UNCONFIRMED)
NOT_STORED = ("refused", "not_applied", "absent", "never_sent")  # what a run only tried: another run posted it


class Paused(ValueError):
    """The sync of this company stands still, so nothing would be sent; the text says what to do."""


class NothingThere(ValueError):
    """The selection names nothing of ours; the text says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is to be undone: one entry, what one run posted, or the documents of one day."""

    entry: int | None = None
    run: int | None = None
    day: date | None = None

    @property
    def words(self) -> str:
        if self.entry is not None:
            return f"entry {self.entry}"
        return f"run {self.run}" if self.run is not None else f"day {self.day}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One document of the preview. `problem`: why it stays; None where it can go."""

    entry: Entry
    posted: LedgerEntry
    found: MirrorDocument | None
    problem: Finding | None

    @property
    def needs_naming(self) -> bool:
        """Somebody edited it: it goes only where a person names it."""
        return self.problem is not None and self.problem.code == amending.TOUCHED

    @property
    def stands(self) -> LedgerEntry:
        """As it reads in the books now: that is what goes. As posted where Xero does not show it."""
        if self.found is None:
            return self.posted
        return amending.as_it_stands(self.posted, amending.snapshot(self.found, posted=self.posted))

    @property
    def contact_name(self) -> str:
        return str((self.entry.document or {}).get("contact_name") or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What the documents on a bank account add up to, before and after."""

    account_id: str
    currency: str
    before: Decimal
    after: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    selection: Selection
    items: tuple[Item, ...]
    effects: tuple[amending.Effect, ...]
    balances: tuple[Balance, ...]
    reopened: tuple[Allocation, ...]

    @property
    def going(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.problem is None)

    @property
    def staying(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.problem is not None)


# --------------------------------------------------------------------- preview


def undo_preview(*, tenant_id: int, flow_id: int, selection: Selection, named: Collection[int] = ()) -> Preview:
    """What undoing would do, judged by a fresh reading. Writes nothing. `named`: edited documents to be taken along.

    Raises NothingThere, NotConnected, and the connectors' errors when Xero cannot be read.
    """
    with tenant_scope(tenant_id):
        flow = Flow.objects.select_related("destination__grant").get(pk=flow_id)
        entries = _with_units(flow, list(_selected(flow, selection)))
        asked, moving = _asked_already(entries), _on_the_way(flow, entries)
    if not entries:
        raise NothingThere("There is no document of Millrace's in Xero that this names.")
    destination = _opened(flow)
    lock_date = destination.organisation().lock_date
    found = read_afresh(destination, flow, [_wanted(entry) for entry in entries])
    items = [
        _item(
            entry,
            found.get(entry.destination_id or ""),
            lock_date,
            asked_by=asked.get(entry.pk, ""),
            moving=entry.unit in moving,
        )
        for entry in entries
    ]
    items = _whole_units([_named(_with_lines(destination, item), named) for item in items])
    with tenant_scope(tenant_id):
        return _preview(flow, selection, items)


def _selected(flow: Flow, selection: Selection) -> Iterable[Entry]:
    posted = Entry.objects.filter(flow=flow, destination_id__isnull=False, document__isnull=False, state__in=STANDING)
    posted = posted.select_related("contact", "record").order_by("booking_date", "id")
    if selection.entry is not None:
        return posted.filter(pk=selection.entry)
    if selection.run is not None:
        sent = PushIntentItem.objects.filter(
            intent__run_id=selection.run, deed="create", entry=OuterRef("pk"), marker=OuterRef("marker")
        ).exclude(outcome__in=NOT_STORED)
        return posted.filter(Exists(sent))
    return posted.filter(document__date=str(selection.day))


def _with_units(flow: Flow, entries: list[Entry]) -> list[Entry]:
    """A currency exchange, or a payment with its rest, is undone whole: the other document comes along, whatever day or run
    it belongs to. Not one that is linked, which is not ours to remove, nor one that is gone already."""
    units = {entry.unit for entry in entries if entry.unit}
    known = {entry.pk for entry in entries}
    others = Entry.objects.filter(flow=flow, unit__in=units, destination_id__isnull=False, document__isnull=False)
    others = others.exclude(state__in=(EntryState.UNDONE, EntryState.DUPLICATE)).select_related("contact", "record")
    return entries + [
        entry for entry in others.order_by("id") if entry.pk not in known and not can_be_posted_again(entry)
    ]


def _asked_already(entries: Sequence[Entry]) -> dict[int, str]:
    found = Amendment.objects.filter(entry__in=[entry.pk for entry in entries], state__in=ON_THE_WAY)
    return dict(found.values_list("entry_id", "asked_by"))


def _on_the_way(flow: Flow, entries: Sequence[Entry]) -> frozenset[str]:
    """The units of which another document may still arrive in the books: it would stand there alone."""
    units = {entry.unit for entry in entries if pairs.is_whole(entry.unit, entry.movement)}
    coming = Entry.objects.filter(flow=flow, unit__in=units, destination_id=None, state__in=_COMING)
    return frozenset(coming.values_list("unit", flat=True)) if units else frozenset()


def _opened(flow: Flow) -> Destination:
    if flow.destination is None or not flow.destination.is_usable:
        raise NotConnected("Xero is not connected. Connect it on the Connections page.")
    return connector_services.open_destination(flow.destination)


def _wanted(entry: Entry) -> Wanted:
    return Wanted(kind=DocumentKind(entry.destination_type), document_id=entry.destination_id or "")


def _item(entry: Entry, found: MirrorDocument | None, lock_date: date | None, *, asked_by: str, moving: bool) -> Item:
    posted = documents.from_json(dict(entry.document or {}))
    problem = amending.obstacle(
        posted,
        found,
        read_back=entry.read_back,
        lock_date=lock_date,
        contact_id=entry.contact.contact_id or "" if entry.contact else "",
    )
    if asked_by or entry.state not in STANDING:
        message = (
            f"{asked_by} has already asked for this." if asked_by else "It is still on its way. Try again in a minute."
        )
        problem = Finding(code=ASKED_ALREADY, message=message)
    elif moving:
        message = "The other document that belongs to it is still on its way to Xero. Try again once it is there."
        problem = Finding(code=ASKED_ALREADY, message=message)
    return Item(entry=entry, posted=posted, found=found, problem=problem)


def _with_lines(destination: Destination, item: Item) -> Item:
    """What somebody edited is read with its lines, which lists do not show. Calls the vendor, for these alone."""
    if not item.needs_naming or item.found is None or item.found.lines or not isinstance(item.posted, BankTransaction):
        return item
    return replace(item, found=destination.document(item.posted.kind, item.found.document_id) or item.found)


def _named(item: Item, named: Collection[int]) -> Item:
    return replace(item, problem=None) if item.needs_naming and item.entry.pk in named else item


def _whole_units(items: Sequence[Item]) -> list[Item]:
    """Both halves of an exchange go, or none; what somebody deleted in the books holds nothing back."""
    stopped = {item.entry.unit: item.problem for item in items if item.entry.unit and _holds_back(item)}
    return [
        replace(item, problem=other_leg(stopped[item.entry.unit] or _never()))
        if item.problem is None and item.entry.unit in stopped
        else item
        for item in items
    ]


def _holds_back(item: Item) -> bool:
    return item.problem is not None and item.problem.code != deleted.GONE


def _never() -> Finding:
    raise AssertionError("a stopped unit has a problem")


def _preview(flow: Flow, selection: Selection, items: Sequence[Item]) -> Preview:
    going = [item.stands for item in items if item.problem is None]
    effects = amending.taken_back(going)
    banks = {account_of(entry): entry.total.currency for entry in going}
    moved = {(it.account_id, it.currency): it.amount for it in effects}
    sums = _sums(flow, list(banks), [item.found for item in items if item.found is not None])
    balances = [
        Balance(
            account_id=account,
            currency=currency,
            before=sums[account],
            after=sums[account] + moved.get((account, currency), Decimal(0)),
        )
        for account, currency in sorted(banks.items())
    ]
    return Preview(
        selection=selection,
        items=tuple(items),
        effects=effects,
        balances=tuple(balances),
        reopened=amending.reopened(going),
    )


def _sums(flow: Flow, banks: Sequence[str], found: Sequence[MirrorDocument]) -> dict[str, Decimal]:
    """What stands on these bank accounts: as last read, and `found` as it was read now."""
    ids = [it.document_id for it in found]
    known = store_amend.account_sums(connection_id=flow.destination_id or 0, account_ids=banks, but=ids)
    sums = {account: Decimal(known.get(account, 0)) for account in banks}
    for it in found:
        for account, amount in ((it.account_id, signed(it)), (it.other_account_id, it.total.amount)):
            if it.is_live and account in sums:
                sums[account] += amount
    return sums


# ------------------------------------------------------------------------- ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`batch` is None where nothing could go."""

    batch: uuid.UUID | None
    preview: Preview


def undo(
    *, tenant_id: int, flow_id: int, selection: Selection, actor: str, reason: str = "", named: Collection[int] = ()
) -> Asked:
    """Ask for everything that a fresh preview lets go. It is sent by the next run; see `batch_story` for what came of it.

    Two people at once: the second one's preview says who was first. Raises Paused, and as `undo_preview`.
    """
    refuse_paused(tenant_id=tenant_id, flow_id=flow_id)
    preview = undo_preview(tenant_id=tenant_id, flow_id=flow_id, selection=selection, named=named)
    batch = uuid.uuid4()
    with tenant_scope(tenant_id, actor=actor):
        going = _still_free(preview.going)
        if not going:
            return Asked(batch=None, preview=preview)
        store_amend.withdraw_proposals([item.entry.pk for item in going], note=f"{actor} undid the document instead.")
        Amendment.objects.bulk_create(
            [_removal(tenant_id, flow_id, item, batch, selection, actor, reason, named) for item in _last_first(going)]
        )
        Flow.objects.filter(pk=flow_id).update(next_at=store.now())
        audit.record(
            "entry.undo",
            target=_targets(going),
            actor=actor,
            reason=reason,
            after={"what": selection.words, "documents": len(going), "batch": str(batch)},
        )
    return Asked(batch=batch, preview=preview)


def refuse_paused(*, tenant_id: int, flow_id: int) -> None:
    """Raises Paused: what is asked for while nothing is sent would come as a surprise on the day of the resumption."""
    with tenant_scope(tenant_id):
        flow = Flow.objects.get(pk=flow_id)
    if flow.state != Flow.State.ACTIVE:
        raise Paused(f"The sync is {flow.state}. Resume it first; then ask again.")


def _still_free(items: Sequence[Item]) -> list[Item]:
    """Locked, and without those that somebody else asked for since the reading; a deal whole or not at all."""
    ids = [item.entry.pk for item in items]
    free = Entry.objects.select_for_update().filter(pk__in=ids, state__in=STANDING).order_by("pk")
    standing = dict(free.values_list("pk", "destination_id"))
    taken = set(Amendment.objects.filter(entry__in=ids, state__in=ON_THE_WAY).values_list("entry_id", flat=True))
    good = [
        item
        for item in items
        if standing.get(item.entry.pk) == item.entry.destination_id and item.entry.pk not in taken
    ]
    halves = {item.entry.unit for item in items if item not in good and item.entry.unit}
    return [item for item in good if item.entry.unit not in halves]


def _last_first(items: Sequence[Item]) -> list[Item]:
    """A rest goes before the payment that left it, as it was posted after it."""
    return sorted(items, key=lambda item: item.entry.leg != Leg.REST)


def _removal(
    tenant_id: int,
    flow_id: int,
    item: Item,
    batch: uuid.UUID,
    selection: Selection,
    actor: str,
    reason: str,
    named: Collection[int],
) -> Amendment:
    assert item.found is not None
    return Amendment(
        tenant_id=tenant_id,
        flow_id=flow_id,
        entry=item.entry,
        batch=batch,
        deed=Amendment.Deed.VOID,
        then=Amendment.Then.UNDONE,
        state=AmendmentState.ASKED,
        document_id=item.entry.destination_id or "",
        destination_type=item.entry.destination_type,
        marker=item.entry.marker,
        before=amending.snapshot(item.found, posted=item.posted),
        scope=selection.words,
        reason=reason[:300] or f"undo of {selection.words}",
        asked_by=actor,
        touched_confirmed=item.entry.pk in named,
    )


def _targets(items: Sequence[Item]) -> str:
    return "entry:" + ",".join(str(item.entry.pk) for item in items[:50])


# ------------------------------------------------------------------ post again


def entry_post_again(*, tenant_id: int, entry_ids: Sequence[int], actor: str, reason: str = "") -> int:
    """What was undone, or deleted in Xero by somebody, is decided and posted anew. A currency exchange goes whole."""
    with tenant_scope(tenant_id, actor=actor):
        wanted = Entry.objects.filter(pk__in=entry_ids)
        units = [unit for unit in wanted.values_list("unit", flat=True) if unit]
        flows = set(wanted.values_list("flow_id", flat=True))
        whole = Entry.objects.filter(Q(pk__in=entry_ids) | Q(unit__in=units, flow_id__in=flows))
        gone = [entry for entry in whole.select_for_update().order_by("pk") if can_be_posted_again(entry)]
        if not gone or Amendment.objects.filter(entry__in=gone, state__in=OPEN_AMENDMENTS).exists():
            return 0
        moved = post_again(
            [entry.pk for entry in gone], organisation_id=gone[0].organisation_id, reason=reason or "posted again"
        )
        targets = ",".join(str(entry.pk) for entry in gone[:50])
        audit.record(
            "entry.post_again", target=f"entry:{targets}", actor=actor, reason=reason, after={"entries": moved}
        )
        return moved


def can_be_posted_again(entry: Entry) -> bool:
    """Is the document that this entry had surely no longer in the books?"""
    if entry.state == EntryState.UNDONE:
        return True
    return entry.state == EntryState.REVIEW and deleted.is_told(entry.findings)


# ---------------------------------------------------------------- what came of it


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStory:
    """A batch as it stands. `before`: what its documents added up to on each account when it was asked for; `left`: what
    those of them that still stand add up to, by Xero's own record read back."""

    amendments: tuple[Amendment, ...]
    before: tuple[amending.Effect, ...]
    left: tuple[amending.Effect, ...]

    @property
    def is_over(self) -> bool:
        return not any(it.state in ON_THE_WAY for it in self.amendments)

    def count(self, *states: str) -> int:
        return sum(it.state in states for it in self.amendments)


def batch_story(*, flow: Flow, batch: uuid.UUID) -> BatchStory | None:
    """Inside the tenant's scope; one statement. None for a batch that is none of this flow's."""
    found = Amendment.objects.filter(flow=flow, batch=batch).select_related("entry__record").order_by("id")
    amendments = tuple(found)
    if not amendments:
        return None
    posted = [(it, _as_asked_for(it)) for it in amendments if it.entry.document]
    return BatchStory(
        amendments=amendments,
        before=_negated(amending.taken_back(entry for _, entry in posted)),
        left=_negated(amending.taken_back(entry for it, entry in posted if it.state != AmendmentState.DONE)),
    )


def _as_asked_for(it: Amendment) -> LedgerEntry:
    return amending.as_it_stands(documents.from_json(dict(it.entry.document or {})), it.before or {})


def _negated(effects: Iterable[amending.Effect]) -> tuple[amending.Effect, ...]:
    return tuple(replace(effect, amount=-effect.amount) for effect in effects)


def item_json(item: Item, amendment: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """As the command prints it: amounts as decimal strings, dates ISO."""
    told: dict[str, Any] = {
        "entry": item.entry.pk,
        "document": item.entry.destination_id,
        "type": item.entry.destination_type,
        "date": item.stands.date.isoformat(),
        "amount": f"{item.stands.total.amount:.2f}",
        "currency": item.stands.total.currency,
        "state": "can be undone" if item.problem is None else "refused",
        "code": item.problem.code if item.problem else "",
        "reason": item.problem.message if item.problem else "",
    }
    return {**told, **(amendment or {})}
