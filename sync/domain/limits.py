"""What a tenant wants to look at first: the `review` settings, read once. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.contract.errors import Severity

AMOUNTS = ("amount_over", "new_counterparty_over", "new_iban_over")
# What a remark does: the first one is the default.
ACTS: Mapping[str, tuple[str, ...]] = {
    "unusual": ("note", "hold", "off"),
    "repeated": ("note", "hold", "off"),
    "card_hours": ("note", "hold", "off"),
}
# default, lowest, highest
NUMBERS: Mapping[str, tuple[int, int, int]] = {
    "unusual_score": (6, 2, 100),
    "unusual_after": (8, 3, 60),
    "repeated_days": (3, 0, 31),
    "quiet_from": (23, 0, 23),
    "quiet_to": (5, 0, 23),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`amounts`: by setting and currency. `acts`: note, hold or off. `numbers`: scores, counts, days, hours."""

    amounts: Mapping[str, Mapping[str, Decimal]]
    acts: Mapping[str, str]
    numbers: Mapping[str, int]

    @classmethod
    def of(cls, review: Mapping[str, Any]) -> Limits:
        """From the settings as stored; what they leave out is the default."""
        return cls(
            amounts={
                name: {currency: Decimal(str(limit)) for currency, limit in (review.get(name) or {}).items()}
                for name in AMOUNTS
            },
            acts={name: str(review.get(name) or known[0]) for name, known in ACTS.items()},
            numbers={name: int(review.get(name, default)) for name, (default, _low, _high) in NUMBERS.items()},
        )

    def amount(self, name: str, currency: str) -> Decimal | None:
        """The amount above which a person looks first; None where none is set for this currency."""
        return self.amounts[name].get(currency)

    def severity(self, name: str) -> Severity | None:
        """How much a remark weighs; None where it is switched off."""
        return {"note": Severity.NOTE, "hold": Severity.REVIEW}.get(self.acts[name])
