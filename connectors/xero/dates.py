r"""Xero's dates: `/Date(1439434356790+0000)/` is milliseconds since 1970 in UTC; the offset behind it is decoration. Pure.

https://developer.xero.com/documentation/api/accounting/requests-and-responses
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from connectors.contract.errors import ContractBroken

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS_DATE = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")
_FRACTION = re.compile(r"\.(\d{1,6})\d*")


def instant(value: object) -> datetime:
    """A moment in UTC, from `/Date(ms)/` or ISO 8601 (no zone means UTC). Raises ContractBroken."""
    text = str(value).strip()
    try:
        if found := _MS_DATE.fullmatch(text):
            return _EPOCH + timedelta(milliseconds=int(found[1]))
        # Python before 3.11.4 reads no seven digits of a second, as /connections has them.
        moment = datetime.fromisoformat(_FRACTION.sub(lambda digits: "." + digits[1].ljust(6, "0"), text))
    except (ValueError, OverflowError) as error:
        raise ContractBroken(f"Xero sent a date that we cannot read: {text[:40]!r}.") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def instant_or_none(value: object) -> datetime | None:
    return instant(value) if value else None


def calendar_day(value: object) -> date:
    """A document's date: Xero sends midnight UTC of the day. Raises ContractBroken."""
    return instant(value).date()


def lock_day(value: object, *, zone: str) -> date:
    """A lock date, which Xero may send as midnight UTC or as midnight in the organisation's own zone (an IANA name).

    Where the zone does not explain the time of day, the later of the possible days counts: holding a document back is
    harmless, posting into a closed period is not. Raises ContractBroken.
    """
    moment = instant(value)
    if moment.time() == time(0):
        return moment.date()
    if zone and (local := moment.astimezone(ZoneInfo(zone))).time() == time(0):
        return local.date()
    return (moment + timedelta(hours=14)).date()


def modified_since(moment: datetime) -> str:
    """The `If-Modified-Since` value for everything changed at or after `moment`.

    Whole seconds; one second earlier, because Xero does not say whether the boundary itself is included.
    """
    return (moment.astimezone(UTC) - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S")


def date_filter(first: date) -> str:
    """A `where` clause: documents dated on or after `first`."""
    return f"Date >= DateTime({first.year}, {first.month:02}, {first.day:02})"
