"""Reading a rule from plain data (a tenant file, a form, a stored row), strictly: the first fault is named with its path.

Numbers come as text or whole numbers; a float has already lost its digits and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import re2

from connectors.contract.money import MINOR_UNITS, ZERO, MoneyError, decimal_of
from sync.domain.conditions import MOVEMENT_WORDS, Condition, Field, Group, Op, Value, compiled
from sync.domain.references import fold
from sync.domain.rules import Action, RuleSpec, SplitPart

MAX_RULES = 200
MAX_DEPTH = 8
MAX_CONDITIONS = 100  # in one rule
MAX_TEXT = 200
MAX_PATTERN = 200
MAX_LIST = 200
MAX_PARTS = 20

PathPart = str | int
T = TypeVar("T")

_NUMBER_OPS = frozenset({Op.GT, Op.GTE, Op.LT, Op.LTE})
_AMOUNT_OPS = _NUMBER_OPS | {Op.IS, Op.IS_NOT, Op.IN}
_CHOICE_OPS = frozenset({Op.IS, Op.IS_NOT, Op.IN})
_CHOICE_FIELDS = frozenset({Field.TYPE, Field.DIRECTION})


class RuleError(ValueError):
    """`path` leads to the fault, e.g. ("when", "all", 0, "op"); `message` says what is wrong and what is possible."""

    def __init__(self, path: Iterable[PathPart], message: str) -> None:
        self.path = tuple(path)
        self.message = message
        super().__init__(f"{shown_path(self.path)}: {message}" if self.path else message)


def shown_path(path: Iterable[PathPart]) -> str:
    """A path in words people know from their files: when.all[0].op"""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def parse_rule(data: object, *, version: int = 1) -> RuleSpec:
    """Read one rule. Raises RuleError."""
    rule = _mapping(data, (), required=("name", "when", "then"))
    when = rule["when"]
    budget = [MAX_CONDITIONS]
    if not isinstance(when, Mapping) or "field" in when:
        when = {"all": [when]}  # a single condition may stand alone
    return RuleSpec(
        name=_said_text(rule, "name", ()),
        when=_group(when, ("when",), depth=1, budget=budget),
        then=_action(rule["then"], ("then",)),
        version=version,
    )


def parse_rules(data: object) -> tuple[RuleSpec, ...]:
    """Read a list of rules in their order. Raises RuleError; names must differ, so that a decision names one rule."""
    rules: list[RuleSpec] = []
    seen: set[str] = set()
    for place, item in enumerate(_list(data, (), longest=MAX_RULES)):
        rule = _below((place,), parse_rule, item)
        if fold(rule.name) in seen:
            raise RuleError((place, "name"), f"two rules are called {rule.name!r}")
        seen.add(fold(rule.name))
        rules.append(rule)
    return tuple(rules)


# ------------------------------------------------------------------ conditions


def _group(data: object, path: tuple[PathPart, ...], *, depth: int, budget: list[int]) -> Group:
    if depth > MAX_DEPTH:
        raise RuleError(path, f"groups are nested more than {MAX_DEPTH} deep")
    group = _mapping(data, path, allowed=("all", "any"))
    if len(group) != 1:
        raise RuleError(path, "a group says either all or any")
    [(mode, items)] = group.items()
    read = _list(items, (*path, mode), longest=MAX_LIST)
    if not read:
        raise RuleError((*path, mode), "a group needs at least one condition")
    return Group(
        mode=mode,
        items=tuple(_item(item, (*path, mode, place), depth=depth, budget=budget) for place, item in enumerate(read)),
    )


def _item(data: object, path: tuple[PathPart, ...], *, depth: int, budget: list[int]) -> Condition | Group:
    if isinstance(data, Mapping) and ("all" in data or "any" in data):
        return _group(data, path, depth=depth + 1, budget=budget)
    budget[0] -= 1
    if budget[0] < 0:
        raise RuleError(path, f"a rule has at most {MAX_CONDITIONS} conditions")
    return _condition(data, path)


def _condition(data: object, path: tuple[PathPart, ...]) -> Condition:
    said = _mapping(data, path, required=("field", "op"), allowed=("value",))
    field = _one_of(Field, said["field"], (*path, "field"))
    op = _one_of(Op, said["op"], (*path, "op"))
    if not _fits(field, op):
        raise RuleError((*path, "op"), f"{op.value} cannot be asked of {field.value}")
    if op is not Op.EMPTY and "value" not in said:
        raise RuleError(path, "a value is missing")
    return Condition(field=field, op=op, value=_value(field, op, said.get("value", True), (*path, "value")))


def _fits(field: Field, op: Op) -> bool:
    if field is Field.AMOUNT:
        return op in _AMOUNT_OPS
    if field in _CHOICE_FIELDS:
        return op in _CHOICE_OPS
    return op not in _NUMBER_OPS


def _value(field: Field, op: Op, value: object, path: tuple[PathPart, ...]) -> Value:
    if op is Op.EMPTY:
        return _flag(value, path)
    if op is Op.IN:
        values = _list(value, path, longest=MAX_LIST)
        if not values:
            raise RuleError(path, "the list is empty, so nothing could ever match")
        return tuple(_single(field, op, item, (*path, place)) for place, item in enumerate(values))
    return _single(field, op, value, path)


def _single(field: Field, op: Op, value: object, path: tuple[PathPart, ...]) -> str:
    if field is Field.AMOUNT:
        return format(_amount(value, path), "f")
    text = _text(value, path, longest=MAX_PATTERN if op is Op.REGEX else MAX_TEXT)
    if op is Op.REGEX:
        return _pattern(text, path)
    check = _CHECKS.get(field) if op in _CHOICE_OPS else None
    if check and not check(fold(text)):
        raise RuleError(path, f"{text!r} is not {_EXPECTED[field]}")
    if not fold(text):
        raise RuleError(path, "is empty; ask for `empty` instead")
    return text


def _pattern(text: str, path: tuple[PathPart, ...]) -> str:
    try:
        compiled(text)
    except re2.error as error:
        reason = error.args[0] if error.args else "refused"
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
        raise RuleError(path, f"is not a regular expression we can run: {reason}") from error
    return text


_CHECKS: Mapping[Field, Callable[[str], bool]] = {
    Field.TYPE: MOVEMENT_WORDS.__contains__,
    Field.DIRECTION: ("in", "out").__contains__,
    Field.CURRENCY: lambda text: text.upper() in MINOR_UNITS,
    Field.MERCHANT_COUNTRY: lambda text: len(text) == 2 and text.isascii() and text.isalpha(),
}
_EXPECTED: Mapping[Field, str] = {
    Field.TYPE: f"one of {', '.join(MOVEMENT_WORDS)}",
    Field.DIRECTION: "in or out",
    Field.CURRENCY: "a currency code like CHF",
    Field.MERCHANT_COUNTRY: "a two-letter country code",
}


# --------------------------------------------------------------------- actions


def _action(data: object, path: tuple[PathPart, ...]) -> Action:
    keys = ("account", "tax", "tracking", "contact", "description", "split", "skip", "review")
    said = _mapping(data, path, allowed=keys)
    action = Action(
        account=_said_text(said, "account", path),
        tax=_said_text(said, "tax", path),
        tracking=_tracking(said.get("tracking", {}), (*path, "tracking")),
        contact=_said_text(said, "contact", path),
        description=_said_text(said, "description", path),
        split=_split(said["split"], (*path, "split")) if "split" in said else (),
        skip=_flag(said.get("skip", False), (*path, "skip")),
        review=_flag(said.get("review", False), (*path, "review")),
    )
    if not action.to_json():
        raise RuleError(path, "the rule decides nothing")
    if action.split and action.account:
        raise RuleError((*path, "account"), "a split names the account of each part, so the rule cannot name one too")
    if action.skip and len(action.to_json()) > 1:
        raise RuleError((*path, "skip"), "a skipped movement posts nothing, so the rule cannot decide anything else")
    return action


def _split(data: object, path: tuple[PathPart, ...]) -> tuple[SplitPart, ...]:
    items = _list(data, path, longest=MAX_PARTS)
    if len(items) < 2:
        raise RuleError(path, "a split has at least two parts")
    parts = tuple(_part(item, (*path, place)) for place, item in enumerate(items))
    for place, part in enumerate(parts[:-1]):
        if part.share is None and part.amount is None:
            raise RuleError((*path, place), "a share or an amount is missing; only the last part takes the rest")
    if parts[-1].amount is not None:
        raise RuleError((*path, len(parts) - 1, "amount"), "the last part takes the rest, so it has no amount")
    _check_shares(parts, path)
    return parts


def _part(data: object, path: tuple[PathPart, ...]) -> SplitPart:
    said = _mapping(data, path, required=("account",), allowed=("share", "amount", "tax", "tracking", "description"))
    if "share" in said and "amount" in said:
        raise RuleError(path, "a part has a share or an amount, not both")
    return SplitPart(
        account=_said_text(said, "account", path),
        share=_share(said["share"], (*path, "share")) if "share" in said else None,
        amount=_amount(said["amount"], (*path, "amount"), above_zero=True) if "amount" in said else None,
        tax=_said_text(said, "tax", path),
        tracking=_tracking(said.get("tracking", {}), (*path, "tracking")),
        description=_said_text(said, "description", path),
    )


def _check_shares(parts: tuple[SplitPart, ...], path: tuple[PathPart, ...]) -> None:
    """Shares never exceed the whole; where the last part has one too, all of them make 100."""
    together = sum((part.share for part in parts if part.share is not None), ZERO)
    if parts[-1].share is None:
        if together > 100 or (together == 100 and all(part.share for part in parts[:-1])):
            raise RuleError(path, f"the shares make {together:f} percent, so nothing is left for the last part")
    elif together != 100 or any(part.amount for part in parts):
        raise RuleError(path, f"the shares make {together:f} percent; leave the last part without one to take the rest")


def _tracking(data: object, path: tuple[PathPart, ...]) -> dict[str, str]:
    if not isinstance(data, Mapping):
        raise RuleError(path, "must be pairs of category and option")
    if len(data) > 2:
        raise RuleError(path, "a line carries at most two tracking categories")
    return {_text(category, path): _text(option, (*path, str(category))) for category, option in data.items()}


# ---------------------------------------------------------------- plain values


def _mapping(
    data: object, path: tuple[PathPart, ...], *, required: tuple[str, ...] = (), allowed: tuple[str, ...] = ()
) -> Mapping[str, Any]:
    known = (*required, *allowed)
    if not isinstance(data, Mapping):
        raise RuleError(path, f"must have the keys {', '.join(known)}")
    for key in data:
        if key not in known:
            raise RuleError((*path, str(key)), f"unknown key; possible are {', '.join(known)}")
    for key in required:
        if key not in data:
            raise RuleError(path, f"{key} is missing")
    return data


def _list(data: object, path: tuple[PathPart, ...], *, longest: int) -> list[Any]:
    if not isinstance(data, list | tuple):
        raise RuleError(path, "must be a list")
    if len(data) > longest:
        raise RuleError(path, f"has {len(data)} entries; at most {longest} are possible")
    return list(data)


def _text(data: object, path: tuple[PathPart, ...], *, longest: int = MAX_TEXT) -> str:
    if isinstance(data, int) and not isinstance(data, bool):
        data = str(data)  # account codes may stand unquoted
    if not isinstance(data, str):
        raise RuleError(path, "must be text; put it in quotes")
    if len(data) > longest:
        raise RuleError(path, f"is {len(data)} characters long; at most {longest} are possible")
    if any(ord(sign) < 32 for sign in data):
        raise RuleError(path, "contains a control character")
    return data.strip()


def _said_text(said: Mapping[str, Any], key: str, path: tuple[PathPart, ...]) -> str:
    """The text under the key; "" where the key is absent, and never an empty text on purpose."""
    if key not in said:
        return ""
    text = _text(said[key], (*path, key))
    if not text:
        raise RuleError((*path, key), "is empty")
    return text


def _flag(data: object, path: tuple[PathPart, ...]) -> bool:
    if not isinstance(data, bool):
        raise RuleError(path, "must be true or false")
    return data


def _amount(data: object, path: tuple[PathPart, ...], *, above_zero: bool = False) -> Decimal:
    try:
        amount = decimal_of(data)
    except MoneyError as error:
        hint = "; put it in quotes" if isinstance(data, float) else ""
        raise RuleError(path, f"{data!r} is not a decimal number{hint}") from error
    if amount < 0 or (above_zero and amount == 0):
        raise RuleError(path, "amounts have no sign here" if amount < 0 else "must be more than 0")
    return amount


def _share(data: object, path: tuple[PathPart, ...]) -> Decimal:
    share = _amount(data, path, above_zero=True)
    if share > 100:
        raise RuleError(path, "a share is in percent, at most 100")
    return share


def _one_of(kind: Callable[[str], T], data: object, path: tuple[PathPart, ...]) -> T:
    try:
        return kind(str(data))
    except ValueError as error:
        possible = ", ".join(member.value for member in kind)  # type: ignore[attr-defined]
        raise RuleError(path, f"{data!r} is not one of {possible}") from error


def _below(path: tuple[PathPart, ...], parse: Callable[[object], RuleSpec], data: object) -> RuleSpec:
    try:
        return parse(data)
    except RuleError as error:
        raise RuleError((*path, *error.path), error.message) from error
