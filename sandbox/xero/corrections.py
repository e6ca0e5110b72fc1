"""What a bookkeeper corrects with: a credit note against an invoice or bill, and a manual journal. People alone make them here;
the API's own endpoints for both are not played.

https://developer.xero.com/documentation/api/accounting/creditnotes
https://developer.xero.com/documentation/api/accounting/manualjournals
"""

from collections.abc import Sequence
from decimal import Decimal

from sandbox.store import Json
from sandbox.xero import journal, problems
from sandbox.xero.books import Books
from sandbox.xero.invoices import control_account, keep_invoice
from sandbox.xero.journal import Leg, to_base
from sandbox.xero.problems import Invalid
from sandbox.xero.wire import new_id

_NO_JOURNALS = ("DEBTORS", "CREDITORS", "RETAINEDEARNINGS")


def credit(books: Books, invoice: Json, amount: Decimal) -> Json:
    """An approved credit note without tax on the first line's account, allocated to the invoice: less of it is due."""
    if invoice["Status"] != "AUTHORISED":
        raise Invalid(problems.INVOICE_STATUS)
    due = invoice["AmountDue"] - amount
    if amount <= 0 or due < 0:
        raise Invalid("Amount to allocate exceeds the amount outstanding on this document")
    note: Json = {"CreditNoteID": new_id(), "AppliedAmount": amount}
    changed = invoice | {
        "AmountDue": due,
        "AmountCredited": invoice["AmountCredited"] + amount,
        "CreditNotes": [*invoice["CreditNotes"], note],
        "Status": "AUTHORISED" if due else "PAID",
    }
    keep_invoice(books, changed)
    base = to_base(amount, Decimal(invoice["CurrencyRate"])) * (1 if invoice["Type"] == "ACCREC" else -1)
    against = books.account(code=invoice["LineItems"][0]["AccountCode"])
    assert against is not None
    legs = [
        Leg(account=control_account(books, invoice["Type"])["AccountID"], amount=-base, base=-base),
        Leg(account=against["AccountID"], amount=base, base=base),
    ]
    journal.write(books, source=note["CreditNoteID"], date=books.today().isoformat(), legs=legs)
    return changed


def post_journal(books: Books, day: str, lines: Sequence[tuple[Json, Decimal]]) -> str:
    """(account, amount in base currency, debit positive); its id. Not to bank, receivable, payable or retained earnings."""
    for account, _ in lines:
        if account["Type"] == "BANK" or account.get("SystemAccount") in _NO_JOURNALS:
            raise Invalid(problems.account_code_invalid(account.get("Code", "")))
    total = sum((amount for _, amount in lines), Decimal(0))
    if total or len(lines) < 2:
        raise Invalid("The total debits must equal total credits")
    source = new_id()
    legs = [Leg(account=account["AccountID"], amount=amount, base=amount) for account, amount in lines]
    journal.write(books, source=source, date=day, legs=legs)
    return source
