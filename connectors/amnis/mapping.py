"""An Amnis ledger row with its detail becomes a source transaction. Pure; never raises on odd data.

What cannot be understood becomes a finding in the bookkeeper's words, and UNKNOWN where it decides whether or how money
moved. Dates become the tenant's calendar days here; which of them is the booking date is `sync.domain`'s to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connectors.amnis import assumptions
from connectors.amnis.values import (
    Wire,
    amount,
    day,
    flag,
    identifier,
    moment,
    part,
    parts,
    storable,
    structured_reference,
    text,
)
from connectors.contract.errors import Finding, Severity
from connectors.contract.money import MINOR_UNITS, NO_CURRENCY, ZERO, Money
from connectors.contract.records import (
    CardDetail,
    Category,
    Counterparty,
    Execution,
    FxDetail,
    Movement,
    RawRecord,
    SourceAccount,
    SourceTransaction,
    TransferDetail,
    VatPart,
)


@dataclass(slots=True, kw_only=True)
class Case:
    """One row while it is being read: its parts and what was found wrong with it."""

    row: Wire
    detail: Wire
    zone: ZoneInfo
    signed: bool | None
    findings: list[Finding] = field(default_factory=list)

    def note(self, code: str, message: str, *, detail: str = "", severity: Severity = Severity.REVIEW) -> None:
        self.findings.append(Finding(code=code, message=message, detail=detail, severity=severity))

    def day(self, source: Wire, key: str, name: str) -> date | None:
        """The date under `key`; a value that is no possible date is found and left out."""
        value = source.get(key)
        found = day(value, self.zone)
        if found is None and text(value):
            self.note("date_impossible", f"The {name} that Amnis gives is not a possible date: {text(value)[:40]}.")
        return found

    def money(self, value: object, currency: object) -> Money | None:
        """An amount of a detail; None where either half is missing or wrong."""
        number, code = amount(value), text(currency)
        return None if number is None or not _is_currency(code) else Money(amount=number, currency=code)


Reading = Callable[[Case, SourceTransaction], SourceTransaction]


def raw_record(row: Wire, detail: Wire | None, *, signed: bool | None = None) -> RawRecord:
    """What is kept of a row: itself and its detail as they came, without links that open a door.

    `signed` is kept only with rows whose sign alone cannot tell the direction (A12).
    """
    payload: dict[str, Any] = {
        "row": storable({key: value for key, value in row.items() if key != "transactionDetail"}),
        "detail": None if detail is None else storable(detail),
    }
    if signed is not None and assumptions.sign_is_open(row):
        payload["signed"] = signed
    return RawRecord(
        account_id=identifier(row.get("account")),
        source_id=assumptions.transaction_id(row),
        updated_at=moment(row.get("updatedAt")),
        payload=payload,
    )


def normalise(raw: RawRecord, *, zone: ZoneInfo) -> SourceTransaction:
    """The movement in our words, with a finding for everything that could not be understood."""
    signed = raw.payload.get("signed")
    row, detail = part(raw.payload, "row"), part(raw.payload, "detail")
    case = Case(row=row, detail=detail, zone=zone, signed=signed if isinstance(signed, bool) else None)
    kind = text(row.get("type"))
    found = _common(case, raw, kind)
    read = _KINDS.get(kind)
    if read is None:
        case.note("unknown_movement", "Amnis uses a kind of movement that is not known here.", detail=kind or "none")
    else:
        found = read(case, found)
    _check_detail(case, kind)
    return replace(found, findings=tuple(case.findings))


def account(item: Wire) -> SourceAccount:
    """A wallet. `available` is None where Amnis shows no readable figure."""
    numbers = (text(entry.get("value")).replace(" ", "") for entry in parts(item.get("ibans")))
    return SourceAccount(
        account_id=identifier(item.get("id")),
        kind=text(item.get("type")) or "normal",
        currency=text(item.get("currency")),
        available=amount(item.get("availableBalance")),
        ibans=tuple(number for number in numbers if number[:2].isalpha()),
        name=text(item.get("name")),
    )


# ----------------------------------------------------------------- every kind


def _common(case: Case, raw: RawRecord, kind: str) -> SourceTransaction:
    row = case.row
    return SourceTransaction(
        account_id=raw.account_id,
        source_id=raw.source_id,
        movement=Movement.UNKNOWN,
        execution=_execution(case, kind),
        amount=_amount(case, kind),
        execution_date=case.day(row, "executionDate", "execution date"),
        created_at=moment(row.get("createdAt")),
        updated_at=raw.updated_at,
        raw_kind=kind,
        text=text(case.detail.get("comment")) or text(row.get("comment")),
        counterparty=Counterparty(source_contact_id=_contact(case)),
        category=_category(case),
        cost_centre=_cost_centre(case),
        vats=_vats(case),
    )


def _amount(case: Case, kind: str) -> Money:
    value, currency = amount(case.row.get("amount")), text(case.row.get("currency"))
    if not _is_currency(currency):
        case.note(
            "unknown_currency", f"Amnis names a currency that does not exist: “{currency[:20]}”.", detail=currency
        )
        currency = NO_CURRENCY
    if value is None:
        case.note("amount_unreadable", "Amnis gives no readable amount for this movement. Ask Amnis for it.")
        value = ZERO
    found = Money(amount=_directed(case, kind, value), currency=currency)
    if not found.is_exact:
        case.note("amount_not_exact", f"{found} has more decimals than the currency allows. Ask Amnis for the amount.")
    return found


def _directed(case: Case, kind: str, value: Decimal) -> Decimal:
    if not value:
        return value
    towards = assumptions.direction(case.row, case.detail, signed=case.signed)
    if towards is not None:
        return abs(value) * towards
    if kind in _KINDS:
        case.note("direction_unknown", "Amnis does not say whether this money came in or went out. Decide by hand.")
    return value


def _execution(case: Case, kind: str) -> Execution:
    found = assumptions.execution(kind, flag(case.row.get("executed")), case.detail)
    if found is Execution.UNKNOWN:
        status = text(case.detail.get("status")) or "none"
        case.note(
            "unknown_status",
            f"Amnis' status “{status[:40]}” is not known, or contradicts the ledger. Decide what it means.",
        )
    return found


def _check_detail(case: Case, kind: str) -> None:
    if case.detail or kind not in _KINDS:
        return
    case.note(
        "detail_missing",
        "Amnis gave no details for this movement: the other party and the text are missing. Complete it by hand.",
    )


def _contact(case: Case) -> str:
    return identifier(case.row.get("contact")) or identifier(case.detail.get("contact"))


def _category(case: Case) -> Category | None:
    found = part(case.row, "expenseCategory") or part(case.detail, "expenseCategory")
    if not found:
        return None
    return Category(
        name=text(found.get("name")),
        account_code=text(found.get("accountingAccountNumber")),
        external_id=text(found.get("externalId")),
    )


def _cost_centre(case: Case) -> str:
    found = part(case.row, "expenseCostCenter") or part(case.detail, "expenseCostCenter")
    return text(found.get("name")) or text(found.get("number"))


def _vats(case: Case) -> tuple[VatPart, ...]:
    found = []
    for entry in parts(case.row.get("vats")) or parts(case.detail.get("vats")):
        rate, tax, gross = (amount(entry.get(key)) for key in ("rate", "amount", "grossAmount"))
        if rate is None or tax is None or gross is None:
            case.note("vat_unreadable", "A VAT line of this movement cannot be read. Enter the tax by hand.")
            continue
        found.append(VatPart(rate=rate, amount=tax, gross=gross, external_id=text(entry.get("externalId"))))
    return tuple(found)


# -------------------------------------------------------------------- by kind


def _pay_in(case: Case, found: SourceTransaction) -> SourceTransaction:
    kind = text(case.detail.get("subType")) or "pay_in"
    movement = {"pay_in": Movement.PAY_IN, "returned_payment": Movement.RETURNED_PAYMENT}.get(kind, Movement.UNKNOWN)
    if movement is Movement.UNKNOWN:
        case.note("unknown_movement", "Amnis uses a kind of pay-in that is not known here.", detail=f"payin/{kind}")
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
    return replace(
        found,
        movement=Movement.CARD_REFUND if is_refund else Movement.CARD,
        raw_kind=f"card/{stage}" if stage else "card",
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


def _is_currency(code: str) -> bool:
    return code in MINOR_UNITS and code != NO_CURRENCY


_KINDS: dict[str, Reading] = {
    "payin": _pay_in,
    "payout": _payout,
    "card": _card,
    "fee": _fee,
    "peer": _peer,
    "fx": _fx,
}
