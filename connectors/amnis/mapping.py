"""An Amnis ledger row with its detail becomes a source transaction. Pure; never raises on odd data.

What cannot be understood becomes a finding in the bookkeeper's words, and UNKNOWN where it decides whether or how money
moved. Dates become the tenant's calendar days here; which of them is the booking date is `sync.domain`'s to say.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connectors.amnis import assumptions, contradictions
from connectors.amnis.case import Case, is_currency
from connectors.amnis.kinds import KINDS, booked_deal
from connectors.amnis.values import Wire, amount, day, flag, identifier, moment, part, parts, storable, text
from connectors.contract.money import NO_CURRENCY, ZERO, Money
from connectors.contract.records import (
    Category,
    Counterparty,
    ExecutedMovement,
    Execution,
    Movement,
    RawRecord,
    SourceAccount,
    SourceTransaction,
    VatPart,
)

_DATED_APART = {"card": Movement.CARD, "fx": Movement.FX}


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
        event_id=identifier(row.get("transactionDetailId")),
    )


def normalise(raw: RawRecord, *, zone: ZoneInfo) -> SourceTransaction:
    """The movement in our words, with a finding for everything that could not be understood."""
    signed = raw.payload.get("signed")
    row, detail = part(raw.payload, "row"), part(raw.payload, "detail")
    case = Case(row=row, detail=detail, zone=zone, signed=signed if isinstance(signed, bool) else None)
    kind = text(row.get("type"))
    found = _common(case, raw, kind)
    read = KINDS.get(kind)
    if read is None:
        case.note("unknown_movement", "Amnis uses a kind of movement that is not known here.", detail=kind or "none")
    else:
        found = read(case, found)
    _check_detail(case, kind)
    contradictions.look(case, kind, found.amount)
    return replace(found, findings=tuple(case.findings)) if case.findings else found


def executed(row: Wire, detail: Wire | None, *, signed: bool | None, zone: ZoneInfo) -> ExecutedMovement | None:
    """The amount and the days as `normalise` tells them; None for what the ledger or its details say was not executed.

    In doubt is what they contradict each other about, or say in words that are not known.
    """
    kind = text(row.get("type"))
    case = Case(row=row, detail=detail or {}, zone=zone, signed=signed if assumptions.sign_is_open(row) else None)
    execution, is_booked = _execution(case, kind), flag(row.get("executed"))
    if execution is not Execution.EXECUTED and (execution is not Execution.UNKNOWN or is_booked is False):
        return None
    number = assumptions.transaction_id(row)
    return ExecutedMovement(
        account_id=identifier(row.get("account")),
        source_id=number,
        movement=_DATED_APART.get(kind, Movement.UNKNOWN),
        amount=_amount(case, kind),
        execution_date=day(row.get("executionDate"), zone),
        settlement_date=day(case.detail.get("settlementDate"), zone) if kind == "card" else None,
        value_date=day(case.detail.get("valueDate"), zone) if kind == "fx" else None,
        deal_date=_deal_date(case) if kind == "fx" else None,
        raw=None if number.strip() else raw_record(row, detail, signed=signed),
        in_doubt=execution is Execution.UNKNOWN,
    )


def _deal_date(case: Case) -> date | None:
    """Of a deal that shows both sides; one that does not is booked by its value date."""
    whole = booked_deal(case.detail, zone=case.zone) is not None
    return day(case.detail.get("dealDate"), case.zone) if whole else None


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
    if not is_currency(currency):
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
    if kind in KINDS:
        case.note("direction_unknown", "Amnis does not say whether this money came in or went out. Decide by hand.")
    return value


def _execution(case: Case, kind: str) -> Execution:
    found = assumptions.execution(kind, flag(case.row.get("executed")), case.detail)
    if found is Execution.UNKNOWN:
        status = text(case.detail.get("status")) or "none"
        case.note(
            "unknown_status",
            f"Amnis' status “{status[:40]}” is not known, or contradicts the ledger. It goes on by "
            "itself when Amnis corrects it; ask Amnis, or skip it and book it by hand.",
        )
    return found


def _check_detail(case: Case, kind: str) -> None:
    if case.detail or kind not in KINDS:
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
