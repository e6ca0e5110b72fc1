"""Look-ups in the destination's chart: accounts by id, code or name, tax rates, tracking options. Pure, built once."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeVar

from connectors.contract.records import Account, Chart, TaxRate, TrackingCategory, TrackingChoice, TrackingOption

ACTIVE = "ACTIVE"
NO_TAX = "NONE"  # the destination's tax type for "no tax"
# Accounts that a bank transaction may carry although the destination marks them as its own.
USABLE_SYSTEM_ACCOUNTS = frozenset({"ROUNDING"})


class _HasStatus(Protocol):
    @property
    def status(self) -> str: ...


T = TypeVar("T", bound=_HasStatus)


def folded(text: str) -> str:
    """How names, codes and ids are compared: NFKC, case-folded, spaces collapsed."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())


fold = lru_cache(maxsize=8192)(folded)  # a company's accounts, rates and options are asked for with every movement


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartIndex:
    """The chart, ready for look-ups. Where an active and an archived thing share a name, the active one is found."""

    chart: Chart
    accounts_by_id: Mapping[str, Account]
    accounts_by_code: Mapping[str, Account]
    accounts_by_name: Mapping[str, Account]
    accounts_by_system: Mapping[str, Account]
    rates_by_type: Mapping[str, TaxRate]
    rates_by_name: Mapping[str, TaxRate]
    categories: Mapping[str, TrackingCategory]

    @classmethod
    def of(cls, chart: Chart) -> ChartIndex:
        accounts = chart.accounts
        return cls(
            chart=chart,
            accounts_by_id=_index((account.account_id, account) for account in accounts),
            accounts_by_code=_index((account.code, account) for account in accounts),
            accounts_by_name=_index((account.name, account) for account in accounts),
            accounts_by_system=_index((account.system, account) for account in accounts),
            rates_by_type=_index((rate.tax_type, rate) for rate in chart.tax_rates),
            rates_by_name=_index((rate.name, rate) for rate in chart.tax_rates),
            categories=_index(
                (key, category) for category in chart.tracking for key in (category.category_id, category.name)
            ),
        )

    def account(self, text: str) -> Account | None:
        """The account with this id, else this code, else this name; archived ones too. None where there is none."""
        key = fold(text)
        return self.accounts_by_id.get(key) or self.accounts_by_code.get(key) or self.accounts_by_name.get(key)

    def system_account(self, system: str) -> Account | None:
        return self.accounts_by_system.get(fold(system))

    @property
    def rounding_account(self) -> Account | None:
        """Where a rest of cents goes: the account that the destination itself uses for roundings."""
        return self.system_account("ROUNDING")

    def tax_rate(self, text: str) -> TaxRate | None:
        """The tax rate with this type, else this name; archived ones too."""
        key = fold(text)
        return self.rates_by_type.get(key) or self.rates_by_name.get(key)

    def rates_of(self, account: Account) -> tuple[TaxRate, ...]:
        """The active tax rates that may stand on a line of this account."""
        return tuple(rate for rate in self.chart.tax_rates if rate.status == ACTIVE and may_carry(account, rate))

    def tracking_category(self, text: str) -> TrackingCategory | None:
        return self.categories.get(fold(text))

    def options_named(self, text: str) -> tuple[TrackingChoice, ...]:
        """Every active option of this name, over all active categories."""
        key = fold(text)
        return tuple(
            tracking_choice(category, option)
            for category in self.chart.tracking
            for option in category.options
            if category.status == ACTIVE and option.status == ACTIVE and fold(option.name) == key != ""
        )


def tracking_option(category: TrackingCategory, text: str) -> TrackingOption | None:
    """The option of this category with this id or name; archived ones too."""
    keys = ((key, option) for option in category.options for key in (option.option_id, option.name))
    return _index(keys).get(fold(text))


def tracking_choice(category: TrackingCategory, option: TrackingOption) -> TrackingChoice:
    return TrackingChoice(
        category_id=category.category_id, option_id=option.option_id, label=f"{category.name}: {option.name}"
    )


def may_carry(account: Account, rate: TaxRate) -> bool:
    """Does the destination allow this tax on this account? Where either side says nothing, it is not refused here."""
    return not rate.applies_to or not account.account_class or account.account_class in rate.applies_to


def account_objection(account: Account) -> str:
    """Why no line may stand on this account, as the end of a sentence; "" where it may."""
    if account.status != ACTIVE:
        return "is archived in Xero"
    if account.is_bank:
        return "is a bank account, and a line cannot stand on a bank account"
    if account.system and account.system not in USABLE_SYSTEM_ACCOUNTS:
        return f"belongs to Xero itself ({account.system})"
    return ""


def coding_objection(chart: ChartIndex, *, account: str, tax: str) -> str:
    """Why these two cannot stand together on a line, as a sentence; "" where they can, or where one of them is not said."""
    on, rate = chart.account(account) if account else None, chart.tax_rate(tax) if tax else None
    if account and on is None:
        return f"Account {account} does not exist in Xero."
    if tax and rate is None:
        return f"Tax {tax} does not exist in Xero."
    if on is not None and account_objection(on):
        return f"Account {label(on)} {account_objection(on)}."
    if rate is not None and rate.status != ACTIVE:
        return f"Tax {rate.name} is not active in Xero."
    if on is None or rate is None or may_carry(on, rate):
        return ""
    fitting = ", ".join(it.name for it in chart.rates_of(on)[:6]) or "none"
    return f"Xero does not allow tax {rate.name} on account {label(on)}. Allowed there: {fitting}."


def label(account: Account) -> str:
    """An account in words: code and name, or the name alone where it has no code."""
    return f"{account.code} {account.name}".strip()


def _index(pairs: Iterable[tuple[str, T]]) -> dict[str, T]:
    """First come, first kept; but an active thing displaces one that is not."""
    found: dict[str, T] = {}
    for text, thing in pairs:
        key = fold(text)
        if key and (key not in found or (found[key].status != ACTIVE and thing.status == ACTIVE)):
            found[key] = thing
    return found
