"""The organisations that exist from the start: three invented companies of one invented user."""

import uuid
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sandbox.store import Json, Row
from sandbox.xero.books import ACCOUNT, CURRENCY, ORGANISATION, TAX_RATE, TRACKING, Books
from sandbox.xero.chart import CLASSES
from sandbox.xero.contacts import new_contact
from sandbox.xero.grants import USER
from sandbox.xero.wire import ms_time

if TYPE_CHECKING:
    from sandbox.xero.app import XeroSandbox

TRADING, PROPERTY, EXEMPLA = "Muster Handels AG", "Muster Immobilien AG", "Exempla Trading GmbH"
_NAMESPACE = uuid.UUID("6f1f4f0c-7a55-4c53-9a39-3c1d5d1f2b60")
_FOUNDED = 1_577_836_800_000  # 1 January 2020


def fixed_id(*words: str) -> str:
    """The same id in every sandbox, so that links and exports can be compared."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(words)))


ALICE = fixed_id("user", "alice")

# code, name, type, tax type, further fields
_Account = tuple[str, str, str, str, dict[str, Any]]

_COMMON: tuple[_Account, ...] = (
    ("200", "Sales", "REVENUE", "TAX003", {}),
    ("260", "Other revenue", "REVENUE", "NONE", {}),
    ("400", "General expenses", "EXPENSE", "TAX001", {}),
    ("404", "Bank fees", "EXPENSE", "NONE", {}),
    ("420", "Entertainment", "EXPENSE", "TAX001", {}),
    ("429", "Office", "EXPENSE", "TAX001", {}),
    ("433", "Insurance", "EXPENSE", "NONE", {}),
    ("449", "Vehicles", "EXPENSE", "TAX001", {}),
    ("469", "Rent", "EXPENSE", "NONE", {}),
    ("470", "Repairs (old)", "EXPENSE", "NONE", {"Status": "ARCHIVED"}),
    ("485", "Subscriptions", "EXPENSE", "TAX001", {}),
    ("489", "Telephone", "EXPENSE", "TAX001", {}),
    ("493", "Travel", "EXPENSE", "TAX004", {}),
    ("497", "Bank currency gains", "EXPENSE", "NONE", {"SystemAccount": "BANKCURRENCYGAIN"}),
    ("498", "Unrealised currency gains", "EXPENSE", "NONE", {"SystemAccount": "UNREALISEDCURRENCYGAIN"}),
    ("499", "Realised currency gains", "EXPENSE", "NONE", {"SystemAccount": "REALISEDCURRENCYGAIN"}),
    ("610", "Accounts receivable", "CURRENT", "NONE", {"SystemAccount": "DEBTORS"}),
    ("800", "Accounts payable", "CURRLIAB", "NONE", {"SystemAccount": "CREDITORS"}),
    ("820", "VAT", "CURRLIAB", "NONE", {"SystemAccount": "GST"}),
    ("850", "FX clearing", "CURRENT", "NONE", {}),
    ("860", "Rounding", "CURRLIAB", "NONE", {"SystemAccount": "ROUNDING"}),
    ("880", "Suspense", "CURRLIAB", "NONE", {}),
    ("960", "Retained earnings", "EQUITY", "NONE", {"SystemAccount": "RETAINEDEARNINGS"}),
)
_BANKS = {
    TRADING: (
        ("090", "CHF Amnis", "CHF"),
        ("", "EUR Amnis", "EUR"),
        ("092", "USD Amnis", "USD"),
        ("093", "GBP Amnis", "GBP"),
        ("094", "JPY Amnis", "JPY"),
        ("095", "CZK Amnis", "CZK"),
        ("096", "CHF Reserve Amnis", "CHF"),
    ),
    PROPERTY: (("090", "CHF Amnis", "CHF"),),
    EXEMPLA: (("090", "EUR Amnis", "EUR"), ("091", "CHF Amnis", "CHF"), ("092", "USD Amnis", "USD")),
}
_ORGANISATIONS: tuple[dict[str, Any], ...] = (
    {"Name": TRADING, "BaseCurrency": "CHF", "CountryCode": "CH", "ShortCode": "!mu5t3", "_multicurrency": True},
    {"Name": PROPERTY, "BaseCurrency": "CHF", "CountryCode": "CH", "ShortCode": "!mu5t4", "_multicurrency": False},
    {"Name": EXEMPLA, "BaseCurrency": "EUR", "CountryCode": "DE", "ShortCode": "!ex3mp", "_multicurrency": True},
)
_PURCHASE = ("Expenses", "Assets", "Liabilities", "Equity")
_SALE = ("Revenue",)
_ANY: tuple[str, ...] = ()
# tax type, name, per cent, classes of accounts (none: all), status
_TaxRate = tuple[str, str, str, tuple[str, ...], str]
_TAX_RATES: tuple[_TaxRate, ...] = (
    ("NONE", "Tax Exempt", "0", _ANY, "ACTIVE"),
    ("INPUT", "Tax on Purchases", "0", _PURCHASE, "ACTIVE"),
    ("OUTPUT", "Tax on Sales", "0", _SALE, "ACTIVE"),
    ("TAX001", "Vorsteuer 8.1%", "8.1", _PURCHASE, "ACTIVE"),
    ("TAX002", "Vorsteuer 2.6%", "2.6", _PURCHASE, "ACTIVE"),
    ("TAX003", "Umsatzsteuer 8.1%", "8.1", _SALE, "ACTIVE"),
    ("TAX004", "Vorsteuer 3.8%", "3.8", _PURCHASE, "ACTIVE"),
    ("TAX005", "Vorsteuer 7.7% (bis 2023)", "7.7", _PURCHASE, "ARCHIVED"),
)
_TRACKING = {
    "Region": (("Zürich", "ACTIVE"), ("Basel", "ACTIVE"), ("Genève", "ACTIVE"), ("Lugano", "ARCHIVED")),
    "Project": (("Alpha", "ACTIVE"), ("Beta", "ACTIVE")),
}
_CURRENCIES = {
    "CHF": "Swiss Franc",
    "EUR": "Euro",
    "USD": "United States Dollar",
    "GBP": "British Pound",
    "JPY": "Japanese Yen",
    "CZK": "Czech Koruna",
}
_CONTACTS = (
    "Amnis Treasury Services AG",
    "Bäckerei Müller & Söhne GmbH",
    "Café Zürich-Nord Sàrl",
    "Novák Strojírna s.r.o.",
    "Ørsted Design ApS",
    "Muster Immobilien AG",
    "Helvetia Papier AG",
    "Northwind Supplies Ltd",
    "Dubois Frères SA",
    "Kessler Treuhand",
    "Alt & Vergessen AG",
    "Mueller Baeckerei (doppelt)",
)
# type, number, contact, days ago, currency, line amount, account
_INVOICES: tuple[tuple[str, str, str, int, str, str, str], ...] = (
    ("ACCREC", "RE-2026-0101", "Café Zürich-Nord Sàrl", 40, "CHF", "1480.00", "200"),
    ("ACCREC", "RE-2026-0102", "Helvetia Papier AG", 25, "CHF", "12650.50", "200"),
    ("ACCREC", "RE-2026-0103", "Ørsted Design ApS", 21, "EUR", "3200.00", "200"),
    ("ACCREC", "RE-2026-0104", "Northwind Supplies Ltd", 12, "USD", "7480.00", "200"),
    ("ACCPAY", "4711", "Bäckerei Müller & Söhne GmbH", 30, "CHF", "386.40", "420"),
    ("ACCPAY", "R-88120", "Muster Immobilien AG", 18, "CHF", "4200.00", "469"),
    ("ACCPAY", "FA 2026/311", "Dubois Frères SA", 16, "EUR", "915.75", "400"),
    ("ACCPAY", "4711", "Kessler Treuhand", 9, "CHF", "2150.00", "400"),
)


def seed(xero: "XeroSandbox") -> None:
    """Fill an empty store: user, organisations, charts, rates, tracking, contacts, open invoices and bills."""
    with xero.core.store.transaction():
        for fields in _ORGANISATIONS:
            _organisation(xero, fields)
        ids = [_organisation_id(fields["Name"]) for fields in _ORGANISATIONS]
        user = {"id": ALICE, "given_name": "Alice", "family_name": "Muster", "email": "alice@muster.example"}
        xero.core.store.put(Row(kind=USER, org="", id=ALICE, body=user | {"organisations": ids}))


def add_copy(xero: "XeroSandbox", name: str) -> None:
    """Another organisation with the chart of the first, and a user of its own who may open nothing else."""
    fields = {**_ORGANISATIONS[0], "Name": name}
    with xero.core.store.transaction():
        _organisation(xero, fields)
        user = {"id": fixed_id("user", name), "given_name": "Bob", "family_name": name, "email": "bob@muster.example"}
        organisations = [_organisation_id(name)]
        xero.core.store.put(Row(kind=USER, org="", id=user["id"], body=user | {"organisations": organisations}))


def _organisation_id(name: str) -> str:
    return fixed_id("organisation", name)


def _organisation(xero: "XeroSandbox", fields: Json) -> None:
    name = fields["Name"]
    org = _organisation_id(name)
    xero.core.store.put(Row(kind=ORGANISATION, org=org, id=org, body=_organisation_body(org) | fields, name=name))
    books = xero.books(name)
    for rate in _TAX_RATES:
        books.save(TAX_RATE, _tax_rate(rate))
    for code in _CURRENCIES if fields["_multicurrency"] else (fields["BaseCurrency"],):
        books.save(CURRENCY, {"Code": code, "Description": _CURRENCIES[code]})
    _chart(books, name)
    for category, options in _TRACKING.items():
        books.save(TRACKING, _tracking(name, category, options))
    for contact in _CONTACTS[:1] if name in (PROPERTY, EXEMPLA) else _CONTACTS:
        books.save_contact(new_contact() | {"ContactID": fixed_id(name, "contact", contact), "Name": contact})
    if name == TRADING:
        _open_documents(xero, books)


def _organisation_body(org: str) -> Json:
    return {
        "OrganisationID": org,
        "Name": "",
        "LegalName": "",
        "PaysTax": True,
        "Version": "GLOBAL",
        "OrganisationType": "COMPANY",
        "BaseCurrency": "CHF",
        "CountryCode": "CH",
        "IsDemoCompany": False,
        "OrganisationStatus": "ACTIVE",
        "TaxNumber": "CHE-000.000.000",
        "FinancialYearEndDay": 31,
        "FinancialYearEndMonth": 12,
        "SalesTaxBasis": "ACCRUALS",
        "SalesTaxPeriod": "QUARTERLY",
        "DefaultSalesTax": "Tax Inclusive",
        "DefaultPurchasesTax": "Tax Inclusive",
        "CreatedDateUTC": ms_time(_FOUNDED),
        "OrganisationEntityType": "COMPANY",
        "Timezone": "CENTRALEUROPESTANDARDTIME",
        "ShortCode": "",
        "Class": "COMPREHENSIVE",
        "Edition": "BUSINESS",
        "LineOfBusiness": "",
        "Addresses": [],
        "Phones": [],
        "ExternalLinks": [],
        "PaymentTerms": {},
        "_may_post_before_lock": False,
    }


def _tax_rate(rate: _TaxRate) -> Json:
    tax_type, name, percent, classes, status = rate
    flags = ("Assets", "Equity", "Expenses", "Liabilities", "Revenue")
    return {
        "Name": name,
        "TaxType": tax_type,
        "ReportTaxType": tax_type if not tax_type.startswith("TAX") else "USSALESTAX",
        **{f"CanApplyTo{flag}": not classes or flag in classes for flag in flags},
        "DisplayTaxRate": float(percent),
        "EffectiveRate": float(percent),
        "Status": status,
        "TaxComponents": [{"Name": name, "Rate": float(percent), "IsCompound": False, "IsNonRecoverable": False}],
    }


def _chart(books: Books, name: str) -> None:
    for code, account, currency in _BANKS.get(name, _BANKS[TRADING]):
        number = f"CH{fixed_id(name, account).replace('-', '')[:19].upper()}"
        bank = {"BankAccountNumber": number, "BankAccountType": "BANK", "CurrencyCode": currency}
        books.save(ACCOUNT, _account(name, (code, account, "BANK", "NONE", bank)))
    for row in _COMMON:
        books.save(ACCOUNT, _account(name, row))


def _account(organisation: str, row: _Account) -> Json:
    code, name, kind, tax_type, fields = row
    return {
        "AccountID": fixed_id(organisation, "account", name),
        "Code": code,
        "Name": name,
        "Status": "ACTIVE",
        "Type": kind,
        "TaxType": tax_type,
        "Class": CLASSES[kind],
        "EnablePaymentsToAccount": code == "880",
        "ShowInExpenseClaims": False,
        "ReportingCode": "",
        "ReportingCodeName": "",
        "HasAttachments": False,
        "AddToWatchlist": False,
        **fields,
    }


def _tracking(organisation: str, category: str, options: tuple[tuple[str, str], ...]) -> Json:
    return {
        "Name": category,
        "Status": "ACTIVE",
        "TrackingCategoryID": fixed_id(organisation, "tracking", category),
        "Options": [
            {"TrackingOptionID": fixed_id(organisation, "tracking", category, name), "Name": name, "Status": status}
            for name, status in options
        ],
    }


def _open_documents(xero: "XeroSandbox", books: Books) -> None:
    people = xero.people(books.org)
    people.archive_contact(fixed_id(TRADING, "contact", "Alt & Vergessen AG"))
    people.merge_contact(
        fixed_id(TRADING, "contact", "Mueller Baeckerei (doppelt)"),
        fixed_id(TRADING, "contact", "Bäckerei Müller & Söhne GmbH"),
    )
    for kind, number, contact, days, currency, amount, account in _INVOICES:
        day = books.today() - timedelta(days=days)
        people.type_invoice(
            Type=kind,
            InvoiceNumber=number,
            Reference=number if kind == "ACCREC" else "",
            Contact={"Name": contact},
            Date=day.isoformat(),
            DueDate=_due(day).isoformat(),
            CurrencyCode=currency,
            LineAmountTypes="Inclusive",
            LineItems=[{"Description": f"{number} {contact}", "LineAmount": amount, "AccountCode": account}],
        )


def _due(day: date) -> date:
    return day + timedelta(days=30)
