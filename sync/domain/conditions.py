"""Conditions of rules: what of a movement is looked at, how it is compared, and what was seen. Pure.

Text is compared NFKC and case-folded, amounts without their sign. A condition never raises on odd data: what is not
there does not hold (and `is_not` and `empty` hold).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

import re2

from connectors.contract.money import decimal_of
from connectors.contract.records import Movement, SourceTransaction
from sync.domain.references import fold, folded

MAX_SEEN_TEXT = 2_000  # of a movement's text, for comparing


class Field(StrEnum):
    COUNTERPARTY = "counterparty"
    TEXT = "text"
    REFERENCE = "reference"
    AMOUNT = "amount"
    CURRENCY = "currency"
    TYPE = "type"
    DIRECTION = "direction"
    ACCOUNT = "account"
    CARD = "card"
    CATEGORY = "category"
    MERCHANT_COUNTRY = "merchant_country"
    IBAN = "iban"


class Op(StrEnum):
    IS = "is"
    IS_NOT = "is_not"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    REGEX = "regex"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    IN = "in"
    EMPTY = "empty"


# What a person may write for `type`, and the movements it means. `card` means refunds too, so that a refund is coded
# as the purchase was; `payin` and `payout` are Amnis' own words.
MOVEMENT_WORDS: Mapping[str, frozenset[Movement]] = {
    **{movement.value: frozenset({movement}) for movement in Movement},
    "card": frozenset({Movement.CARD, Movement.CARD_REFUND}),
    "payin": frozenset({Movement.PAY_IN, Movement.RETURNED_PAYMENT, Movement.CASHBACK}),
    "payout": frozenset({Movement.PAY_OUT}),
}

Value = str | tuple[str, ...] | bool
Test = Callable[["Facts"], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One comparison. `value` is text, a tuple of texts for `in`, or a yes/no for `empty`; amounts are decimal text.

    `test` is made once from the other three, because a run asks thousands of movements. Raises re2.error for a pattern
    that cannot be run; `rule_format` says so in better words.
    """

    field: Field
    op: Op
    value: Value
    test: Test = dataclass_field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "test", _test_of(self.field, self.op, self.value))

    def to_json(self) -> dict[str, Any]:
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return {"field": self.field.value, "op": self.op.value, "value": value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Conditions of which all, or any one, must hold. Groups nest."""

    mode: str  # "all" or "any"
    items: tuple[Condition | Group, ...]
    test: Test = dataclass_field(init=False, repr=False, compare=False)  # made once, as a condition's

    def __post_init__(self) -> None:
        tests = tuple(item.test for item in self.items)
        every, some = lambda facts: all(one(facts) for one in tests), lambda facts: any(one(facts) for one in tests)
        object.__setattr__(self, "test", every if self.mode == "all" else some)

    def to_json(self) -> dict[str, Any]:
        return {self.mode: [item.to_json() for item in self.items]}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionResult:
    """What one condition saw and whether it held; `path` says where in the rule it stands, e.g. all[0].any[1]."""

    path: str
    condition: Condition
    seen: tuple[str, ...]
    held: bool

    def to_json(self) -> dict[str, Any]:
        return {"path": self.path, **self.condition.to_json(), "seen": list(self.seen), "held": self.held}


class Values(dict[str, tuple[str, ...]]):
    """A field's values (none: not there), made when a rule first asks for the field: most are never asked for."""

    def __init__(self, make: Callable[[str], Iterable[str]]) -> None:
        self._make = make

    def __missing__(self, name: str) -> tuple[str, ...]:
        self[name] = made = tuple(self._make(name))
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What rules may look at, of one movement: each field's values as read, folded, and for patterns.

    Keyed by the field's word: an enum as a key costs a Python call for each look.
    """

    shown: Values
    folded: Values
    plain: Values
    movement: Movement
    amount: Decimal

    @classmethod
    def of(cls, transaction: SourceTransaction) -> Facts:
        shown = Values(lambda name: filter(None, _READERS[name](transaction)))
        return cls(
            shown=shown,
            folded=Values(lambda name: [_comparable(name, value) for value in shown[name]]),
            plain=Values(lambda name: map(_plain, shown[name])),
            movement=transaction.movement,
            amount=abs(transaction.amount.amount),
        )


def trace(item: Condition | Group, facts: Facts, *, path: str = "") -> Iterator[ConditionResult]:
    """Every condition's own result, in the order they are written."""
    if isinstance(item, Condition):
        seen = facts.shown[item.field.value]
        yield ConditionResult(path=path, condition=item, seen=seen, held=item.test(facts))
        return
    for place, inner in enumerate(item.items):
        yield from trace(inner, facts, path=f"{path}.{item.mode}[{place}]".lstrip("."))


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """The pattern for a linear-time engine, blind to case. Raises re2.error where the engine refuses it."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = 1 << 20
    return re2.compile(unicodedata.normalize("NFC", pattern), options)


def _test_of(field: Field, op: Op, value: Value) -> Test:
    if op is Op.EMPTY:
        return lambda facts: (not facts.shown[field.value]) is value
    wanted = value if isinstance(value, tuple) else (str(value),)
    if field is Field.AMOUNT:
        return _amount_test(op, tuple(map(decimal_of, wanted)))
    if op is Op.IS_NOT:
        same = _test_of(field, Op.IS, value)
        return lambda facts: not same(facts)
    if field is Field.TYPE:
        movements = frozenset[Movement]().union(*(MOVEMENT_WORDS[fold(word)] for word in wanted))
        return lambda facts: facts.movement in movements
    if op is Op.REGEX:
        return _pattern_test(field.value, compiled(wanted[0]))
    return _text_test(field.value, op, frozenset(_comparable(field.value, one) for one in wanted))


def _amount_test(op: Op, wanted: tuple[Decimal, ...]) -> Test:
    if op is Op.IN:
        return lambda facts: facts.amount in wanted
    compare, [bound] = _AMOUNT_TESTS[op], wanted
    return lambda facts: compare(facts.amount, bound)


def _pattern_test(name: str, pattern: Any) -> Test:
    return lambda facts: any(pattern.search(value) for value in facts.plain[name])


def _text_test(name: str, op: Op, wanted: frozenset[str]) -> Test:
    if op in (Op.IS, Op.IN):
        return lambda facts: not wanted.isdisjoint(facts.folded[name])
    compare, [one] = _TEXT_TESTS[op], wanted
    return lambda facts: any(compare(seen, one) for seen in facts.folded[name])


_TEXT_TESTS: Mapping[Op, Callable[[str, str], bool]] = {Op.CONTAINS: str.__contains__, Op.STARTS_WITH: str.startswith}
_AMOUNT_TESTS: Mapping[Op, Callable[[Decimal, Decimal], bool]] = {
    Op.IS: Decimal.__eq__,
    Op.IS_NOT: Decimal.__ne__,
    Op.GT: Decimal.__gt__,
    Op.GTE: Decimal.__ge__,
    Op.LT: Decimal.__lt__,
    Op.LTE: Decimal.__le__,
}


def _plain(text: str) -> str:
    """For the regular expression engine: composed, bounded, and without what UTF-8 cannot carry."""
    return unicodedata.normalize("NFKC", text[:MAX_SEEN_TEXT]).encode("utf-8", "replace").decode("utf-8")


@lru_cache(maxsize=512)  # each rule asks for the texts of one movement; those of the next are others
def _comparable(name: str, text: str) -> str:
    found = folded(text[:MAX_SEEN_TEXT])
    return found.replace(" ", "") if name == Field.IBAN.value else found


def _card(transaction: SourceTransaction) -> tuple[str, ...]:
    card = transaction.card
    return (card.card_name, card.pan4) if card else ()


def _category(transaction: SourceTransaction) -> tuple[str, ...]:
    category = transaction.category
    return (category.name, category.account_code) if category else ()


_READERS: Mapping[str, Callable[[SourceTransaction], tuple[str, ...]]] = {
    Field.COUNTERPARTY: lambda it: (it.counterparty.name.strip(),),
    Field.TEXT: lambda it: (it.text.strip(),),
    Field.REFERENCE: lambda it: (it.reference.strip(),),
    Field.AMOUNT: lambda it: (format(abs(it.amount.amount), "f"),),
    Field.CURRENCY: lambda it: (it.amount.currency,),
    Field.TYPE: lambda it: (it.movement.value,),
    Field.DIRECTION: lambda it: ("out" if it.amount.amount < 0 else "in",),
    Field.ACCOUNT: lambda it: (it.account_id,),
    Field.CARD: _card,
    Field.CATEGORY: _category,
    Field.MERCHANT_COUNTRY: lambda it: (it.card.merchant_country if it.card else "",),
    Field.IBAN: lambda it: (it.counterparty.iban.strip(),),
}
