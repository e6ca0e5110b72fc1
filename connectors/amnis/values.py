"""How Amnis writes ids, amounts, moments and texts, and what never leaves this folder (links that open doors). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from connectors.contract.money import MoneyError, decimal_of

Wire = Mapping[str, Any]
_SECRET_LINK = re.compile(r"(?i)magic.?link|(public|share|upload|signed).?(link|url)")
_ADDRESS = re.compile(r"(?i)https?://\S+")
_OPENS_A_DOOR = re.compile(r"(?i)expenses-public|[?&](token|signature|sig)=")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_CREDITOR_REFERENCE = re.compile(r"\bRF[0-9]{2}(?: ?[A-Z0-9]{1,21})+")  # on paper in groups of four
_QR_REFERENCE = re.compile(r"(?<![0-9])[0-9](?: ?[0-9]){26}(?! ?[0-9])")
_YEARS = range(2000, 2101)


def text(value: object) -> str:
    """A string without blanks around it; "" for anything else, numbers as they are written."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else ""


def identifier(value: object) -> str:
    """An id as text, whether it came as a number, a string, an IRI or an object. "" is no id (A26)."""
    if isinstance(value, dict):
        return identifier(value.get("id") or value.get("@id"))
    return text(value).rsplit("/", 1)[-1]


def part(value: object, key: str) -> Wire:
    """The object under `key`; an empty one where there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def parts(value: object) -> list[Wire]:
    """The objects of a list; of an object that stands where a list should be, that object; else none."""
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def flag(value: object) -> bool | None:
    """True or false, also as 1, 0, "true", "false"; None for anything else."""
    known = {"true": True, "1": True, "false": False, "0": False}
    return known.get(str(value).lower()) if isinstance(value, bool | int | str) else None


def amount(value: object) -> Decimal | None:
    """A decimal amount of any shape; None for what is no amount."""
    try:
        return decimal_of(value.strip() if isinstance(value, str) else value)
    except MoneyError:
        return None


def moment(value: object) -> datetime | None:
    """ISO 8601; without a zone it is UTC (A11). None for what is no moment, or lies in an impossible year."""
    return _moment(value.strip()) if isinstance(value, str) else None


@lru_cache(maxsize=4096)  # the same moments stand in a row and its detail, and are asked for again and again
def _moment(written: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(written)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if found.year in _YEARS else None


def day(value: object, zone: ZoneInfo) -> date | None:
    """The calendar day in the tenant's zone; a date without a time stays that date. None for what is none."""
    found = moment(value)
    if found is None:
        return None
    return found.date() if _DATE.fullmatch(str(value).strip()) else found.astimezone(zone).date()


def structured_reference(*texts: str) -> str:
    """The first QR or creditor reference with correct check digits in these texts, without blanks; "" for none."""
    for found in texts:
        for candidate in _QR_REFERENCE.findall(found):
            if _qr_is_valid(compact := candidate.replace(" ", "")):
                return str(compact)
        for candidate in _CREDITOR_REFERENCE.findall(found.upper()):
            if reference := _creditor_reference_in(candidate):
                return reference
    return ""


def storable(value: Any) -> Any:
    """The same as plain JSON: decimals as strings; links that open a door without a password are gone."""
    if isinstance(value, str):
        return _ADDRESS.sub(_without_secret, value) if "://" in value else value
    if value is None:
        return None
    if isinstance(value, dict):
        return {key: storable(item) for key, item in value.items() if not _names_a_secret(key)}
    if isinstance(value, list):
        return [storable(item) for item in value]
    return format(value, "f") if isinstance(value, Decimal) else value


def _without_secret(address: re.Match[str]) -> str:
    return "[link removed]" if _OPENS_A_DOOR.search(address[0]) else address[0]


@lru_cache(maxsize=4096)  # the same few keys stand in every row; a vendor who invents new ones fills no memory
def _names_a_secret(key: str) -> bool:
    return _SECRET_LINK.search(key) is not None


def _creditor_reference_in(candidate: str) -> str:
    """The longest run of groups with correct check digits; words may follow a reference without a sign between."""
    groups = candidate.split(" ")
    for count in range(min(len(groups), 25), 0, -1):
        compact = "".join(groups[:count])
        if 5 <= len(compact) <= 25 and _creditor_is_valid(compact):
            return compact
    return ""


def _creditor_is_valid(reference: str) -> bool:
    digits = "".join(str(int(sign, 36)) for sign in reference[4:] + reference[:4])
    return int(digits) % 97 == 1


def _qr_is_valid(reference: str) -> bool:
    """Modulo 10, recursive, as the Swiss implementation guidelines for the QR-bill describe it."""
    carry = 0
    for digit in reference[:-1]:
        carry = (0, 9, 4, 6, 8, 2, 7, 1, 3, 5)[(carry + int(digit)) % 10]
    return (10 - carry) % 10 == int(reference[-1])
