"""What a form or a JSON body asks for, read strictly. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


class Mistake(ValueError):
    """The visitor's input does not hold; the text says what and is meant for them."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Named values; an empty string counts as missing."""

    values: Mapping[str, Any]

    def given(self, name: str) -> Any:
        """The raw value; None where it is missing or empty."""
        value = self.values.get(name)
        return None if value == "" else value

    def text(self, name: str, default: str | None = None) -> str:
        value = self.given(name)
        if value is None:
            if default is None:
                raise Mistake(f"{name} is missing")
            return default
        return str(value)

    def number(self, name: str, default: int | None = None) -> int:
        text = self.text(name, None if default is None else str(default))
        if not text.lstrip("-").isdecimal():
            raise Mistake(f"{name} is a whole number, not {text!r}")
        return int(text)

    def real(self, name: str, default: float) -> float:
        try:
            return float(self.text(name, str(default)))
        except ValueError:
            raise Mistake(f"{name} is a number") from None

    def flag(self, name: str) -> bool:
        return str(self.given(name) or "").lower() in {"1", "true", "on", "yes"}

    def day(self, name: str) -> date | None:
        value = self.given(name)
        try:
            return None if value is None else date.fromisoformat(str(value))
        except ValueError:
            raise Mistake(f"{name} is a date such as 2026-03-31") from None


def moment(value: str) -> date | datetime:
    """A date, or a moment with its zone."""
    try:
        return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    except ValueError:
        raise Mistake(f"{value!r} is neither a date nor a moment") from None
