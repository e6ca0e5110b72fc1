"""Granular scopes: which exist, and which a call needs.

https://developer.xero.com/documentation/guides/oauth2/scopes/
"""

IDENTITY = {"openid", "profile", "email", "offline_access"}
BROAD = {"accounting.transactions", "accounting.transactions.read", "accounting.reports.read"}
_PAIRS = (
    "accounting.invoices",
    "accounting.payments",
    "accounting.banktransactions",
    "accounting.manualjournals",
    "accounting.settings",
    "accounting.contacts",
    "accounting.attachments",
    "files",
)
KNOWN = (
    IDENTITY
    | {scope + end for scope in _PAIRS for end in ("", ".read")}
    | {
        "accounting.budgets.read",
        "accounting.reports.aged.read",
        "accounting.reports.balancesheet.read",
        "accounting.reports.banksummary.read",
        "accounting.reports.budgetsummary.read",
        "accounting.reports.executivesummary.read",
        "accounting.reports.profitandloss.read",
        "accounting.reports.trialbalance.read",
        "accounting.reports.taxreports.read",
    }
)
OF_RESOURCE = {
    "BankTransactions": "accounting.banktransactions",
    "BankTransfers": "accounting.banktransactions",
    "Contacts": "accounting.contacts",
    "Invoices": "accounting.invoices",
    "Payments": "accounting.payments",
    "BatchPayments": "accounting.payments",
}
_SETTINGS = "accounting.settings"


def is_granted(granted: set[str], *, resource: str, reads: bool) -> bool:
    """A write scope includes reading."""
    scope = OF_RESOURCE.get(resource, _SETTINGS)
    return scope in granted or (reads and f"{scope}.read" in granted)


def refused(asked: set[str]) -> str | None:
    """Why Xero would not even show its consent page; None where it would."""
    if asked & BROAD:
        return "unauthorized_client"
    if asked - KNOWN or any(f"{scope}.read" in asked for scope in asked):
        return "invalid_scope"
    return None
