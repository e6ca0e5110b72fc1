"""What the source has changed of movements that stand in the books, ours or linked: what it said when their documents were
decided is planned once more, by the settings of today, and compared with what it says now.

So a setting that was changed after posting is never told as the source's word, and touches nothing that was posted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from connectors.contract.errors import Finding, Severity
from connectors.contract.records import Account, BankTransaction, LedgerEntry
from sync.domain import documents, plan, rests
from sync.domain.booking import booking_date
from sync.domain.coding_case import DecidedBy
from sync.domain.plan import Outcome, Planned, Rules, Skipped
from sync.domain.source_changes import OF_ORIGIN, OF_OTHER_HALF, carried_over, is_left_out, same_facts
from sync.pipeline import locks
from sync.pipeline.amendments import changed_fields
from sync.pipeline.coded import CodedRecord, coded, normalised
from sync.pipeline.context import Context

Key = tuple[int, str]  # record and leg
Old = Mapping[str, Any]  # an entry as it stands
Plan = Callable[[Sequence[CodedRecord], Rules], Sequence[Outcome]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Then:
    """What would be planned today of what the source said then. `same`: records of which it has said nothing new, so it is what
    is planned now. What is in neither was decided before this was kept, or belongs to other movements by now. `left_out`: of
    what stands, why a setting leaves it out by now. `anew`: by record the payment that would be posted in the place of money that
    stands as received or spent."""

    planned: Sequence[Outcome] = ()
    same: frozenset[int] = frozenset()
    left_out: Mapping[Key, str] = field(default_factory=dict)
    anew: Mapping[int, LedgerEntry] = field(default_factory=dict)

    def of(self, now: Planned) -> Outcome | None:
        return now if now.part.record_id in self.same else found(self.planned, _key(now))


def look_back(
    ctx: Context,
    units: Iterable[Sequence[CodedRecord]],
    outcomes: Sequence[Outcome],
    standing: Mapping[Key, Old],
    *,
    planning: Plan,
    rules: Rules,
) -> tuple[list[Outcome], Then]:
    """The outcomes, and those of then. A movement that stands in the books and that a setting leaves out by now is planned as if
    it did not."""
    now = {_key(it): it for it in outcomes}
    kept: dict[Key, Outcome] = {}
    before, same = [], set()
    for unit, old in [(rows, old) for rows in units for old in _standing_of(rows, standing)]:
        key = (old["record_id"], old["leg"])
        if key not in now or old["decided_from"] is None or _is_another_unit(old, unit):
            continue
        rows = _as_it_was(ctx, unit, old, standing)
        then = found(planning(rows, rules), key) if old["decided_from"] else now[key]
        if is_left_out(then):
            anyway = replace(
                rules, cutoff=date.min, card_incomplete="post", stands_on=_stands_on(ctx, unit, old, standing)
            )
            then = found(planning(_not_skipped(ctx, rows), anyway), key)
            if is_left_out(now[key]):
                kept[key] = found(planning(_not_skipped(ctx, unit), anyway), key) or now[key]
        if not old["decided_from"]:
            same.add(old["record_id"])
        elif then is not None:
            before.append(then)
    left_out = {key: it.reason for key in kept if isinstance(it := now[key], Skipped)}
    return _with(outcomes, kept, standing), Then(planned=before, same=frozenset(same), left_out=left_out)


def _key(outcome: Outcome) -> Key:
    return outcome.part.record_id, outcome.leg if isinstance(outcome, Planned) else outcome.part.leg


def found(outcomes: Iterable[Outcome], key: Key) -> Outcome | None:
    return next((it for it in outcomes if _key(it) == key), None)


def _standing_of(unit: Sequence[CodedRecord], standing: Mapping[Key, Old]) -> list[Old]:
    """A rest follows its payment."""
    ids = [row.record["id"] for row in unit]
    there = (standing.get((pk, leg)) for pk in ids for leg in (plan.MAIN, plan.SOLD, plan.BOUGHT))
    return [old for old in there if old is not None and old["destination_id"] is not None]


def _is_another_unit(old: Old, unit: Sequence[CodedRecord]) -> bool:
    stands_in = "" if old["unit"].startswith(rests.UNIT) else old["unit"]
    return bool(stands_in != (unit[0].record["unit"] or ""))


def _as_it_was(
    ctx: Context, unit: Sequence[CodedRecord], old: Old, standing: Mapping[Key, Old]
) -> Sequence[CodedRecord]:
    """The rows that were there then, as they read then; those of now where the source says the same."""
    if not old["decided_from"]:
        return unit
    there = {old["record_id"], old["other_record_id"]} | {
        pk for (record_id, _), it in standing.items() for pk in (record_id, it["other_record_id"])
    }
    return [_then(ctx, row, old["decided_from"]) for row in unit if row.record["id"] in there]


def _then(ctx: Context, row: CodedRecord, decided_from: Mapping[str, Any]) -> CodedRecord:
    said = decided_from.get(str(row.record["id"]))
    if said is None:
        return row
    record = {**_as_said(row.record, said), "fingerprint": ""}  # not as it was just read
    if _is_by_origin(row):
        return replace(row, record=record, transaction=normalised(ctx, record))
    return coded(ctx, record)


def _as_said(record: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The record with the payload, and on the wallet, of then."""
    payload = {name: value for name, value in said.items() if name != "account_id"}
    return {**record, "account_id": said.get("account_id", record["account_id"]), "payload": payload}


def _is_by_origin(row: CodedRecord) -> bool:
    return any(decision.by is DecidedBy.ORIGIN for decision in row.coding.decisions)


def _not_skipped(ctx: Context, rows: Sequence[CodedRecord]) -> Sequence[CodedRecord]:
    return [coded(ctx, {**row.record, "fingerprint": ""}, leaves_out=False) if row.coding.skip else row for row in rows]


def _stands_on(ctx: Context, unit: Sequence[CodedRecord], old: Old, standing: Mapping[Key, Old]) -> dict[int, Account]:
    """By record the bank account on which this entry stands, with both sides of a transfer or both halves of a deal."""
    ids: dict[int, str] = {}
    for entry in [old] if old["leg"] == plan.MAIN else _standing_of(unit, standing):
        ids[entry["record_id"]] = entry["bank_account_id"]
        if entry["other_record_id"] is not None:
            ids[entry["other_record_id"]] = (entry["document"] or {}).get("to_account_id", "")
    return {pk: account for pk, found in ids.items() if (account := ctx.books.chart.account(found)) is not None}


def _with(outcomes: Sequence[Outcome], kept: Mapping[Key, Outcome], standing: Mapping[Key, Old]) -> list[Outcome]:
    """Each that stands in the place of the one that leaves it out, and of the other side that its document carries: that
    side is in the books. Where its transfer is to go, for what the source says, it is for a person until it is gone."""
    there = {key for key, old in standing.items() if old["destination_id"] is not None}
    carried = {standing[key]["other_record_id"]: key for key in there}
    wanted = {_key(it): kept.get(_key(it), it) for it in outcomes}
    found = []
    for key, outcome in wanted.items():
        if key[0] not in carried or key in there:
            found.append(outcome)
        elif not _takes_along(wanted.get(carried[key[0]]), key[0]):
            found.append(_held(outcome))
    return found


def _takes_along(outcome: Outcome | None, record_id: int) -> bool:
    return isinstance(outcome, Planned) and outcome.other is not None and outcome.other.record_id == record_id


def _held(outcome: Outcome) -> Outcome:
    """The side of a transfer that stands, while the other side makes no transfer any more."""
    if not isinstance(outcome, Planned) or outcome.document is None:
        return outcome
    message = (
        "This is one side of a transfer that stands in Xero. Decide what becomes of that transfer first: posted beside it, "
        "the money would be in the books twice."
    )
    finding = Finding(code="other_half_held", message=message, severity=Severity.REVIEW)
    return replace(outcome, findings=(finding, *outcome.findings))


# ------------------------------------------------------------ what was accepted


def still_accepted(ctx: Context, old: Old, records: Mapping[int, Mapping[str, Any]]) -> list[str]:
    """What a person has accepted of an entry that is decided anew: nothing once the source names other figures than that person
    saw, on either half of it."""
    then = {int(pk): said for pk, said in (old["decided_from"] or {}).items()} if old["accepted"] else {}
    read = [(records[pk], _as_said(records[pk], said)) for pk, said in then.items() if pk in records]
    same = all(_figures(ctx, now) == _figures(ctx, before) for now, before in read)
    return list(old["accepted"]) if same else []


def _figures(ctx: Context, record: Mapping[str, Any]) -> tuple[Any, ...]:
    """What findings are about: how much, when, of which kind, with whom."""
    it, policy = normalised(ctx, record), ctx.books.policy
    day = booking_date(it, card_date=policy("card_date"), fx_date=policy("fx_date"))
    other = it.counterparty
    return it.amount, day, it.movement, it.execution, it.card.original if it.card else None, other.name, other.iban


# ---------------------------------------------------------------- what follows


def same_said(then: Outcome | None, now: Planned) -> bool:
    """Does the source say the same of it as then, but for words?"""
    if not isinstance(then, Planned) or (then.document is None) != (now.document is None):
        return False
    if then.document is None or now.document is None:
        return same_facts(then, now)
    as_amount = then.part.transaction.amount == now.part.transaction.amount
    is_whole = (then.other is None) == (now.other is None)
    return as_amount and is_whole and not changed_fields(documents.to_json(then.document), now.document)


def carried(
    ctx: Context, old: Old, row: dict[str, Any], now: Planned, then: Outcome | None
) -> tuple[dict[str, Any], Planned]:
    """Row and outcome with what is posted, and of it changed what the source has changed since. As it would be posted today
    where nothing could be made of what the source said then."""
    posted = old["document"]
    if posted is None:
        return row, now
    if now.document is None:
        same = isinstance(then, Planned) and then.document is None and same_facts(then, now)
        return row, replace(now, document=documents.from_json(dict(posted))) if same else now
    if not isinstance(then, Planned) or then.document is None:
        is_there = old["booking_date"] == now.booking_date
        wanted = documents.to_json(now.document)
        there = documents.from_json(locks.where_it_stands(wanted, posted=posted)) if is_there else None
        return row, replace(now, document=there or locks.on_open_day(ctx, now.document))
    if lacks := _lacks(then, now):
        return row, replace(now, document=None, findings=lacks)
    before, wanted = documents.to_json(then.document), documents.to_json(now.document)
    made = carried_over(posted, then=before, now=wanted, follows=_follows(ctx, then, now, posted))
    if before["date"] == wanted["date"]:
        document = documents.from_json(locks.where_it_stands(made, posted=posted))
    else:
        document = locks.on_open_day(ctx, documents.from_json(locks.on_its_own_day(made)))
    return _row(old, row, now, then, documents.to_json(document)), replace(now, document=document)


def _lacks(then: Planned, now: Planned) -> tuple[Finding, ...]:
    """What a document needs for what the source says now, and did not for what it said then: a rate of its new day."""
    had = {it.code for it in then.findings}
    return tuple(it for it in now.findings if it.code == "rate_missing" and it.code not in had)


def _follows(ctx: Context, then: Planned, now: Planned, posted: Mapping[str, Any]) -> frozenset[str]:
    """What comes of another document: the half of a deal, what is coded like what it gives back, and what leaves the suspense
    account because it is complete by now."""
    if now.leg in (plan.SOLD, plan.BOUGHT):
        return OF_OTHER_HALF
    coding, suspense = now.part.coding, ctx.books.chart.account(ctx.books.defaults.suspense)
    if coding is not None and any(decision.by is DecidedBy.ORIGIN for decision in coding.decisions):
        return OF_ORIGIN
    waits = suspense is not None and {line["account_id"] for line in posted.get("lines", ())} == {suspense.account_id}
    is_done = now.part.transaction.complete and not then.part.transaction.complete
    return OF_ORIGIN if waits and is_done else frozenset()


def _row(old: Old, row: dict[str, Any], now: Planned, then: Planned, document: dict[str, Any]) -> dict[str, Any]:
    """What the entry takes over with it: of what the settings alone would change, nothing."""
    made = {**row, "document": document}
    if then.booking_date == now.booking_date and old["booking_date"] is not None:
        made["booking_date"] = old["booking_date"].isoformat()
    if then.part.bank == now.part.bank:
        made["bank_account_id"] = old["bank_account_id"]
    if isinstance(now.document, BankTransaction) and document.get("contact_name") != now.document.contact_name:
        made["contact_id"] = old["contact_id"]  # a transfer or payment that stands has none
    if _coded(document) == _coded(old["document"]):
        made.pop("decisions", None)
    return made


def _coded(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(line["account_id"], line["tax_type"]) for line in document.get("lines", ())]
