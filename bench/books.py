"""What an answer-only Xero keeps: documents as the text of its answers, in the order of their writing, in memory.

It answers what the sandbox would answer to the same request (tests/bench holds the two together), without a journal, a
database or the checks of a real ledger: an unknown account or contact, a bad line and a total of zero are refused, nothing
else. A write costs a twentieth of the sandbox's.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sandbox.store import Json, to_json
from sandbox.xero import problems
from sandbox.xero.books import Books
from sandbox.xero.contacts import as_reference, contact_of_document
from sandbox.xero.lines import read_tracking, tax_of
from sandbox.xero.wire import NO_ID, cents, date_string, ms_date, ms_time, new_id, read_date

_DATE_FILTER = re.compile(r"Date >= DateTime\((\d+), ?(\d+), ?(\d+)\)")
_SIX = Decimal("0.000001")
_FOUR = Decimal("0.0001")


class Refused(Exception):
    """One element that does not enter the books."""


@dataclass(slots=True)
class Shelf:
    """The documents of one kind: their text, when they came, their day; and what a judge needs to know of each."""

    texts: list[str] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    days: list[str] = field(default_factory=list)
    facts: list[tuple[str, ...]] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)

    def put(self, document_id: str, text: str, *, stamp: int, day: str, facts: tuple[str, ...]) -> None:
        self.places[document_id] = len(self.texts)
        self.texts.append(text)
        self.stamps.append(stamp)
        self.days.append(day)
        self.facts.append(facts)

    def since(self, moment: int | None, first_day: str | None) -> list[str]:
        """Texts changed after a moment (milliseconds), dated on a day or later."""
        start = 0 if moment is None else bisect_right(self.stamps, moment)
        if first_day is None:
            return self.texts[start:]
        return [text for text, day in zip(self.texts[start:], self.days[start:], strict=True) if day >= first_day]


class AnswerBooks:
    """One organisation. Accounts, tax rates, contacts and day rates are the sandbox's own."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self.transactions, self.transfers = Shelf(), Shelf()
        self._contacts: dict[str, Json] = {}
        self._rates: dict[tuple[str, date], Decimal] = {}

    # ------------------------------------------------------------------ writes

    def put_transactions(self, elements: list[Json]) -> list[str]:
        """One text for each element, in their order, as `summarizeErrors=false` tells them."""
        return [self._outcome(element) for element in elements]

    def put_transfer(self, element: Json) -> str:
        body = self._transfer(element)
        shown = to_json({key: value for key, value in body.items() if not key.startswith("_")})
        self.transfers.put(
            body["BankTransferID"], shown, stamp=body["_created"], day=body["DateString"][:10],
            facts=(
                body["BankTransferID"], "BANKTRANSFER", body["FromBankAccount"]["AccountID"], body["DateString"][:10],
                str(body["Amount"]), body["Reference"], body["ToBankAccount"]["AccountID"],
            ),
        )  # fmt: skip
        for side in ("From", "To"):
            self._keep_side(body, side)
        return shown

    def _outcome(self, element: Json) -> str:
        try:
            body = self._transaction(element)
        except Refused as refusal:
            messages = [{"Message": message} for message in refusal.args]
            head = {"BankTransactionID": NO_ID, **element}
            return to_json({**head, "StatusAttributeString": "ERROR", "ValidationErrors": messages})
        text = self._keep(body)
        return f'{text[:-1]},"StatusAttributeString":"OK"}}'

    def _keep(self, body: Json) -> str:
        stamp = self._books.clock.milliseconds()
        body["UpdatedDateUTC"] = ms_time(stamp)
        text, day = to_json(body), body["DateString"][:10]
        facts = (
            body["BankTransactionID"], body["Type"], body["BankAccount"]["AccountID"], day, str(body["Total"]),
            body["Reference"], "",
        )  # fmt: skip
        self.transactions.put(body["BankTransactionID"], text, stamp=stamp, day=day, facts=facts)
        return text

    def _transaction(self, element: Json) -> Json:
        account = self._bank_account(element.get("BankAccount"))
        day = read_date(element["Date"])
        currency = str(account["CurrencyCode"])
        amounts = str(element.get("LineAmountTypes") or "Inclusive")
        lines = [self._line(line, amounts) for line in element.get("LineItems") or ()]
        tax = sum((line["TaxAmount"] for line in lines), Decimal("0.00"))
        amount = sum((line["LineAmount"] for line in lines), Decimal("0.00"))
        net = amount - tax if amounts == "Inclusive" else amount
        if net + tax <= 0:
            raise Refused(problems.TOTAL_NOT_POSITIVE)
        return {
            "BankTransactionID": new_id(),
            "IsReconciled": False,
            "HasAttachments": False,
            "BankAccount": _reference(account),
            "Type": str(element["Type"]),
            "CurrencyRate": self._rate(element.get("CurrencyRate"), currency, day),
            "Contact": self._contact(element.get("Contact") or {}),
            "DateString": date_string(day),
            "Date": ms_date(day),
            "Status": "AUTHORISED",
            "LineAmountTypes": amounts,
            "CurrencyCode": currency,
            "Reference": str(element.get("Reference") or ""),
            "LineItems": lines,
            "SubTotal": net,
            "TotalTax": tax,
            "Total": net + tax,
        }

    def _line(self, line: Json, amounts: str) -> Json:
        account = self._books.account(account_id=line.get("AccountID"), code=line.get("AccountCode"))
        if account is None or not line.get("Description"):
            raise Refused(problems.ACCOUNT_INVALID)
        unit = Decimal(str(line["UnitAmount"])).quantize(_FOUR)
        unit = cents(unit) if unit == cents(unit) else unit
        quantity = Decimal(str(line.get("Quantity", 1)))
        amount = cents(quantity * unit)
        tax_type = "NONE" if amounts == "NoTax" else str(line.get("TaxType") or account.get("TaxType") or "NONE")
        rate = self._books.tax_rate(tax_type)
        if rate is None:
            raise Refused(problems.TAX_INVALID)
        return {
            "Description": str(line["Description"]),
            "UnitAmount": unit,
            "TaxType": tax_type,
            "TaxAmount": tax_of(amount, Decimal(rate["EffectiveRate"]), amounts),
            "LineAmount": amount,
            "AccountCode": account.get("Code", ""),
            "Tracking": self._tracking(line.get("Tracking") or []),
            "Quantity": quantity,
            "LineItemID": new_id(),
            "AccountID": account["AccountID"],
            "ValidationErrors": [],
        }

    def _tracking(self, asked: list[Json]) -> list[Json]:
        return read_tracking(self._books, asked, [], reject_unknown=False) if asked else []

    def _bank_account(self, wish: Any) -> Json:
        asked = wish if isinstance(wish, dict) else {}
        account = self._books.account(account_id=asked.get("AccountID"), code=asked.get("Code"))
        if account is None or account["Type"] != "BANK":
            raise Refused(problems.ACCOUNT_INVALID)
        return account

    def _rate(self, asked: Any, currency: str, day: date) -> Decimal:
        if currency == self._books.base_currency:
            return Decimal("1.0")
        if asked not in (None, ""):
            return Decimal(str(asked)).quantize(_SIX)
        if (currency, day) not in self._rates:
            self._rates[currency, day] = self._books.day_rate(currency, day)
        return self._rates[currency, day]

    def _contact(self, wish: Json) -> Json:
        """By id, or by name: an unknown name is a new contact, as at Xero."""
        key = str(wish.get("ContactID") or wish.get("Name") or "")
        if key not in self._contacts:
            self._contacts[key] = self._found_contact(wish)
        return self._contacts[key]

    def _found_contact(self, wish: Json) -> Json:
        if wish.get("ContactID"):
            found = self._books.contact(str(wish["ContactID"]))
        else:
            found = contact_of_document(self._books, {"Contact": wish})
        if found is None:
            raise Refused(problems.NO_CONTACT)
        return as_reference(found)

    def _transfer(self, element: Json) -> Json:
        source, target = (self._bank_account(element.get(f"{side}BankAccount")) for side in ("From", "To"))
        day, now = read_date(element["Date"]), self._books.clock.milliseconds()
        return {
            "BankTransferID": new_id(),
            "CreatedDateUTC": ms_time(now),
            "_created": now,
            "DateString": date_string(day),
            "Date": ms_date(day),
            "FromBankAccount": _reference(source),
            "ToBankAccount": _reference(target),
            "Amount": cents(Decimal(str(element["Amount"]))),
            "FromBankTransactionID": new_id(),
            "ToBankTransactionID": new_id(),
            "FromIsReconciled": False,
            "ToIsReconciled": False,
            "Reference": str(element.get("Reference") or ""),
            "CurrencyRate": self._rate(None, str(source["CurrencyCode"]), day),
            "HasAttachments": False,
            "Status": "AUTHORISED",
            "FromTracking": [],
            "ToTracking": [],
        }

    def _keep_side(self, transfer: Json, side: str) -> None:
        account = transfer[f"{side}BankAccount"]
        currency = self._bank_account(account)["CurrencyCode"]
        self._keep(
            {
                "BankTransactionID": transfer[f"{side}BankTransactionID"],
                "BankAccount": account,
                "Type": "SPEND-TRANSFER" if side == "From" else "RECEIVE-TRANSFER",
                "Reference": transfer["Reference"],
                "IsReconciled": False,
                "HasAttachments": False,
                "CurrencyRate": transfer["CurrencyRate"],
                "DateString": transfer["DateString"],
                "Date": transfer["Date"],
                "Status": "AUTHORISED",
                "LineAmountTypes": "NoTax",
                "LineItems": [],
                "SubTotal": transfer["Amount"],
                "TotalTax": Decimal("0.00"),
                "Total": transfer["Amount"],
                "CurrencyCode": currency,
            }
        )


def first_day(where: str) -> str | None:
    """The day of a `where=Date >= DateTime(…)`; None without a filter. ValueError for any other."""
    if not where:
        return None
    found = _DATE_FILTER.fullmatch(where)
    if found is None:
        raise ValueError(f"no answer is prepared for where={where}")
    return date(*(int(part) for part in found.groups())).isoformat()


def _reference(account: Json) -> Json:
    return {"AccountID": account["AccountID"], "Code": account.get("Code", ""), "Name": account["Name"]}
