"""Answers keep to the official OpenAPI file: no unknown member, no member of another type."""

from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.connectors.xero.spec import specs_folder
from tests.sandbox.xero.conftest import Office, put, put_one, spend

SPEC = (specs_folder() or Path()) / "xero_accounting.yaml"
# On the wire although the file does not list them; see reference/xero.md, 4.1 and 5.
UNLISTED = {
    "DateString",
    "DueDateString",
    "DateTimeUTC",
    "Id",
    "ProviderName",
    "Status",
    "ValidationErrors",
    "Warnings",
    "pagination",
}
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "array": list,
    "object": dict,
    "integer": int,
    "number": (int, float),
}


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    if not SPEC.exists():
        pytest.skip("the official OpenAPI files are not here")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, Any] = yaml.load(SPEC.read_text(), Loader=loader)["components"]["schemas"]
    return found


def deviations(value: Any, schema: dict[str, Any], schemas: dict[str, Any], path: str) -> list[str]:
    if "$ref" in schema:
        return deviations(value, schemas[schema["$ref"].rpartition("/")[2]], schemas, path)
    if value is None:
        return []
    expected = TYPES.get(schema.get("type", "object"), object)
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        return [f"{path}: {value!r} is no {schema.get('type')}"]
    if isinstance(value, list):
        return [found for item in value for found in deviations(item, schema.get("items", {}), schemas, f"{path}[]")]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    known = schema["properties"]
    unknown = [f"{path}.{key} is not in the file" for key in value if key not in known and key not in UNLISTED]
    inner = [deviations(value[key], known[key], schemas, f"{path}.{key}") for key in value if key in known]
    return unknown + [found for group in inner for found in group]


READS = {
    "Organisation": "Organisations",
    "Organisation/Actions": "Actions",
    "Accounts": "Accounts",
    "TaxRates": "TaxRates",
    "TrackingCategories": "TrackingCategories",
    "Currencies": "Currencies",
    "Contacts?page=1": "Contacts",
    "Invoices?page=1": "Invoices",
    "BankTransactions?page=1": "BankTransactions",
    "BankTransfers": "BankTransfers",
    "Payments?page=1": "Payments",
    "BatchPayments": "BatchPayments",
}


@pytest.fixture
def busy(office: Office, client: httpx.Client) -> httpx.Client:
    """A client of books in which every kind of document occurs."""
    put(client, spend(), spend(Type="RECEIVE", BankAccount={"Code": "092"}))
    account = {"Name": "CHF Reserve", "Code": "097", "Type": "BANK", "BankAccountNumber": "CH97"}
    target = client.put("Accounts", json=account).json()["Accounts"][0]["AccountID"]
    move = {"FromBankAccount": {"Code": "090"}, "ToBankAccount": {"AccountID": target}, "Amount": 5}
    client.put("BankTransfers", json={"BankTransfers": [move]})
    for number in ("RE-2026-0101", "RE-2026-0102"):
        known = client.get(f"Invoices/{number}").json()["Invoices"][0]["InvoiceID"]
        payment = {"Invoice": {"InvoiceID": known}, "Account": {"Code": "090"}, "Amount": 5, "Date": "2026-11-12"}
        client.put("Payments", json={"Payments": [payment]})
        batch = {"Account": {"Code": "090"}, "Date": "2026-11-12", "Payments": [payment]}
        assert client.put("BatchPayments", json={"BatchPayments": [batch]}).status_code == 200
    return client


@pytest.mark.parametrize(("path", "schema"), READS.items())
def test_reads(busy: httpx.Client, schemas: dict[str, Any], path: str, schema: str) -> None:
    body = busy.get(path).json()
    assert body[schema]
    assert deviations(body, schemas[schema], schemas, schema) == []


def test_writes(client: httpx.Client, schemas: dict[str, Any]) -> None:
    good, bad = put_one(client), put_one(client, Contact={})
    for document in (good, bad):
        assert deviations(document, schemas["BankTransaction"], schemas, "BankTransaction") == []
    refused = put(client, spend(Contact={}), each=False).json()
    assert set(refused) == {"ErrorNumber", "Type", "Message", "Elements"}
