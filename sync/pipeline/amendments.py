"""What becomes of entries whose movement changed at the source: proposed field by field, applied by a person alone.

One change needs no person, because the tenant's policy asked for it: what waited in the suspense account is re-coded where
it stands when somebody at the source has said what it was for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.contract.errors import Finding, Severity
from connectors.contract.records import BankTransaction, LedgerEntry
from sync import store_amend
from sync.domain import amending, change_words, documents, match, plan
from sync.domain.coding_case import DecidedBy
from sync.domain.fingerprint import canonical
from sync.domain.plan import Planned, Skipped
from sync.domain.returns import GIVES_BACK, OF_PAYMENT
from sync.models import Amendment, AmendmentState, ContactLink, EntryState
from sync.models.amendment import ON_THE_WAY
from sync.models.entry import STANDING
from sync.pipeline import agreed, findings, gone, locks
from sync.pipeline.context import Context
from sync.pipeline.tracking import choices_of

# Never sent, so nothing of it stands there; of one that failed that is not certain.
GIVES_WAY = (EntryState.FETCHED, EntryState.WAITING, EntryState.READY, EntryState.REVIEW)
COLUMNS = ("booking_date", "amount", "currency", "decisions", "contact_id", "record_revision", "decided_from")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A posted entry as it stands, and what its movement calls for now: with what is posted, as far as the source says the
    same. `anew`: as it would be posted today. `left_out`: why a setting leaves it out by now."""

    old: Mapping[str, Any]
    row: Mapping[str, Any]
    outcome: Planned
    anew: LedgerEntry | None
    left_out: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What is to be done about one document, and why: (field, posted, now) for each field."""

    old: Mapping[str, Any]
    fields: list[tuple[str, str, str]]
    wanted: Mapping[str, Any] | None
    columns: Mapping[str, Any]
    in_place: bool
    automatic: bool
    message: str
    code: str
    waits_for: Sequence[str] = ()  # currencies whose rate it lacks

    @property
    def digest(self) -> str:
        return hashlib.sha256(canonical([list(field) for field in self.fields]).encode()).hexdigest()


def amendments(ctx: Context, changed: Sequence[Changed], links: Collection[ContactLink]) -> list[dict[str, Any]]:
    """The source says something else than what was posted, or what is given back is coded otherwise than what gives it back;
    or a person is asked about one where both agree again. Four or five statements, and none where nothing changed."""
    linked = _linked([*links, *_further(changed, links)])
    posted = [it for it in changed if _is_posted(it.old)]
    left = [it for it in posted if gone.is_gone(it.old) and _is_told_anew(it)]
    told = [
        move for it in left for move in gone.changed(it.old, changed_fields(it.old["document"], it.outcome.document))
    ]
    posted = [it for it in posted if not gone.is_gone(it.old)]
    shown = agreed.shown(ctx, [it.old for it in posted])
    anew = [it for it in posted if _is_told_anew(it)]
    found = [different for it in anew if (different := _difference(ctx, it, linked)) is not None]
    corrected = [it for it in found if agreed.is_corrected(it.old, it.wanted, shown.get(it.old["id"]))]
    agreed.take_over(ctx, [(it.old, it.wanted or {}, it.columns) for it in corrected])
    proposed = _propose(ctx, [it for it in found if it not in corrected])
    settled = {it.old["id"] for it in corrected} | {move["id"] for move in proposed}
    back = _as_posted(anew, found) + [it.old for it in posted if match.DIFFERS in agreed.codes(it.old)]
    ended = {old["id"]: old for old in back if old["id"] not in settled}
    return told + proposed + agreed.as_posted(list(ended.values()), shown)


def _linked(links: Iterable[ContactLink]) -> dict[int, str]:
    return {link.pk: link.contact_id or "" for link in links if link.state == ContactLink.State.LINKED}


def _further(changed: Sequence[Changed], links: Collection[ContactLink]) -> list[ContactLink]:
    """Of contacts that stay although today's settings name others. A statement only where there is one."""
    ids = {it.row["contact_id"] for it in changed} - {link.pk for link in links} - {None}
    return list(ContactLink.objects.filter(pk__in=ids)) if ids else []


def _as_posted(anew: Sequence[Changed], found: Sequence[Difference]) -> list[Mapping[str, Any]]:
    """Those that a person is asked about although the source calls for just what was posted."""
    different = {it.old["id"] for it in found}
    return [it.old for it in anew if it.old["id"] not in different and agreed.codes(it.old) & agreed.ASKED]


def withdrawn(
    ctx: Context,
    standing: Mapping[tuple[int, str], Mapping[str, Any]],
    outcomes: Sequence[plan.Outcome],
    *,
    left_over: tuple[list[dict[str, Any]], list[Mapping[str, Any]]],
) -> list[dict[str, Any]]:
    """Entries whose movement now yields nothing: skipped if never sent, for review if something stands in the books.

    `left_over`: the same for overpaid rests of movements that leave none by now.
    """
    reasons = {outcome.part.record_id: outcome.reason for outcome in outcomes if isinstance(outcome, Skipped)}
    moves = list(left_over[0])
    over = [_withdrawal(old, "nothing is paid too much any more") for old in left_over[1]]
    for (record_id, _), old in standing.items():
        if record_id not in reasons:
            continue
        if old["destination_id"] is None and old["state"] in GIVES_WAY and not agreed.codes(old) & agreed.ASKED:
            note = {"step": "transform", "reason": reasons[record_id]}
            moves.append({"id": old["id"], "state": EntryState.SKIPPED, "note": note})
        elif gone.is_gone(old):
            moves += gone.changed(old, [gone.NO_LONGER], code=gone.WITHDREW, reason=reasons[record_id])
        elif old["state"] == EntryState.CONFIRMED or _waits_with_a_change(old):
            over.append(_withdrawal(old, reasons[record_id]))
    return moves + _propose(ctx, over)


def _waits_with_a_change(old: Mapping[str, Any]) -> bool:
    """It stands in the books, and a person was asked about an earlier change that is out of date now."""
    return old["destination_id"] is not None and bool(agreed.codes(old) & {gone.CHANGED, gone.UNLIKE_ORIGINAL})


def taken_in(standing: Mapping[tuple[int, str], Mapping[str, Any]], planned: Sequence[Planned]) -> list[dict[str, Any]]:
    """A receiving row that waited under an entry of its own now belongs to the sending row's transfer."""
    others = {outcome.other.record_id for outcome in planned if outcome.other is not None}
    note = {"step": "transform", "reason": "carried by the sending row of the same transfer"}
    return [
        {"id": old["id"], "state": EntryState.SKIPPED, "findings": [], "note": note}
        for (record_id, _), old in standing.items()
        if record_id in others and old["destination_id"] is None and old["state"] in GIVES_WAY
    ]


# -------------------------------------------------------------------- differences


def _is_posted(old: Mapping[str, Any]) -> bool:
    return old["state"] in STANDING and old["document"] is not None and old["destination_id"] is not None


def _is_told_anew(it: Changed) -> bool:
    """A half of a deal is decided anew with the other one, and a refund with its purchase, also where Amnis says nothing new:
    then the half stays as it stands, and the refund too unless the purchase says how it is coded."""
    if match.DIFFERS in agreed.codes(it.old):
        return _is_newer(it)
    if it.outcome.leg in (plan.SOLD, plan.BOUGHT):
        return _is_newer(it) or bool(it.row["unit"] != it.old["unit"])
    return it.row["movement"] not in GIVES_BACK or _is_newer(it) or _is_by_origin(it) or _is_of_payment(it)


def _is_newer(it: Changed) -> bool:
    return bool(it.row["record_revision"] > it.old["record_revision"])


def _is_by_origin(it: Changed) -> bool:
    coding = it.outcome.part.coding
    return coding is not None and any(decision.by is DecidedBy.ORIGIN for decision in coding.decisions)


def _is_of_payment(it: Changed) -> bool:
    """Does it give back what pays an invoice or bill by now, while it was coded as something else? No line was booked then
    that it could take back. What a person accepted so is theirs."""
    return any(finding.code == OF_PAYMENT for finding in it.outcome.findings) and OF_PAYMENT not in it.old["accepted"]


def _beside_its_payment(it: Changed) -> Difference:
    why = next(finding.message for finding in it.outcome.findings if finding.code == OF_PAYMENT)
    return Difference(
        old=it.old,
        fields=[gone.NO_LONGER],
        wanted=None,
        columns={},
        in_place=False,
        automatic=False,
        message=(
            f"It was posted as that one was coded before. {why} Apply the change to take this document out of the books and "
            "post it again by that rule, keep what is posted, or correct the document in Xero by hand."
        ),
        code=gone.UNLIKE_ORIGINAL,
    )


def _difference(ctx: Context, it: Changed, linked: Mapping[int, str]) -> Difference | None:
    if _is_of_payment(it) and not _is_newer(it):
        return _beside_its_payment(it)
    before, after = documents.from_json(dict(it.old["document"])), it.outcome.document
    is_deal = it.outcome.leg in (plan.SOLD, plan.BOUGHT)
    fields = changed_fields(it.old["document"], after, deal=is_deal)
    if not fields:
        return None
    contact_id = linked.get(it.row["contact_id"] or 0, "")
    wanted, in_place = _wanted(before, after, contact_id=contact_id)
    if it.anew is not None and not in_place and not it.left_out:  # posted anew, so as the settings say today
        after = locks.on_open_day(ctx, it.anew)
        fields = changed_fields(it.old["document"], after, deal=is_deal)
        wanted, _ = _wanted(before, after, contact_id=contact_id)
    if it.left_out and not in_place:
        wanted = None
    told = change_words.told(fields)
    is_unlike = it.row["movement"] in GIVES_BACK and not _is_newer(it)
    return Difference(
        old=it.old,
        fields=fields,
        wanted=wanted,
        columns={name: it.row[name] for name in COLUMNS if name in it.row},
        in_place=in_place,
        automatic=in_place and after is not None and _leaves_suspense(ctx, before, after) and _is_confirmed(it.old),
        message=_told_of_original(it.outcome, told) if is_unlike else _told_of(it, wanted, told),
        code=gone.UNLIKE_ORIGINAL if is_unlike else "source_changed",
        waits_for=[
            finding.detail[:3] for finding in it.outcome.findings if after is None and finding.code == "rate_missing"
        ],
    )


def _told_of(it: Changed, wanted: Mapping[str, Any] | None, told: str) -> str:
    outcome = it.outcome
    if outcome.document is not None and wanted is None:
        return (
            f"Amnis changed this movement after it was posted ({told}). Xero cannot change that where it stands, and by your "
            f"settings it is not posted again: {it.left_out}. Leave it as it is there, or correct it there by hand."
        )
    if outcome.document is not None and amending.is_payment(documents.from_json(dict(it.old["document"]))):
        return f"Amnis changed this movement after it was posted ({told}). {amending.payment_stays().message}"
    if outcome.document is not None:
        return (
            f"Amnis changed this movement after it was posted ({told}). Apply the change, keep what is posted, or correct the "
            "document in Xero by hand."
        )
    why = next((it.message for it in outcome.findings if it.severity is Severity.REVIEW), "It is not complete.")
    return (
        f"Amnis changed this movement after it was posted, and as it reads now it could not be posted: {why} The document "
        "stands in Xero as it was. Leave it as it is there, or correct it there by hand."
    )


def _told_of_original(outcome: Planned, told: str) -> str:
    """The account comes "as the purchase of 02.03.2026 that it gives back"; what a person should know of the link follows."""
    coding = outcome.part.coding
    why = next((it.why for it in coding.decisions if it.by is DecidedBy.ORIGIN), "") if coding else ""
    doubt = next((f" But: {it.message}" for it in outcome.findings if it.severity is Severity.REVIEW), "")
    return (
        f"It was posted before the original was known, or the original was coded otherwise since. Coded {why}, it would "
        f"read otherwise ({told}).{doubt} Apply the change, keep what is posted, or correct the document in Xero by hand."
    )


def _is_confirmed(old: Mapping[str, Any]) -> bool:
    return bool(old["state"] == EntryState.CONFIRMED)


def _wanted(before: LedgerEntry, after: LedgerEntry | None, *, contact_id: str) -> tuple[dict[str, Any] | None, bool]:
    """The document as it should read, and whether Xero can change it where it stands; else it is removed and posted anew,
    which also makes the contact or the tracking option where there is none yet."""
    if after is None:
        return None, False
    if isinstance(after, BankTransaction):
        wanted = {**documents.to_json(after), "contact_id": contact_id}
        exists = bool(contact_id) and not choices_of(after)
        return wanted, exists and amending.can_change(before, after)
    return documents.to_json(after), False


def _leaves_suspense(ctx: Context, before: LedgerEntry, after: LedgerEntry) -> bool:
    """Posted to the suspense account by policy, and now told what it was for."""
    suspense = ctx.books.chart.account(ctx.books.defaults.suspense) if ctx.books.defaults.suspense else None
    if suspense is None or ctx.books.policy("card_incomplete") != "suspense":
        return False
    assert isinstance(before, BankTransaction)
    assert isinstance(after, BankTransaction)
    waits = {line.account_id for line in before.lines} == {suspense.account_id}
    return (
        waits
        and amending.only_coding_differs(before, after)
        and all(line.account_id != suspense.account_id for line in after.lines)
    )


def _withdrawal(old: Mapping[str, Any], reason: str) -> Difference:
    return Difference(
        old=old,
        fields=[gone.NO_LONGER],
        wanted=None,
        columns={},
        in_place=False,
        automatic=False,
        message=f"Amnis says now: {reason}. The document stands in Xero. Decide whether it stays.",
        code="source_withdrew",
    )


def changed_fields(
    before: Mapping[str, Any], after: LedgerEntry | None, *, deal: bool = False
) -> list[tuple[str, str, str]]:
    """(field, posted, now) for everything that matters in the books; a contact's id and our own text do not.

    `deal`: a half of a conversion, whose rate follows from the other half: left as it is, the clearing account would not
    return to zero.
    """
    if after is None:
        return [gone.NO_LONGER]
    now = documents.to_json(after)
    names = ("kind", "date", "total", "currency", "bank_account_id", "from_account_id", "to_account_id", "contact_name")
    changed = [
        (name, str(before[name]), str(now.get(name)))
        for name in names
        if name in before and before[name] != now.get(name)
    ]
    if deal and _rate(before) != _rate(now):
        changed.append(("rate", str(before["rate"]), str(now["rate"])))
    lines, lines_now = _lines(before), _lines(now)
    return changed if lines == lines_now else [*changed, ("lines", _told(before), _told(now))]


def _rate(document: Mapping[str, Any]) -> Decimal | None:
    return Decimal(document["rate"]) if document.get("rate") else None


def _lines(document: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [(line["account_id"], line["amount"], line["tax_type"]) for line in document.get("lines", [])]


def _told(document: Mapping[str, Any]) -> str:
    """Lines as a bookkeeper writes them: account, amount, tax."""
    told = (
        " ".join(filter(None, (line["account_code"], line["amount"], line["tax_type"])))
        for line in document.get("lines", [])
    )
    return ", ".join(told) or "none"


# ---------------------------------------------------------------------- proposals


def _propose(ctx: Context, found: Sequence[Difference]) -> list[dict[str, Any]]:
    """Write the proposals down, and hold their entries for a person. What a person kept is not proposed again; a newer
    difference takes an older one's place; what is on its way is looked at again when it has arrived. Inside `commit`."""
    if not found:
        return []
    known = Amendment.objects.filter(entry__in=[it.old["id"] for it in found]).values(
        "id", "entry_id", "state", "digest", "kept"
    )
    earlier: dict[int, list[dict[str, Any]]] = {}
    for row in known:
        earlier.setdefault(row["entry_id"], []).append(dict(row))
    fresh = [it for it in found if _is_news(it, earlier.get(it.old["id"], []))]
    _replace(earlier, fresh)
    Amendment.objects.bulk_create([_amendment(ctx, it) for it in fresh if it.wanted is not None or _may_go(it)])
    return [_held(it) for it in fresh if not it.automatic]


def _is_news(it: Difference, earlier: Sequence[Mapping[str, Any]]) -> bool:
    if any(row["state"] in ON_THE_WAY for row in earlier):
        return False
    return not any(
        row["digest"] == it.digest and (row["kept"] or row["state"] == AmendmentState.PROPOSED) for row in earlier
    )


def _replace(earlier: Mapping[int, Sequence[Mapping[str, Any]]], fresh: Sequence[Difference]) -> None:
    old = [
        row["id"] for it in fresh for row in earlier.get(it.old["id"], []) if row["state"] == AmendmentState.PROPOSED
    ]
    note = "Amnis changed the movement once more: see the newer proposal."
    store_amend.move_amendments([{"id": pk, "state": AmendmentState.WITHDRAWN, "note": note} for pk in old])


def _may_go(it: Difference) -> bool:
    """A document that nothing calls for any more; not one whose movement can only not be read at the moment."""
    return it.code in ("source_withdrew", gone.UNLIKE_ORIGINAL)


def _amendment(ctx: Context, it: Difference) -> Amendment:
    if it.in_place:
        deed, then = Amendment.Deed.CHANGE, Amendment.Then.STANDS
    else:
        deed, then = Amendment.Deed.VOID, Amendment.Then.AGAIN
    return Amendment(
        tenant_id=ctx.tenant_id,
        flow_id=ctx.flow_id,
        entry_id=it.old["id"],
        deed=deed,
        then=then,
        state=AmendmentState.ASKED if it.automatic else AmendmentState.PROPOSED,
        document_id=it.old["destination_id"],
        destination_type=it.old["destination_type"],
        marker=it.old["marker"],
        wanted=it.wanted,
        columns=dict(it.columns),
        changed=[list(field) for field in it.fields],
        digest=it.digest,
        reason=_reason(it),
    )


def _reason(it: Difference) -> str:
    if it.automatic:
        return "It is complete at Amnis now and leaves the suspense account"
    return "coded like what it gives back" if it.code == gone.UNLIKE_ORIGINAL else "changed at Amnis"


def _held(it: Difference) -> dict[str, Any]:
    finding = Finding(code=it.code, message=it.message, severity=Severity.REVIEW)
    note = {"step": "transform", "changed": [list(field) for field in it.fields]}
    if it.waits_for:
        note["waits_for"] = list(it.waits_for)
    return {"id": it.old["id"], "state": EntryState.REVIEW, "findings": findings.as_json([finding]), "note": note}
