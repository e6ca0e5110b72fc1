"""What people do meanwhile is seen through the API."""

from decimal import Decimal

import httpx
import pytest

from sandbox.xero.problems import Invalid
from tests.sandbox.xero.conftest import Office, put_one


def test_a_hand_typed_document_is_listed_like_any_other(office: Office, client: httpx.Client) -> None:
    office.xero.people().type_bank_transaction(
        Type="SPEND",
        Date="2026-11-11",
        Contact={"Name": "Kessler Treuhand"},
        BankAccount={"Code": "090"},
        LineItems=[{"Description": "By hand", "UnitAmount": "12.00", "AccountCode": "404"}],
    )
    [found] = client.get("BankTransactions", params={"page": 1}).json()["BankTransactions"]
    assert (found["Total"], found["Contact"]["Name"]) == (12.0, "Kessler Treuhand")


def test_deleting_and_editing_move_the_stamp(office: Office, client: httpx.Client) -> None:
    known = put_one(client)["BankTransactionID"]
    office.clock.advance(minutes=1)
    office.xero.people().edit(known, Reference="changed by hand")
    found = client.get(f"BankTransactions/{known}").json()["BankTransactions"][0]
    assert (found["Reference"], found["UpdatedDateUTC"]) == ("changed by hand", "/Date(1795165260000+0000)/")
    office.xero.people().delete(known)
    assert client.get(f"BankTransactions/{known}").json()["BankTransactions"][0]["Status"] == "DELETED"


def test_merging_a_contact_moves_its_documents(office: Office, client: httpx.Client) -> None:
    document = put_one(client, Contact={"Name": "Rossi"})
    target = office.xero.ledger().contact("Kessler Treuhand")["ContactID"]
    office.xero.people().merge_contact(document["Contact"]["ContactID"], target)
    moved = client.get(f"BankTransactions/{document['BankTransactionID']}").json()["BankTransactions"][0]
    assert moved["Contact"]["ContactID"] == target
    old = client.get(f"Contacts/{document['Contact']['ContactID']}").json()["Contacts"][0]
    assert (old["ContactStatus"], old["MergedToContactID"]) == ("ARCHIVED", target)


def test_voiding_an_invoice(office: Office, client: httpx.Client) -> None:
    known = client.get("Invoices/RE-2026-0101").json()["Invoices"][0]["InvoiceID"]
    office.xero.people().void(known)
    assert client.get(f"Invoices/{known}").json()["Invoices"][0]["Status"] == "VOIDED"


def test_a_credit_note_leaves_less_due_and_keeps_the_invoice(office: Office, client: httpx.Client) -> None:
    known = client.get("Invoices/RE-2026-0101").json()["Invoices"][0]
    due, number = Decimal(str(known["AmountDue"])), known["InvoiceID"]
    office.xero.people().credit(number, Decimal("10.00"))
    found = client.get(f"Invoices/{number}").json()["Invoices"][0]
    assert (Decimal(str(found["AmountDue"])), found["AmountCredited"], found["Status"]) == (
        due - 10,
        10.0,
        "AUTHORISED",
    )
    with pytest.raises(Invalid, match="credit note allocated"):
        office.xero.people().void(number)
    with pytest.raises(Invalid, match="exceeds the amount outstanding"):
        office.xero.people().credit(number, due)
    office.xero.people().credit(number, due - 10)
    assert client.get(f"Invoices/{number}").json()["Invoices"][0]["Status"] == "PAID"


def test_calls_are_counted_by_operation(office: Office, client: httpx.Client) -> None:
    known = put_one(client)["BankTransactionID"]
    client.get(f"BankTransactions/{known}")
    client.get("BankTransactions/unknown")
    ledger = office.xero.ledger()
    assert ledger.calls() == {"PUT /BankTransactions": 1, "GET /BankTransactions/{id}": 2}
    assert ledger.write_calls() == 1
