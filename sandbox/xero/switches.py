"""Where Xero's behaviour is undocumented, a switch says which way the sandbox goes."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Switches:
    """Changeable at run time; the defaults are the stricter or the more surprising choice."""

    reject_foreign_currency_code: bool = True  # CurrencyCode differs from the bank account's; else it is ignored
    list_transfers_among_transactions: bool = True  # *-TRANSFER rows stand in GET BankTransactions
    reject_unknown_tracking: bool = False  # else an unknown or archived option vanishes silently
    nothing_modified_is_304: bool = False  # else 200 with an empty list
    reading_lag_seconds: float = 0.0  # a list shows a document only so long after its stamp
    omit_rate_in_lists: bool = False  # CurrencyRate is missing in lists though present by id
