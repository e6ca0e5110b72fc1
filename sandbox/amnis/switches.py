"""What the vendor's documents leave open: each question is a switch, so that a client is tried against every answer."""

from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any


class Envelope(StrEnum):
    ARRAY = "array"
    DATA = "data"
    HYDRA = "hydra"


class CardLifecycle(StrEnum):
    IN_PLACE = "in_place"
    NEW_ROW = "new_row"


class BetweenPages(StrEnum):
    """What happens to the ledger after a full page of transactions was served."""

    NOTHING = "nothing"
    INSERT = "insert"  # a new pay-in arrives
    TOUCH = "touch"  # the first row of the served page changes, so its updatedAt moves behind the last page


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """Defaults are the current documentation where it speaks, else the assumptions A1 to A33 of `connectors/amnis`."""

    collection_envelope: Envelope = Envelope.ARRAY
    signed_amounts: bool = True
    card_lifecycle: CardLifecycle = CardLifecycle.IN_PLACE
    auto_exchange: bool = False
    issue_refresh_tokens: bool = False
    token_ttl: int = 3600
    ids_as_strings: bool = False
    balances_as_numbers: bool = False
    embed_details: bool = True
    latency_ms: int = 0
    between_pages: BetweenPages = BetweenPages.NOTHING
    requests_per_second: int = 10  # 0 switches the limiter off
    failed_logins: int = 5  # failed token requests of one client in 15 minutes before 429
    payment_scope: bool = False  # without it nobody can create a payment
    accounting_scope: bool = True  # without it the expense master data answers 403

    def with_changes(self, changes: dict[str, Any]) -> "Switches":
        """Accepts JSON and form values; ValueError names an unknown switch or a value that does not fit."""
        return replace(self, **{name: _read(name, value) for name, value in changes.items()})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


_DEFAULTS = Switches()
_TRUE, _FALSE = {"true", "1", "on", "yes"}, {"false", "0", "off", "no", ""}


def _read(name: str, value: object) -> Any:
    if name not in {field.name for field in fields(Switches)}:
        raise ValueError(f"unknown switch {name!r}")
    default = getattr(_DEFAULTS, name)
    text = str(value).strip().lower()
    if isinstance(default, bool):
        return _read_bool(name, text)
    if isinstance(default, StrEnum):
        return type(default)(text)
    if not text.isdecimal():
        raise ValueError(f"{name} takes a whole number of at least 0, not {value!r}")
    return int(text)


def _read_bool(name: str, text: str) -> bool:
    if text not in _TRUE | _FALSE:
        raise ValueError(f"{name} is true or false, not {text!r}")
    return text in _TRUE
