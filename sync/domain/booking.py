"""Which date a movement is booked on, and what stands before the cut-off or behind a lock date."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum

from connectors.contract.records import ExecutedMovement, Movement, SourceTransaction

CARD_MOVEMENTS = frozenset({Movement.CARD, Movement.CARD_REFUND})
SEVERAL_DAYS = CARD_MOVEMENTS | {Movement.FX}  # those that have more than one day
SETTLES_WITHIN = timedelta(days=45)  # of the purchase; cards settle after days, and after a month at the most


class LockPolicy(StrEnum):
    HOLD = "hold"
    NEXT_OPEN_DAY = "next_open_day"


def booking_date(transaction: SourceTransaction | ExecutedMovement, *, card_date: str, fx_date: str) -> date | None:
    """Cards: settlement else execution; conversions: value date; all else execution. Policies choose the other one."""
    if transaction.movement in CARD_MOVEMENTS:
        settled = transaction.settlement_date if card_date == "settlement" else None
        return settled or transaction.execution_date
    if transaction.movement is Movement.FX:
        chosen = transaction.deal_date if fx_date == "deal" else transaction.value_date
        return chosen or transaction.value_date or transaction.execution_date
    return transaction.execution_date


def possible_days(transaction: SourceTransaction | ExecutedMovement) -> frozenset[date]:
    """Every day on which a policy would book it, where policies may choose; empty where there is one day only."""
    if transaction.movement in CARD_MOVEMENTS:
        days = {transaction.settlement_date, transaction.execution_date}
    elif transaction.movement is Movement.FX:
        days = {transaction.deal_date, transaction.value_date, transaction.execution_date}
    else:
        return frozenset()
    return frozenset(day for day in days if day is not None)


def is_locked(day: date, *, lock_date: date | None) -> bool:
    return lock_date is not None and day <= lock_date


def open_day(day: date, *, lock_date: date | None) -> date:
    """The day itself, or the first one after the lock."""
    return lock_date + timedelta(days=1) if lock_date is not None and day <= lock_date else day
