"""How a row and its detail move on: executed, cancelled, failed, expired. Every change moves `updatedAt` (A27)."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.amnis.ledger import Ledger, Row
from sandbox.amnis.switches import CardLifecycle
from sandbox.amnis.values import decimal_of, moment_of_micros, money, stamp
from sandbox.amnis.wire import Body

_PAIRED = ("fx", "peer")


def settle_due(ledger: Ledger) -> int:
    """Lets everything happen whose time has come, each at its own moment; returns how many rows moved."""
    rows = ledger.due_rows()
    for row in rows:
        current = ledger.row(row.id)  # the other half of a pair may have moved it already
        if current is not None and current.due is not None:
            _DEEDS[row.deed or "execute"](ledger, current, moment_of_micros(current.due))
    return len(rows)


def execute(ledger: Ledger, row: Row, at: datetime, *, amount: str | None = None) -> int:
    """Money moves now. Both rows of a conversion or own transfer move together. Returns the id of the executed row,
    which for a card under the `new_row` life cycle is a new one. `amount` replaces a card's reserved amount."""
    if row.executed or row.dead:
        raise ValueError(f"row {row.id} is at rest already")
    if row.body["type"] == "card":
        return _settle_card(ledger, row, at, amount)
    for each in _moving_together(ledger, row):
        _mark_executed(ledger, each, at)
    _change_detail(ledger, row, _executed_fields(str(row.body["type"]), at))
    return row.id


def cancel(ledger: Ledger, row: Row, at: datetime) -> None:
    """The item stays, never executed (A21)."""
    for each in _moving_together(ledger, row):
        _bury(ledger, each, at)
    _change_detail(ledger, row, {"status": "canceled"})


def fail(ledger: Ledger, row: Row, at: datetime) -> None:
    """A payout that the bank refused."""
    _bury(ledger, row, at)
    _change_detail(ledger, row, {"status": "execution_error"})


def expire(ledger: Ledger, row: Row, at: datetime) -> None:
    """A card authorisation that the merchant never collected: the reservation ends, no money moved."""
    _bury(ledger, row, at)
    _change_detail(ledger, row, {"type": "reversal", "status": "executed", "updatedAt": stamp(at)})


def capture(ledger: Ledger, row: Row, at: datetime, *, amount: str) -> int:
    """The merchant collects a part of what is reserved: a new executed row; the rest stays reserved until it is
    collected, too, or expires. Returns the id of the new row."""
    left = -decimal_of(row.body["amount"]) - decimal_of(amount)
    if row.executed or row.dead or left < 0:
        raise ValueError(f"row {row.id} has no {amount} left to collect")
    collected = {"type": "transaction", "status": "executed", "settlementDate": stamp(at), "amount": money(amount)}
    found = _add_card_row(ledger, row, at, amount=-decimal_of(amount), detail=collected)
    if left:
        row.body |= {"amount": money(-left), "updatedAt": stamp(at)}
        ledger.save_row(row)
        _change_detail(ledger, row, {"amount": money(left), "updatedAt": stamp(at)})
    else:
        _bury(ledger, row, at)
        _change_detail(ledger, row, {"status": "executed", "updatedAt": stamp(at)})
    return found


def reverse(ledger: Ledger, row: Row, at: datetime) -> int:
    """A settled card payment is taken back: a new row brings the money (A17). Returns its id."""
    if not row.executed:
        raise ValueError(f"row {row.id} is not settled: it expires instead")
    back = {"type": "reversal", "status": "executed", "settlementDate": stamp(at)}
    return _add_card_row(ledger, row, at, amount=-decimal_of(row.body["amount"]), detail=back)


def _add_card_row(ledger: Ledger, row: Row, at: datetime, *, amount: Decimal, detail: Body) -> int:
    """An executed row of the same card and merchant; the merchant's amount stands in the same relation as before."""
    kind = row.kind or ""
    known = {key: value for key, value in (ledger.detail(kind, row.detail_id or 0) or {}).items() if key != "id"}
    share = abs(amount / decimal_of(row.body["amount"]))
    original = money(decimal_of(known.get("originalAmount", "0")) * share)
    stamps = {"createdAt": stamp(at), "updatedAt": stamp(at), "executionDate": stamp(at)}
    fields = {**known, **detail, **stamps, "amount": money(abs(amount)), "originalAmount": original}
    detail_id = ledger.add_detail(kind, row.company, fields)
    body = {key: value for key, value in row.body.items() if key != "id"}
    body |= {**stamps, "executed": True, "amount": money(amount), "transactionDetailId": detail_id}
    return ledger.add_row(row.company, body)


_DEEDS: dict[str, Callable[[Ledger, Row, datetime], object]] = {
    "execute": execute,
    "cancel": cancel,
    "fail": fail,
    "expire": expire,
}


def _moving_together(ledger: Ledger, row: Row) -> list[Row]:
    if row.body["type"] not in _PAIRED or row.kind is None or row.detail_id is None:
        return [row]
    return [each for each in ledger.rows_of_detail(row.kind, row.detail_id) if not (each.executed or each.dead)]


def _mark_executed(ledger: Ledger, row: Row, at: datetime) -> None:
    row.body |= {"executed": True, "updatedAt": stamp(at)}
    row.due = row.deed = None
    ledger.save_row(row)


def _bury(ledger: Ledger, row: Row, at: datetime) -> None:
    row.body |= {"executed": False, "updatedAt": stamp(at)}
    row.dead, row.due, row.deed = True, None, None
    ledger.save_row(row)


def _executed_fields(kind: str, at: datetime) -> Body:
    match kind:
        case "payout":
            return {"status": "executed", "transferredAt": stamp(at), "finishedAt": stamp(at)}
        case "peer" | "fx":
            return {"status": "transferred"}
        case "fee":
            return {"status": "executed"}
        case _:
            return {}


def _change_detail(ledger: Ledger, row: Row, fields: dict[str, Any]) -> None:
    if row.kind is None or row.detail_id is None or not fields:
        return
    body = ledger.detail(row.kind, row.detail_id)
    if body is not None:
        ledger.save_detail(row.kind, row.detail_id, {**body, **fields})


def _settle_card(ledger: Ledger, row: Row, at: datetime, amount: str | None) -> int:
    if amount is not None:
        row.body["amount"] = money(-decimal_of(amount))
    final = {"type": "transaction", "status": "executed", "settlementDate": stamp(at), "updatedAt": stamp(at)}
    if amount is not None:
        final["amount"] = money(amount)
    if ledger.switches().card_lifecycle is CardLifecycle.IN_PLACE:
        _mark_executed(ledger, row, at)
        _change_detail(ledger, row, final)
        return row.id
    return _settle_card_in_a_new_row(ledger, row, at, final)


def _settle_card_in_a_new_row(ledger: Ledger, row: Row, at: datetime, final: Body) -> int:
    kind = row.kind or ""
    reserved = ledger.detail(kind, row.detail_id or 0) or {}
    booked = {**{key: value for key, value in reserved.items() if key != "id"}, **final, "createdAt": stamp(at)}
    detail_id = ledger.add_detail(kind, row.company, booked)
    body = {key: value for key, value in row.body.items() if key != "id"}
    body |= {"executed": True, "createdAt": stamp(at), "updatedAt": stamp(at), "transactionDetailId": detail_id}
    _bury(ledger, row, at)
    _change_detail(ledger, row, {"status": "executed", "updatedAt": stamp(at)})
    return ledger.add_row(row.company, body)
