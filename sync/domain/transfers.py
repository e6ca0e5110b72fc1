"""Which two rows are one transfer between own wallets, where the source gives each side an id of its own. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from connectors.contract.money import Money
from connectors.contract.records import SourceTransaction

APART = timedelta(days=5)  # a weekend and a holiday between the two sides


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One row of a transfer whose other row is not known. `amount` signed from its own wallet."""

    record_id: int
    account: str
    sender: str
    receiver: str
    amount: Money
    day: date

    @property
    def sends(self) -> bool:
        return self.amount.amount < 0

    def __str__(self) -> str:
        return f"{abs(self.amount)} of {self.day:%-d %b %Y} in wallet {self.account}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """(sending, receiving) record of each transfer found; for the others what could be their other side."""

    joined: tuple[tuple[int, int], ...] = ()
    rivals: Mapping[int, tuple[Side, ...]] = field(default_factory=dict)


def side_of(transaction: SourceTransaction, *, record_id: int, day: date | None) -> Side | None:
    """None where the row does not say between which wallets the money moved, or stands in neither of them."""
    transfer = transaction.transfer
    if transfer is None or day is None or not transaction.amount.amount:
        return None
    side = Side(
        record_id=record_id,
        account=transaction.account_id,
        sender=transfer.sender_account,
        receiver=transfer.receiver_account,
        amount=transaction.amount,
        day=day,
    )
    return side if side.account == (side.sender if side.sends else side.receiver) else None


def pair_sides(sides: Iterable[Side]) -> Sides:
    """Join by wallets, amount, currency and date, only where it is unique.

    As many equal senders as receivers are joined in the order of their dates: whichever is whose, the transfers and
    their dates are the same. One more of either kind leaves all of them to a person.
    """
    groups: dict[tuple[str, str, Money], list[Side]] = defaultdict(list)
    for side in sides:
        groups[side.sender, side.receiver, abs(side.amount)].append(side)
    joined: list[tuple[int, int]] = []
    rivals: dict[int, tuple[Side, ...]] = {}
    for group in groups.values():
        sent, received = _in_order(group, sends=True), _in_order(group, sends=False)
        near = all(abs(one.day - other.day) <= APART for one, other in zip(sent, received, strict=False))
        if len(sent) == len(received) and near:
            joined += [(one.record_id, other.record_id) for one, other in zip(sent, received, strict=True)]
            continue
        rivals |= {one.record_id: found for one in sent if (found := _near(one, received))}
        rivals |= {one.record_id: found for one in received if (found := _near(one, sent))}
    return Sides(joined=tuple(joined), rivals=rivals)


def _in_order(group: Iterable[Side], *, sends: bool) -> list[Side]:
    return sorted((side for side in group if side.sends is sends), key=lambda side: (side.day, side.record_id))


def _near(side: Side, others: Iterable[Side]) -> tuple[Side, ...]:
    return tuple(other for other in others if abs(other.day - side.day) <= APART)
