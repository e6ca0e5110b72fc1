"""The JSON of every kind of detail, as the newest documentation shows it. Amounts carry no sign (A13). Pure."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sandbox.amnis.rates import quoted
from sandbox.amnis.references import foreign_iban, swiss_iban
from sandbox.amnis.values import CENT, decimal_of, money, stamp
from sandbox.amnis.wire import Body

CARDS = {1: ("Einkauf", "4711"), 2: ("Geschäftsleitung", "0815")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """When a movement executes, when its row was created and last changed."""

    execution: datetime
    created: datetime
    updated: datetime


def ledger_row(
    *, type_: str, account: int, currency: str, amount: Decimal, executed: bool, times: Times, detail: int | None
) -> Body:
    return {
        "currency": currency,
        "amount": money(amount),
        "type": type_,
        "executionDate": stamp(times.execution),
        "executed": executed,
        "createdAt": stamp(times.created),
        "updatedAt": stamp(times.updated),
        "account": account,
        "transactionDetailId": detail,
        "tags": [],
        "documents": None,
        "expenseCategory": None,
        "expenseCostCenter": None,
        "vats": [],
        "comment": None,
        "expenseCompletedAt": None,
        "magicLinkUrl": None,
        "contact": None,
    }


def payin(*, currency: str, amount: str, times: Times, payer: str | None, text: str | None) -> Body:
    return {
        "currency": currency,
        "amount": money(amount),
        "executionDate": stamp(times.execution),
        "comment": text,
        "subType": "pay_in",
        "payerName": payer,
        "qrReference": None,
        "isInstant": False,
    }


def beneficiary(name: str, country: str) -> Body:
    number = zlib.crc32(name.encode()) % 10**9
    known = country in {"DE", "AT", "FR", "IT", "CZ", "GB", "LT"}
    return {
        "accountNumber": foreign_iban(country, number) if known else swiss_iban(number),
        "bankName": "Beispielbank",
        "bankCountry": country,
        "name": name,
        "address": "Musterweg 3",
        "city": "Musterstadt",
        "zip": "8999",
        "country": country,
        "contact": None,
    }


def payout(
    *,
    account: int,
    currency: str,
    amount: str,
    times: Times,
    to: Body,
    status: str,
    reference: str | None,
    contact: int,
) -> Body:
    done = stamp(times.updated) if status in {"executed", "transferred"} else None
    return {
        "account": account,
        "currency": currency,
        "amount": money(amount),
        "status": status,
        "executionDate": stamp(times.execution),
        "transferredAt": done,
        "finishedAt": done if status == "executed" else None,
        "reference": reference,
        "feeSchedule": None,
        "contact": contact,
        "beneficiary": to,
        "fromAutomation": False,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Both ends of a wallet transfer; an account is None where it belongs to another company."""

    side: str
    sender: str
    receiver: str
    sender_account: int | None
    receiver_account: int | None


def wallet(
    *, currency: str, amount: str, times: Times, peer: Peer, status: str, text: str | None, contact: int
) -> Body:
    return {
        "currency": currency,
        "amount": money(amount),
        "executionDate": stamp(times.execution),
        "collateral": False,
        "side": peer.side,
        "senderCompanyName": peer.sender,
        "receiverCompanyName": peer.receiver,
        "senderAccount": peer.sender_account,
        "receiverAccount": peer.receiver_account,
        "comment": text,
        "contact": contact,
        "status": status,
        "fromAutomation": False,
    }


def fx(*, sold: tuple[str, str], bought: tuple[str, str], deal: datetime, value: datetime, status: str) -> Body:
    """`sold` and `bought` are (currency, amount)."""
    platform, spot = quoted(decimal_of(sold[1]), decimal_of(bought[1]))
    return {
        "currencyFrom": sold[0],
        "currencyTo": bought[0],
        "amountFrom": money(sold[1]),
        "amountTo": money(bought[1]),
        "direction": "sell",
        "dealDate": stamp(deal),
        "valueDate": stamp(value),
        "type": "spot",
        "spotRate": spot,
        "forwardPoints": None,
        "platformRate": platform,
        "status": status,
        "fromAutomation": False,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchant:
    name: str
    country: str = "CH"
    mcc: str = "5999"


def card(
    *, currency: str, amount: str, original: tuple[str, str], times: Times, merchant: Merchant, number: int
) -> Body:
    """A card detail that waits for the merchant; `original` is (currency, amount)."""
    name, pan4 = CARDS[number]
    return {
        "currency": currency,
        "amount": money(amount),
        "originalCurrency": original[0],
        "originalAmount": money(original[1]),
        "type": "authorization",
        "executionDate": stamp(times.execution),
        "settlementDate": None,
        "status": "pending",
        "card": {"id": number, "name": name, "pan4": pan4},
        "merchant": {
            "id": zlib.crc32(merchant.name.encode()) % 100_000,
            "name": merchant.name,
            "country": merchant.country,
            "mccCode": merchant.mcc,
        },
        "documents": None,
        "expenseCategory": None,
        "expenseCostCenter": None,
        "comment": None,
        "vats": [],
        "createdAt": stamp(times.created),
        "updatedAt": stamp(times.updated),
        "magicLinkUrl": None,
        "error": [],
    }


def fee(*, account: int, currency: str, amount: str, times: Times, text: str | None, status: str) -> Body:
    return {
        "account": account,
        "currency": currency,
        "amount": money(amount),
        "executionDate": stamp(times.execution),
        "comment": text,
        "status": status,
    }


def vats(lines: Iterable[tuple[str, str]], known: list[Body], *, as_iri: bool) -> list[dict[str, Any]]:
    """Tax lines from (rate, gross): tax is inside the gross, rounded half up to the cent."""
    by_rate = {item["value"]: item for item in known}
    return [_vat(rate, gross, by_rate.get(rate), as_iri) for rate, gross in lines]


def _vat(rate: str, gross: str, known: Body | None, as_iri: bool) -> dict[str, Any]:
    tax = decimal_of(gross) * decimal_of(rate) / (100 + decimal_of(rate))
    number = known["id"] if known else None
    return {
        "expenseVat": f"/api/expense_vats/{number}" if as_iri and number else number,
        "rate": rate,
        "amount": str(tax.quantize(CENT, rounding=ROUND_HALF_UP)),
        "grossAmount": money(gross),
        "externalId": known["externalId"] if known else None,
    }
