"""Movements that pay invoices and bills: the open ones are read by delta, matched, claimed, and become payments.

Reading asks the vendor, so it comes before a step's transaction; matching and claiming happen inside it, so that no two
movements of a slice pay one invoice twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q

from connectors.contract.errors import Finding, Severity
from connectors.contract.money import ZERO, Money, round_half_up
from connectors.contract.records import Account, Allocation, BankTransaction, Movement, OpenItem
from sync import store_mirror
from sync.domain import invoices, payments, plan, rests
from sync.domain.coding_case import DecidedBy, Decision
from sync.domain.fingerprint import identity_digest
from sync.domain.invoices import Found, Proposal, Receipt
from sync.domain.open_items import OpenItems
from sync.domain.payments import PAYMENT_TYPES
from sync.domain.plan import Planned
from sync.domain.rate_tables import UsedRate
from sync.models import Entry, EntryState, MirrorInvoice, Record, RecordState
from sync.pipeline import mirror, shown_rates
from sync.pipeline.contact_links import Who, contacts_of
from sync.pipeline.context import Context
from sync.pipeline.rests import place_of_rests
from sync.pipeline.shown_rates import ShownRates

PAYS = frozenset({Movement.PAY_IN, Movement.PAY_OUT, Movement.PEER})
UNDER_WAY = (EntryState.FETCHED, EntryState.WAITING, EntryState.READY, EntryState.IN_FLIGHT, EntryState.UNCONFIRMED)
REMEMBERED = timedelta(days=90)  # paid or voided ones, to say so when a movement names one; older movements: longer
WATERMARK = "Invoices"
PAID_FROM = "PaidInvoices"  # since when those that are not open any more were read, beside the watermark
_NEVER_READ = "9999"


# --------------------------------------------------------------------- reading


def read_open_items(ctx: Context) -> None:
    """Read what changed among invoices and bills, if a movement waits that may pay one. No transaction is open."""
    if ctx.items_fresh or ctx.books.policy("match_invoices") == "off" or not _anything_may_pay(ctx):
        return
    watermark = ctx.flow.mirror_watermarks.get(WATERMARK)
    for page in filter(None, pages(ctx)):
        with ctx.commit():
            keep(ctx, page)
        stamps = [item.updated_at.isoformat() for item in page if item.updated_at]
        watermark = max([*stamps, *([watermark] if watermark else [])], default=None)
    read = {WATERMARK: watermark, PAID_FROM: _first_day(ctx).isoformat()}
    known = ctx.flow.mirror_watermarks | {name: at for name, at in read.items() if at}
    if known != ctx.flow.mirror_watermarks:
        with ctx.commit():
            ctx.store_flow(mirror_watermarks=known)
    ctx.items_fresh = True


def _anything_may_pay(ctx: Context) -> bool:
    with ctx.commit():
        waiting = Record.objects.filter(flow=ctx.flow, state=RecordState.FETCHED)
        return waiting.filter(movement__in=[movement.value for movement in PAYS]).exists()


def pages(ctx: Context) -> Iterator[tuple[OpenItem, ...]]:
    """Every change since the last reading. The first time what is open, and what changed since the first day: a movement of
    these days may be the money of an invoice that somebody has settled by hand before we read any."""
    stored = ctx.flow.mirror_watermarks.get(WATERMARK)
    first = _first_day(ctx)
    if stored is None:
        yield from ctx.destination.open_items(since=None)
    if ctx.flow.mirror_watermarks.get(PAID_FROM, _NEVER_READ) > first.isoformat():
        yield from ctx.destination.open_items(since=first)
    elif stored is not None:
        since = datetime.fromisoformat(stored) - ctx.timing.quarantine - ctx.timing.margin
        yield from ctx.destination.open_items(since=since)


def _first_day(ctx: Context) -> datetime:
    """From when on an invoice that was paid may have been paid with a movement that we post."""
    return _midnight(ctx.flow.cutoff) - mirror.FIRST_LOAD


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


def keep(ctx: Context, page: Sequence[OpenItem]) -> None:
    """Write what was read. From the first item on, payments may be sent. Inside `commit`."""
    if not page:
        return
    store_mirror.upsert_invoices(
        tenant_id=ctx.tenant_id, connection_id=ctx.connection.pk, invoices=[_as_row(item) for item in page]
    )
    ctx.uses_payments = True


def _as_row(item: OpenItem) -> dict[str, Any]:
    return {
        "invoice_id": item.invoice_id,
        "sales": item.sales,
        "number": item.number[:255],
        "reference": item.reference[:255],
        "contact_id": item.contact_id,
        "contact_name": item.contact_name[:500],
        "total": str(item.total.amount),
        "due": str(item.due),
        "currency": item.total.currency,
        "date": item.date.isoformat(),
        "due_date": item.due_date.isoformat() if item.due_date else None,
        "rate": None if item.rate is None else str(item.rate),
        "status": item.status[:12],
        "paid_by": list(item.paid_by),
        "updated_at": item.updated_at.isoformat() if item.updated_at else None,
    }


# -------------------------------------------------------------------- matching


def allocate(
    ctx: Context, outcomes: Sequence[plan.Outcome], markers: Mapping[tuple[int, str], str]
) -> list[plan.Outcome]:
    """The same outcomes; those that pay something carry a payment, or the proposals that a person chooses from.

    A payment that leaves a rest is followed by the document of that rest. `markers`: by record and leg.
    Inside `commit`; at most five statements, none where nothing may pay.
    """
    may_pay = [outcome for outcome in outcomes if isinstance(outcome, Planned) and _may_pay(outcome)]
    if not may_pay or not mirror.uses_payments(ctx):
        return list(outcomes)
    matcher = _matcher(ctx, may_pay, markers)
    decided = {id(outcome): matcher.decide(outcome) for outcome in may_pay}
    return [it for outcome in outcomes for it in decided.get(id(outcome), (outcome,))]


def _may_pay(outcome: Planned) -> bool:
    """A plain movement on a mapped account whose only obstacles are of its coding, which a payment needs none of."""
    part = outcome.part
    if part.transaction.movement not in PAYS or part.bank is None or part.coding is None or outcome.other is not None:
        return False
    of_coding = {finding.code for finding in part.coding.findings} | {"rate_missing", "review_by_rule"}
    against = {finding.code for finding in outcome.findings if finding.severity is Severity.REVIEW}
    return outcome.booking_date is not None and not outcome.waits_for and against <= of_coding


def _matcher(ctx: Context, may_pay: Sequence[Planned], markers: Mapping[tuple[int, str], str]) -> _Matcher:
    standing = Entry.objects.filter(record_id__in=[it.part.record_id for it in may_pay], leg=plan.MAIN).values(
        "record_id", "state", "destination_id", "document", "chosen_invoices", "accepted", "unit"
    )
    policy = ctx.books.policy("match_invoices")
    return _Matcher(
        items=_open_items(ctx, may_pay),
        links=_links(ctx, may_pay),
        standing={row["record_id"]: dict(row) for row in standing},
        markers=markers,
        policy=policy,
        threshold=ctx.books.match_threshold,
        base_currency=ctx.books.base_currency,
        own_rate=ctx.books.own_rate,
        booked=shown_rates.read(ctx, may_pay),
        place=place_of_rests(ctx),
        parts_rests=ctx.books.policy("overpaid") == "suspense",
    )


def _open_items(ctx: Context, may_pay: Sequence[Planned]) -> OpenItems:
    sides = {outcome.part.transaction.amount.amount > 0 for outcome in may_pay}
    earliest = min(outcome.booking_date for outcome in may_pay if outcome.booking_date is not None)
    recent = Q(updated_at__gte=min(ctx.now() - REMEMBERED, _midnight(earliest) - mirror.FIRST_LOAD))
    rows = MirrorInvoice.objects.filter(connection=ctx.connection, sales__in=sides)
    found = [_as_item(row) for row in rows.filter(Q(status="AUTHORISED") | recent).values()]
    return OpenItems.of(found, taken=_claimed(ctx, may_pay, {item.invoice_id: item for item in found}))


def _as_item(row: Mapping[str, Any]) -> OpenItem:
    return OpenItem(
        invoice_id=row["invoice_id"],
        sales=row["sales"],
        number=row["number"],
        reference=row["reference"],
        contact_id=row["contact_id"],
        contact_name=row["contact_name"],
        total=Money(amount=_cents(row["total"]), currency=row["currency"]),
        due=_cents(row["due"]),
        date=row["date"],
        due_date=row["due_date"],
        rate=row["rate"],
        status=row["status"],
        paid_by=tuple(row["paid_by"]),
        updated_at=row["updated_at"],
    )


def _cents(stored: Decimal) -> Decimal:
    """The table keeps four digits, the books two."""
    return round_half_up(stored, 2)


def _claimed(ctx: Context, may_pay: Sequence[Planned], items: Mapping[str, OpenItem]) -> dict[str, Decimal]:
    """What payments under way will pay, as far as the invoices do not show them yet."""
    others = Entry.objects.filter(flow=ctx.flow, destination_type__in=PAYMENT_TYPES, state__in=UNDER_WAY)
    own = {outcome.part.record_id for outcome in may_pay}
    claimed: dict[str, Decimal] = {}
    for record_id, marker, document in others.values_list("record_id", "marker", "document"):
        for part in (document or {}).get("allocations", ()) if record_id not in own else ():
            item = items.get(part["invoice_id"])
            if item is not None and marker not in item.paid_by:
                claimed[item.invoice_id] = claimed.get(item.invoice_id, ZERO) + Decimal(part["amount"])
    return claimed


def _links(ctx: Context, may_pay: Sequence[Planned]) -> dict[int, str]:
    """By record our own link of its counterparty, by name or by what else tells it apart, to a contact in the books."""
    whos = {outcome.part.record_id: _who(ctx, outcome) for outcome in may_pay}
    linked = contacts_of(ctx, whos.values())
    return {record_id: linked.get(who, "") for record_id, who in whos.items()}


def _who(ctx: Context, outcome: Planned) -> Who:
    other, books = outcome.part.transaction.counterparty, ctx.connection.external_id
    return Who(
        name=other.name,
        source_contact=identity_digest("source", other.source_contact_id, organisation_id=books),
        iban=identity_digest("iban", other.iban, organisation_id=books),
    )


class _Matcher:
    """Decides movement by movement, in their order; what one of them pays, the next one cannot pay again."""

    def __init__(
        self,
        *,
        items: OpenItems,
        links: Mapping[int, str],
        standing: Mapping[int, Mapping[str, Any]],
        markers: Mapping[tuple[int, str], str],
        policy: str,
        threshold: int,
        base_currency: str,
        own_rate: Callable[[str, date], UsedRate | None],
        booked: ShownRates,
        place: Account | None,
        parts_rests: bool,
    ) -> None:
        self._items, self._links, self._standing, self._markers = items, links, standing, markers
        self._policy, self._threshold = policy, threshold
        self._base_currency, self._own_rate, self._booked = base_currency, own_rate, booked
        self._place, self._parts_rests = place, parts_rests and place is not None
        self._lacks_place = parts_rests and place is None
        self._currencies = {item.total.currency for item in items.by_id.values()} - {base_currency}

    def decide(self, outcome: Planned) -> tuple[Planned, ...]:
        """The movement as one document, or as a payment and its rest."""
        decided = self._decide(outcome)
        if decided.amount is None or self._place is None:
            return (decided,)
        marker = self._markers[outcome.part.record_id, plan.REST]
        return decided, rests.rest_of(decided, account=self._place, marker=marker)

    def _decide(self, outcome: Planned) -> Planned:
        old = self._standing.get(outcome.part.record_id, {})
        document = old.get("document") or {}
        if document.get("kind") in PAYMENT_TYPES and (old["destination_id"] or old["state"] in _SENT):
            parted = old["unit"].startswith(rests.UNIT)
            return self._paying(outcome, payments.allocations_of(document), told={}, findings=(), parted=parted)
        if self._policy == "off" and not old.get("chosen_invoices"):
            return outcome
        if invoices.DOUBTS & set(old.get("accepted") or ()):
            return outcome
        found = invoices.find(self._receipt(outcome), self._items, rest_has_place=self._parts_rests)
        if self._lacks_place and any(finding.code == "overpaid" for finding in found.findings):
            found = replace(found, findings=(*found.findings, _NO_PLACE))
        if old.get("chosen_invoices"):
            return self._chosen(outcome, old["chosen_invoices"], found)
        best = invoices.choose(found, threshold=self._threshold) if self._policy == "auto" else None
        return self._suggesting(outcome, found) if best is None else self._by_itself(outcome, best, found)

    def _receipt(self, outcome: Planned) -> Receipt:
        transaction, coding = outcome.part.transaction, outcome.part.coding
        then = coding.hit.rule.then if coding and coding.hit else None
        assert outcome.booking_date is not None
        return Receipt(
            amount=abs(transaction.amount),
            incoming=transaction.amount.amount > 0,
            day=outcome.booking_date,
            reference=transaction.reference,
            text=transaction.text,
            name=transaction.counterparty.name,
            contact_id=self._links.get(outcome.part.record_id, ""),
            coded=bool(then and (then.account or then.split)),
            base_currency=self._base_currency,
            rates=self._rates(transaction.amount.currency, outcome.booking_date),
        )

    def _rates(self, wallet: str, day: date) -> dict[str, Decimal]:
        """To compare currencies with: the tenant's own rate of that day, else the one that the books showed last."""
        found = {}
        for currency in {wallet, *self._currencies} - {self._base_currency}:
            used = self._own_rate(currency, day)
            rate = used.value if used is not None else self._booked.on(currency, day)
            if rate is not None:
                found[currency] = rate
        return found

    def _by_itself(self, outcome: Planned, best: Proposal, found: Found) -> Planned:
        why = f"score {best.score} of {invoices.FULL}: {'; '.join(best.reasons)}"
        told = self._told(best, DecidedBy.POLICY, why)
        return self._paying(outcome, best.allocations, told=told, findings=found.findings, parted=best.over > 0)

    def _chosen(self, outcome: Planned, chosen: Sequence[Mapping[str, Any]], found: Found) -> Planned:
        """A person's choice, if the books still allow it."""
        total = abs(outcome.part.transaction.amount)
        parts = payments.parts_of(chosen, self._items)
        proposal = next((it for it in found.proposals if it.allocations == parts), None)
        over = proposal.over if proposal else ZERO
        problem = "It is no longer in the books."
        if parts:
            problem = payments.obstacle(parts, total=total, items=self._items, over=over)
        if problem or parts is None:
            finding = Finding(code="choice_gone", message=f"The chosen invoice cannot be paid any more. {problem}")
            return self._suggesting(outcome, replace(found, findings=(finding, *found.findings)))
        proposal = proposal or Proposal(pays=invoices.Pays.PART, allocations=parts, score=0, reasons=())
        told = self._told(proposal, DecidedBy.PERSON, "; ".join(("a person chose it", *proposal.reasons)))
        notes = tuple(finding for finding in found.findings if finding.severity is not Severity.REVIEW)
        return self._paying(outcome, parts, told=told, findings=notes, parted=over > 0)

    def _told(self, proposal: Proposal, by: DecidedBy, why: str) -> dict[str, Any]:
        """A payment has no coding of its own: what it pays is the decision."""
        numbers = ", ".join(part.number for part in proposal.allocations)
        decision = Decision(field="invoice", value=numbers, by=by, why=why)
        return {"decisions": [decision.to_json()], "rule": None, "payment": invoices.to_json(proposal, self._items)}

    def _paying(
        self,
        outcome: Planned,
        parts: tuple[Allocation, ...],
        *,
        told: Mapping[str, Any],
        findings: tuple[Finding, ...],
        parted: bool,
    ) -> Planned:
        """`parted`: what is more than these parts is booked apart, so the payment is of these parts alone."""
        marker = self._markers[outcome.part.record_id, plan.MAIN]
        self._items.take(parts, marker=marker)
        transaction, bank = outcome.part.transaction, outcome.part.bank
        assert bank is not None
        assert outcome.booking_date is not None
        plain = outcome.document if isinstance(outcome.document, BankTransaction) else None
        rate = self._rate(outcome, parts)
        share = rests.share_of(parts, transaction.amount) if parted else transaction.amount
        parted = parted and abs(share).amount < abs(transaction.amount).amount
        document = payments.payment(
            parts,
            bank_account_id=bank.account_id,
            amount=share if parted else transaction.amount,
            day=outcome.booking_date,
            reference=plain.reference if plain else transaction.reference or transaction.text,
            marker=marker,
            rate=rate.value if rate else None,
        )
        needed = {"review_by_rule"} | ({"rate_missing"} if _in_one_currency(parts, transaction.amount) else set())
        kept = tuple(finding for finding in outcome.findings if finding.code in needed)
        paying = replace(outcome, document=document, findings=(*kept, *findings), told=told, rate=rate)
        return replace(paying, amount=share, unit=rests.unit_of(outcome.part.record_id)) if parted else paying

    def _rate(self, outcome: Planned, parts: Sequence[Allocation]) -> UsedRate | None:
        """The tenant's own rate, on a foreign wallet whose invoices are in its own currency."""
        amount = outcome.part.transaction.amount
        assert outcome.booking_date is not None
        if amount.currency == self._base_currency or not _in_one_currency(parts, amount):
            return None
        return outcome.rate or self._own_rate(amount.currency, outcome.booking_date)

    def _suggesting(self, outcome: Planned, found: Found) -> Planned:
        if not found.proposals and not found.findings:
            return outcome
        said = list(found.findings)
        if found.proposals and not any(finding.severity is Severity.REVIEW for finding in said):
            said.insert(0, Finding(code="invoice_found", message=_suggestion(found.proposals[0])))
        told = {"proposals": [invoices.to_json(proposal, self._items) for proposal in found.proposals]}
        return replace(outcome, findings=(*said, *outcome.findings), told=told)


_NO_PLACE = Finding(
    code="default_missing",
    message="Your settings put what is paid too much on the suspense account, and none that can be used is set. Choose one "
    "in the settings, then retry.",
    detail="suspense",
)
_SENT = (EntryState.IN_FLIGHT, EntryState.UNCONFIRMED, EntryState.CONFIRMED)


def _in_one_currency(parts: Sequence[Allocation], amount: Money) -> bool:
    return all(part.currency == amount.currency for part in parts)


def _suggestion(best: Proposal) -> str:
    numbers = ", ".join(part.number or "an invoice without a number" for part in best.allocations)
    who = best.allocations[0].contact_name
    return (
        f"This looks like the payment of {numbers} ({who}): {'; '.join(best.reasons)}. Choose what it pays, or book it as it "
        "is."
    )
