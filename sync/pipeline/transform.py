"""Step 2: from fetched records to entries. Contact, account, tax, tracking, rate and marker are decided here, with reasons.

A record that changed after its entry was sent never yields a second document: a person sees the difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError

from connectors.contract.errors import ActionRequired
from connectors.contract.records import BankTransaction, BatchPayment, Movement, Payment
from sync import store
from sync.domain import documents, plan
from sync.domain.contacts import clean_contact_name
from sync.domain.fingerprint import marker
from sync.domain.plan import Part, Planned, Skipped, plan_unit
from sync.models import ContactLink, Entry, EntryState, RecordState, TrackingLink
from sync.pipeline import findings, halves, late, linked, mirror, origins, rests, returned, sides, since, undecided
from sync.pipeline.amendments import Changed, amendments, taken_in, withdrawn
from sync.pipeline.coded import CodedRecord
from sync.pipeline.contact_links import Who, links_for
from sync.pipeline.context import Context, Progress
from sync.pipeline.invoices import allocate, read_open_items
from sync.pipeline.of_its_kind import as_it_stands
from sync.pipeline.tracking import choices_of, link_key, with_options

REWRITABLE = frozenset(
    {
        EntryState.FETCHED,
        EntryState.WAITING,
        EntryState.READY,
        EntryState.REVIEW,
        EntryState.SKIPPED,
        EntryState.DUPLICATE,
        EntryState.FAILED,
    }
)
DECIDED_HERE = frozenset({EntryState.FETCHED, EntryState.WAITING, EntryState.READY})
SLICE = 520  # a thousand in two commits, the last not full; a worker's memory is that of its largest slice


def transform(ctx: Context, *, limit: int = SLICE) -> Progress:
    """Decide what stands in the books for up to `limit` fetched records (with their partners), in one commit."""
    read_open_items(ctx)
    readings = _read_what_it_follows(ctx)
    return undecided.around(
        ctx,
        lambda size: _transform(ctx, readings, limit=size),
        lambda kind: undecided.hold_next_record(ctx, kind),
        limit=limit,
    )


def _read_what_it_follows(ctx: Context) -> dict[int, returned.Reading]:
    """The books are read first where something that is due follows from a document that stands there: a person may just have
    corrected it."""
    with ctx.commit():
        posted = origins.posted_before(ctx)
        is_to_read = not ctx.mirror_fresh and (bool(posted) or halves.are_due_beside_documents(ctx))
    if is_to_read:
        mirror.read_on(ctx)
    return origins.read(ctx, posted)


def _transform(ctx: Context, readings: Mapping[int, returned.Reading], *, limit: int) -> Progress:
    with ctx.commit():
        rivals = sides.join(ctx)
        records = store.records_to_transform(flow_id=ctx.flow_id, limit=limit)
        if not records:
            return Progress.nothing()
        ctx.begin_run()
        standing = _standing([record["id"] for record in records])
        markers = _Markers(ctx, records, standing)
        rules = replace(planning_rules(ctx), booked=halves.booked(ctx, standing.values()), rivals=rivals)

        def decided(paying: frozenset[int]) -> tuple[list[CodedRecord], list[plan.Outcome], since.Then]:
            rows = returned.coded_all(ctx, records, readings=readings, paying=paying)
            return rows, *_decided(ctx, rows, standing, markers, rules)

        rows, outcomes, then = decided(frozenset())
        paying = returned.that_pay(rows, outcomes)
        if paying:
            rows, outcomes, then = decided(paying)
        _write(ctx, records, outcomes, standing, markers, then)
        late.look_again(ctx, rows, standing)
        returned.keep(ctx, rows)
    skipped = sum(isinstance(outcome, Skipped) for outcome in outcomes)
    ctx.counts.update(transformed=len(records), skipped=skipped)
    return Progress(moved=len(records), more=len(records) >= limit)


# ------------------------------------------------------------------- deciding


def _units(rows: Sequence[CodedRecord]) -> Iterable[list[CodedRecord]]:
    """Rows of one event together, in the order of the first of them."""
    units: dict[str | int, list[CodedRecord]] = {}
    for row in rows:
        units.setdefault(_unit_of(row.record), []).append(row)
    return units.values()


def _decided(
    ctx: Context,
    rows: Sequence[CodedRecord],
    standing: Mapping[tuple[int, str], Mapping[str, Any]],
    markers: _Markers,
    rules: plan.Rules,
) -> tuple[list[plan.Outcome], since.Then]:
    """What becomes of each, with what it pays."""

    def planning(unit: Sequence[CodedRecord], by: plan.Rules) -> tuple[plan.Outcome, ...]:
        return _planned(ctx, unit, by, markers)

    units = list(_units(rows))
    outcomes = [outcome for unit in units for outcome in planning(unit, rules)]
    outcomes, then = since.look_back(ctx, units, outcomes, standing, planning=planning, rules=rules)
    paying, then_paying = allocate(ctx, outcomes, markers), allocate(ctx, then.planned, markers)
    return as_it_stands(outcomes, then, paying=paying, then_paying=then_paying, standing=standing)


def _planned(
    ctx: Context, unit: Sequence[CodedRecord], rules: plan.Rules, markers: _Markers
) -> tuple[plan.Outcome, ...]:
    return plan_unit(tuple(part_of(ctx, row) for row in unit), markers=markers, rules=rules)


def part_of(ctx: Context, row: CodedRecord) -> Part:
    wallet = ctx.books.wallets.get(row.record["account_id"])
    bank = ctx.books.chart.account(wallet.bank_account_id) if wallet and wallet.bank_account_id else None
    return Part(
        record_id=row.record["id"],
        transaction=row.transaction,
        coding=row.coding,
        bank=bank,
        ignored=(wallet.reason or "on purpose") if wallet and wallet.ignored else "",
        revision=row.record["revision"],
        other_wallet=_other_wallet(ctx, row),
    )


def _other_wallet(ctx: Context, row: CodedRecord) -> plan.OtherWallet:
    transfer = row.transaction.transfer
    if transfer is None:
        return plan.OtherWallet.NONE
    sides = (transfer.sender_account, transfer.receiver_account)
    other = next((account for account in sides if account != row.record["account_id"]), "")
    wallet = ctx.books.wallets.get(other)
    if wallet is None or not (wallet.ignored or wallet.bank_account_id):
        return plan.OtherWallet.UNDECIDED
    return plan.OtherWallet.LEFT_OUT if wallet.ignored else plan.OtherWallet.MAPPED


def planning_rules(ctx: Context) -> plan.Rules:
    books = ctx.books
    return plan.Rules(
        cutoff=ctx.flow.cutoff,
        base_currency=books.base_currency,
        multi_currency=books.chart.chart.organisation.multi_currency,
        card_date=books.policy("card_date"),
        fx_date=books.policy("fx_date"),
        rounding=books.chart.rounding_account,
        card_incomplete=books.policy("card_incomplete"),
        rate_policy=books.policy("rate"),
        rate_on=None if books.policy("rate") == "xero_day" else books.own_rate,
    )


class _Markers(dict[tuple[int, str], str]):
    """By record and leg, made when asked for: most movements have one leg of four. An entry keeps the marker of its
    generation; what has none yet gets the first."""

    def __init__(
        self,
        ctx: Context,
        records: Iterable[Mapping[str, Any]],
        standing: Mapping[tuple[int, str], Mapping[str, Any]],
    ) -> None:
        self._organisation_id = ctx.connection.external_id
        self._keys = {record["id"]: record["payload"]["key"] for record in records}
        self._standing = standing

    def __missing__(self, place: tuple[int, str]) -> str:
        record_id, leg = place
        self[place] = made = marker(
            self._keys[record_id],
            leg=leg,
            organisation_id=self._organisation_id,
            generation=self._standing.get(place, {}).get("generation", 1),
        )
        return made


# -------------------------------------------------------------------- writing


@dataclass(slots=True)
class _Sorted:
    """What is planned, by what becomes of its entry: written anew, looked at as a change of what stands in the books, or as what
    a linked document may be no longer."""

    fresh: list[dict[str, Any]] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    retold: list[linked.Retold] = field(default_factory=list)


def _write(
    ctx: Context,
    records: Sequence[Mapping[str, Any]],
    outcomes: Sequence[plan.Outcome],
    standing: Mapping[tuple[int, str], dict[str, Any]],
    markers: _Markers,
    then: since.Then,
) -> None:
    outcomes, options = with_options(ctx, outcomes)
    planned = [outcome for outcome in outcomes if isinstance(outcome, Planned)]
    by_record = {record["id"]: record for record in records}
    revisions = _revisions(records)
    links = _links(ctx, planned, by_record)
    its = _Sorted()
    for outcome in sorted(planned, key=lambda it: it.leg == plan.REST):
        if rests.belongs(its.fresh, standing, outcome):
            row: dict[str, Any] = {
                **_entry_row(ctx, outcome, links[_place(outcome)], by_record, options),
                "record_revision": revisions[_unit_of(by_record[outcome.part.record_id])],
                "marker": markers[_place(outcome)],
            }
            _sort(ctx, its, outcome, row, standing.get(_place(outcome)), by_record, then)
    fresh = its.fresh + linked.let_go(ctx, its.retold)
    left_out = {it.part.record_id: it.reason for it in outcomes if isinstance(it, Skipped)}
    moves = linked.withdrawn(standing.values(), left_out)
    moves += amendments(ctx, its.changed, [link for pair in links.values() for link in pair if link is not None])
    moves += withdrawn(ctx, standing, outcomes, left_over=rests.left_behind(standing, planned))
    moves += taken_in(standing, planned)
    if fresh:
        _write_entries(ctx, fresh)
    returned.decide_anew(returned.coded_otherwise(fresh, standing))
    store.move_entries(_with_revisions(moves, standing, by_record, revisions), run_id=ctx.run_id)
    store.settle_records(_record_states(outcomes))


def _links(
    ctx: Context, planned: Sequence[Planned], records: Mapping[int, Mapping[str, Any]]
) -> dict[tuple[int, str], list[ContactLink | None]]:
    """By place: of whom the document is with, and of whom the movement is with."""
    named = {_place(it): (_who(it, records), _counterparty(it, records)) for it in planned}
    of_documents = {who for who, _ in named.values() if who}
    found = links_for(ctx, (who for pair in named.values() for who in pair if who), asked=of_documents)
    return {place: [found.get(who) if who is not None else None for who in pair] for place, pair in named.items()}


def _sort(
    ctx: Context,
    its: _Sorted,
    outcome: Planned,
    row: dict[str, Any],
    old: dict[str, Any] | None,
    records: Mapping[int, Mapping[str, Any]],
    then: since.Then,
) -> None:
    if old is not None and linked.is_outdated(old, row):
        if not since.same_said(said := then.of(outcome), outcome):
            reads, _ = since.carried(ctx, old, row, outcome, said)
            its.retold.append((old, reads, row, outcome.part.transaction.amount))
    elif old is None or _may_rewrite(old, row):
        row["accepted"] = since.still_accepted(ctx, old, records) if old is not None else []
        asked = linked.asked_again() if old is not None and linked.is_put_aside(old) else []
        its.fresh.append({**row, "findings": [*asked, *row["findings"]]})
    elif old["destination_id"] is not None or old["held_back"]:
        row["decided_from"] = _said_now(outcome.part.record_id, records)
        its.changed.append(_changed(ctx, old, row, outcome, then))


def _place(outcome: Planned) -> tuple[int, str]:
    return outcome.part.record_id, outcome.leg


def _changed(ctx: Context, old: Mapping[str, Any], row: dict[str, Any], outcome: Planned, then: since.Then) -> Changed:
    row, carried = since.carried(ctx, old, row, outcome, then.of(outcome))
    left_out = then.left_out.get((outcome.part.record_id, outcome.leg), "")
    anew = then.anew.get(outcome.part.record_id, outcome.document) if carried.document is not None else None
    return Changed(old=old, row=row, outcome=carried, anew=anew, left_out=left_out)


def _said_now(record_id: int, records: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """What the source says of the whole unit."""
    unit = records[record_id]["unit"]
    ids = [pk for pk, record in records.items() if record["unit"] == unit] if unit else [record_id]
    return {str(pk): {**records[pk]["payload"], "account_id": records[pk]["account_id"]} for pk in ids}


def _with_revisions(
    moves: Sequence[dict[str, Any]],
    standing: Mapping[tuple[int, str], Mapping[str, Any]],
    records: Mapping[int, Mapping[str, Any]],
    revisions: Mapping[str | int, int],
) -> list[dict[str, Any]]:
    """What the source says no more is left out, with the word by which it said so; what a person is asked about already, only
    for a newer word."""
    old_of = {old["id"]: old for old in standing.values()}
    kept = []
    for move in moves:
        if move["state"] != EntryState.SKIPPED:
            kept.append(move)
            continue
        old = old_of[move["id"]]
        revision = revisions[_unit_of(records[old["record_id"]])]
        if old["state"] != EntryState.REVIEW or revision > old["record_revision"]:
            kept.append({**move, "record_revision": revision})
    return kept


def _may_rewrite(old: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Nothing was ever sent, and it is the program's to decide: what a person was asked or has put aside is decided anew
    only after the source changed it. (A person's own retry has moved the entry before.)"""
    if old["state"] not in REWRITABLE or old["destination_id"] is not None or old["held_back"]:
        return False
    if row["leg"] == plan.REST and not linked.is_put_aside(old):
        return True  # it follows its payment
    return old["state"] in DECIDED_HERE or row["record_revision"] > old["record_revision"]


def _write_entries(ctx: Context, fresh: Sequence[Mapping[str, Any]]) -> None:
    """Raises ActionRequired where another company of ours already carries the same movements into the same books."""
    try:
        store.write_entries(
            tenant_id=ctx.tenant_id,
            flow_id=ctx.flow_id,
            organisation_id=ctx.connection.external_id,
            run_id=ctx.run_id,
            entries=fresh,
        )
    except IntegrityError as error:
        if "entry_marker" not in str(error):
            raise
        raise ActionRequired(
            "Another company in Millrace already carries these movements into this Xero organisation. "
            "Disconnect one of the two."
        ) from error


def _standing(record_ids: list[int]) -> dict[tuple[int, str], dict[str, Any]]:
    rows = Entry.objects.filter(record_id__in=record_ids).values(
        "id", "record_id", "unit", "leg", "state", "destination_id", "held_back", "document", "record_revision",
        "amount", "currency", "posted_rate", "generation", "contact_id", "destination_type", "marker",
        "note", "findings", "read_back", "other_destination_id", "other_record_id", "bank_account_id",
        "booking_date", "decided_from", "accepted",
    )  # fmt: skip
    return {(row["record_id"], row["leg"]): dict(row) for row in rows}


def _who(outcome: Planned, records: Mapping[int, Mapping[str, Any]]) -> Who | None:
    """Whom the document is with. A name that a rule or an origin gave is somebody else than the source's counterparty."""
    document = outcome.document or outcome.draft
    if not isinstance(document, BankTransaction) or document.contact_id:
        return None  # a payment names none, and a rest has that of its payment
    named = _named(outcome, records)
    return named if document.contact_name == named.name else Who(name=document.contact_name, card=named.card)


def _counterparty(outcome: Planned, records: Mapping[int, Mapping[str, Any]]) -> Who | None:
    """Whom the movement is with, whatever document it becomes; between own wallets, nobody. A rest is no movement."""
    if outcome.leg == plan.REST or outcome.part.transaction.transfer is not None:
        return None
    named = _named(outcome, records)
    if named.name or not isinstance(outcome.document, Payment | BatchPayment):
        return named
    return replace(named, name=clean_contact_name(outcome.document.allocations[0].contact_name))  # nobody else is named


def _named(outcome: Planned, records: Mapping[int, Mapping[str, Any]]) -> Who:
    """As the source names them."""
    transaction, record = outcome.part.transaction, records[outcome.part.record_id]
    return Who(
        name=clean_contact_name(transaction.counterparty.name),
        card=transaction.movement in (Movement.CARD, Movement.CARD_REFUND),
        source_contact=record["source_contact"],
        iban=record["iban"],
        iban_last4=record["iban_last4"],
    )


def _entry_row(
    ctx: Context,
    outcome: Planned,
    links: Sequence[ContactLink | None],
    records: Mapping[int, Mapping[str, Any]],
    options: Mapping[str, TrackingLink],
) -> dict[str, Any]:
    """`links`: of whom the document is with, and of whom the movement is with."""
    transaction, document = outcome.part.transaction, outcome.document or outcome.draft
    link, party = links
    record = records[outcome.part.record_id]
    waits = _seconds_to_wait(outcome, record, now=ctx.now(), patience=ctx.books.partner_patience)
    return {
        "record_id": outcome.part.record_id,
        "other_record_id": outcome.other.record_id if outcome.other else None,
        "leg": outcome.leg,
        "unit": outcome.unit or record["unit"],
        "movement": transaction.movement.value,
        "state": EntryState.WAITING if waits else EntryState.FETCHED,
        "wait": waits,
        "destination_type": _type(outcome),
        "bank_account_id": outcome.part.bank.account_id if outcome.part.bank else "",
        "contact_id": link.pk if link else None,
        "counterparty_id": party.pk if party and party != link else None,
        "option_ids": sorted({options[link_key(choice)].pk for choice in choices_of(document)}),
        "document": documents.to_json(document) if document else None,
        "decisions": _trace(outcome),
        "findings": findings.as_json(outcome.findings),
        "note": {"step": "transform", **({"waits_for": outcome.waits_for} if outcome.waits_for else {})},
        "booking_date": outcome.booking_date.isoformat() if outcome.booking_date else None,
        "amount": str((outcome.amount or transaction.amount).amount),
        "currency": transaction.amount.currency,
    }


def _unit_of(record: Mapping[str, Any]) -> str | int:
    """One's own where it has no partner."""
    unit: str | int = record["unit"] or record["id"]
    return unit


def _revisions(records: Iterable[Mapping[str, Any]]) -> Counter[str | int]:
    """By unit, of the records that its entries are made from: a partner's arrival counts as a revision of both."""
    found: Counter[str | int] = Counter()
    for record in records:
        found[_unit_of(record)] += record["revision"]
    return found


def _seconds_to_wait(outcome: Planned, record: Mapping[str, Any], *, now: datetime, patience: timedelta) -> float:
    """Above zero for what waits: for the first leg's rate (no end), or for a partner (as long as the tenant says). What can be
    asked about a draft is asked first."""
    if not outcome.waits_for or outcome.draft is not None:
        return 0.0
    if outcome.waits_for != "partner":
        return timedelta(days=1).total_seconds()
    changed: datetime | None = record["source_updated_at"]
    return max(0.0, (changed + patience - now).total_seconds()) if changed else 0.0


def _type(outcome: Planned) -> str:
    if outcome.document is not None:
        return outcome.document.kind.value
    return "SPEND" if outcome.part.transaction.amount.amount < 0 else "RECEIVE"


def _trace(outcome: Planned) -> dict[str, Any]:
    trace = {**(outcome.part.coding.trace() if outcome.part.coding else {}), **outcome.told}
    if outcome.rate is None:
        return trace
    used = {"value": str(outcome.rate.value), "version": outcome.rate.version}
    return {**trace, "decisions": [*trace.get("decisions", ()), outcome.rate.decision()], "rate": used}


def _record_states(outcomes: Sequence[plan.Outcome]) -> list[tuple[int, str, str]]:
    states = []
    for outcome in outcomes:
        if isinstance(outcome, Skipped):
            states.append((outcome.part.record_id, RecordState.SKIPPED.value, outcome.reason[:300]))
            continue
        states.append((outcome.part.record_id, RecordState.ENTERED.value, ""))
        if outcome.other is not None:
            states.append((outcome.other.record_id, RecordState.ENTERED.value, ""))
    return states
