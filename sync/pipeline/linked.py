"""Documents of others that a person linked to a movement, and that go or change in the books afterwards.

A link holds for what the document said then. Where it says something else the link is taken back and a person decides:
nothing is posted because of what somebody did to a document of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.contract.errors import Finding, Severity
from connectors.contract.money import ZERO, Money, round_half_up
from connectors.contract.records import MirrorDocument
from sync import store_links
from sync.domain import documents, lookalikes
from sync.domain.lookalikes import Claim
from sync.domain.rests import UNIT
from sync.models import Entry, EntryState
from sync.models import MirrorDocument as MirrorRow
from sync.pipeline import findings, foreign, pairs
from sync.pipeline.context import Context
from sync.pipeline.mirror import from_row

LINK_GONE, CHANGED = "link_deleted", "link_changed"
OFFER_GONE = "offer_deleted"
# The entry, with what the source has changed since, as decided now; the movement's amount.
Retold = tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any], Money]


def lost(ctx: Context) -> list[dict[str, Any]]:
    """The moves of linked entries whose documents no longer are the movement; their links are taken back. One statement, two
    more where something is lost. Inside `commit`."""
    touched = store_links.touched_since_linked(
        flow_id=ctx.flow_id,
        connection_id=ctx.connection.pk,
        organisation_id=ctx.connection.external_id,
        looked_at=ctx.flow.drift_looked_at,
    )
    found = {row["id"]: finding for row in touched if (finding := _judged(row)) is not None}
    taken_back = store_links.lose(list(found)) if found else frozenset()
    return [
        {
            "id": pk,
            "state": EntryState.REVIEW,
            "findings": findings.as_json([finding]),
            "note": {"step": "confirm", "document": finding.detail, "reason": "the link was taken back"},
        }
        for pk, finding in found.items()
        if pk in taken_back
    ]


def dead_offers(ctx: Context) -> list[dict[str, Any]]:
    """The moves of entries to which a document was offered that somebody deleted since: they say so. One statement. Inside
    `commit`."""
    found = store_links.dead_offers(flow_id=ctx.flow_id, connection_id=ctx.connection.pk)
    told = {
        row["id"]: {**row, "findings": _without_offer(row["findings"])} for row in found if row["waits_for"] is None
    }
    moves = [
        {"id": pk, "state": EntryState.REVIEW, "findings": row["findings"], "note": row["note"]}
        for pk, row in told.items()
    ]
    return moves + [
        pairs.held(row["id"], other=told[row["waits_for"]]) for row in found if row["waits_for"] is not None
    ]


def _without_offer(told: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    message = (
        "The document in Xero that looked like this movement was deleted there meanwhile. Try again to have the movement "
        "posted, or leave it out with a reason."
    )
    [gone] = findings.review(OFFER_GONE, message)
    return [gone if it["code"] == foreign.CODE else dict(it) for it in told]


def still_there(ctx: Context, rows: Sequence[Entry], claimed: Mapping[int, Claim]) -> dict[int, list[Finding]]:
    """By entry: what was linked to it stands in the books with another amount or account, and nothing else explains it.

    Posting beside that is a person's word, also where everything is decided anew. One statement, none without a lost link.
    """
    asked = {row.pk: row for row in rows if row.lost_link and row.pk not in claimed and CHANGED not in row.accepted}
    if not asked:
        return {}
    ids = [one for row in asked.values() for one in row.lost_link.split("+")]
    owned = store_links.linked_documents(ids, organisation_id=ctx.connection.external_id)
    known = MirrorRow.objects.filter(connection=ctx.connection, document_id__in=ids).values()
    there = {row["document_id"]: from_row(dict(row)) for row in known if row["document_id"] not in owned}
    told = {}
    for pk, row in asked.items():
        live = [there[one] for one in row.lost_link.split("+") if one in there and there[one].is_live]
        if live:
            amount = Money(amount=row.record.amount or ZERO, currency=row.record.currency)
            told[pk] = [_changed(live, amount, detail=row.lost_link)]
    return told


def is_outdated(old: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Does the source say something new of a movement that is linked? `old`: its entry, `row`: the entry as decided now."""
    is_linked = old["state"] == EntryState.DUPLICATE and old["destination_id"] is not None
    return bool(is_linked and row["record_revision"] > old["record_revision"])


def is_put_aside(old: Mapping[str, Any]) -> bool:
    """Did a person leave it out, or say that it is in the books already, also where what was there is gone by now, and has not
    said otherwise since? A retry says so, but not one after a failure of the program."""
    if old["state"] in (EntryState.SKIPPED, EntryState.DUPLICATE):
        return bool((old["note"] or {}).get("step") == "review")
    if not findings.of_put_aside(old["findings"]):
        return False
    failed = any(it["code"] == findings.NOT_DECIDED for it in old["findings"])
    return old["state"] == EntryState.REVIEW or (failed and findings.RETOLD not in old["accepted"])


def asked_again() -> list[dict[str, Any]]:
    """What a person put aside is never posted because the source says a word more: the same person decides once more."""
    message = (
        "Somebody left this movement out or booked it by hand, and it has changed at the source since. Leave it out again, or "
        "accept to post it."
    )
    return findings.review(findings.RETOLD, message)


def let_go(ctx: Context, retold: Sequence[Retold]) -> list[dict[str, Any]]:
    """Of these outdated ones the entries, to be written anew, whose linked documents are the movement no longer: the links
    are taken back, and a person decides. One statement, two more where one is let go. Inside `commit`."""
    if not retold:
        return []
    ids = [one for old, *_ in retold for one in (old["destination_id"], old["other_destination_id"]) if one]
    known = MirrorRow.objects.filter(connection=ctx.connection, document_id__in=ids).values()
    there = {row["document_id"]: from_row(dict(row)) for row in known}
    over = [it for it in retold if not _still_is(it[0], it[1], it[3], there)]
    if over:
        store_links.lose([old["id"] for old, *_ in over])
    return [_asked_anew(*it) for it in over]


def withdrawn(standing: Iterable[Mapping[str, Any]], reasons: Mapping[int, str]) -> list[dict[str, Any]]:
    """The moves of linked entries whose movement the source withdrew; their links are taken back. `reasons`: by record. Two
    statements, none without one. Inside `commit`."""
    over = [
        old
        for old in standing
        if old["record_id"] in reasons and old["state"] == EntryState.DUPLICATE and old["destination_id"] is not None
    ]
    if over:
        store_links.lose([old["id"] for old in over])
    return [_withdrawal(old, reasons[old["record_id"]]) for old in over]


def _withdrawal(old: Mapping[str, Any], reason: str) -> dict[str, Any]:
    message = (
        f"Amnis says now: {reason}. The document that somebody else made and that was linked to this movement stands in Xero. "
        "Delete it there if it was meant to be this movement; then leave the movement out."
    )
    note = {"step": "transform", "reason": "the link was taken back"}
    told = findings.review("source_withdrew", message, detail=old["destination_id"])
    return {"id": old["id"], "state": EntryState.REVIEW, "findings": told, "note": note}


def _still_is(
    old: Mapping[str, Any], row: Mapping[str, Any], amount: Money, there: Mapping[str, MirrorDocument]
) -> bool:
    if _lost_its_half(old, row):
        return False
    whole = row["document"] is None or row["unit"].startswith(UNIT)
    return not lookalikes.missing_effects(
        None if whole else documents.from_json(row["document"]),
        bank_account_id=row["bank_account_id"],
        amount=amount.amount,
        documents=[there[one] for one in (old["destination_id"], old["other_destination_id"]) if one in there],
    )


def _lost_its_half(old: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    return old["other_record_id"] is not None and row["other_record_id"] is None


def _asked_anew(
    old: Mapping[str, Any], reads: Mapping[str, Any], row: Mapping[str, Any], amount: Money
) -> dict[str, Any]:
    before = Money(amount=round_half_up(old["amount"], 2), currency=old["currency"])
    told = (
        "only one half of the transfer is left" if _lost_its_half(old, row)
        else f"{before} → {amount}" if before != amount
        else "it stands on another wallet" if old["bank_account_id"] != reads["bank_account_id"]
        else "it is another kind of movement"
    )  # fmt: skip
    message = (
        f"This movement was linked to a document that somebody else made, and Amnis has changed it since ({told}). The link is "
        "taken back, and nothing is posted. Correct the document in Xero, try again, and link it; or leave the movement out."
    )
    asked = findings.review(findings.RETOLD, message, detail=old["destination_id"])
    return {**row, "state": EntryState.FETCHED, "wait": 0, "findings": [*asked, *row["findings"]]}


def _judged(row: Mapping[str, Any]) -> Finding | None:
    there = [from_row(one) for one in (row["found"], row["other"]) if one is not None]
    detail = "+".join(document.document_id for document in there)
    dead = next((document for document in there if not document.is_live), None)
    if dead is not None:
        return _gone(dead, alone=len(there) == 1, detail=detail)
    whole = row["document"] is None or row["unit"].startswith(UNIT)
    missing = lookalikes.missing_effects(
        None if whole else documents.from_json(row["document"]),
        bank_account_id=row["bank_account_id"],
        amount=row["amount"],
        documents=there,
    )
    return _changed(there, Money(amount=row["amount"], currency=row["currency"]), detail=detail) if missing else None


def _gone(document: MirrorDocument, *, alone: bool, detail: str) -> Finding:
    act = "voided" if document.status == "VOIDED" else "deleted"
    what = "The document" if alone else "One of the two documents"
    rest = "" if alone else " Delete the other one as well, or type the missing one anew and link both again."
    message = (
        f"{what} linked to this movement ({_shown(document)}) was {act} in Xero, so the movement is no longer in the "
        f"books.{rest} Try again to have it posted, or leave it out with a reason."
    )
    return Finding(code=LINK_GONE, message=message, detail=detail, severity=Severity.REVIEW)


def _changed(there: Sequence[MirrorDocument], movement: Money, *, detail: str) -> Finding:
    read = " and ".join(_shown(document) for document in there)
    message = (
        f"What is linked to this movement of {_rounded(movement.amount, movement.currency)} reads {read} in Xero now: another "
        "amount or account. Correct it there and try again, and it is offered for the link once more. If it is another "
        "payment, accept to post this one beside it."
    )
    return Finding(code=CHANGED, message=message, detail=detail, severity=Severity.REVIEW)


def _shown(document: MirrorDocument) -> str:
    text = f", “{document.reference}”" if document.reference else ""
    return f"{_rounded(document.total.amount, document.total.currency)} on {_day(document.date)}{text}"


def _rounded(amount: Decimal, currency: str) -> Money:
    return Money(amount=round_half_up(amount, 2), currency=currency)


def _day(day: date) -> str:
    return f"{day:%-d %b %Y}"
