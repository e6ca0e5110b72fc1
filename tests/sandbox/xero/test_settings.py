"""Organisation, accounts, tax rates, tracking categories, currencies."""

from typing import Any

import httpx

from sandbox.xero.seed import EXEMPLA
from tests.sandbox.xero.conftest import Office, messages, put, spend


def accounts(client: httpx.Client, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("Accounts", params=query).json()["Accounts"]
    return found


def test_the_organisation(client: httpx.Client) -> None:
    [organisation] = client.get("Organisation").json()["Organisations"]
    assert (organisation["BaseCurrency"], organisation["CountryCode"], organisation["Version"]) == (
        "CHF",
        "CH",
        "GLOBAL",
    )
    assert (organisation["ShortCode"], organisation["PaysTax"]) == ("!mu5t3", True)
    assert "PeriodLockDate" not in organisation
    assert not [key for key in organisation if key.startswith("_")]


def test_another_organisation_has_another_base_currency(office: Office) -> None:
    assert office.client(EXEMPLA).get("Organisation").json()["Organisations"][0]["BaseCurrency"] == "EUR"


def test_bank_accounts_have_a_currency_and_sometimes_no_code(client: httpx.Client) -> None:
    banks = {account["Name"]: account for account in accounts(client, where='Type=="BANK"')}
    assert {bank["CurrencyCode"] for bank in banks.values()} == {"CHF", "EUR", "USD", "GBP", "JPY", "CZK"}
    assert banks["EUR Amnis"]["Code"] == ""
    assert banks["CHF Amnis"]["Code"] == "090"


def test_system_and_archived_accounts(client: httpx.Client) -> None:
    by_code = {account["Code"]: account for account in accounts(client) if account["Code"]}
    systems = {by_code[code]["SystemAccount"] for code in ("610", "800", "820", "860")}
    assert systems == {"DEBTORS", "CREDITORS", "GST", "ROUNDING"}
    assert by_code["470"]["Status"] == "ARCHIVED"
    assert (by_code["200"]["Class"], by_code["404"]["Class"]) == ("REVENUE", "EXPENSE")


def test_accounts_can_be_filtered_and_ordered(client: httpx.Client) -> None:
    found = accounts(client, where='Status=="ACTIVE" AND (Class=="REVENUE" OR Code=="404")', order="Code DESC")
    assert [account["Code"] for account in found] == ["404", "260", "200"]


def test_one_account_per_request_as_a_bare_object(client: httpx.Client) -> None:
    wish = {"Code": "476", "Name": "Cleaning", "Type": "EXPENSE", "TaxType": "TAX001"}
    made = client.put("Accounts", json=wish).json()["Accounts"][0]
    assert (made["Status"], made["Class"]) == ("ACTIVE", "EXPENSE")
    twice = client.put("Accounts", json={"Accounts": [wish | {"Code": "1"}, wish | {"Code": "2"}]})
    assert twice.status_code == 400


def test_code_and_name_are_unique(client: httpx.Client) -> None:
    answer = client.put("Accounts", json={"Code": "200", "Name": "sales", "Type": "REVENUE"})
    assert answer.json()["ErrorNumber"] == 10
    assert messages(answer.json()["Elements"][0]) == ["Please enter a unique Name.", "Please enter a unique Code."]


def test_archiving_an_account_closes_it_for_documents(office: Office, client: httpx.Client) -> None:
    known = office.account("485")
    answer = client.post(f"Accounts/{known}", json={"Accounts": [{"AccountID": known, "Status": "ARCHIVED"}]})
    assert answer.json()["Accounts"][0]["Status"] == "ARCHIVED"
    row = {"Description": "x", "UnitAmount": 1, "AccountCode": "485"}
    assert put(client, spend(LineItems=[row]), each=False).status_code == 400
    system = office.account("610")
    assert client.post(f"Accounts/{system}", json={"Status": "ARCHIVED"}).status_code == 400


def test_only_an_unused_account_can_be_deleted(office: Office, client: httpx.Client) -> None:
    put(client, spend())
    assert client.delete(f"Accounts/{office.account('400')}").status_code == 400
    assert client.delete(f"Accounts/{office.account('449')}").json()["Accounts"][0]["Status"] == "DELETED"


def test_tax_rates_say_which_accounts_they_fit(client: httpx.Client) -> None:
    rates = {rate["TaxType"]: rate for rate in client.get("TaxRates").json()["TaxRates"]}
    assert (rates["TAX001"]["EffectiveRate"], rates["TAX003"]["EffectiveRate"], rates["NONE"]["EffectiveRate"]) == (
        8.1,
        8.1,
        0,
    )
    assert (rates["TAX001"]["CanApplyToExpenses"], rates["TAX001"]["CanApplyToRevenue"]) == (True, False)
    assert (rates["TAX003"]["CanApplyToExpenses"], rates["TAX003"]["CanApplyToRevenue"]) == (False, True)
    assert rates["TAX005"]["Status"] == "ARCHIVED"
    assert client.get("TaxRates/TAX002").json()["TaxRates"][0]["EffectiveRate"] == 2.6


def test_archived_options_only_on_request(client: httpx.Client) -> None:
    def options(**query: str) -> set[str]:
        found = client.get("TrackingCategories", params=query).json()["TrackingCategories"]
        region = next(category for category in found if category["Name"] == "Region")
        return {option["Name"] for option in region["Options"]}

    assert options() == {"Zürich", "Basel", "Genève"}
    assert options(includeArchived="true") == {"Zürich", "Basel", "Genève", "Lugano"}


def category_id(client: httpx.Client) -> str:
    found = client.get("TrackingCategories").json()["TrackingCategories"]
    return str(next(category["TrackingCategoryID"] for category in found if category["Name"] == "Region"))


def test_new_options_come_back_under_options_and_are_unique(client: httpx.Client) -> None:
    path = f"TrackingCategories/{category_id(client)}/Options"
    made = client.put(path, json={"Name": "Chur"}).json()["Options"]
    assert [(option["Name"], option["Status"]) for option in made] == [("Chur", "ACTIVE")]
    assert client.put(path, json={"Options": [{"Name": "Davos"}, {"Name": "chur"}]}).status_code == 400
    names = [o["Name"] for o in client.get(path.removesuffix("/Options")).json()["TrackingCategories"][0]["Options"]]
    assert "Davos" not in names
    assert client.put("TrackingCategories/unknown/Options", json={"Name": "x"}).status_code == 404


def test_an_option_can_be_archived(client: httpx.Client) -> None:
    category = category_id(client)
    option = client.put(f"TrackingCategories/{category}/Options", json={"Name": "Chur"}).json()["Options"][0]
    path = f"TrackingCategories/{category}/Options/{option['TrackingOptionID']}"
    assert client.post(path, json={"Status": "ARCHIVED"}).json()["Options"][0]["Status"] == "ARCHIVED"


def test_two_active_categories_are_the_most(client: httpx.Client) -> None:
    assert client.put("TrackingCategories", json={"Name": "Team"}).status_code == 400


def test_currencies(client: httpx.Client) -> None:
    assert {row["Code"] for row in client.get("Currencies").json()["Currencies"]} >= {"CHF", "EUR", "CZK"}
    assert client.put("Currencies", json={"Code": "SEK"}).status_code == 200
    assert "SEK" in {row["Code"] for row in client.get("Currencies").json()["Currencies"]}
