"""What a payment pays, as one comparable word: the destination's record and ours are the same when the words are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from decimal import Decimal

from connectors.contract.money import ZERO

_CENT = Decimal("0.01")


def allocations_hash(parts: Iterable[tuple[str, Decimal]]) -> str:
    """Which invoices (by id, whatever the case) are paid with how much, whatever the order; "" for none at all."""
    rows = sorted(f"{invoice.lower()}|{format((amount + ZERO).quantize(_CENT), 'f')}" for invoice, amount in parts)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest() if rows else ""
