"""Settings: organisation, chart of accounts, tax rates, tracking, currencies.

https://developer.xero.com/documentation/api/accounting/accounts and its neighbours
"""

from collections.abc import Mapping

from sandbox.store import Json
from sandbox.web import Response
from sandbox.xero.books import ACCOUNT, CURRENCY, ORGANISATION, TAX_RATE, Books
from sandbox.xero.call import Call
from sandbox.xero.listing import Listing, answer_list
from sandbox.xero.problems import Invalid, NotFound, ValidationFailed
from sandbox.xero.wire import NO_ID, new_id

CLASSES: Mapping[str, str] = {
    "BANK": "ASSET",
    "CURRENT": "ASSET",
    "FIXED": "ASSET",
    "INVENTORY": "ASSET",
    "NONCURRENT": "ASSET",
    "PREPAYMENT": "ASSET",
    "EQUITY": "EQUITY",
    "DEPRECIATN": "EXPENSE",
    "DIRECTCOSTS": "EXPENSE",
    "EXPENSE": "EXPENSE",
    "OVERHEADS": "EXPENSE",
    "CURRLIAB": "LIABILITY",
    "LIABILITY": "LIABILITY",
    "TERMLIAB": "LIABILITY",
    "PAYG": "LIABILITY",
    "OTHERINCOME": "REVENUE",
    "REVENUE": "REVENUE",
    "SALES": "REVENUE",
}
_CHANGEABLE = ("Code", "Name", "Description", "TaxType", "EnablePaymentsToAccount", "ShowInExpenseClaims", "Status")

ACCOUNTS = Listing(
    kind=ACCOUNT,
    plural="Accounts",
    id_field="AccountID",
    type_name="Account",
    fields={
        "AccountID": "id",
        "Name": "name",
        "UpdatedDateUTC": "@time:updated",
        "Code": "",
        "Type": "",
        "Class": "",
        "Status": "",
        "TaxType": "",
        "SystemAccount": "",
        "CurrencyCode": "",
        "BankAccountType": "",
        "EnablePaymentsToAccount": "@bool",
        "ShowInExpenseClaims": "@bool",
    },
    paged=False,
    default_order="seq",
)
TAX_RATES = Listing(
    kind=TAX_RATE,
    plural="TaxRates",
    id_field="TaxType",
    type_name="TaxRate",
    fields={
        "Name": "name",
        "TaxType": "id",
        "Status": "",
        "EffectiveRate": "",
        "DisplayTaxRate": "",
        "ReportTaxType": "",
        "CanApplyToAssets": "@bool",
        "CanApplyToEquity": "@bool",
        "CanApplyToExpenses": "@bool",
        "CanApplyToLiabilities": "@bool",
        "CanApplyToRevenue": "@bool",
    },
    paged=False,
    default_order="seq",
)
CURRENCIES = Listing(
    kind=CURRENCY,
    plural="Currencies",
    id_field="Code",
    type_name="Currency",
    fields={"Code": "id", "Description": ""},
    paged=False,
    default_order="seq",
)


def get_organisation(call: Call) -> Response:
    return call.answer("Organisations", call.books.small_list(ORGANISATION).values())


def get_actions(call: Call) -> Response:
    """GET /Organisation/Actions: what the connected user may do."""
    organisation = call.books.organisation
    allowed = {
        "CreateApprovedInvoice": True,
        "CreateApprovedBill": True,
        "CreateDraftBill": True,
        "CreateDraftInvoice": True,
        "CreateInvoicePayment": True,
        "AttachFilesIntoInvoice": True,
        "UseMulticurrency": call.books.has_multicurrency,
        "ApproveTransactionsBeforePeriodLockDate": bool(organisation.get("_may_post_before_lock")),
    }
    words = {True: "ALLOWED", False: "NOT-ALLOWED"}
    return call.answer("Actions", [{"Name": name, "Status": words[is_allowed]} for name, is_allowed in allowed.items()])


def list_accounts(call: Call) -> Response:
    return answer_list(call, ACCOUNTS)


def get_account(call: Call, account: str) -> Response:
    found = call.books.account(account_id=account)
    if found is None:
        raise NotFound
    return call.answer("Accounts", [found])


def put_account(call: Call) -> Response:
    """PUT: one account per request, as a bare object."""
    element = single(call, "Accounts")
    account = {
        "AccountID": new_id(),
        "Code": str(element.get("Code") or ""),
        "Name": str(element.get("Name") or "").strip(),
        "Status": "ACTIVE",
        "Type": str(element.get("Type") or ""),
        "TaxType": str(element.get("TaxType") or "NONE"),
        "Class": CLASSES.get(str(element.get("Type")), ""),
        "EnablePaymentsToAccount": element.get("EnablePaymentsToAccount") in (True, "true"),
        "ShowInExpenseClaims": element.get("ShowInExpenseClaims") in (True, "true"),
        "Description": str(element.get("Description") or ""),
        "ReportingCode": "",
        "HasAttachments": False,
        "AddToWatchlist": False,
    }
    if account["Type"] == "BANK":
        account |= _bank_fields(call.books, element)
    return _keep_account(call, account, _account_messages(call.books, account))


def _bank_fields(books: Books, element: Json) -> Json:
    return {
        "BankAccountNumber": str(element.get("BankAccountNumber") or ""),
        "BankAccountType": str(element.get("BankAccountType") or "BANK"),
        "CurrencyCode": str(element.get("CurrencyCode") or books.base_currency),
    }


def _account_messages(books: Books, account: Json) -> list[str]:
    others = [a for a in books.small_list(ACCOUNT).values() if a["AccountID"] != account["AccountID"]]
    messages = []
    if not account["Name"] or any(a["Name"].casefold() == account["Name"].casefold() for a in others):
        messages.append("Please enter a unique Name.")
    if account["Code"] and any(a.get("Code") == account["Code"] for a in others):
        messages.append("Please enter a unique Code.")
    if not account["Class"]:
        messages.append("Account type must be valid.")
    if len(account["Code"]) > 10 or (not account["Code"] and account["Type"] != "BANK"):
        messages.append("The account code must have 1 to 10 characters.")
    if account["Type"] == "BANK":
        messages += _bank_messages(books, account)
    if books.tax_rate(account["TaxType"]) is None:
        messages.append("Tax rate must be valid.")
    return messages


def _bank_messages(books: Books, account: Json) -> list[str]:
    messages = []
    if not account["BankAccountNumber"]:
        messages.append("The bank account number must be specified.")
    if not books.is_subscribed(account["CurrencyCode"]):
        messages.append(f"The current organisation is not subscribed to currency '{account['CurrencyCode']}'.")
    return messages


def post_account(call: Call, account: str) -> Response:
    """POST: change fields or archive."""
    existing = call.books.account(account_id=account)
    if existing is None:
        raise NotFound
    element = single(call, "Accounts")
    changed = existing | {key: element[key] for key in _CHANGEABLE if element.get(key) is not None}
    messages = _account_messages(call.books, changed)
    if changed["Status"] == "ARCHIVED" and existing.get("SystemAccount"):
        messages.append("System accounts cannot be archived.")
    if changed["Status"] not in ("ACTIVE", "ARCHIVED"):
        messages.append("The account status is not valid.")
    return _keep_account(call, changed, messages)


def delete_account(call: Call, account: str) -> Response:
    """DELETE: only an account that nothing was posted to."""
    existing = call.books.account(account_id=account)
    if existing is None:
        raise NotFound
    used = call.books.store.execute(
        "SELECT 1 FROM xero_journal WHERE org=? AND account=? LIMIT 1", (call.books.org, existing["AccountID"])
    )
    if used or existing.get("SystemAccount"):
        message = "The account cannot be deleted as it is in use."
        raise ValidationFailed([existing | {"ValidationErrors": [{"Message": message}]}])
    call.books.save(ACCOUNT, existing | {"Status": "DELETED"})
    return call.answer("Accounts", [existing | {"Status": "DELETED"}])


def _keep_account(call: Call, account: Json, messages: list[str]) -> Response:
    if messages:
        raise ValidationFailed([refused(account, "AccountID", messages)])
    call.books.save(ACCOUNT, account)
    return call.answer("Accounts", [account])


def refused(body: Json, id_field: str, messages: list[str]) -> Json:
    return body | {id_field: NO_ID, "ValidationErrors": [{"Message": message} for message in messages]}


def single(call: Call, plural: str) -> Json:
    elements = call.elements(plural)
    if len(elements) > 1:
        raise ValidationFailed([refused(elements[0], "AccountID", ["Only one element is allowed per request."])])
    return elements[0]


def list_tax_rates(call: Call) -> Response:
    return answer_list(call, TAX_RATES)


def get_tax_rate(call: Call, tax_type: str) -> Response:
    found = call.books.tax_rate(tax_type)
    if found is None:
        raise NotFound
    return call.answer("TaxRates", [found])


def list_currencies(call: Call) -> Response:
    return answer_list(call, CURRENCIES)


def put_currency(call: Call) -> Response:
    """PUT: subscribe to one more currency, where the plan has several."""
    code = str(single(call, "Currencies").get("Code") or "")
    if not call.books.has_multicurrency or not call.books.rates.knows(code):
        message = f"The current organisation is not subscribed to currency '{code}'."
        raise ValidationFailed([{"Code": code, "ValidationErrors": [{"Message": message}]}])
    call.books.save(CURRENCY, {"Code": code, "Description": code})
    return call.answer("Currencies", [{"Code": code, "Description": code}])


def archive_account(books: Books, account: Json) -> None:
    """As a person does on the screen."""
    if account.get("SystemAccount"):
        raise Invalid("System accounts cannot be archived.")
    books.save(ACCOUNT, account | {"Status": "ARCHIVED"})
