"""Double entry: what each document writes, in account currency and in base currency."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from sandbox.store import Json, Store
from sandbox.xero.books import Books
from sandbox.xero.wire import CENT

SCHEMA = """
CREATE TABLE IF NOT EXISTS xero_journal (
    org TEXT NOT NULL, source TEXT NOT NULL, account TEXT NOT NULL, date TEXT NOT NULL,
    amount INTEGER NOT NULL, base INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS xero_journal_source ON xero_journal (org, source);
CREATE INDEX IF NOT EXISTS xero_journal_account ON xero_journal (org, account, amount, base);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One posting: debit positive. `amount` is in the account's currency, `base` in the organisation's."""

    account: str
    amount: Decimal
    base: Decimal


def to_base(amount: Decimal, rate: Decimal) -> Decimal:
    """Base units of a foreign amount; the rate is foreign units per base unit."""
    return (amount / rate).quantize(CENT, ROUND_HALF_UP)


def balanced(books: Books, legs: list[Leg]) -> list[Leg]:
    """The legs, and what rounding left over on the rounding account."""
    rest = -sum((leg.base for leg in legs), Decimal(0))
    if not rest:
        return legs
    rounding = books.system_account("ROUNDING")["AccountID"]
    return [*legs, Leg(account=rounding, amount=rest, base=rest)]


def write(books: Books, *, source: str, date: str, legs: Iterable[Leg]) -> None:
    """Note what a document writes; `erase` first where it wrote before."""
    books.store.execute_many(
        "INSERT INTO xero_journal VALUES (?,?,?,?,?,?)",
        [
            (books.org, source, leg.account, date, _cents(leg.amount), _cents(leg.base))
            for leg in balanced(books, list(legs))
        ],
    )


def erase(books: Books, *, source: str) -> None:
    books.store.execute("DELETE FROM xero_journal WHERE org=? AND source=?", (books.org, source))


def balance(store: Store, org: str, account: Json) -> tuple[Decimal, Decimal]:
    """The account's sum in its own and in base currency."""
    found = store.execute(
        "SELECT coalesce(sum(amount),0), coalesce(sum(base),0) FROM xero_journal WHERE org=? AND account=?",
        (org, account["AccountID"]),
    )
    amount, base = found[0]
    return Decimal(amount).scaleb(-2), Decimal(base).scaleb(-2)


def _cents(amount: Decimal) -> int:
    return int(amount.scaleb(2))
