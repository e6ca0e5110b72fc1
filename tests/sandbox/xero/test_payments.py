"""Open invoices and bills, their payments, and what payments do to them."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.sandbox.xero.conftest import Office, line, messages


def invoice(client: httpx.Client, number: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"Invoices/{number}").json()["Invoices"][0]
    return found


def pay(client: httpx.Client, number: str, amount: str, **changes: Any) -> httpx.Response:
    payment = {
        "Invoice": {"InvoiceID": invoice(client, number)["InvoiceID"]},
        "Account": {"Code": "090"},
        "Date": "2026-11-12",
        "Amount": amount,
        "Reference": "MR-7QK3P9ZD4WXYZ",
        **changes,
    }
    return client.put("Payments", params={"summarizeErrors": "false"}, json={"Payments": [payment]})


def one(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()["Payments"][0]
    return found


def test_the_company_has_open_invoices_and_bills(client: httpx.Client) -> None:
    query = {"page": "1", "Statuses": "AUTHORISED"}
    found = client.get("Invoices", params=query).json()["Invoices"]
    assert {row["Type"] for row in found} == {"ACCREC", "ACCPAY"}
    assert all(row["AmountDue"] == row["Total"] > 0 for row in found)
    bills = client.get("Invoices", params={"page": "1", "where": 'Type=="ACCPAY"'}).json()["Invoices"]
    assert [row["InvoiceNumber"] for row in bills].count("4711") == 2


def test_a_part_payment_lowers_the_amount_due(office: Office, client: httpx.Client) -> None:
    before = office.xero.ledger().balance("610")
    paid = one(pay(client, "RE-2026-0101", "480.00"))
    assert (paid["StatusAttributeString"], paid["PaymentType"], paid["Amount"]) == ("OK", "ACCRECPAYMENT", 480.0)
    after = invoice(client, "RE-2026-0101")
    assert (after["AmountDue"], after["AmountPaid"], after["Status"]) == (1000.0, 480.0, "AUTHORISED")
    assert [row["PaymentID"] for row in after["Payments"]] == [paid["PaymentID"]]
    ledger = office.xero.ledger()
    assert (ledger.balance("090"), ledger.balance("610")) == (Decimal("480.00"), before - 480)
    assert ledger.markers() == ["MR-7QK3P9ZD4WXYZ"]


def test_the_last_payment_makes_it_paid_and_deleting_it_makes_it_due_again(
    office: Office, client: httpx.Client
) -> None:
    paid = one(pay(client, "RE-2026-0101", "1480.00"))
    assert (invoice(client, "RE-2026-0101")["Status"], invoice(client, "RE-2026-0101")["AmountDue"]) == ("PAID", 0.0)
    gone = client.post(f"Payments/{paid['PaymentID']}", json={"Status": "DELETED"})
    assert gone.json()["Payments"][0]["Status"] == "DELETED"
    due = invoice(client, "RE-2026-0101")
    assert (due["Status"], due["AmountDue"], due["Payments"]) == ("AUTHORISED", 1480.0, [])
    assert office.xero.ledger().balance("090") == Decimal("0.00")
    listed = client.get("Payments", params={"page": 1}).json()["Payments"]
    assert [row["Status"] for row in listed] == ["DELETED"]


def test_more_than_is_due_is_refused(client: httpx.Client) -> None:
    refused = one(pay(client, "RE-2026-0101", "1480.01"))
    assert messages(refused) == ["Payment amount exceeds the amount outstanding on this document"]
    assert invoice(client, "RE-2026-0101")["AmountDue"] == 1480.0


@pytest.mark.parametrize("account", [{"Code": "400"}, {"Code": "999"}])
def test_the_account_must_take_payments(client: httpx.Client, account: dict[str, str]) -> None:
    assert one(pay(client, "RE-2026-0101", "1.00", Account=account))["StatusAttributeString"] == "ERROR"


def test_a_bill_is_paid_out_of_the_bank(office: Office, client: httpx.Client) -> None:
    assert one(pay(client, "R-88120", "4200.00"))["PaymentType"] == "ACCPAYPAYMENT"
    assert office.xero.ledger().balance("090") == Decimal("-4200.00")


def test_a_payment_at_another_rate_books_the_difference_as_currency_gain(office: Office, client: httpx.Client) -> None:
    """EUR 3,200.00 at 1.0 EUR per CHF are CHF 3,200.00; what the invoice was worth less is the gain."""
    worth = Decimal(3200) / Decimal(str(invoice(client, "RE-2026-0103")["CurrencyRate"]))
    expected = worth.quantize(Decimal("0.01")) - Decimal("3200.00")
    account = {"AccountID": office.account("EUR Amnis")}
    paid = one(pay(client, "RE-2026-0103", "3200.00", Account=account, CurrencyRate="1.0"))
    assert paid["BankAmount"] == 3200.0
    ledger = office.xero.ledger()
    assert ledger.balance("EUR Amnis") == Decimal("3200.00")
    assert ledger.base_balance("EUR Amnis") == Decimal("3200.00")
    assert ledger.balance("499") == expected
    assert ledger.is_balanced()


def test_the_bank_amount_decides_the_rate(office: Office, client: httpx.Client) -> None:
    """EUR 3,200.00 that arrived as CHF 3,000.00: 1.066667 EUR per CHF."""
    paid = one(pay(client, "RE-2026-0103", "3200.00", BankAmount="3000.00"))
    assert (paid["BankAmount"], paid["CurrencyRate"]) == (3000.0, 1.066667)
    assert office.xero.ledger().balance("090") == Decimal("3000.00")


def test_a_paid_invoice_can_neither_be_edited_nor_voided(client: httpx.Client) -> None:
    pay(client, "RE-2026-0101", "1.00")
    known = invoice(client, "RE-2026-0101")["InvoiceID"]
    edited = client.post(f"Invoices/{known}", json={"Reference": "x"}).json()["Elements"][0]
    assert messages(edited) == ["This document cannot be edited as it has a payment or credit note allocated to it."]
    assert client.post(f"Invoices/{known}", json={"Status": "VOIDED"}).status_code == 400


def test_an_unpaid_invoice_can_be_voided_and_leaves_the_books(office: Office, client: httpx.Client) -> None:
    before = office.xero.ledger().balance("610")
    known = invoice(client, "RE-2026-0101")["InvoiceID"]
    voided = client.post(f"Invoices/{known}", json={"Status": "VOIDED"}).json()["Invoices"][0]
    assert (voided["Status"], voided["AmountDue"]) == ("VOIDED", 0.0)
    assert office.xero.ledger().balance("610") == before - Decimal("1480.00")
    assert pay(client, "RE-2026-0101", "1.00").json()["Payments"][0]["StatusAttributeString"] == "ERROR"


def sale(**changes: Any) -> dict[str, Any]:
    return {
        "Type": "ACCREC",
        "Contact": {"Name": "Rossi"},
        "Date": "2026-11-01",
        "DueDate": "2026-12-01",
        "Status": "AUTHORISED",
        "LineItems": [line("100.00", "200")],
        **changes,
    }


def test_invoices_are_exclusive_of_tax_by_default_and_number_themselves(client: httpx.Client) -> None:
    made = client.put("Invoices", json={"Invoices": [sale()]}).json()["Invoices"][0]
    assert (made["LineAmountTypes"], made["Total"], made["InvoiceNumber"]) == ("Exclusive", 108.1, "INV-0001")


def test_numbers_are_unique_for_sales_only(client: httpx.Client) -> None:
    twin = client.put("Invoices", json={"Invoices": [sale(InvoiceNumber="RE-2026-0101")]})
    assert messages(twin.json()["Elements"][0]) == ["Invoice # must be unique."]
    bill = sale(Type="ACCPAY", InvoiceNumber="4711", LineItems=[line("1.00")])
    assert client.put("Invoices", json={"Invoices": [bill]}).status_code == 200


def test_a_draft_is_not_in_the_books_and_cannot_be_paid(office: Office, client: httpx.Client) -> None:
    before = office.xero.ledger().balance("610")
    made = client.put("Invoices", json={"Invoices": [sale(Status="DRAFT")]}).json()["Invoices"][0]
    assert office.xero.ledger().balance("610") == before
    assert one(pay(client, made["InvoiceNumber"], "1.00"))["StatusAttributeString"] == "ERROR"
    approved = client.post(f"Invoices/{made['InvoiceID']}", json={"Status": "AUTHORISED"})
    assert approved.json()["Invoices"][0]["Status"] == "AUTHORISED"
    assert office.xero.ledger().balance("610") == before + Decimal("108.10")


def batch(client: httpx.Client, **amounts: str) -> dict[str, Any]:
    wanted = [
        {"Invoice": {"InvoiceID": invoice(client, number.replace("_", "-"))["InvoiceID"]}, "Amount": amount}
        for number, amount in amounts.items()
    ]
    body = {"Account": {"Code": "090"}, "Date": "2026-11-12", "Reference": "Sum MR-7QK3P9ZD4WXYZ", "Payments": wanted}
    answer = client.put("BatchPayments", params={"summarizeErrors": "false"}, json={"BatchPayments": [body]})
    found: dict[str, Any] = answer.json()["BatchPayments"][0]
    return found


def test_one_receipt_for_two_invoices(office: Office, client: httpx.Client) -> None:
    made = batch(client, RE_2026_0101="1480.00", RE_2026_0102="100.00")
    assert (made["Type"], made["TotalAmount"], made["Status"]) == ("RECBATCH", 1580.0, "AUTHORISED")
    assert invoice(client, "RE-2026-0101")["Status"] == "PAID"
    ledger = office.xero.ledger()
    assert ledger.balance("090") == Decimal("1580.00")
    assert ledger.markers() == ["MR-7QK3P9ZD4WXYZ"]
    [first, _] = made["Payments"]
    assert client.post(f"Payments/{first['PaymentID']}", json={"Status": "DELETED"}).status_code == 400


def test_deleting_a_batch_takes_back_every_payment(office: Office, client: httpx.Client) -> None:
    made = batch(client, RE_2026_0101="1480.00", RE_2026_0102="100.00")
    wish = {"BatchPaymentID": made["BatchPaymentID"], "Status": "DELETED"}
    assert client.post("BatchPayments", json=wish).json()["BatchPayments"][0]["Status"] == "DELETED"
    assert invoice(client, "RE-2026-0101")["AmountDue"] == 1480.0
    assert office.xero.ledger().balance("090") == Decimal("0.00")


def test_people_take_one_payment_out_of_a_batch_and_it_is_smaller_by_it(office: Office, client: httpx.Client) -> None:
    made = batch(client, RE_2026_0101="1480.00", RE_2026_0102="100.00")
    first, second = made["Payments"]
    office.xero.people().delete(first["PaymentID"])

    [shown] = client.get(f"BatchPayments/{made['BatchPaymentID']}").json()["BatchPayments"]
    assert (shown["TotalAmount"], [it["PaymentID"] for it in shown["Payments"]]) == (100.0, [second["PaymentID"]])
    assert invoice(client, "RE-2026-0101")["AmountDue"] == 1480.0
    assert office.xero.ledger().balance("090") == Decimal("100.00")


def test_a_batch_with_one_wrong_payment_pays_nothing(office: Office, client: httpx.Client) -> None:
    refused = batch(client, RE_2026_0101="1480.00", RE_2026_0102="99999.00")
    assert refused["StatusAttributeString"] == "ERROR"
    assert invoice(client, "RE-2026-0101")["AmountDue"] == 1480.0
    assert office.xero.ledger().payments() == []
