"""What a bookkeeper may point at in Xero: organisation, accounts, tax rates, tracking, currencies. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from connectors.contract.money import ZERO, MoneyError, decimal_of
from connectors.contract.records import Account, Organisation, TaxRate, TrackingCategory, TrackingOption
from connectors.xero.dates import lock_day
from connectors.xero.reading import Wire, elements_of, identifier, parts, text
from connectors.xero.timezones import iana_zone

_CLASS_OF_TYPE = {
    **dict.fromkeys(("BANK", "CURRENT", "FIXED", "INVENTORY", "NONCURRENT", "PREPAYMENT"), "ASSET"),
    **dict.fromkeys(("CURRLIAB", "LIABILITY", "TERMLIAB", "PAYG"), "LIABILITY"),
    **dict.fromkeys(("DEPRECIATN", "DIRECTCOSTS", "EXPENSE", "OVERHEADS"), "EXPENSE"),
    **dict.fromkeys(("OTHERINCOME", "REVENUE", "SALES"), "REVENUE"),
    "EQUITY": "EQUITY",
}
_CLASS_OF_FLAG = {
    "CanApplyToAssets": "ASSET",
    "CanApplyToEquity": "EQUITY",
    "CanApplyToExpenses": "EXPENSE",
    "CanApplyToLiabilities": "LIABILITY",
    "CanApplyToRevenue": "REVENUE",
}


def organisation(element: Wire, *, organisation_id: str, multi_currency: bool) -> Organisation:
    """The company. Of its two lock dates the later one counts, also for advisers who could post before it."""
    zone = iana_zone(text(element, "Timezone"))
    locks = [lock_day(element[key], zone=zone) for key in ("PeriodLockDate", "EndOfYearLockDate") if element.get(key)]
    return Organisation(
        organisation_id=organisation_id,
        name=text(element, "Name"),
        base_currency=text(element, "BaseCurrency"),
        country=text(element, "CountryCode"),
        timezone=zone,
        short_code=text(element, "ShortCode"),
        lock_date=max(locks, default=None),
        pays_tax=element.get("PaysTax") is not False,
        multi_currency=multi_currency,
    )


def uses_multicurrency(actions: Any) -> bool:
    """What `GET /Organisation/Actions` says about more than one currency; allowed where it says nothing."""
    found = {text(action, "Name"): text(action, "Status") for action in elements_of(actions, "Actions")}
    return found.get("UseMulticurrency", "ALLOWED") == "ALLOWED"


def account(element: Wire) -> Account:
    kind = text(element, "Type")
    return Account(
        account_id=identifier(element, "AccountID"),
        code=text(element, "Code"),
        name=text(element, "Name"),
        type=kind,
        account_class=text(element, "Class") or _CLASS_OF_TYPE.get(kind, ""),
        status=text(element, "Status") or "ACTIVE",
        currency=text(element, "CurrencyCode") if kind == "BANK" else "",
        system=text(element, "SystemAccount"),
        tax_type=text(element, "TaxType"),
        bank_number=text(element, "BankAccountNumber"),
    )


def tax_rate(element: Wire) -> TaxRate:
    return TaxRate(
        tax_type=text(element, "TaxType"),
        name=text(element, "Name"),
        rate=_percent(element),
        status=text(element, "Status") or "ACTIVE",
        applies_to=frozenset(name for flag, name in _CLASS_OF_FLAG.items() if element.get(flag) is True),
    )


def tracking_category(element: Wire) -> TrackingCategory:
    return TrackingCategory(
        category_id=identifier(element, "TrackingCategoryID"),
        name=text(element, "Name"),
        status=text(element, "Status") or "ACTIVE",
        options=tuple(_option(option) for option in parts(element, "Options")),
    )


def currencies(elements: Iterable[Wire]) -> frozenset[str]:
    return frozenset(filter(None, (text(element, "Code") for element in elements)))


def _option(element: Wire) -> TrackingOption:
    return TrackingOption(
        option_id=identifier(element, "TrackingOptionID"),
        name=text(element, "Name"),
        status=text(element, "Status") or "ACTIVE",
    )


def _percent(element: Wire) -> Decimal:
    """The effective rate in percent, else the one shown, else the sum of the components."""
    for key in ("EffectiveRate", "DisplayTaxRate"):
        if element.get(key) is not None:
            return _decimal(element[key])
    return sum((_decimal(component.get("Rate")) for component in parts(element, "TaxComponents")), ZERO)


def _decimal(value: object) -> Decimal:
    try:
        return decimal_of(value)
    except MoneyError:
        return ZERO
