"""The chart of accounts and its company. The payloads are the examples of Xero's official file, shortened."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectors.xero import chart
from tests.connectors.xero.factories import ACCOUNT, CATEGORY, OPTION, ORGANISATION

COMPANY = {
    "Name": "Muster Handels AG",
    "PaysTax": True,
    "BaseCurrency": "CHF",
    "CountryCode": "CH",
    "Timezone": "WEUROPESTANDARDTIME",
    "ShortCode": "!mBdtL",
    "OrganisationID": ORGANISATION,
}


def company(**changes: Any) -> Any:
    return chart.organisation({**COMPANY, **changes}, organisation_id="tenant-id", multi_currency=True)


def test_the_company_is_known_by_the_id_that_calls_need() -> None:
    found = company()
    assert found.organisation_id == "tenant-id"
    assert (found.name, found.base_currency, found.country) == ("Muster Handels AG", "CHF", "CH")
    assert (found.timezone, found.short_code) == ("Europe/Berlin", "!mBdtL")
    assert (found.lock_date, found.pays_tax) == (None, True)


def test_the_later_of_the_two_lock_dates_counts() -> None:
    period, year = "/Date(1546214400000+0000)/", "/Date(1514678400000+0000)/"  # 2018-12-31, 2017-12-31
    assert company(PeriodLockDate=period, EndOfYearLockDate=year).lock_date == date(2018, 12, 31)
    assert company(PeriodLockDate=year, EndOfYearLockDate=period).lock_date == date(2018, 12, 31)
    assert company(EndOfYearLockDate=year).lock_date == date(2017, 12, 31)


def test_a_lock_date_at_the_organisations_midnight_is_that_day() -> None:
    # 2014-12-30T23:00Z is midnight of the 31st in Central Europe.
    assert company(PeriodLockDate="/Date(1419980400000+0000)/").lock_date == date(2014, 12, 31)


def test_a_company_that_pays_no_tax_says_so() -> None:
    assert company(PaysTax=False).pays_tax is False


@pytest.mark.parametrize(("status", "allowed"), [("ALLOWED", True), ("NOT-ALLOWED", False)])
def test_the_plan_decides_about_several_currencies(status: str, allowed: bool) -> None:
    actions = {
        "Actions": [{"Name": "CreateDraftBill", "Status": "ALLOWED"}, {"Name": "UseMulticurrency", "Status": status}]
    }
    assert chart.uses_multicurrency(actions) is allowed


def test_a_bank_account_has_a_currency_and_may_have_no_code() -> None:
    found = chart.account(
        {
            "AccountID": ACCOUNT.upper(),
            "Name": "EUR Amnis",
            "Type": "BANK",
            "TaxType": "NONE",
            "BankAccountNumber": "0209087654321050",
            "CurrencyCode": "EUR",
        }
    )
    assert found.is_bank
    assert (found.account_id, found.code, found.currency) == (ACCOUNT, "", "EUR")
    assert (found.account_class, found.status) == ("ASSET", "ACTIVE")


def test_a_system_account_is_recognised_and_null_means_none() -> None:
    rounding = {"AccountID": ACCOUNT, "Type": "EXPENSE", "Class": "EXPENSE", "SystemAccount": "ROUNDING"}
    assert chart.account(rounding).system == "ROUNDING"
    assert chart.account({**rounding, "SystemAccount": None}).system == ""


def test_only_bank_accounts_carry_a_currency() -> None:
    assert chart.account({"AccountID": ACCOUNT, "Type": "REVENUE", "CurrencyCode": "EUR"}).currency == ""


def test_a_tax_rate_names_the_classes_that_may_carry_it() -> None:
    found = chart.tax_rate(
        {
            "Name": "15% GST on Expenses",
            "TaxType": "INPUT2",
            "CanApplyToAssets": True,
            "CanApplyToEquity": True,
            "CanApplyToExpenses": True,
            "CanApplyToLiabilities": True,
            "CanApplyToRevenue": False,
            "DisplayTaxRate": Decimal("15.0"),
            "EffectiveRate": Decimal("15.0"),
            "Status": "ACTIVE",
        }
    )
    assert (found.tax_type, found.rate) == ("INPUT2", Decimal(15))
    assert found.applies_to == {"ASSET", "EQUITY", "EXPENSE", "LIABILITY"}


def test_without_an_effective_rate_the_components_add_up() -> None:
    components = [{"Rate": Decimal("5.0")}, {"Rate": Decimal("2.5")}]
    assert chart.tax_rate({"TaxType": "TAX001", "TaxComponents": components}).rate == Decimal("7.5")


def test_tracking_keeps_archived_options() -> None:
    options = [
        {"TrackingOptionID": OPTION, "Name": "North", "Status": "ACTIVE"},
        {"TrackingOptionID": ACCOUNT, "Name": "South", "Status": "ARCHIVED"},
    ]
    found = chart.tracking_category({"TrackingCategoryID": CATEGORY, "Name": "Region", "Options": options})
    assert [(option.name, option.status) for option in found.options] == [("North", "ACTIVE"), ("South", "ARCHIVED")]


def test_currencies_are_the_subscribed_codes() -> None:
    assert chart.currencies([{"Code": "CHF", "Description": "Swiss Franc"}, {"Code": "EUR"}, {}]) == {"CHF", "EUR"}
