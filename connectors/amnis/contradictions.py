"""Where a ledger row and its own detail do not say the same. Neither is believed then: a person asks Amnis. Pure."""

from __future__ import annotations

from datetime import timedelta

from connectors.amnis.case import Case, is_currency
from connectors.amnis.values import amount, day, flag, identifier, moment
from connectors.contract.money import Money

# Both rows of a deal or own transfer share one detail; their sides are compared where they are read.
ONE_ROW = frozenset({"payin", "payout", "card", "fee"})
SOON = timedelta(days=31)  # after its last change nothing is executed later than that


def look(case: Case, kind: str, moved: Money) -> None:
    """Note each contradiction of an executed movement; what could not be read at all has been noted before."""
    readable = amount(case.row.get("amount")) is not None and is_currency(moved.currency)
    if kind not in ONE_ROW or not flag(case.row.get("executed")) or not readable:
        return
    _direction(case, kind, moved)
    _day(case)
    _sums(case, moved)
    _wallet(case)


def _direction(case: Case, kind: str, moved: Money) -> None:
    """Of a payment that went out a plus may say that it came back; money cannot come in with a minus."""
    if kind == "payin" and moved.amount < 0:
        message = "Amnis calls this a payment that came in, but money went out. Ask Amnis which is right."
        case.note("direction_differs", message)


def _day(case: Case) -> None:
    on, changed = day(case.row.get("executionDate"), case.zone), moment(case.row.get("updatedAt"))
    if on is not None and changed is not None and on > changed.date() + SOON:
        case.note(
            "date_in_the_future",
            f"Amnis says that this was executed on {on:%-d %b %Y}, which lies in the future. Ask Amnis for the date.",
        )


def _sums(case: Case, moved: Money) -> None:
    told = case.money(case.detail.get("amount"), case.detail.get("currency"))
    if told is not None and abs(told) != abs(moved):
        case.note(
            "detail_differs",
            f"The ledger of Amnis says {abs(moved)}, the details of the same movement say {abs(told)}. "
            "Ask Amnis which is right.",
        )


def _wallet(case: Case) -> None:
    mine, told = identifier(case.row.get("account")), identifier(case.detail.get("account"))
    if mine and told and mine != told:
        case.note(
            "detail_of_another_wallet",
            f"The ledger of Amnis has this movement in the wallet {mine}, its details in the wallet {told}. "
            "Ask Amnis which is right.",
        )
