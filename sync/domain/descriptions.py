"""What the line of a document says: the remittance text, and for cards the original amount and its rate. Pure."""

from __future__ import annotations

from connectors.contract.money import round_half_up
from connectors.contract.records import Movement, SourceTransaction
from sync.domain.printable import visible

MAX_DESCRIPTION = 500
RATE_DIGITS = 6
_PLAIN_NAMES = {
    Movement.PAY_IN: "Payment received",
    Movement.RETURNED_PAYMENT: "Returned payment",
    Movement.PAY_OUT: "Payment sent",
    Movement.CARD: "Card payment",
    Movement.CARD_REFUND: "Card refund",
    Movement.FEE: "Amnis fee",
    Movement.CASHBACK: "Cashback on balances",
    Movement.FX: "Currency conversion",
    Movement.PEER: "Transfer at Amnis",
    Movement.OWN_TRANSFER: "Own transfer",
    Movement.COLLATERAL: "Collateral",
    Movement.UNKNOWN: "Movement at Amnis",
}


def describe(transaction: SourceTransaction, *, said: str = "") -> str:
    """The description of a line, never empty. `said`: a rule's own words in place of the remittance text.

    What a card payment cost in the merchant's currency is always added, because the books keep no other trace of it.
    """
    words = [visible(said)] if said else list(dict.fromkeys(map(visible, (transaction.text, transaction.reference))))
    words = [word for word in words if word] or [_PLAIN_NAMES[transaction.movement]]
    return " · ".join([*words, *_card(transaction), *_conversion(transaction)])[:MAX_DESCRIPTION].strip()


def _card(transaction: SourceTransaction) -> list[str]:
    card = transaction.card
    if card is None:
        return []
    named = " ".join(filter(None, ("Card", visible(card.card_name), visible(card.pan4))))
    original, booked = card.original, abs(transaction.amount)
    if original is None or original.currency == booked.currency or not original.amount:
        return [named]
    rate = round_half_up(booked.amount / abs(original.amount), RATE_DIGITS)
    return [f"{abs(original)} at {rate:f} {booked.currency} per {original.currency}", named]


def _conversion(transaction: SourceTransaction) -> list[str]:
    deal = transaction.fx
    if deal is None:
        return []
    return [f"{abs(deal.sold)} to {abs(deal.bought)}", f"deal {visible(deal.deal_id)}"]
