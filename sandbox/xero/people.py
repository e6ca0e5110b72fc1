"""What people do in Xero's own screens while an app is connected; everything is stamped and journalled as through the API."""

from datetime import date
from decimal import Decimal
from typing import Any

from werkzeug.test import EnvironBuilder

from sandbox.store import Json
from sandbox.web import Request
from sandbox.xero import (
    bank_transactions,
    bank_transfers,
    batch_payments,
    chart,
    contacts,
    corrections,
    invoices,
    payments,
)
from sandbox.xero.books import (
    BANK_TRANSACTION,
    BANK_TRANSFER,
    CONTACT,
    INVOICE,
    ORGANISATION,
    PAYMENT,
    Books,
)
from sandbox.xero.call import Call
from sandbox.xero.contacts import as_reference
from sandbox.xero.grants import Grants
from sandbox.xero.switches import Switches
from sandbox.xero.wire import ms_date


class People:
    """A bookkeeper at work in one organisation. Unknown ids raise LookupError, forbidden acts `problems.Invalid`."""

    def __init__(self, books: Books, grants: Grants) -> None:
        self._books = books
        self._grants = grants

    # -- documents ----------------------------------------------------------------------------------------------------

    def type_bank_transaction(self, **element: Any) -> Json:
        """Enter a bank transaction by hand; fields as in the API."""
        with self._books.store.transaction():
            return bank_transactions.create(self._call(), element).body

    def type_invoice(self, **element: Any) -> Json:
        """Enter an invoice or bill by hand and approve it."""
        with self._books.store.transaction():
            return invoices.create(self._call(), {"Status": "AUTHORISED", **element})

    def type_payment(self, **element: Any) -> Json:
        """Record the payment of an invoice or bill by hand; fields as in the API."""
        with self._books.store.transaction():
            return payments.create(self._books, element).body

    def credit(self, invoice: str, amount: Decimal) -> Json:
        """Write a credit note over this amount and allocate it to an invoice or bill."""
        with self._books.store.transaction():
            return corrections.credit(self._books, self._get(INVOICE, invoice), amount)

    def type_journal(self, *lines: tuple[str, Decimal], day: str) -> str:
        """Post a manual journal: (account code, amount in base currency, debit positive); its id."""
        named = [(self._books.account(code=code) or {}, amount) for code, amount in lines]
        with self._books.store.transaction():
            return corrections.post_journal(self._books, day, named)

    def reconcile(self, transaction: str) -> Json:
        """Match a bank transaction with a statement line: from now on it can neither be edited nor deleted."""
        return self._set(transaction, IsReconciled=True)

    def unreconcile(self, transaction: str) -> Json:
        return self._set(transaction, IsReconciled=False)

    def reconcile_payment(self, payment: str, *, done: bool = True) -> Json:
        """The same for a payment; `done=False` takes it back."""
        with self._books.store.transaction():
            changed = self._get(PAYMENT, payment) | {"IsReconciled": done}
            payments.keep_payment(self._books, changed)
        return changed

    def edit(self, transaction: str, **changes: Any) -> Json:
        """Change fields of a bank transaction; lines, dates and contacts as in the API, all other fields as given."""
        with self._books.store.transaction():
            return bank_transactions.change(self._call(), transaction, changes).body

    def delete(self, document: str) -> Json:
        """Delete a bank transaction, a bank transfer or a payment; one of a batch is taken out of it."""
        books = self._books
        with books.store.transaction():
            if found := books.store.get(BANK_TRANSACTION, books.org, document):
                return bank_transactions.delete(books, found)
            if found := books.store.get(BANK_TRANSFER, books.org, document):
                return bank_transfers.delete(books, found)
            payment = self._get(PAYMENT, document)
            return (
                batch_payments.take_out(books, payment)
                if payment.get("BatchPaymentID")
                else payments.reverse(books, payment)
            )

    def void(self, document: str) -> Json:
        """Void an invoice or bill without payments; a bank transaction is seen as VOIDED afterwards, and moves nothing."""
        books = self._books
        with books.store.transaction():
            if found := books.store.get(BANK_TRANSACTION, books.org, document):
                voided = bank_transactions.delete(books, found) | {"Status": "VOIDED"}
                bank_transactions.keep(books, voided)
                return voided
            return invoices.void(books, self._get(INVOICE, document))

    def _set(self, transaction: str, **fields: Any) -> Json:
        with self._books.store.transaction():
            changed = self._get(BANK_TRANSACTION, transaction) | fields
            bank_transactions.keep(self._books, changed)
        return changed

    def _get(self, kind: str, document: str) -> Json:
        found = self._books.store.get(kind, self._books.org, document)
        if found is None:
            raise LookupError(f"no document {document}")
        return found

    # -- contacts -----------------------------------------------------------------------------------------------------

    def type_contact(self, **element: Any) -> Json:
        """Enter a contact by hand; fields as in the API."""
        with self._books.store.transaction():
            return contacts.create(self._books, element)

    def archive_contact(self, contact: str) -> Json:
        return self._change_contact(contact, ContactStatus="ARCHIVED")

    def restore_contact(self, contact: str) -> Json:
        return self._change_contact(contact, ContactStatus="ACTIVE")

    def rename_contact(self, contact: str, name: str) -> Json:
        return self._change_contact(contact, Name=name)

    def merge_contact(self, contact: str, into: str) -> Json:
        """The first contact is archived and points to the second, which takes over its documents."""
        target = self._get(CONTACT, into)
        books = self._books
        with books.store.transaction():
            for kind, keep in ((BANK_TRANSACTION, bank_transactions.keep), (INVOICE, invoices.keep_invoice)):
                for body in books.store.find(kind, books.org, where="contact=?", parameters=(contact,)):
                    keep(books, body | {"Contact": as_reference(target)})
            return self._change_contact(contact, ContactStatus="ARCHIVED", MergedToContactID=into)

    def _change_contact(self, contact: str, **fields: Any) -> Json:
        changed = self._get(CONTACT, contact) | fields
        self._books.save_contact(changed)
        return changed

    # -- settings -----------------------------------------------------------------------------------------------------

    def set_lock_dates(self, *, period: date | None = None, end_of_year: date | None = None) -> None:
        """Both lock dates as given; None removes one."""
        dates = {"PeriodLockDate": period, "EndOfYearLockDate": end_of_year}
        organisation = {key: value for key, value in self._books.organisation.items() if key not in dates}
        self._books.save(ORGANISATION, organisation | {name: ms_date(day) for name, day in dates.items() if day})

    def set_adviser(self, *, may_post_before_lock: bool) -> None:
        """Whether the connected user may post before the period lock date, as advisers may."""
        self._books.save(ORGANISATION, self._books.organisation | {"_may_post_before_lock": may_post_before_lock})

    def archive_account(self, code_or_id: str) -> None:
        chart.archive_account(self._books, self._account(code_or_id))

    def change_account(self, code_or_id: str, **fields: Any) -> None:
        self._books.save("xero.account", self._account(code_or_id) | fields)

    def _account(self, code_or_id: str) -> Json:
        account = self._books.account(account_id=code_or_id) or self._books.account(code=code_or_id)
        if account is None:
            raise LookupError(f"no account {code_or_id}")
        return account

    def fix_day_rate(self, currency: str, day: date, rate: Decimal) -> None:
        """Let this be the market rate of that day: foreign units per unit of the base currency."""
        self._books.rates.fix(base=self._books.base_currency, currency=currency, day=day, rate=rate)

    def disconnect(self) -> int:
        """Remove every app from the organisation; tokens still refresh, calls get 403."""
        return self._grants.disconnect_organisation(self._books.org)

    def _call(self) -> Call:
        environ = EnvironBuilder(query_string="unitdp=4").get_environ()
        return Call(request=Request(environ), books=self._books, switches=Switches(), app_name="")
