"""The overpaid rest of a payment: validated with it, sent after it was read back, and given up with it.

Payment and rest are one unit of entries: before anything is sent, what holds the one holds the other (`pairs`), and the
rest waits until the payment stands in the books (`dependents`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db.models import OuterRef, Subquery

from connectors.contract.money import ZERO, Money
from connectors.contract.records import Account, LedgerEntry
from sync.domain import plan, rests
from sync.domain.plan import Planned
from sync.domain.references import account_objection
from sync.models import Entry, EntryState, Record
from sync.models.entry import BOOKED
from sync.pipeline.context import Context

NEVER_SENT = (EntryState.FETCHED, EntryState.WAITING, EntryState.READY, EntryState.REVIEW, EntryState.FAILED)
LONG = timedelta(days=1).total_seconds()  # the payment's own confirmation wakes it

Standing = Mapping[tuple[int, str], Mapping[str, Any]]


def place_of_rests(ctx: Context) -> Account | None:
    """The suspense account, where a line may stand on it."""
    text = ctx.books.defaults.suspense
    account = ctx.books.chart.account(text) if text else None
    return None if account is None or account_objection(account) else account


def belongs(fresh: Iterable[Mapping[str, Any]], standing: Standing, outcome: Planned) -> bool:
    """Does this rest go with a payment that is decided in the same breath, or that was posted as its other half?

    A rest beside a document that stands for the whole movement would book it twice.
    """
    if outcome.leg != plan.REST:
        return True
    record_id = outcome.part.record_id
    if any(row["record_id"] == record_id and row["leg"] == plan.MAIN for row in fresh):
        return True
    payment = standing.get((record_id, plan.MAIN))
    return payment is not None and payment["unit"].startswith(rests.UNIT) and payment["destination_id"] is not None


def left_behind(standing: Standing, planned: Sequence[Planned]) -> tuple[list[dict[str, Any]], list[Mapping[str, Any]]]:
    """Rests whose movement leaves none by now: the moves of those never sent, and those that stand in the books."""
    parted = {outcome.part.record_id for outcome in planned if outcome.unit.startswith(rests.UNIT)}
    whole = {outcome.part.record_id for outcome in planned} - parted
    gone = [old for (record_id, leg), old in standing.items() if leg == plan.REST and record_id in whole]
    note = {"step": "transform", "reason": "nothing is left over by now"}
    unsent = [old for old in gone if old["destination_id"] is None and old["state"] in NEVER_SENT]
    posted = [old for old in gone if old["destination_id"] is not None and old["state"] == EntryState.CONFIRMED]
    return [{"id": old["id"], "state": EntryState.SKIPPED, "note": note} for old in unsent], posted


def as_movements(rows: Iterable[Entry], entries: Mapping[int, LedgerEntry]) -> dict[int, LedgerEntry]:
    """The documents to be, each payment with a rest as the one movement that somebody else may have booked whole."""
    found = dict(entries)
    for row in rows:
        if not row.unit.startswith(rests.UNIT) or row.pk not in found:
            continue
        entry = found.pop(row.pk)
        if row.leg == plan.MAIN:
            whole = Money(amount=abs(row.record.amount or ZERO), currency=row.currency)
            found[row.pk] = replace(entry, total=whole)
    return found


def taken_together(payments: Iterable[Entry]) -> list[dict[str, Any]]:
    """These movements stand in the books as one document each: the moves of the rests that nobody posts any more. Inside a
    person's scope."""
    whole = [entry for entry in payments if entry.unit.startswith(rests.UNIT)]
    if not whole:
        return []
    alone = Entry.objects.filter(unit__in=[entry.unit for entry in whole], leg=plan.REST, destination_id=None)
    left = list(alone.filter(flow_id=whole[0].flow_id).exclude(state=EntryState.SKIPPED).values_list("pk", flat=True))
    amount = Record.objects.filter(pk=OuterRef("record_id")).values("amount")[:1]
    Entry.objects.filter(pk__in=[entry.pk for entry in whole]).update(unit="", amount=Subquery(amount))
    note = {"step": "transform", "reason": "the whole movement stands in Xero as one document"}
    return [{"id": pk, "state": EntryState.SKIPPED, "note": note} for pk in left]


def after_their_payment(ctx: Context, rows: Sequence[Entry], moves: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rests that are fit to be sent wait until their payment was read back. One statement, none without a rest."""
    own = {row.pk: row for row in rows if row.leg == plan.REST}
    if not own:
        return moves
    units = {row.unit for row in own.values()}
    paid = Entry.objects.filter(flow=ctx.flow, unit__in=units, leg=plan.MAIN, state__in=BOOKED)
    booked = set(paid.values_list("unit", flat=True))
    return [
        _waiting(move)
        if move["id"] in own and move["state"] == EntryState.READY and own[move["id"]].unit not in booked
        else move
        for move in moves
    ]


def _waiting(move: Mapping[str, Any]) -> dict[str, Any]:
    return {**move, "state": EntryState.WAITING, "wait": LONG, "note": {**move["note"], "waits_for": plan.MAIN}}
