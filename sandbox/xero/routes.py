"""The Accounting API's operations that the sandbox plays."""

from collections.abc import Iterator

from sandbox.web import Endpoint
from sandbox.xero import (
    bank_transactions,
    bank_transfers,
    batch_payments,
    chart,
    contacts,
    history,
    invoices,
    payments,
    tracking,
)

API = "/api.xro/2.0"


def api_routes() -> Iterator[tuple[str, str, Endpoint]]:
    """Method, path and endpoint; endpoints take the Call."""
    for methods, path, endpoint in _ROUTES:
        yield methods, f"{API}{path}", endpoint


_ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/Organisation", chart.get_organisation),
    ("GET", "/Organisations", chart.get_organisation),
    ("GET", "/Organisation/Actions", chart.get_actions),
    ("GET", "/Accounts", chart.list_accounts),
    ("PUT", "/Accounts", chart.put_account),
    ("GET", "/Accounts/<account>", chart.get_account),
    ("POST", "/Accounts/<account>", chart.post_account),
    ("DELETE", "/Accounts/<account>", chart.delete_account),
    ("GET", "/TaxRates", chart.list_tax_rates),
    ("GET", "/TaxRates/<tax_type>", chart.get_tax_rate),
    ("GET", "/Currencies", chart.list_currencies),
    ("PUT", "/Currencies", chart.put_currency),
    ("GET", "/TrackingCategories", tracking.list_tracking),
    ("PUT", "/TrackingCategories", tracking.put_tracking),
    ("GET", "/TrackingCategories/<category>", tracking.get_tracking),
    ("PUT", "/TrackingCategories/<category>/Options", tracking.put_options),
    ("POST", "/TrackingCategories/<category>/Options/<option>", tracking.post_option),
    ("GET", "/Contacts", contacts.list_contacts),
    ("PUT", "/Contacts", contacts.put_contacts),
    ("POST", "/Contacts", contacts.post_contacts),
    ("GET", "/Contacts/<contact>", contacts.get_contact),
    ("POST", "/Contacts/<contact>", contacts.post_contacts),
    ("GET", "/BankTransactions", bank_transactions.list_bank_transactions),
    ("PUT", "/BankTransactions", bank_transactions.put_bank_transactions),
    ("POST", "/BankTransactions", bank_transactions.post_bank_transactions),
    ("GET", "/BankTransactions/<transaction>", bank_transactions.get_bank_transaction),
    ("POST", "/BankTransactions/<transaction>", bank_transactions.post_bank_transactions),
    ("GET", "/BankTransfers", bank_transfers.list_bank_transfers),
    ("PUT", "/BankTransfers", bank_transfers.put_bank_transfers),
    ("POST", "/BankTransfers", bank_transfers.post_bank_transfers),
    ("GET", "/BankTransfers/<transfer>", bank_transfers.get_bank_transfer),
    ("POST", "/BankTransfers/<transfer>", bank_transfers.post_bank_transfers),
    ("GET", "/Invoices", invoices.list_invoices),
    ("PUT", "/Invoices", invoices.put_invoices),
    ("POST", "/Invoices", invoices.post_invoices),
    ("GET", "/Invoices/<invoice>", invoices.get_invoice),
    ("POST", "/Invoices/<invoice>", invoices.post_invoices),
    ("GET", "/Payments", payments.list_payments),
    ("PUT", "/Payments", payments.put_payments),
    ("POST", "/Payments", payments.post_payment),
    ("GET", "/Payments/<payment>", payments.get_payment),
    ("POST", "/Payments/<payment>", payments.delete_payment),
    ("GET", "/BatchPayments", batch_payments.list_batch_payments),
    ("PUT", "/BatchPayments", batch_payments.put_batch_payments),
    ("POST", "/BatchPayments", batch_payments.post_batch_payments),
    ("GET", "/BatchPayments/<batch>", batch_payments.get_batch_payment),
    ("POST", "/BatchPayments/<batch>", batch_payments.post_batch_payments),
    ("GET", "/<resource>/<document>/History", history.get_history),
    ("PUT", "/<resource>/<document>/History", history.put_history),
)
