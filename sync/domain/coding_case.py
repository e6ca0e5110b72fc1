"""What coding starts from and what it writes down: the case, its choosers' notes, and the words for who decided. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from connectors.contract.errors import Finding, Severity
from connectors.contract.records import Movement, SourceTransaction
from sync.domain.references import ChartIndex
from sync.domain.rules import Action, RuleHit

_EXPENSES = frozenset({Movement.CARD, Movement.CARD_REFUND, Movement.FEE})
_RETURNS = frozenset({Movement.CARD_REFUND, Movement.RETURNED_PAYMENT})
_NO_ACTION = Action()

# A default by its name in the settings, as the settings page calls it in a sentence.
DEFAULT_WORDS: Mapping[str, str] = {
    "income": "income",
    "expense": "expenses",
    "fee": "fees of Amnis",
    "cashback": "cashback and interest",
    "fx_clearing": "the clearing of currency exchanges",
    "suspense": "suspense",
    "tax_income": "the tax on income",
    "tax_expense": "the tax on expenses",
}


class DecidedBy(StrEnum):
    RULE = "rule"
    ORIGIN = "origin"  # the payment that came back, the purchase that was refunded
    CATEGORY = "category"  # captured at the source: category, cost centre, VAT
    CONTACT = "contact"  # what a person decided for this counterparty
    DEFAULT = "default"
    PERSON = "person"  # for this one movement
    POLICY = "policy"  # not a choice: the way the books need it


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decided field, for the screen that answers "why?"."""

    field: str
    value: str
    by: DecidedBy
    why: str
    rule: str = ""
    rule_version: int = 0

    def to_json(self) -> dict[str, Any]:
        said = {"field": self.field, "value": self.value, "by": self.by.value, "why": self.why}
        return {**said, "rule": self.rule, "rule_version": self.rule_version} if self.rule else said


@dataclass(frozen=True, slots=True, kw_only=True)
class CodingDefaults:
    """The owner's defaults, as written in the tenant file: accounts by code, name or id, tax by type or name."""

    income: str = ""
    expense: str = ""
    fee: str = ""
    cashback: str = ""  # empty: as other income
    fx_clearing: str = ""
    suspense: str = ""
    tax_income: str = ""
    tax_expense: str = ""
    tracking_category: str = ""  # where cost centres become options, in an organisation with several categories

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CodingDefaults:
        return cls(**{key: str(value) for key, value in data.items() if key in cls.__slots__ and value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A decision of a person (for a counterparty, or on the movement that this one returns). Empty: nothing decided."""

    account: str = ""
    tax: str = ""
    tracking: Mapping[str, str] = field(default_factory=dict)
    contact: str = ""
    why: str = ""


NOTHING_REMEMBERED = Remembered()


def direction_of(transaction: SourceTransaction) -> str:
    """ "out" where it is coded as a cost: also a refunded purchase, although its money comes in. Else "in"."""
    return "out" if transaction.movement in _EXPENSES or transaction.amount.amount < 0 else "in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One movement to be coded, with everything that may decide something about it."""

    transaction: SourceTransaction
    hit: RuleHit | None
    defaults: CodingDefaults
    chart: ChartIndex
    memory: Remembered
    origin: Remembered
    suspend: bool = False  # by policy, what nobody has completed at the source waits in the suspense account
    creates_options: bool = False  # by policy, a tracking option that the books lack is created

    @property
    def in_suspense(self) -> bool:
        """A rule that names the account has decided; nothing waits then."""
        return self.suspend and not (self.then.account or self.then.split)

    @property
    def then(self) -> Action:
        return self.hit.rule.then if self.hit else _NO_ACTION

    @property
    def rule_words(self) -> str:
        return f"rule “{self.hit.rule.name}”" if self.hit else "no rule"

    @property
    def movement(self) -> Movement:
        return self.transaction.movement

    @property
    def names_account(self) -> bool:
        """Does a rule say on which account it goes? Transfers between wallets need none unless one wallet is left out."""
        return bool(self.then.account or self.then.split)

    @property
    def is_expense(self) -> bool:
        """Is it coded as a cost? A refunded purchase is, although its money comes in."""
        return direction_of(self.transaction) == "out"

    @property
    def without_tax(self) -> bool:
        return self.movement is Movement.FX or self.in_suspense or not self.chart.chart.organisation.pays_tax

    @property
    def returned(self) -> Remembered:
        """How the movement that this one gives back was coded; nothing where it gives none back."""
        return self.origin if self.movement in _RETURNS else NOTHING_REMEMBERED


class Notes:
    """Findings and decisions, in the order in which the choosers write them down."""

    def __init__(self, hit: RuleHit | None) -> None:
        self._hit = hit
        self.findings: list[Finding] = []
        self.decisions: list[Decision] = []

    def decide(self, field: str, value: str, by: DecidedBy, why: str) -> str:
        """Write down who decided the field, and return the value."""
        rule = self._hit.rule if self._hit and by is DecidedBy.RULE else None
        name, version = (rule.name, rule.version) if rule else ("", 0)
        self.decisions.append(Decision(field=field, value=value, by=by, why=why, rule=name, rule_version=version))
        return value

    def review(self, code: str, message: str, *, detail: str = "") -> None:
        """A person must decide before anything is posted."""
        self.findings.append(Finding(code=code, message=message, detail=detail))

    def note(self, code: str, message: str, *, detail: str = "") -> None:
        """Shown, never in the way."""
        self.findings.append(Finding(code=code, message=message, severity=Severity.NOTE, detail=detail))
