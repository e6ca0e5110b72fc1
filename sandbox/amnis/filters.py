"""Query strings into SQL conditions: a list takes the filters its page documents and ignores the rest (A8). Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sandbox.amnis.problems import Problem
from sandbox.amnis.values import decimal_of, integer_of, micros, parse_moment, units_of

_COMPARE = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
Read = Callable[[str], str | int]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Filter:
    """One documented parameter: the SQL expression it looks at, how its value is read, whether it takes ranges."""

    expression: str
    read: Read
    ranged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a list request asks for. `size` 0 means everything at once (`pagination=false`)."""

    where: tuple[str, ...] = ()
    values: tuple[str | int, ...] = ()
    order: str = "id"
    number: int = 1
    size: int = 30

    def cut(self, items: Sequence[T]) -> Sequence[T]:
        """The page of a whole list."""
        start = (self.number - 1) * self.size
        return items[start : start + self.size] if self.size else items


def _text(value: str) -> str:
    return value


def _moment(value: str) -> int:
    try:
        return micros(parse_moment(value))
    except ValueError as error:
        raise Problem(400, f"Invalid date {value!r}.") from error


def _amount(value: str) -> int:
    try:
        return units_of(decimal_of(value))
    except ValueError as error:
        raise Problem(400, f"Invalid amount {value!r}.") from error


def _reference(value: str) -> int:
    found = integer_of(value.rsplit("/", 1)[-1])  # a plain id or an IRI such as /api/accounts/1 (A11)
    return -1 if found is None else found


def _flag(value: str) -> int:
    if value not in {"true", "false", "1", "0"}:
        raise Problem(400, f"Invalid boolean {value!r}.")
    return int(value in {"true", "1"})


_CREATED = {"createdAt": Filter("created", _moment, ranged=True)}
_UPDATED = {"updatedAt": Filter("updated", _moment, ranged=True)}
_EXECUTED_ON = {"executionDate": Filter("execution", _moment, ranged=True)}
_CURRENCY = {"currency": Filter("currency", _text)}
_AMOUNT = {"amount": Filter("units", _amount, ranged=True)}

FILTERS: dict[str, dict[str, Filter]] = {
    "accounts": {"type": Filter("type", _text)},
    "transactions": {
        "abs_amount": Filter("abs(units)", _amount, ranged=True),
        "type": Filter("type", _text),
        "account": Filter("account", _reference),
        "contact": Filter("contact", _reference),
        "executed": Filter("executed", _flag),
        **_CREATED,
        **_UPDATED,
        **_EXECUTED_ON,
    },
    # the only list whose execution date is an exact value, not a range
    "payin_transaction_details": {"executionDate": Filter("execution", _moment), **_CURRENCY, **_AMOUNT},
    "payout_transaction_details": {**_CURRENCY, **_AMOUNT, **_EXECUTED_ON},
    "wallet_transaction_details": {**_CURRENCY, **_AMOUNT, **_EXECUTED_ON},
    "fx_transaction_details": {
        "currencyFrom": Filter("currency", _text),
        "currencyTo": Filter("currency_to", _text),
        "amountFrom": Filter("units", _amount, ranged=True),
        "amountTo": Filter("units_to", _amount, ranged=True),
        "dealDate": Filter("created", _moment, ranged=True),
        "valueDate": Filter("execution", _moment, ranged=True),
    },
    "card_transaction_details": {**_EXECUTED_ON, **_CREATED, **_UPDATED, **_CURRENCY, **_AMOUNT},
    "fee_transaction_details": {**_EXECUTED_ON, **_CURRENCY, **_AMOUNT},
}
_ORDERS = {"id": "id", "createdAt": "created", "updatedAt": "updated", "executionDate": "execution"}


def selection(resource: str, query: Mapping[str, str]) -> Selection:
    """The request of one list; Problem 400 for a value that cannot be read (A9)."""
    where: list[str] = []
    values: list[str | int] = []
    for name, wanted in FILTERS.get(resource, {}).items():
        for key, sign in _spellings(name, wanted):
            if key in query:
                where.append(f"{wanted.expression} {sign} ?")
                values.append(wanted.read(query[key]))
    size = _size(query)
    number = _positive(query, "page", 1) if size else 1
    return Selection(where=tuple(where), values=tuple(values), order=_order(resource, query), number=number, size=size)


def _spellings(name: str, wanted: Filter) -> list[tuple[str, str]]:
    if not wanted.ranged:
        return [(name, "=")]
    return [(f"{name}[{word}]", sign) for word, sign in _COMPARE.items()]


def _order(resource: str, query: Mapping[str, str]) -> str:
    allowed = _ORDERS if resource == "transactions" else {"id": "id"}
    found = [
        f"{column} {direction}"
        for key, column in ((key, allowed[key[6:-1]]) for key in query if key[6:-1] in allowed and key[:6] == "order[")
        if (direction := query[key].upper()) in {"ASC", "DESC"}
    ]
    return ", ".join([*found, "id"])


def _size(query: Mapping[str, str]) -> int:
    if query.get("pagination", "true").lower() in {"false", "0"}:
        return 0
    return min(_positive(query, "itemsPerPage", 30), 50)


def _positive(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise Problem(400, f"{name} must be a positive integer.")
    return int(text)
