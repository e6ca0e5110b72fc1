"""What the vendor's documents leave open, each in one function that carries its number. Pure.

When Amnis answers one of these questions, this is the place to change. The numbers that are about the token endpoint
(A1 to A6) live in `connectors.oauth` and `connectors.credentials`; webhooks (A32) and a rate table (A33) do not exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from connectors.amnis.values import Wire, amount, flag, identifier, text
from connectors.contract.money import round_half_up
from connectors.contract.records import Execution

PAGE_SIZE = 50
DETAIL_LISTS = {
    "payin": "payin_transaction_details",
    "payout": "payout_transaction_details",
    "peer": "wallet_transaction_details",
    "fx": "fx_transaction_details",
    "card": "card_transaction_details",
    "fee": "fee_transaction_details",
}
_MEMBERS = ("data", "hydra:member", "member")
_TOTALS = (("pagination", "totalItems"), ("hydra:totalItems",), ("totalItems",))
_OPEN = frozenset({"created", "pending", "pending_execution"})
_DONE = frozenset({"executed", "transferred"})
_OLD_FX = frozenset({"not hedged", "hedged", "to-hedge", "hedging"})  # words of an older version for booked deals
_DEAD = frozenset({"canceled", "cancelled", "execution_error", "error"})
_CASHBACK_WORDS = ("cashback", "interest", "zins", "intérêt", "interess")


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """One page of a list, and how many items the whole list has where the answer says so."""

    items: list[Wire]
    total: int | None = None


def collection(body: Any) -> Collection | None:
    """A7: a bare array, `{data, pagination}`, or Hydra. None for anything else: it must not look like an empty list."""
    members = body
    if isinstance(body, Mapping):
        members = next((body[name] for name in _MEMBERS if name in body), None)
    if not isinstance(members, list) or not all(isinstance(item, Mapping) for item in members):
        return None
    return Collection(items=list(members), total=_total(body))


def is_complete(row: Wire, detail: Wire) -> bool:
    """Has somebody at Amnis said what a card payment was for? Its own mark decides where the account shows marks at all;
    else a category does. (Undocumented; `expenseCompletedAt` is null until the expense is marked as complete.)"""
    for part in (row, detail):
        if "expenseCompletedAt" in part:
            return bool(part["expenseCompletedAt"])
    return bool(row.get("expenseCategory") or detail.get("expenseCategory"))


def page_query(number: int) -> dict[str, str | int]:
    """A8, A9: 50 a page at most, and an order that does not move while pages are turned."""
    return {"page": number, "itemsPerPage": PAGE_SIZE, "order[id]": "ASC"}


def is_last_page(found: Collection) -> bool:
    """A9: a page that is not full ends the list."""
    return len(found.items) < PAGE_SIZE


def is_cut_short(found: Collection, number: int) -> bool:
    """Does the page hold less than the list's own total says it must?"""
    expected = PAGE_SIZE if found.total is None else min(PAGE_SIZE, max(0, found.total - (number - 1) * PAGE_SIZE))
    return found.total is not None and len(found.items) < expected


def filter_moment(value: datetime) -> str:
    """A11: filters take a full moment with its offset, so that no zone has to be guessed."""
    return value.astimezone(UTC).isoformat(timespec="seconds")


def filter_day(value: date) -> str:
    return filter_moment(datetime.combine(value, time(), tzinfo=UTC))


def embedded_detail(row: Wire) -> Wire | None:
    """A23: `includeTransactionDetail=true` adds the detail object as `transactionDetail`."""
    found = row.get("transactionDetail")
    return found if isinstance(found, dict) else None


def detail_key(row: Wire) -> tuple[str, str] | None:
    """Section 5.3 and A14: the detail list that `type` chooses, and the id in it. None where there is no detail."""
    number, name = identifier(row.get("transactionDetailId")), DETAIL_LISTS.get(text(row.get("type")))
    return (name, number) if name and number else None


def transaction_id(row: Wire) -> str:
    """A26: the row's id never changes; it is unique among the rows, not among all resources."""
    return identifier(row.get("id"))


# ------------------------------------------------------------------- direction


def sign_is_open(row: Wire) -> bool:
    """A12: a positive amount of a kind that usually goes out: a refund if amounts are signed, else just unsigned."""
    value = amount(row.get("amount"))
    return value is not None and value > 0 and text(row.get("type")) in ("card", "fee", "payout")


def shows_signs(rows: Sequence[Wire]) -> bool | None:
    """A12: does this ledger sign its amounts? One negative amount proves it; only outgoing rows disprove it."""
    if any((amount(row.get("amount")) or 0) < 0 for row in rows):
        return True
    return False if any(text(row.get("type")) == "payout" for row in rows) else None


def direction(row: Wire, detail: Wire, *, signed: bool | None) -> int | None:
    """A12: +1 into the wallet, -1 out of it, None where it cannot be told.

    A minus decides. A plus is believed where the ledger is known to sign; else the kind of movement decides.
    """
    if (amount(row.get("amount")) or 0) < 0:
        return -1
    match text(row.get("type")):
        case "payin":
            return 1
        case "payout" | "fee":
            return 1 if signed else -1
        case "card":
            return 1 if signed or (is_reversal(detail) and flag(row.get("executed"))) else -1
        case "peer":
            return _peer_direction(row, detail)
        case "fx":
            return _fx_direction(row, detail)
        case _:
            return None


def _peer_direction(row: Wire, detail: Wire) -> int | None:
    """A15: both rows of an own transfer may share one detail, so the account decides before the side does."""
    mine = identifier(row.get("account"))
    sender, receiver = identifier(detail.get("senderAccount")), identifier(detail.get("receiverAccount"))
    if mine and mine in (sender, receiver) and sender != receiver:
        return -1 if mine == sender else 1
    return {"sender": -1, "receiver": 1}.get(text(detail.get("side")))


def _fx_direction(row: Wire, detail: Wire) -> int | None:
    mine = text(row.get("currency"))
    sold, bought = text(detail.get("currencyFrom")), text(detail.get("currencyTo"))
    return None if sold == bought else {sold: -1, bought: 1}.get(mine)


# ---------------------------------------------------------------------- status


def is_reversal(detail: Wire) -> bool:
    """A17: a refund is a card detail of type `reversal`; so is an authorisation that expired, but that never executes."""
    return text(detail.get("type")) == "reversal"


def execution(kind: str, executed: bool | None, detail: Wire) -> Execution:
    """A16, A17, A21: what the row's flag and the detail's status say together.

    UNKNOWN where the status is not known, or where the two contradict each other.
    """
    status = text(detail.get("status"))
    if executed is None or status not in _known_status(kind):
        return Execution.UNKNOWN
    if kind == "card":
        return _card_execution(executed, detail)
    if executed:
        return Execution.UNKNOWN if status in _DEAD or status in _OPEN else Execution.EXECUTED
    return Execution.CANCELLED if status in _DEAD else Execution.PENDING


def _known_status(kind: str) -> frozenset[str]:
    known = _OPEN | _DONE | _DEAD | {""}
    return known | _OLD_FX if kind == "fx" else known


def _card_execution(executed: bool, detail: Wire) -> Execution:
    """A17: in place (the row becomes executed) or a new row (the authorisation stays behind, never executed).

    An authorisation that expired is a reversal that was never executed: nothing moved.
    """
    stage, status = text(detail.get("type")), text(detail.get("status"))
    if stage not in ("", "authorization", "transaction", "reversal"):
        return Execution.UNKNOWN
    if executed:
        return Execution.UNKNOWN if stage == "authorization" or status == "pending" else Execution.EXECUTED
    if stage == "reversal" or (stage == "authorization" and status == "executed") or status in _DEAD:
        return Execution.CANCELLED
    return Execution.PENDING


# -------------------------------------------------------------------- meanings


def is_cashback(detail: Wire) -> bool:
    """A22: cashback and interest on balances arrive as pay-ins whose payer is Amnis itself and whose text says so."""
    said = text(detail.get("comment")).casefold()
    return text(detail.get("payerName")).casefold().split()[:1] == ["amnis"] and any(
        word in said for word in _CASHBACK_WORDS
    )


def is_own_transfer(detail: Wire) -> bool:
    """A15: both accounts are ours, because the vendor leaves a foreign party's account empty."""
    sender, receiver = identifier(detail.get("senderAccount")), identifier(detail.get("receiverAccount"))
    return bool(sender and receiver and sender != receiver)


def rate_per_sold(quoted: Decimal | None, *, sold: Decimal, bought: Decimal) -> Decimal | None:
    """Section 7.1: the quoting direction is not stated. The two amounts tell it; a rate that fits neither is none."""
    if not quoted or quoted <= 0 or not sold:
        return None
    effective = bought / sold
    candidates = (quoted, round_half_up(1 / quoted, 10))
    best = min(candidates, key=lambda rate: abs(rate - effective))
    return best if abs(best - effective) <= effective / 5 else None


def executed_range(since: date, until: date | None) -> dict[str, str]:
    """A25: rows whose execution, settlement or value date may lie in the range.

    A card settles up to ten days after its execution, and a zone moves a date by one; 35 days are generous. A spot deal
    executes up to two bank days after it was made, so a week more finds it by its deal date too.
    """
    lower = {"executionDate[gte]": filter_day(since - timedelta(days=35))}
    return lower if until is None else lower | {"executionDate[lt]": filter_day(until + timedelta(days=8))}


def changed_since(since: datetime | None) -> dict[str, str]:
    """A10, A27: `updatedAt` moves with every change of the row or its detail."""
    return {} if since is None else {"updatedAt[gte]": filter_moment(since)}


def _total(body: Any) -> int | None:
    if not isinstance(body, Mapping):
        return None
    for path in _TOTALS:
        found: Any = body
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        if isinstance(found, int) and not isinstance(found, bool):
            return found
    return None
