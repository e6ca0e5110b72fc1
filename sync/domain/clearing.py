"""A deal that does not return the clearing account to 0.00: what stands there, and the way that closes it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

from connectors.contract.money import Money, round_half_up
from sync.domain.deleted import is_told
from sync.domain.reasons import BY_HAND

Half = Mapping[str, Any]
KIND = "CLEARING"  # what a person accepts: the rest of a deal, no document
TYPED, HELD_WITH, DIFFER = "already_in_xero", "other_half_held", "fx_halves_differ"
EDITED = "link_changed"
JOURNALS = "Manual journals are not read: where one has returned it, accept the rest with a reason on the proof page."
_ACCEPT = "accept the rest with a reason on the proof page"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDeal:
    """`rest`: what stays on the clearing account, in base currency. `record`: the movement from whose page it is settled.

    `document` and `account_id` name the rest where a person accepts it; `accepted` is that person's reason. `is_moving`:
    something of the deal is on its way, so nobody is told anew."""

    deal: str
    record: int
    rest: Money
    exchange: str
    day: date | None
    days: frozenset[date]
    explanation: str
    action: str
    document: str
    account_id: str
    account_code: str
    accepted: str
    accepted_by: str
    is_moving: bool

    @property
    def told(self) -> str:
        return f"{self.rest} stay on the clearing account. {self.explanation} {self.action} {JOURNALS}"


def open_deals(rows: Iterable[Half], *, base_currency: str) -> list[OpenDeal]:
    """`rows`: the halves of each deal, sold first, beside each other."""
    return [_open(list(halves), base_currency) for _, halves in groupby(rows, key=lambda row: row["unit"])]


def _open(halves: Sequence[Half], base_currency: str) -> OpenDeal:
    sold, bought = (str(_amount(half)) for half in (halves[0], halves[-1]))
    days = frozenset(it for half in halves for it in (half["booking_date"], half["stands_on"]) if it)
    day = max((half["booking_date"] for half in halves if half["booking_date"]), default=max(days, default=None))
    exchange = f"{sold} for {bought}" if len(halves) > 1 else sold
    exchange += f" of {day:%-d %b %Y}" if day else ""
    explanation, action, chosen = _explained(halves, exchange, base_currency)
    deal = halves[0]
    return OpenDeal(
        deal=str(deal["unit"]),
        record=chosen["record_id"],
        rest=_money(deal["rest"], base_currency),
        exchange=exchange,
        day=day,
        days=days,
        explanation=explanation,
        action=action,
        document=str(deal["document"]),
        account_id=str(deal["account_id"]),
        account_code=str(deal["account_code"]),
        accepted=deal["accepted"] or "",
        accepted_by=deal["accepted_by"] or "",
        is_moving=deal["is_moving"],
    )


def _explained(halves: Sequence[Half], exchange: str, base_currency: str) -> tuple[str, str, Half]:
    gone = next((half for half in halves if not half["stands"]), None)
    if gone is not None:
        stays = next(half for half in halves if half["stands"])
        said, action = _lost(gone, stays, base_currency)
        return f"Of the exchange {exchange}, {said}", action, gone
    if len(halves) == 1:
        said = f"Amnis shows one row alone of the exchange {exchange}, and its document stands in Xero."
        return said, f"Ask Amnis for the other one; or undo the document, or {_ACCEPT}.", halves[0]
    off = next((half for half in halves if _is_coded_otherwise(half)), None)
    if off is not None:
        said, action = _coded_otherwise(off)
        return f"Of the exchange {exchange}, {said}", action, off
    return _unequal(halves, exchange)


def _lost(gone: Half, stays: Half, base_currency: str) -> tuple[str, str]:
    """One half is not in the books, or not any more, and the other one is."""
    if gone["state"] == "skipped" or (gone["state"] == "undone" and _was_deleted_by_a_person(gone)):
        return _put_aside(gone, base_currency)
    lost = _amount(gone)
    if gone["state"] == "undone" and stays["is_linked"]:
        said = f"{lost} was undone; a linked document that somebody else made stands in Xero."
        return said, "Post again what was undone, or take the other one out of Xero as well."
    if gone["state"] == "undone":
        said = f"{lost} was taken out of Xero; the other one still stands there. {stays['refused'] or ''}".rstrip()
        return said, "Undo what stands as well; or post again what was taken out, from the movement's page."
    if gone["is_deleted"]:
        said = f"the document of {lost} was deleted in Xero, and the other one still stands."
        return said, "Post the deleted one again: it follows from the one that stands. Or undo that one as well."
    return _held(gone, stays, base_currency)


def _was_deleted_by_a_person(half: Half) -> bool:
    """Of one that is undone: it was gone already when a person left it out. (Our own undo deletes a document too.)"""
    return is_told(half["findings"])


def _put_aside(gone: Half, base_currency: str) -> tuple[str, str]:
    """A person left it out, or booked it in a way that may return the rest without our seeing it."""
    lost, reason = _amount(gone), gone["put_aside"] or "without a reason"
    alike = _with_alike(gone, base_currency)
    if reason.startswith(BY_HAND):
        said = f"{lost} was put aside ({reason}), and nothing shows that it was booked on the clearing account.{alike}"
        link = "If a document in Xero is that half, try the movement again and link it."
        return said, f"{link} If it was booked in another way, {_ACCEPT}."
    said = f"{lost} was left out ({reason}), and the other one stands in Xero.{alike}"
    return said, f"Try the movement again; or undo the one that stands, or {_ACCEPT}."


def _with_alike(gone: Half, base_currency: str) -> str:
    """What would stay if the document that looks like the lost half were that half."""
    if gone["rest_with_alike"] is None:
        return ""
    rest = _money(gone["rest_with_alike"], base_currency)
    stay = f"{rest} stay" if rest.amount else "nothing stays"
    return f" If the document in Xero that looks like it is that half, {stay}."


def _held(gone: Half, stays: Half, base_currency: str) -> tuple[str, str]:
    said = f"{_amount(gone)} is not in Xero, the other half is."
    held = _what_holds(gone)
    if held is not None and held["code"] == TYPED:
        why = "It is held because Xero showed a document like it that Millrace did not make."
        action = "Open the movement: link that document where it is offered; else try again."
        return f"{said} {why}{_with_alike(gone, base_currency)}", action
    if held is not None and held["code"] == EDITED:
        said = f"the document that was linked to {_amount(gone)} was changed in Xero; it counts here as it reads now."
        return said, "Open the movement: correct that document in Xero, try again, and link it once more."
    if held is not None and held["code"] == DIFFER:
        why = "It is held because the two are further apart than rounding."
        return f"{said} {why}", "Try it again on the movement's page: it then asks with the figures as they are now."
    if held is None or held["code"] == HELD_WITH:
        held = _what_holds(stays) or held
    action = "Settle that on the movement's page; or undo the one that stands."
    return (f"{said} {held['message']}" if held else said), action


def _what_holds(half: Half) -> Mapping[str, Any] | None:
    return next((it for it in half["findings"] or () if it["severity"] == "review"), None)


def _is_coded_otherwise(half: Half) -> bool:
    """Does what its lines put elsewhere explain the most of the rest? A typed half may well have a line for rounding."""
    elsewhere = abs(Decimal(half["planned"]) - Decimal(half["cleared"])) / Decimal(half["rate"])
    return elsewhere * 2 >= Decimal(half["rest"])


def _coded_otherwise(half: Half) -> tuple[str, str]:
    cleared = _money(half["cleared"], half["currency"])
    place = f"the clearing account {half['account_code']}".rstrip()
    stands = f"{cleared if cleared.amount else 'nothing'} of it stands on {place}"
    if half["is_linked"]:
        said = f"{_amount(half)} is a document that somebody else made: {stands}."
        return said, f"Code it to {place} in Xero; or {_ACCEPT}."
    said = f"somebody coded the document of {_amount(half)} otherwise in Xero: {stands}."
    return said, f"Code it to {place} again in Xero; or {_ACCEPT}."


def _unequal(halves: Sequence[Half], exchange: str) -> tuple[str, str, Half]:
    theirs = [half for half in halves if half["is_linked"]]
    if len(theirs) == len(halves):
        said = f"Both documents of the exchange {exchange} were made by somebody else and are linked."
        return said, "Correct one of them in Xero, so that both are worth the same.", halves[0]
    if theirs:
        ours = next(half for half in halves if not half["is_linked"])
        said = (
            f"Of the exchange {exchange}, {_amount(theirs[0])} is a document that somebody else made{_at(theirs[0])}."
        )
        return said, "Undo the other one and post it again: it then follows from the one that is linked.", ours
    said = f"The two documents of the exchange {exchange} are not worth the same in Xero."
    return said, "Undo the exchange and post it again.", halves[0]


def _at(half: Half) -> str:
    return "" if half["rate"] is None or half["rate"] == 1 else f" at a rate of {Decimal(half['rate']):.6f}"


def _amount(half: Half) -> Money:
    return _money(half["amount"] or Decimal(0), half["currency"])


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
            "type": KIND,
            "document": it.document,
            "account_id": it.account_id,
            "account": it.account_code,
        }
        for it in deals
    ]


def accepted_as_json(deals: Iterable[OpenDeal]) -> list[dict[str, Any]]:
    """The rests that a person lives with, as the proof lists what was accepted."""
    deals = list(deals)
    reasons = ({"reason": it.accepted, "accepted_by": it.accepted_by, "explanation": "", "action": ""} for it in deals)
    return [{**item, **reason} for item, reason in zip(as_json(deals), reasons, strict=True)]


def said(verdict: str, found: Sequence[Mapping[str, Any]]) -> str:
    """The verdict of the wallets, going on with what the exchanges leave on the clearing account."""
    if not found:
        return verdict
    if len(found) == 1:
        rest = f"{found[0]['currency']} {Decimal(found[0]['rest']):,.2f}"
        return f"{verdict.rstrip('.')}. But one exchange leaves {rest} on the clearing account."
    return f"{verdict.rstrip('.')}. But {len(found)} exchanges leave money on the clearing account."
