"""Movements and a chart for the tests of the pure core: invented, small, and readable in a test."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from connectors.contract.money import Money
from connectors.contract.records import (
    Account,
    CardDetail,
    Category,
    Chart,
    Counterparty,
    Execution,
    Movement,
    Organisation,
    SourceTransaction,
    TaxRate,
    TrackingCategory,
    TrackingOption,
)
from sync.domain.references import ChartIndex


def movement(
    amount: str = "-120.00", *, currency: str = "CHF", name: str = "Muster Handels AG", **fields: Any
) -> SourceTransaction:
    """An executed payment; a name is the counterparty's, everything else as SourceTransaction calls it."""
    kind = Movement.PAY_OUT if amount.startswith("-") else Movement.PAY_IN
    known: dict[str, Any] = {
        "account_id": "1",
        "source_id": "9001",
        "movement": kind,
        "execution": Execution.EXECUTED,
        "amount": Money.of(amount, currency),
        "execution_date": date(2026, 3, 4),
        "counterparty": Counterparty(name=name),
    }
    return SourceTransaction(**{**known, **fields})


def card(
    amount: str = "-108.10", *, country: str = "CH", name: str = "Papeterie am See", **fields: Any
) -> SourceTransaction:
    detail = CardDetail(card_name="Marketing", pan4="1234", merchant_country=country)
    return movement(amount, name=name, **{"movement": Movement.CARD, "card": detail, **fields})


def category(code: str, name: str = "Office") -> Category:
    return Category(name=name, account_code=code)


def account(code: str, name: str, kind: str, account_class: str, **fields: Any) -> Account:
    return Account(
        account_id=f"id-{code or name}", code=code, name=name, type=kind, account_class=account_class, **fields
    )


CHART = Chart(
    organisation=Organisation(organisation_id="org-1", name="Muster Handels AG", base_currency="CHF", country="CH"),
    accounts=(
        account("090", "CHF Amnis", "BANK", "ASSET", currency="CHF"),
        account("", "EUR Amnis", "BANK", "ASSET", currency="EUR"),
        account("200", "Sales", "REVENUE", "REVENUE"),
        account("400", "General Expenses", "EXPENSE", "EXPENSE"),
        account("404", "Bank Fees", "EXPENSE", "EXPENSE"),
        account("469", "Rent", "EXPENSE", "EXPENSE"),
        account("470", "Old Office", "EXPENSE", "EXPENSE", status="ARCHIVED"),
        account("610", "Accounts Receivable", "CURRENT", "ASSET", system="DEBTORS"),
        account("850", "FX Clearing", "CURRLIAB", "LIABILITY"),
        account("860", "Rounding", "EXPENSE", "EXPENSE", system="ROUNDING"),
    ),
    tax_rates=(
        TaxRate(tax_type="NONE", name="Tax Exempt", rate=Decimal(0)),
        TaxRate(tax_type="TAX001", name="Input 8.1", rate=Decimal("8.1"), applies_to=frozenset({"EXPENSE", "ASSET"})),
        TaxRate(tax_type="TAX002", name="Output 8.1", rate=Decimal("8.1"), applies_to=frozenset({"REVENUE"})),
        TaxRate(tax_type="TAX003", name="Input 2.6", rate=Decimal("2.6"), applies_to=frozenset({"EXPENSE"})),
        TaxRate(tax_type="TAX009", name="Input 7.7", rate=Decimal("7.7"), status="ARCHIVED"),
    ),
    tracking=(
        TrackingCategory(
            category_id="cat-region",
            name="Region",
            options=(
                TrackingOption(option_id="opt-zh", name="Zürich"),
                TrackingOption(option_id="opt-old", name="Chur", status="ARCHIVED"),
            ),
        ),
        TrackingCategory(
            category_id="cat-team", name="Team", options=(TrackingOption(option_id="opt-sales", name="Sales"),)
        ),
    ),
    currencies=frozenset({"CHF", "EUR"}),
)
INDEX = ChartIndex.of(CHART)
