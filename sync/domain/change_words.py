"""What Amnis changed of a posted movement, as a bookkeeper reads it. Pure."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

_AMOUNT = re.compile(r"(?<!\S)-?\d+\.\d+(?!\S)", re.ASCII)
_WORDS = {
    "document": "the document",
    "kind": "the kind of document",
    "total": "amount",
    "contact_name": "contact",
    "bank_account_id": "the bank account",
    "from_account_id": "the account it leaves",
    "to_account_id": "the account it reaches",
}
_KEYS = {"bank_account_id", "from_account_id", "to_account_id"}  # their values say nothing to a person


def told(fields: Iterable[Sequence[str]]) -> str:
    """ "amount: 6,490.05 → 6,485.05; the bank account". `fields`: (field, posted, now), as a proposal names them."""
    return "; ".join(_told(name, posted, now) for name, posted, now in fields)


def _told(name: str, posted: str, now: str) -> str:
    word = _WORDS.get(name, name)
    return word if name in _KEYS else f"{word}: {grouped(name, posted)} → {grouped(name, now)}"


def grouped(name: str, value: str) -> str:
    """The value of a field with its amounts in groups of three digits; a rate and a name stay as they are."""
    if name not in {"total", "lines"}:
        return value
    return _AMOUNT.sub(lambda found: f"{Decimal(found[0]):,}", value)
