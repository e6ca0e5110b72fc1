"""The books as tests read them: no HTTP, no limits, exact figures."""

import re
from collections import Counter
from decimal import Decimal

from sandbox.store import Json
from sandbox.xero import journal
from sandbox.xero.books import (
    ACCOUNT,
    BANK_TRANSACTION,
    BANK_TRANSFER,
    BATCH_PAYMENT,
    CONTACT,
    INVOICE,
    PAYMENT,
    TRACKING,
    Books,
)

_MARKER = re.compile(r"\bMR-[0-9A-Z]{13}\b")
_DEAD = ("DELETED", "VOIDED")


class Ledger:
    """One organisation's documents and balances. Lists are in the order of creation; `live` leaves deleted ones out."""

    def __init__(self, books: Books, *, calls: "Counter[str]") -> None:
        self._books = books
        self._calls = calls

    def bank_transactions(self, *, live: bool = True) -> list[Json]:
        """SPEND and RECEIVE documents; the two halves of a transfer are not among them."""
        return [body for body in self._all(BANK_TRANSACTION, live=live) if not body["Type"].endswith("-TRANSFER")]

    def bank_transfers(self, *, live: bool = True) -> list[Json]:
        return self._all(BANK_TRANSFER, live=live)

    def payments(self, *, live: bool = True) -> list[Json]:
        return self._all(PAYMENT, live=live)

    def batch_payments(self, *, live: bool = True) -> list[Json]:
        return self._all(BATCH_PAYMENT, live=live)

    def invoices(self, *, live: bool = True) -> list[Json]:
        return self._all(INVOICE, live=live)

    def contacts(self) -> list[Json]:
        """All contacts, archived ones too."""
        return self._books.store.find(CONTACT, self._books.org)

    def contact(self, name: str) -> Json:
        """The contact of this name; LookupError unless there is exactly one."""
        found = self._books.contacts_named(name)
        if len(found) != 1:
            raise LookupError(f"{len(found)} contacts named {name}")
        return found[0]

    def accounts(self) -> list[Json]:
        return list(self._books.small_list(ACCOUNT).values())

    def account(self, code_or_id: str) -> Json:
        """An account by AccountID, code or name."""
        for account in self.accounts():
            if code_or_id in (account["AccountID"], account.get("Code") or None, account["Name"]):
                return account
        raise LookupError(f"no account {code_or_id}")

    def tracking_options(self, category: str) -> list[str]:
        """The names of a tracking category's options, archived ones too, in the order of their creation."""
        found = [it for it in self._books.small_list(TRACKING).values() if it["Name"] == category]
        return [option["Name"] for it in found for option in it["Options"]]

    def markers(self) -> list[str]:
        """The markers in the references of all live documents that move money, one per document."""
        batched = [payment for payment in self.payments() if not payment.get("BatchPaymentID")]
        documents = [*self.bank_transactions(), *self.bank_transfers(), *batched, *self.batch_payments()]
        return [found[-1] for document in documents if (found := _MARKER.findall(document.get("Reference") or ""))]

    def balance(self, account: str) -> Decimal:
        """The account's balance in its own currency, by code, id or name; debit positive."""
        return journal.balance(self._books.store, self._books.org, self.account(account))[0]

    def base_balance(self, account: str) -> Decimal:
        """The account's balance in the organisation's base currency."""
        return journal.balance(self._books.store, self._books.org, self.account(account))[1]

    def is_balanced(self) -> bool:
        """Debits equal credits over the whole journal."""
        total = self._books.store.execute(
            "SELECT coalesce(sum(base),0) FROM xero_journal WHERE org=?", (self._books.org,)
        )
        return int(total[0][0]) == 0

    def calls(self) -> "Counter[str]":
        """Calls of the Accounting API by operation, for example {"PUT /BankTransactions": 2}."""
        return self._calls

    def write_calls(self) -> int:
        return sum(number for operation, number in self._calls.items() if not operation.startswith("GET "))

    def _all(self, kind: str, *, live: bool) -> list[Json]:
        where = f"status NOT IN {_DEAD}" if live else "1"
        return self._books.store.find(kind, self._books.org, where=where)
