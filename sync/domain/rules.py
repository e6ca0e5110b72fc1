"""Categorisation rules: when does one apply, and what does it decide. The first rule that holds wins. Pure.

Reading a rule from a file or a form is `rule_format.parse_rule`; `RuleSpec.to_json` writes what it reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from connectors.contract.money import ZERO, Money
from connectors.contract.records import SourceTransaction
from sync.domain.conditions import ConditionResult, Facts, Group, trace


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPart:
    """One part of a split: a `share` in percent, a fixed `amount`, or neither for the last part, which takes the rest."""

    account: str
    share: Decimal | None = None
    amount: Decimal | None = None
    tax: str = ""
    tracking: Mapping[str, str] = field(default_factory=dict)
    description: str = ""

    def to_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {"share": _decimal(self.share), "amount": _decimal(self.amount), "account": self.account}
        return _said({**said, "tax": self.tax, "tracking": dict(self.tracking), "description": self.description})


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a rule decides; an empty value decides nothing. `tracking` maps a category's name to an option's.

    `skip`: nothing is posted. `review`: a person looks first. References are as written (code, name or id).
    """

    account: str = ""
    tax: str = ""
    tracking: Mapping[str, str] = field(default_factory=dict)
    contact: str = ""
    description: str = ""
    split: tuple[SplitPart, ...] = ()
    skip: bool = False
    review: bool = False

    def to_json(self) -> dict[str, Any]:
        texts = {"account": self.account, "tax": self.tax, "contact": self.contact, "description": self.description}
        parts = [part.to_json() for part in self.split]
        flags = {"skip": self.skip, "review": self.review}
        return _said({**texts, "tracking": dict(self.tracking), "split": parts, **flags})


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSpec:
    """A rule in one version. Versions let every decision name exactly what decided it."""

    name: str
    when: Group
    then: Action
    version: int = 1

    def to_json(self) -> dict[str, Any]:
        """The rule as a tenant file writes it; the version is kept beside it, not in it."""
        return {"name": self.name, "when": self.when.to_json(), "then": self.then.to_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleHit:
    """The rule that won, its place (from 1), and what each of its conditions saw."""

    rule: RuleSpec
    position: int
    trace: tuple[ConditionResult, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule.name,
            "version": self.rule.version,
            "position": self.position,
            "conditions": [result.to_json() for result in self.trace],
        }


def match(rules: Iterable[RuleSpec], transaction: SourceTransaction) -> RuleHit | None:
    """The first rule that holds for the movement, or None. Never raises on odd data."""
    facts = Facts.of(transaction)
    for position, rule in enumerate(rules, start=1):
        if rule.when.test(facts):
            return RuleHit(rule=rule, position=position, trace=tuple(trace(rule.when, facts)))
    return None


def split_amounts(total: Money, parts: Sequence[SplitPart]) -> tuple[Decimal, ...] | None:
    """The amount of each part, unsigned, adding up to |total| to the cent; a part may get 0.00.

    None where fixed amounts and shares are more than the whole. Shares are rounded cumulatively, so that the cents of
    many small shares never pile up on the last part.
    """
    whole = abs(total)
    amounts: list[Decimal] = []
    shares = ZERO
    for part in parts[:-1]:
        if part.share is None:
            amounts.append(part.amount or ZERO)
            continue
        before, shares = shares, shares + part.share
        amounts.append(_portion(whole, shares) - _portion(whole, before))
    rest = whole.amount - sum(amounts, ZERO)
    return (*amounts, rest) if rest >= 0 else None


def _portion(whole: Money, percent: Decimal) -> Decimal:
    return Money(amount=whole.amount * percent / 100, currency=whole.currency).rounded().amount


def _decimal(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    """Only what was decided: no empty texts, lists or flags."""
    return {key: value for key, value in values.items() if value not in ("", None, False, (), [], {})}
