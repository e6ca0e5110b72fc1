"""The small proof of a conversion: what its two documents leave on the clearing account, in base currency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.contract.money import ZERO
from connectors.contract.records import DocumentKind
from sync.domain.fx import base_value
from sync.models import Entry, Leg


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearingLeg:
    """One document's part: its clearing line in its own currency, the rate, and what that is in base currency."""

    entry: Entry
    amount: Decimal
    currency: str
    rate: Decimal | None
    base: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearingProof:
    """`rest` is None while a rate is not known yet, because the destination chooses it when the first document arrives."""

    legs: Sequence[ClearingLeg]
    rest: Decimal | None

    @property
    def is_zero(self) -> bool:
        return self.rest == 0


def clearing_proof(entries: Sequence[Entry], *, base_currency: str) -> ClearingProof | None:
    """None where the entries are no pair of a conversion, or a document of it is not made yet."""
    pair = [entry for entry in entries if entry.leg in (Leg.SOLD, Leg.BOUGHT) and (entry.document or {}).get("lines")]
    if len(pair) != 2:
        return None
    legs = [_leg(entry, base_currency) for entry in pair]
    known = [leg.base for leg in legs if leg.base is not None]
    return ClearingProof(legs=legs, rest=sum(known, ZERO) if len(known) == len(legs) else None)


def _leg(entry: Entry, base_currency: str) -> ClearingLeg:
    document: dict[str, Any] = entry.document or {}
    sign = -1 if document["kind"] == DocumentKind.RECEIVE else 1
    amount = sign * Decimal(document["lines"][0]["amount"])
    rate = _rate(entry)
    base = amount if document["currency"] == base_currency else base_value(amount, rate) if rate else None
    shown = None if document["currency"] == base_currency else rate
    return ClearingLeg(entry=entry, amount=amount, currency=document["currency"], rate=shown, base=base)


def _rate(entry: Entry) -> Decimal | None:
    """The rate as the destination echoed it, else the one that was or will be sent."""
    planned = (entry.document or {}).get("rate")
    return entry.posted_rate or (Decimal(planned) if planned else None)
