"""Before anything is created: does a document that somebody else made already say the same?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q

from connectors.contract.money import Money, round_half_up
from connectors.contract.records import BankTransfer, BatchPayment, LedgerEntry, MirrorDocument, Payment
from sync import store_links
from sync.domain import documents, lookalikes, rests
from sync.domain.booking import SETTLES_WITHIN, SEVERAL_DAYS, possible_days
from sync.domain.in_parts import Whole, in_parts
from sync.domain.lookalikes import Claim
from sync.domain.match import PAYMENTS, account_of, signed
from sync.models import Entry, EntryState, Record
from sync.models import MirrorDocument as MirrorRow
from sync.pipeline import coded, findings, mirror
from sync.pipeline.context import Context
from sync.pipeline.rests import as_movements

CODE, IN_PARTS = "already_in_xero", "already_in_parts"
ONE_SIDE, MORE = "It is one side of this transfer only", "It moves another wallet as well, which this movement does not"


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """By entry: the document of others that it may be, or the several that it may be in sum."""

    claims: Mapping[int, Claim] = field(default_factory=dict)
    parts: Mapping[int, Sequence[MirrorDocument]] = field(default_factory=dict)

    def only(self, keys: Collection[int]) -> Others:
        return Others(
            claims={key: claim for key, claim in self.claims.items() if key in keys},
            parts={key: parts for key, parts in self.parts.items() if key in keys},
        )

    def documents(self) -> frozenset[str]:
        """The ids of all that is offered."""
        alone = {id_ for claim in self.claims.values() for id_ in claim.detail.split("+")}
        return frozenset(alone | {it.document_id for parts in self.parts.values() for it in parts})


def of_others(ctx: Context, rows: Sequence[Entry], entries: Mapping[int, LedgerEntry]) -> Others:
    """What somebody else may have entered of these. A document of which a person has said that it is another movement is
    not asked about again; one that is typed later is.

    What was ready before is decided as it was then, beside those to which the same is offered: of twins with one typed
    document one is asked about, however long the other one waits.
    """
    others = _competing(ctx, rows, entries)
    was_ready = {row.pk for row in rows if row.decided_at is not None}
    held = _offered_already(ctx, others.only(was_ready).documents())
    if not held:
        return others
    theirs = as_movements(held, {row.pk: documents.from_json(row.document) for row in held if row.document})
    parties = {row.party_id for row in rows if row.pk in was_ready}
    wanted = dict(sorted({**entries, **theirs}.items()))
    together = _competing(ctx, [*rows, *held], wanted, parties=parties).only(was_ready)
    first = others.only(entries.keys() - was_ready)
    return Others(claims={**first.claims, **together.claims}, parts={**first.parts, **together.parts})


def _competing(
    ctx: Context, rows: Sequence[Entry], wanted: Mapping[int, LedgerEntry], *, parties: Collection[int | None] = ()
) -> Others:
    """Each document goes to one of these at most. `parties`: whose twins may compete although they are held."""
    by_id = {row.pk: row for row in rows}
    if not wanted:
        return Others()
    several = {key for key in wanted if by_id[key].movement in SEVERAL_DAYS}
    found = _of_others(ctx, wanted, before=SETTLES_WITHIN if several else timedelta(0))
    if not found:
        return Others()
    strays = {document.marker for document in found if document.marker}
    mapped = {wallet.bank_account_id for wallet in ctx.books.wallets.values() if not wallet.ignored} - {""}
    days = int(ctx.books.policy("duplicate_days"))
    sides = {side for document in found for side in lookalikes.effects(document)}
    asked = [key for key in several if not sides.isdisjoint(lookalikes.wanted_effects(wanted[key]))]
    other_days = _days_of(ctx, {key: by_id[key].record_id for key in asked})
    contacts = {key: _contact_of(by_id[key], entry) for key, entry in wanted.items()}
    declined = {
        key: _declined(by_id[key], found, contact_id=contacts[key], is_twin=by_id[key].party_id in parties)
        for key in wanted
    }
    claims = lookalikes.claims(
        wanted,
        found,
        days=days,
        strays=strays,
        mapped=mapped,
        other_days=other_days,
        declined=declined,
        contacts=contacts,
    )
    taken = {id_ for claim in claims.values() for id_ in claim.detail.split("+")}
    free = [document for document in found if document.is_live and document.document_id not in taken]
    wholes = [
        it for key, entry in wanted.items() if key not in claims for it in _whole(by_id[key], entry, declined[key])
    ]
    return Others(claims=claims, parts=in_parts(wholes, free, days=days))


def _offered_already(ctx: Context, document_ids: Collection[str]) -> list[Entry]:
    """Entries in review to which one of these is offered. Two statements at most, none for no document."""
    held = store_links.offered(flow_id=ctx.flow_id, document_ids=list(document_ids)) if document_ids else []
    return list(Entry.objects.filter(pk__in=held).select_related("contact", "record")) if held else []


def _declined(row: Entry, found: Iterable[MirrorDocument], *, contact_id: str, is_twin: bool) -> frozenset[str]:
    """The documents beside which a person let this pass. What is held competes for those only that it is offered, and with
    another payee's movement only for those of its own contact: else a nearer day would take that one's document away."""
    named = findings.accepted_details(row.accepted, codes=(CODE, IN_PARTS))
    let_pass = frozenset(id_ for ids in named for id_ in ids.split("+"))
    if row.state != EntryState.REVIEW:
        return let_pass
    offered = {id_ for it in row.findings if it["code"] in (CODE, IN_PARTS) for id_ in it["detail"].split("+")}
    is_its_own = {
        it.document_id for it in found if it.document_id in offered and (is_twin or it.contact_id == contact_id != "")
    }
    return let_pass | ({it.document_id for it in found} - is_its_own)


def _whole(row: Entry, entry: LedgerEntry, declined: frozenset[str]) -> list[Whole]:
    """What somebody may have entered in several documents: money of one contact that stands alone, or is a payment and a rest."""
    contact_id = _contact_of(row, entry)
    is_half = row.unit and not row.unit.startswith(rests.UNIT)
    if is_half or not contact_id or isinstance(entry, BankTransfer):
        return []
    days = tuple(day for day in {entry.date, row.booking_date} if day is not None)
    return [
        Whole(
            key=row.pk,
            account_id=account_of(entry),
            contact_id=contact_id,
            amount=signed(entry),
            days=days,
            declined=declined,
        )
    ]


def _contact_of(row: Entry, entry: LedgerEntry) -> str:
    """Whose money it is; a payment's invoices say it. "" where nobody or more than one."""
    if isinstance(entry, Payment | BatchPayment):
        found = {part.contact_id for part in entry.allocations}
        return found.pop() if len(found) == 1 else ""
    return (row.contact.contact_id or "") if row.contact is not None else ""


def _days_of(ctx: Context, records: Mapping[int, int]) -> dict[int, frozenset[date]]:
    """By entry: every day of its movement, beside the one it is booked on. One statement, none where nothing is asked."""
    if not records:
        return {}
    read = Record.objects.filter(pk__in=records.values()).values(
        "id", "payload", "account_id", "source_id", "source_updated_at"
    )
    days = {record["id"]: possible_days(coded.of_record(ctx.source, record)) for record in read}
    return {key: days[pk] for key, pk in records.items()}


def told_of(row: Entry, others: Others) -> list[dict[str, Any]]:
    """What a person is told, and the documents' ids as the finding's detail."""
    claim, parts = others.claims.get(row.pk), others.parts.get(row.pk)
    if claim is not None:
        return findings.review(CODE, told(claim), detail=claim.detail)
    if parts is not None:
        return findings.review(IN_PARTS, told_parts(parts), detail="+".join(it.document_id for it in parts))
    return []


def can_link(findings_of_entry: Iterable[Mapping[str, Any]]) -> bool:
    """Can what was found stand for the whole movement, and for nothing else?"""
    return not any(
        it["code"] == CODE and (ONE_SIDE in it["message"] or MORE in it["message"]) for it in findings_of_entry
    )


def told(claim: Claim) -> str:
    document = claim.document
    text = f" (“{document.reference}”)" if document.reference else ""
    told_by = ", with the same reference" if claim.same_reference else ""
    told_by = f", on {claim.named}, which this movement names," if claim.named else told_by
    found = (
        f"Xero already has a document of {_shown(document.total)} on {document.date:%-d %b %Y} on this account{told_by} that "
        f"{_whose(document)}{text}."
    )
    if not claim.covers_all:
        return f"{found} {ONE_SIDE}: complete the other side in Xero or delete the document there, then try again."
    if claim.does_more:
        return (
            f"{found} {MORE}. If it is meant to be this movement, correct it in Xero to move this wallet only, then try again; "
            "else accept."
        )
    return f"{found} If it is the same movement, link it; else accept."


def told_parts(parts: Sequence[MirrorDocument]) -> str:
    listed = "; ".join(f"{_shown(it.total)} of {it.date:%-d %b %Y}, {_named(it)}" for it in parts)
    return (
        f"Xero already has {len(parts)} documents of this contact on this account that add up to just this amount, and that "
        f"Millrace did not make: {listed}. If they are this movement, put it aside as handled by hand; else accept."
    )


def _named(document: MirrorDocument) -> str:
    name = "payment" if document.kind in PAYMENTS else "receive money" if signed(document) > 0 else "spend money"
    return f"{name} “{document.reference}”" if document.reference else name


def _whose(document: MirrorDocument) -> str:
    return "carries a marker of no movement known here" if document.marker else "Millrace did not make"


def _shown(total: Money) -> str:
    """The table keeps four digits, the books two."""
    return str(Money(amount=round_half_up(total.amount, 2), currency=total.currency))


def _of_others(ctx: Context, wanted: Mapping[int, LedgerEntry], *, before: timedelta) -> list[MirrorDocument]:
    """Documents on the same accounts around the same days that no movement has: neither linked to one, nor with its marker.

    `before`: how much earlier than the booking a movement may have taken place. A marker of no movement is left by a lost
    database where the row is read under another key by now.
    """
    days = [entry.date for entry in wanted.values()]
    margin = timedelta(days=lookalikes.REFERENCE_DAYS)
    accounts = {account for entry in wanted.values() for account, _ in lookalikes.wanted_effects(entry)}
    owned = Entry.objects.filter(organisation_id=ctx.connection.external_id, marker=OuterRef("marker"))
    near = MirrorRow.objects.filter(
        Q(account_id__in=accounts) | Q(other_account_id__in=accounts),
        Q(marker="") | ~Exists(owned),
        connection=ctx.connection,
        unclaimed=True,  # by an index of few: in a busy company almost all that stands near is ours
        date__range=(min(days) - before - margin, max(days) + margin),
    )
    rows = [dict(row) for row in near.values()]
    ids = [str(row["document_id"]) for row in rows]
    linked = store_links.linked_documents(ids, organisation_id=ctx.connection.external_id) if ids else frozenset()
    return [mirror.from_row(row) for row in rows if row["document_id"] not in linked]
