"""Xero's records as ours. The payloads are the examples of its official file, shortened."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract.errors import ContractBroken
from connectors.contract.money import Money
from connectors.contract.records import NEVER, DocumentKind, TrackingChoice
from connectors.xero import reading
from connectors.xero.reading import bank_transaction, bank_transfer, contact, lines_hash
from tests.connectors.xero.factories import ACCOUNT, BANK, CATEGORY, CONTACT, NO_ID, OPTION, OTHER_BANK, line


def stored(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "BankTransactionID": "1289C190-E46D-434B-9628-463FFDB52F00",
        "BankAccount": {"AccountID": BANK, "Code": "088", "Name": "Business Wells Fargo"},
        "Type": "SPEND",
        "Reference": "Miete MR-7QK3P9ZD4WXYZ",
        "IsReconciled": False,
        "CurrencyRate": Decimal("1.0"),
        "Contact": {"ContactID": CONTACT, "Name": "Katherine Warren"},
        "DateString": "2019-02-26 00:00:00",
        "Date": "/Date(1551139200000+0000)/",
        "Status": "AUTHORISED",
        "LineItems": [wire_line()],
        "SubTotal": Decimal("18.26"),
        "TotalTax": Decimal("1.74"),
        "Total": Decimal("20.0"),
        "UpdatedDateUTC": "/Date(1551213567813+0000)/",
        "CurrencyCode": "USD",
    }
    return {**found, **changes}


def wire_line(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Description": "Foobar",
        "UnitAmount": Decimal("20.0"),
        "TaxType": "TAX001",
        "TaxAmount": Decimal("1.74"),
        "LineAmount": Decimal("20.0"),
        "AccountCode": "400",
        "Tracking": [{"TrackingCategoryID": CATEGORY, "TrackingOptionID": OPTION, "Name": "Region", "Option": "North"}],
        "LineItemID": "d2a06879-da49-4d6c-83b5-72a93a523ec6",
        "AccountID": ACCOUNT,
    }
    return {**found, **changes}


def stored_transfer(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "BankTransferID": "6221458a-ef7a-4d5f-9b1c-1b96ce03833c",
        "CreatedDateUTC": "/Date(1476737161140+0000)/",
        "Date": "/Date(1478985000000+0000)/",
        "Status": "AUTHORISED",
        "FromBankAccount": {"AccountID": BANK, "Name": "Business Wells Fargo"},
        "ToBankAccount": {"AccountID": OTHER_BANK, "Name": "My Savings"},
        "Amount": Decimal("20.00"),
        "FromIsReconciled": False,
        "ToIsReconciled": False,
        "Reference": "Sub 098801",
    }
    return {**found, **changes}


def test_a_bank_transaction_is_read_whole() -> None:
    found = bank_transaction(stored())
    assert found.kind is DocumentKind.SPEND
    assert found.document_id == "1289c190-e46d-434b-9628-463ffdb52f00"  # ids are compared in lower case
    assert (found.account_id, found.contact_id) == (BANK, CONTACT)
    assert found.date == date(2019, 2, 26)
    assert found.total == Money.of("20.0", "USD")
    assert found.rate == Decimal("1.0")
    assert (found.reference, found.marker) == ("Miete MR-7QK3P9ZD4WXYZ", "MR-7QK3P9ZD4WXYZ")
    assert (found.status, found.reconciled, found.is_live) == ("AUTHORISED", False, True)
    assert found.updated_at == datetime(2019, 2, 26, 20, 39, 27, 813_000, UTC)


@pytest.mark.parametrize("status", ["DELETED", "VOIDED"])
def test_a_deleted_document_is_read_and_not_live(status: str) -> None:
    assert not bank_transaction(stored(Status=status)).is_live


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("RECEIVE", DocumentKind.RECEIVE),
        ("SPEND-OVERPAYMENT", DocumentKind.SPEND),
        ("RECEIVE-PREPAYMENT", DocumentKind.RECEIVE),
    ],
)
def test_over_and_prepayments_count_by_their_direction(type_: str, kind: DocumentKind) -> None:
    assert bank_transaction(stored(Type=type_)).kind is kind


def test_amounts_may_be_strings_and_rates_missing() -> None:
    found = bank_transaction(stored(Total="12.00", CurrencyRate=None, Contact=None, UpdatedDateUTC=None))
    assert found.total == Money.of(12, "USD")
    assert (found.rate, found.contact_id, found.updated_at) == (None, "", None)


@pytest.mark.parametrize(
    "changes",
    [
        {"BankTransactionID": NO_ID},
        {"BankTransactionID": None},
        {"BankAccount": None},
        {"BankAccount": {"Code": "088"}},
        {"Date": None},
        {"Total": None},
        {"Total": "a lot"},
        {"CurrencyCode": None},
        {"CurrencyRate": "x"},
        {"Type": "TRANSFORM"},
        {"Type": None},
        {"UpdatedDateUTC": "x"},
    ],
)
def test_a_document_that_cannot_be_trusted_breaks_the_contract(changes: dict[str, Any]) -> None:
    with pytest.raises(ContractBroken):
        bank_transaction(stored(**changes))


@pytest.mark.parametrize(("type_", "side"), [("SPEND-TRANSFER", True), ("RECEIVE-TRANSFER", True), ("SPEND", False)])
def test_the_two_sides_of_a_transfer_are_told_apart(type_: str, side: bool) -> None:
    assert reading.is_transfer_side(stored(Type=type_)) is side


def test_only_a_named_currency_that_we_do_not_know_is_beyond_us() -> None:
    plain = {"Reference": "typed by hand"}
    assert reading.is_beyond_us(stored(CurrencyCode="LTL", **plain))
    assert not reading.is_beyond_us(stored(CurrencyCode="USD", **plain))
    assert not reading.is_beyond_us(stored(CurrencyCode="", **plain))  # unreadable is not the same as foreign
    assert not reading.is_beyond_us(stored(CurrencyCode="LTL"))  # it carries a marker of ours


@pytest.mark.parametrize("changes", [{"FromIsReconciled": True}, {"ToIsReconciled": True}])
def test_one_reconciled_side_is_enough_to_leave_a_transfer_alone(changes: dict[str, Any]) -> None:
    assert bank_transfer(stored_transfer(**changes), currency_of=lambda account_id: "EUR").reconciled
    assert not bank_transfer(stored_transfer(), currency_of=lambda account_id: "EUR").reconciled


def test_a_deleted_transfer_is_not_live() -> None:
    assert not bank_transfer(stored_transfer(Status="DELETED"), currency_of=lambda account_id: "EUR").is_live
    assert bank_transfer(stored_transfer(Status=None), currency_of=lambda account_id: "EUR").is_live


def test_a_transfer_is_read_once_with_both_accounts() -> None:
    found = bank_transfer(stored_transfer(), currency_of={BANK: "EUR"}.__getitem__)
    assert found.kind is DocumentKind.BANK_TRANSFER
    assert (found.account_id, found.other_account_id) == (BANK, OTHER_BANK)
    assert found.total == Money.of(20, "EUR")
    assert found.date == date(2016, 11, 12)
    assert found.updated_at == datetime(2016, 10, 17, 20, 46, 1, 140_000, UTC)


def test_a_transfer_on_an_unknown_account_breaks_the_contract() -> None:
    with pytest.raises(ContractBroken):
        bank_transfer(stored_transfer(), currency_of=lambda account_id: "")


def test_a_merged_contact_says_into_which() -> None:
    found = contact(
        {"ContactID": CONTACT, "Name": "Old", "ContactStatus": "ARCHIVED", "MergedToContactID": OTHER_BANK.upper()}
    )
    assert (found.contact_id, found.status, found.merged_into) == (CONTACT, "ARCHIVED", OTHER_BANK)
    assert contact({"ContactID": CONTACT, "MergedToContactID": NO_ID}).merged_into == ""


def test_what_the_lines_say_is_one_digest_for_ours_and_for_what_is_read_back() -> None:
    ours = line(
        "20.00",
        description="Foobar ",
        tax_type="TAX001",
        tracking=(TrackingChoice(category_id=CATEGORY.upper(), option_id=OPTION),),
    )
    assert bank_transaction(stored()).lines_hash == lines_hash([ours])


def test_the_order_of_lines_says_nothing() -> None:
    lines = [wire_line(), wire_line(LineAmount=Decimal("3.00"))]
    assert (
        bank_transaction(stored(LineItems=lines)).lines_hash
        == bank_transaction(stored(LineItems=lines[::-1])).lines_hash
    )


@pytest.mark.parametrize(
    "change",
    [
        {"LineAmount": Decimal("20.01")},
        {"AccountID": OTHER_BANK},
        {"TaxType": "NONE"},
        {"Description": "Foobaz"},
        {"Tracking": []},
    ],
)
def test_every_change_that_matters_changes_the_digest(change: dict[str, Any]) -> None:
    assert bank_transaction(stored()).lines_hash != bank_transaction(stored(LineItems=[wire_line(**change)])).lines_hash


def test_no_lines_give_no_digest() -> None:
    assert bank_transaction(stored(LineItems=[])).lines_hash == ""
    assert bank_transaction(stored(LineItems=None)).lines_hash == ""


@pytest.mark.parametrize("answer", [None, [], {}, {"Accounts": None}, {"Accounts": {}}, {"Accounts": [1]}, "x"])
def test_an_envelope_without_its_list_breaks_the_contract(answer: Any) -> None:
    with pytest.raises(ContractBroken):
        reading.elements_of(answer, "Accounts")


def test_what_the_lines_put_on_each_account_is_summed_without_the_tax_in_it() -> None:
    """20.00 with 1.74 of tax in it are 18.26; two lines of one account are one sum; a code stands where no id is shown."""
    lines = [
        wire_line(),
        wire_line(LineAmount=Decimal("-1.00"), TaxAmount=None),
        wire_line(AccountID=None, AccountCode="850"),
    ]
    inclusive = bank_transaction(stored(LineItems=lines, LineAmountTypes="Inclusive"))
    assert inclusive.by_account == {ACCOUNT: Decimal("17.26"), "850": Decimal("18.26")}
    exclusive = bank_transaction(stored(LineItems=lines, LineAmountTypes="Exclusive"))
    assert exclusive.by_account == {ACCOUNT: Decimal("19.00"), "850": Decimal("20.00")}


def test_a_document_shown_without_its_lines_says_nothing_of_accounts() -> None:
    assert bank_transaction(stored(LineItems=[])).by_account is None
    assert bank_transaction(stored(), lines_since=NEVER).by_account is None
