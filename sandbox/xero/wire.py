"""How Xero writes dates, numbers and envelopes, and how it reads them.

https://developer.xero.com/documentation/api/accounting/requests-and-responses
"""

import re
import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from xml.sax.saxutils import escape

from sandbox.store import to_json
from sandbox.xero.problems import PostDataInvalid

CENT = Decimal("0.01")
NO_ID = "00000000-0000-0000-0000-000000000000"
PROVIDER = "Xero API Sandbox"

_MS_DATE = re.compile(r"^/Date\((-?\d+)(?:[+-]\d{4})?\)/$")
_ISO_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?Z?)?$")


def new_id() -> str:
    return str(uuid.uuid4())


def ms_date(day: date) -> str:
    """A calendar date: midnight UTC in milliseconds."""
    return f"/Date({_midnight(day)}+0000)/"


def ms_time(milliseconds: int) -> str:
    return f"/Date({milliseconds}+0000)/"


def date_string(day: date) -> str:
    return f"{day.isoformat()}T00:00:00"


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def read_date(value: object) -> date:
    """A date as a client may send it: ISO, ISO with time, or /Date(ms)/; anything else is a 400 of the whole call."""
    text = str(value)
    if found := _MS_DATE.match(text):
        return datetime.fromtimestamp(int(found[1]) / 1000, UTC).date()
    try:
        if _ISO_DATE.match(text):
            return date.fromisoformat(text[:10])
    except ValueError:
        pass
    raise PostDataInvalid(f"The string '{text}' is not a valid AllXsd value.")


def read_decimal(value: object, *, path: str) -> Decimal:
    """A number, sent as a number or as a string."""
    if isinstance(value, bool) or value is None:
        raise PostDataInvalid(f"Error converting value {value!r} to type 'System.Decimal'. Path '{path}'.")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise PostDataInvalid(f"Error converting value \"{value}\" to type 'System.Decimal'. Path '{path}'.") from None
    if not number.is_finite():
        raise PostDataInvalid(f"Error converting value \"{value}\" to type 'System.Decimal'. Path '{path}'.")
    return number


def cents(amount: Decimal) -> Decimal:
    """Two decimals, halves away from zero."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def envelope(plural: str, texts: Iterable[str], *, now: int, pagination: dict[str, int] | None = None) -> str:
    """The answer around a list of elements that are JSON text already."""
    head: dict[str, Any] = {
        "Id": new_id(),
        "Status": "OK",
        "ProviderName": PROVIDER,
        "DateTimeUTC": f"/Date({now})/",
    }
    if pagination:
        head["pagination"] = pagination
    return f'{to_json(head)[:-1]},"{plural}":[{",".join(texts)}]}}'


def pagination(*, page: int, page_size: int, items: int) -> dict[str, int]:
    return {"page": page, "pageSize": page_size, "pageCount": -(-items // page_size), "itemCount": items}


def to_xml(value: object, *, tag: str = "Response") -> str:
    """What a client gets that forgot `Accept: application/json`."""
    if isinstance(value, dict):
        return f"<{tag}>{''.join(to_xml(item, tag=str(key)) for key, item in value.items())}</{tag}>"
    if isinstance(value, list):
        single = tag[:-3] + "y" if tag.endswith("ies") else tag.rstrip("s")
        return f"<{tag}>{''.join(to_xml(item, tag=single) for item in value)}</{tag}>"
    return f"<{tag}>{escape('' if value is None else str(value))}</{tag}>"
