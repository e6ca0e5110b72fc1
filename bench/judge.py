"""What became of every executed row at Amnis in Xero's books: posted once, twice or not at all, and the cents. Pure.

The same judge for ours and for every peer; it reads the vendors' side alone. A row is recognised by what a bank account saw:
account, day, signed amount. Where several rows look the same, their number counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Leg = tuple[str, str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`waiting` rows are held for a person and named with a reason; a row that is only away is a loss."""

    rows: int
    duplicates: int
    losses: int
    waiting: int
    cents: Decimal


def judge(
    *,
    rows: Sequence[Sequence[Any]],
    books: Mapping[str, Any],
    account_of: Mapping[str, str],
    waiting: Iterable[str] = (),
) -> Verdict:
    """`rows` as the vendors export them; `account_of` maps wallets to AccountIDs; `waiting` names rows held for a person."""
    held = set(waiting)
    mapped = [row for row in rows if str(row[2]) in account_of]
    source = Counter(_legs_of_source((row for row in mapped if str(row[0]) not in held), account_of))
    posted = Counter(_legs_of_books(books))
    surplus, missing = posted - source, source - posted
    return Verdict(
        rows=len(mapped),
        duplicates=surplus.total(),
        losses=missing.total(),
        waiting=len(held & {str(row[0]) for row in mapped}),
        cents=_difference(source, posted),
    )


def _legs_of_source(rows: Iterable[Sequence[Any]], account_of: Mapping[str, str]) -> Iterator[Leg]:
    for _, _, wallet, amount, day in rows:
        yield account_of[str(wallet)], str(day), Decimal(amount)


def _legs_of_books(books: Mapping[str, Any]) -> Iterator[Leg]:
    """The two halves of a transfer stand among the transactions, so transfers themselves are not read again."""
    for _, kind, account, day, total, _, _ in books["transactions"]:
        yield str(account), str(day), Decimal(total) if str(kind).startswith("RECEIVE") else -Decimal(total)


def _difference(source: Counter[Leg], posted: Counter[Leg]) -> Decimal:
    """The absolute differences of all accounts together, each in its own currency."""
    sums: Counter[str] = Counter()
    for legs, sign in ((posted, 1), (source, -1)):
        for (account, _, amount), count in legs.items():
            sums[account] += sign * amount * count  # type: ignore[assignment]  # a Decimal counts, too
    return sum((abs(Decimal(value)) for value in sums.values()), Decimal(0))
