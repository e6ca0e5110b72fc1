"""The small proof of a conversion: what its two documents leave on the clearing account, in base currency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.contract.money import ZERO
from connectors.contract.records import DocumentKind
from sync import store_deals
from sync.domain.clearing import OpenDeal, open_deals
from sync.domain.fx import base_value
from sync.models import Amendment, Entry, Flow, Leg
from sync.models.amendment import ON_THE_WAY, OPEN_AMENDMENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearingLeg:
    """One document of the pair. Signed as the accounts see it (debit positive), in the document's currency; `base` is the
    clearing line in base currency. `rate` is None on a document in base currency."""

    entry: Entry
    day: date
    currency: str
    bank: Decimal
    clearing: Decimal
    rounding: Decimal
    rate: Decimal | None
    base: Decimal | None
    rounding_base: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingChange:
    """What Amnis changed of one document of the pair, while that one stands as it was posted. `rate` and `total`: (as it
    stands, as Amnis calls for), where they differ; `others`: what else does, by its field's name."""

    leg: ClearingLeg
    rate: tuple[Decimal, Decimal] | None = None
    total: tuple[Decimal, Decimal] | None = None
    others: Sequence[str] = ()
    is_withdrawn: bool = False
    on_the_way: bool = False  # a person applied it


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearingProof:
    """`rest` is None while a rate is not known yet, because the destination chooses it when the first document arrives.

    The legs are as we made them; `left` is told where what stands in the books leaves another sum."""

    legs: Sequence[ClearingLeg]
    rest: Decimal | None
    left: OpenDeal | None
    waiting: Sequence[WaitingChange] = ()

    @property
    def is_zero(self) -> bool:
        return self.rest == 0 and self.left is None

    @property
    def foreign(self) -> Sequence[ClearingLeg]:
        return [leg for leg in self.legs if leg.rate is not None]

    @property
    def rounded(self) -> Sequence[ClearingLeg]:
        return [leg for leg in self.legs if leg.rounding]


def clearing_proof(entries: Sequence[Entry], *, flow: Flow) -> ClearingProof | None:
    """None where the entries are no pair of a conversion, or a document of it is not made yet. Two queries for a pair."""
    base_currency = flow.destination.base_currency if flow.destination else ""
    pair = [entry for entry in entries if entry.leg in (Leg.SOLD, Leg.BOUGHT) and (entry.document or {}).get("lines")]
    if len(pair) != 2:
        return None
    legs = [_leg(entry, base_currency) for entry in sorted(pair, key=lambda entry: entry.leg == Leg.BOUGHT)]
    known = [leg.base for leg in legs if leg.base is not None]
    rest = sum(known, ZERO) if len(known) == len(legs) else None
    return ClearingProof(legs=legs, rest=rest, left=_left(pair[0].unit, flow, base_currency), waiting=_waiting(legs))


def _waiting(legs: Sequence[ClearingLeg]) -> list[WaitingChange]:
    """The changes that are proposed, or on their way, in the order of the legs."""
    entries = [leg.entry.pk for leg in legs]
    found = {it.entry_id: it for it in Amendment.objects.filter(entry__in=entries, state__in=OPEN_AMENDMENTS)}
    return [_change(leg, found[leg.entry.pk]) for leg in legs if leg.entry.pk in found]


def _change(leg: ClearingLeg, amendment: Amendment) -> WaitingChange:
    on_the_way = amendment.state in ON_THE_WAY
    if amendment.wanted is None:
        return WaitingChange(leg=leg, is_withdrawn=True, on_the_way=on_the_way)
    rate, total = amendment.wanted.get("rate"), Decimal(amendment.wanted["total"])
    rates = (leg.rate, Decimal(rate)) if rate and leg.rate else None
    named = ("rate", "total", "lines") if total != abs(leg.bank) else ("rate", "total")  # lines follow the total
    return WaitingChange(
        leg=leg,
        rate=rates if rates and rates[0] != rates[1] else None,
        total=(abs(leg.bank), total) if total != abs(leg.bank) else None,
        others=[name for name, *_ in amendment.changed if name not in named],
        on_the_way=on_the_way,
    )


def _left(unit: str, flow: Flow, base_currency: str) -> OpenDeal | None:
    rows = store_deals.open_clearing(
        flow_id=flow.pk, connection_id=flow.destination_id or 0, base_currency=base_currency, units=[unit]
    )
    return next((deal for deal in open_deals(rows, base_currency=base_currency) if not deal.is_moving), None)


def _leg(entry: Entry, base_currency: str) -> ClearingLeg:
    document: dict[str, Any] = entry.document or {}
    sign = -1 if document["kind"] == DocumentKind.RECEIVE else 1
    clearing, *others = [sign * Decimal(line["amount"]) for line in document["lines"]]
    rounding, in_base = sum(others, ZERO), document["currency"] == base_currency
    rate = None if in_base else _rate(entry)
    return ClearingLeg(
        entry=entry,
        day=date.fromisoformat(document["date"]),
        currency=document["currency"],
        bank=-sign * Decimal(document["total"]),
        clearing=clearing,
        rounding=rounding,
        rate=rate,
        base=clearing if in_base else _in_base(clearing, rate),
        rounding_base=rounding if in_base else _in_base(rounding, rate),
    )


def _in_base(amount: Decimal, rate: Decimal | None) -> Decimal | None:
    return base_value(amount, rate) if rate else None


def _rate(entry: Entry) -> Decimal | None:
    """The rate as the destination echoed it, else the one that was or will be sent."""
    planned = (entry.document or {}).get("rate")
    return entry.posted_rate or (Decimal(planned) if planned else None)
