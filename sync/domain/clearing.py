"""A deal that does not return the clearing account to 0.00: what stands there, and the way that closes it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

from connectors.contract.money import Money, round_half_up


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDeal:
    """`rest`: what stays on the clearing account, in base currency. `record`: the movement from whose page it is settled."""

    deal: str
    record: int
    rest: Money
    exchange: str
    day: date | None
    explanation: str
    action: str

    @property
    def told(self) -> str:
        return f"{self.rest} stay on the clearing account. {self.explanation} {self.action}"


def open_deals(rows: Iterable[Mapping[str, Any]], *, base_currency: str) -> list[OpenDeal]:
    """`rows`: the two halves of each deal, sold first, beside each other."""
    return [_open(list(halves), base_currency) for _, halves in groupby(rows, key=lambda row: row["unit"])]


def _open(halves: Sequence[Mapping[str, Any]], base_currency: str) -> OpenDeal:
    sold, bought = (str(_money(half["amount"], half["currency"])) for half in (halves[0], halves[-1]))
    day = max((half["booking_date"] for half in halves if half["booking_date"]), default=None)
    exchange = f"{sold} for {bought}{f' of {day:%d.%m.%Y}' if day else ''}"
    explanation, action, chosen = _explained(halves, exchange)
    return OpenDeal(
        deal=str(halves[0]["unit"]),
        record=chosen["record_id"],
        rest=_money(halves[0]["rest"], base_currency),
        exchange=exchange,
        day=day,
        explanation=explanation,
        action=action,
    )


def _explained(halves: Sequence[Mapping[str, Any]], exchange: str) -> tuple[str, str, Mapping[str, Any]]:
    deal = halves[0]
    gone = next((half for half in halves if not half["stands"]), None)
    if gone is not None:
        lost = _money(gone["amount"], gone["currency"])
        if deal["is_undone"]:
            said = f"Of the exchange {exchange}, {lost} was undone; a linked document that somebody else made stands in Xero."
            return said, "Post again what was undone, or take the other one out of Xero as well.", gone
        said = (
            f"Of the exchange {exchange}, the document of {lost} was deleted in Xero, and the other one still stands."
        )
        return said, "Post the deleted one again: it follows from the one that stands. Or undo that one as well.", gone
    if deal["all_linked"]:
        said = f"Both documents of the exchange {exchange} were made by somebody else and are linked."
        return said, "Correct one of them in Xero, so that both are worth the same.", deal
    if deal["has_linked"]:
        theirs, ours = sorted(halves, key=lambda half: not half["is_linked"])
        stands = _money(theirs["amount"], theirs["currency"])
        said = f"Of the exchange {exchange}, {stands} is a document that somebody else made{_at(theirs)}."
        return said, "Undo the other one and post it again: it then follows from the one that is linked.", ours
    said = f"The two documents of the exchange {exchange} are not worth the same in Xero."
    return said, "Undo the exchange and post it again.", deal


def _at(half: Mapping[str, Any]) -> str:
    return "" if half["rate"] is None or half["rate"] == 1 else f" at a rate of {Decimal(half['rate']):.6f}"


def _money(amount: Decimal, currency: str) -> Money:
    return Money(amount=round_half_up(abs(amount), 2), currency=currency)


def as_json(deals: Iterable[OpenDeal]) -> list[dict[str, Any]]:
    """As the proof's JSON lists them: amounts as decimal strings."""
    return [
        {
            "deal": it.deal,
            "record": it.record,
            "rest": f"{it.rest.amount:.2f}",
            "amount": f"{it.rest.amount:.2f}",
            "date": it.day.isoformat() if it.day else "",
            "reference": it.exchange,
            "currency": it.rest.currency,
            "explanation": it.explanation,
            "action": it.action,
        }
        for it in deals
    ]


def said(found: Sequence[Mapping[str, Any]]) -> str:
    """The sentence that a verdict of the wallets goes on with; "" where every exchange closes."""
    if not found:
        return ""
    if len(found) == 1:
        return f" But one exchange leaves {found[0]['currency']} {found[0]['rest']} on the clearing account."
    return f" But {len(found)} exchanges leave money on the clearing account."
