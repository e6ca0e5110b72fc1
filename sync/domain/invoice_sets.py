"""Which of a few sums make a given sum, exactly. Pure, and bounded: what cannot be searched through is not guessed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from connectors.contract.money import ZERO

MOST_ITEMS = 16  # 65,536 sets at the most
MOST_SETS = 3


def sets_worth(wanted: Decimal, sums: Sequence[tuple[str, Decimal]]) -> list[tuple[str, ...]]:
    """Up to `MOST_SETS` sets of two or more keys whose positive sums add up to exactly `wanted`, in the order of `sums`.

    Raises ValueError for more than `MOST_ITEMS` sums.
    """
    if len(sums) > MOST_ITEMS:
        raise ValueError(f"{len(sums)} sums are too many to search through")
    found: list[tuple[str, ...]] = []
    _search(wanted, tuple(sums), _left_from(sums), (), found)
    return found


def _search(
    wanted: Decimal,
    sums: tuple[tuple[str, Decimal], ...],
    left: tuple[Decimal, ...],
    taken: tuple[str, ...],
    found: list[tuple[str, ...]],
) -> None:
    if wanted == 0 and len(taken) > 1:
        found.append(taken)
    start = len(left) - 1 - len(sums)
    if wanted <= 0 or len(found) >= MOST_SETS or left[start] < wanted:
        return
    for place, (key, amount) in enumerate(sums):
        if amount <= wanted and len(found) < MOST_SETS:
            _search(wanted - amount, sums[place + 1 :], left, (*taken, key), found)


def _left_from(sums: Sequence[tuple[str, Decimal]]) -> tuple[Decimal, ...]:
    """For each place, the sum of everything from there on: what it cannot reach is not searched."""
    totals = [ZERO]
    for _, amount in reversed(sums):
        totals.append(totals[-1] + amount)
    return tuple(reversed(totals))
