"""How the sandbox's Amnis writes and reads money, moments and identifiers. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache

UNITS = 10_000  # stored money is an integer of 1/10,000: exact sums in SQLite, which knows no decimals
CENT = Decimal("0.01")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Day = date | datetime  # a bank date, or an exact moment where the test cares


def decimal_of(value: str | int | Decimal) -> Decimal:
    """The amount as given; ValueError for anything that is no finite number (a float is refused by type)."""
    if isinstance(value, float):
        raise TypeError("amounts are decimal strings, never floats")
    try:
        amount = Decimal(value)
    except InvalidOperation as error:
        raise ValueError(f"not an amount: {value!r}") from error
    if not amount.is_finite():
        raise ValueError(f"not an amount: {value!r}")
    return amount


def units_of(value: object) -> int:
    """Stored form of a money field of any shape; 0 where a deliberately odd row holds no readable amount."""
    try:
        return int(decimal_of(str(value)) * UNITS)
    except ValueError:
        return 0


def money(value: str | int | Decimal) -> str:
    """The vendor's wire form: a decimal string with exactly two decimals."""
    return str(decimal_of(value).quantize(CENT))


@lru_cache(maxsize=8192)
def stamp(moment: datetime) -> str:
    """ISO 8601 with offset, whole seconds: `2026-03-04T00:00:00+00:00`."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def moment_of(value: Day) -> datetime:
    """A date is its midnight in UTC; a moment stays as it is and must know its zone."""
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), tzinfo=UTC)
    if value.tzinfo is None:
        raise ValueError("moments need a time zone")
    return value.astimezone(UTC)


def parse_moment(text: str) -> datetime:
    """Reads what the API accepts in filters: ISO 8601, a date alone is 00:00:00, no offset is UTC (A11)."""
    found = datetime.fromisoformat(text.strip().replace(" ", "+"))  # an unescaped + arrives as a blank
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def micros(moment: datetime) -> int:
    """Microseconds since 1970, the sortable form in the tables."""
    delta = moment - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def moment_of_micros(value: int) -> datetime:
    return EPOCH + timedelta(microseconds=value)


def micros_of(text: object) -> int | None:
    """The same for a field of a body; None where the field is missing or is no moment."""
    return _micros_of_text(text) if isinstance(text, str) else None


@lru_cache(maxsize=8192)
def _micros_of_text(text: str) -> int | None:
    try:
        return micros(parse_moment(text))
    except ValueError:
        return None


def integer_of(value: object) -> int | None:
    """An id that may stand in the body as a number or as a string."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return int(value) if str(value).lstrip("-").isdecimal() else None
