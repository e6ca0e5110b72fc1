"""Conditions of rules: what of a movement is looked at, how it is compared, and what was seen. Pure.

Text is compared NFKC and case-folded, amounts without their sign. A condition never raises on odd data: what is not
there does not hold (and `is_not` and `empty` hold).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

import re2

from connectors.contract.money import decimal_of
from connectors.contract.records import Movement, SourceTransaction
from sync.domain.references import fold

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
    "payin": frozenset({Movement.PAY_IN, Movement.RETURNED_PAYMENT}),
    "payout": frozenset({Movement.PAY_OUT}),
}

Value = str | tuple[str, ...] | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One comparison. `value` is text, a tuple of texts for `in`, or a yes/no for `empty`; amounts are decimal text."""

    field: Field
    op: Op
    value: Value

    def to_json(self) -> dict[str, Any]:
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return {"field": self.field.value, "op": self.op.value, "value": value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Conditions of which all, or any one, must hold. Groups nest."""

    mode: str  # "all" or "any"
    items: tuple[Condition | Group, ...]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What rules may look at, of one movement: each field's values (none: not there), as read and folded."""

    shown: Mapping[Field, tuple[str, ...]]
    folded: Mapping[Field, tuple[str, ...]]
    movement: Movement
    amount: Decimal

    @classmethod
    def of(cls, transaction: SourceTransaction) -> Facts:
        shown = {field: tuple(filter(None, read(transaction))) for field, read in _READERS.items()}
        return cls(
            shown=shown,
            folded={field: tuple(_comparable(field, value) for value in values) for field, values in shown.items()},
            movement=transaction.movement,
            amount=abs(transaction.amount.amount),
        )


def holds(item: Condition | Group, facts: Facts) -> bool:
    """Does the condition, or the whole group, hold for this movement?"""
    if isinstance(item, Condition):
        return _condition_holds(item, facts)
    results = (holds(inner, facts) for inner in item.items)
    return all(results) if item.mode == "all" else any(results)


def trace(item: Condition | Group, facts: Facts, *, path: str = "") -> Iterator[ConditionResult]:
    """Every condition's own result, in the order they are written."""
    if isinstance(item, Condition):
        yield ConditionResult(
            path=path, condition=item, seen=facts.shown[item.field], held=_condition_holds(item, facts)
        )
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


def _condition_holds(condition: Condition, facts: Facts) -> bool:
    if condition.op is Op.EMPTY:
        return (not facts.shown[condition.field]) is condition.value
    if condition.field is Field.AMOUNT:
        return _amount_holds(condition, facts.amount)
    if condition.op is Op.IS_NOT:
        return not _text_holds(Op.IS, condition, facts)
    return _text_holds(condition.op, condition, facts)


def _amount_holds(condition: Condition, amount: Decimal) -> bool:
    if isinstance(condition.value, tuple):
        return any(amount == decimal_of(value) for value in condition.value)
    return _AMOUNT_TESTS[condition.op](amount, decimal_of(condition.value))


def _text_holds(op: Op, condition: Condition, facts: Facts) -> bool:
    wanted = condition.value if isinstance(condition.value, tuple) else (str(condition.value),)
    if condition.field is Field.TYPE:
        return any(facts.movement in MOVEMENT_WORDS[fold(word)] for word in wanted)
    if op is Op.REGEX:
        pattern = compiled(wanted[0])
        return any(pattern.search(_plain(value)) for value in facts.shown[condition.field])
    test = _TEXT_TESTS[op]
    folded = [_comparable(condition.field, value) for value in wanted]
    return any(test(seen, value) for seen in facts.folded[condition.field] for value in folded)


def _equal(seen: str, wanted: str) -> bool:
    return seen == wanted


def _contains(seen: str, wanted: str) -> bool:
    return wanted in seen


_TEXT_TESTS: Mapping[Op, Callable[[str, str], bool]] = {
    Op.IS: _equal,
    Op.IN: _equal,
    Op.CONTAINS: _contains,
    Op.STARTS_WITH: str.startswith,
}
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


@lru_cache(maxsize=8192)
def _comparable(field: Field, text: str) -> str:
    folded = fold(text[:MAX_SEEN_TEXT])
    return folded.replace(" ", "") if field is Field.IBAN else folded


def _card(transaction: SourceTransaction) -> tuple[str, ...]:
    card = transaction.card
    return (card.card_name, card.pan4) if card else ()


def _category(transaction: SourceTransaction) -> tuple[str, ...]:
    category = transaction.category
    return (category.name, category.account_code) if category else ()


_READERS: Mapping[Field, Callable[[SourceTransaction], tuple[str, ...]]] = {
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
