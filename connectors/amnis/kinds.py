"""What each kind of movement adds to what every row tells: the other party, the texts, the deal, the card. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from zoneinfo import ZoneInfo

from connectors.amnis import assumptions
from connectors.amnis.case import Case
from connectors.amnis.values import Wire, amount, day, flag, identifier, part, structured_reference, text
from connectors.contract.money import Money
from connectors.contract.records import CardDetail, Execution, FxDetail, Movement, SourceTransaction, TransferDetail

Reading = Callable[[Case, SourceTransaction], SourceTransaction]


def _pay_in(case: Case, found: SourceTransaction) -> SourceTransaction:
    kind = text(case.detail.get("subType")) or "pay_in"
    movement = {"pay_in": Movement.PAY_IN, "returned_payment": Movement.RETURNED_PAYMENT}.get(kind, Movement.UNKNOWN)
    if movement is Movement.UNKNOWN:
        case.note("unknown_movement", "Amnis uses a kind of pay-in that is not known here.", detail=f"payin/{kind}")
    if movement is Movement.PAY_IN and assumptions.is_cashback(case.detail):
        movement = Movement.CASHBACK
    return replace(
        found,
        movement=movement,
        raw_kind=f"payin/{kind}",
        counterparty=replace(found.counterparty, name=text(case.detail.get("payerName"))),
        reference=structured_reference(text(case.detail.get("qrReference")), found.text)
        or text(case.detail.get("qrReference")),
    )


def _payout(case: Case, found: SourceTransaction) -> SourceTransaction:
    payee = part(case.detail, "beneficiary")
    number = text(payee.get("accountNumber")).replace(" ", "")
    said = text(case.detail.get("reference"))
    return replace(
        found,
        movement=Movement.PAY_OUT,
        counterparty=replace(
            found.counterparty,
            name=text(payee.get("name")),
            iban=number if number[:2].isalpha() else "",
            country=text(payee.get("country"))[:2],
        ),
        text=said or found.text,
        reference=structured_reference(said, found.text),
    )


def _card(case: Case, found: SourceTransaction) -> SourceTransaction:
    detail, shop, card = case.detail, part(case.detail, "merchant"), part(case.detail, "card")
    stage = text(detail.get("type"))
    is_refund = found.amount.amount > 0
    if stage == "reversal" and found.amount.amount < 0 and found.execution is Execution.EXECUTED:
        case.note(
            "reversal_out",
            "Amnis calls this card payment reversed and shows its money as gone. Ask Amnis which is right.",
        )
    return replace(
        found,
        movement=Movement.CARD_REFUND if is_refund else Movement.CARD,
        raw_kind=f"card/{stage}" if stage else "card",
        complete=is_refund or assumptions.is_complete(case.row, detail),
        settlement_date=case.day(detail, "settlementDate", "settlement date"),
        counterparty=replace(found.counterparty, name=text(shop.get("name")), country=text(shop.get("country"))[:2]),
        card=CardDetail(
            card_name=text(card.get("name")),
            pan4=text(card.get("pan4"))[-4:],
            original=case.money(detail.get("originalAmount"), detail.get("originalCurrency")),
            merchant_country=text(shop.get("country"))[:2],
            mcc=text(shop.get("mccCode")),
        ),
    )


def _fee(case: Case, found: SourceTransaction) -> SourceTransaction:
    return replace(found, movement=Movement.FEE)


def _peer(case: Case, found: SourceTransaction) -> SourceTransaction:
    detail = case.detail
    incoming = found.amount.amount > 0
    name = text(detail.get("senderCompanyName" if incoming else "receiverCompanyName"))
    if not assumptions.is_own_transfer(detail):
        movement = Movement.COLLATERAL if flag(detail.get("collateral")) else Movement.PEER
        return replace(found, movement=movement, counterparty=replace(found.counterparty, name=name))
    return replace(
        found,
        movement=Movement.COLLATERAL if flag(detail.get("collateral")) else Movement.OWN_TRANSFER,
        counterparty=replace(found.counterparty, name=name),
        transfer=TransferDetail(
            transfer_id=_detail_id(case),
            sender_account=identifier(detail.get("senderAccount")),
            receiver_account=identifier(detail.get("receiverAccount")),
        ),
    )


def _fx(case: Case, found: SourceTransaction) -> SourceTransaction:
    deal = booked_deal(case.detail, zone=case.zone, deal_id=_detail_id(case))
    if deal is None:
        case.note("deal_incomplete", "Amnis does not show both sides of this conversion. Complete it by hand.")
        return replace(found, movement=Movement.FX, value_date=case.day(case.detail, "valueDate", "value date"))
    _check_leg(case, found.amount, deal)
    return replace(
        found,
        movement=Movement.FX,
        raw_kind=f"fx/{text(case.detail.get('type')) or 'spot'}",
        value_date=case.day(case.detail, "valueDate", "value date"),
        deal_date=case.day(case.detail, "dealDate", "deal date"),
        fx=deal,
    )


def _check_leg(case: Case, moved: Money, deal: FxDetail) -> None:
    """Each row of a deal must be one of its two sides, to the cent."""
    if abs(moved) not in (deal.sold, deal.bought):
        case.note(
            "deal_differs",
            f"{abs(moved)} moved, but the deal says {deal.sold} for {deal.bought}. Ask Amnis which is right.",
        )


def booked_deal(detail: Wire, *, zone: ZoneInfo, deal_id: str = "") -> FxDetail | None:
    """A conversion as its detail tells it; None where a side is missing."""
    case = Case(row={}, detail=detail, zone=zone, signed=None)
    sold = case.money(detail.get("amountFrom"), detail.get("currencyFrom"))
    bought = case.money(detail.get("amountTo"), detail.get("currencyTo"))
    if sold is None or bought is None or not sold.amount or not bought.amount:
        return None
    sides = {"sold": abs(sold.amount), "bought": abs(bought.amount)}
    return FxDetail(
        deal_id=deal_id or identifier(detail.get("id")),
        sold=abs(sold),
        bought=abs(bought),
        deal_date=day(detail.get("dealDate"), zone),
        value_date=day(detail.get("valueDate"), zone),
        spot_rate=assumptions.rate_per_sold(amount(detail.get("spotRate")), **sides),
        platform_rate=assumptions.rate_per_sold(amount(detail.get("platformRate")), **sides),
        forward=text(detail.get("type")) == "forward",
    )


def _detail_id(case: Case) -> str:
    return identifier(case.row.get("transactionDetailId")) or identifier(case.detail.get("id"))


KINDS: dict[str, Reading] = {
    "payin": _pay_in,
    "payout": _payout,
    "card": _card,
    "fee": _fee,
    "peer": _peer,
    "fx": _fx,
}
