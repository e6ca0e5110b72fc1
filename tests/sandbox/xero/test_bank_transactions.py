"""Spend and receive money: what is stored, how tax and rates are computed, what can be changed."""

from decimal import Decimal

import httpx
import pytest

from sandbox.store import from_json
from sandbox.xero.seed import EXEMPLA
from tests.sandbox.xero.conftest import Office, line, messages, put, put_one, spend


def test_the_envelope_and_the_dates_are_xeros(client: httpx.Client) -> None:
    answer = put(client, spend())
    body = answer.json()
    assert {"Id", "Status", "ProviderName", "DateTimeUTC", "BankTransactions"} <= set(body)
    assert body["DateTimeUTC"] == "/Date(1795165200000)/"
    [document] = body["BankTransactions"]
    assert document["StatusAttributeString"] == "OK"
    assert document["Date"] == "/Date(1794268800000+0000)/"
    assert document["DateString"] == "2026-11-10T00:00:00"
    assert document["UpdatedDateUTC"] == "/Date(1795165200000+0000)/"
    assert document["Status"] == "AUTHORISED"
    assert document["BankAccount"]["Name"] == "CHF Amnis"


def test_line_amounts_are_inclusive_unless_said_otherwise(client: httpx.Client) -> None:
    """8.1 % inside 108.10 is 8.10."""
    document = put_one(client, LineAmountTypes=None)
    assert document["LineAmountTypes"] == "Inclusive"
    assert (document["SubTotal"], document["TotalTax"], document["Total"]) == (100.0, 8.1, 108.1)
    assert document["LineItems"][0]["TaxType"] == "TAX001"


def test_exclusive_tax_comes_on_top_and_is_rounded_per_line(client: httpx.Client) -> None:
    """Three lines of 0.55 at 8.1 %: 0.04455 each, so 0.04 x 3 = 0.12; of the sum 1.65 it would be 0.13."""
    document = put_one(client, LineAmountTypes="Exclusive", LineItems=[line("0.55")] * 3)
    assert (document["SubTotal"], document["TotalTax"], document["Total"]) == (1.65, 0.12, 1.77)


def test_no_tax_means_none(client: httpx.Client) -> None:
    document = put_one(client, LineAmountTypes="NoTax")
    assert (document["TotalTax"], document["Total"], document["LineItems"][0]["TaxType"]) == (0.0, 108.1, "NONE")


def test_four_decimals_on_request_only_and_on_reading_too(client: httpx.Client) -> None:
    """3 x 0.3333 = 0.9999, so 1.00; with two decimals 3 x 0.33 = 0.99."""
    wish = spend(LineItems=[line("0.3333", Quantity=3)])
    coarse = put(client, wish).json()["BankTransactions"][0]
    assert (coarse["LineItems"][0]["UnitAmount"], coarse["Total"]) == (0.33, 0.99)
    query = {"summarizeErrors": "false", "unitdp": "4"}
    fine = client.put("BankTransactions", params=query, json={"BankTransactions": [wish]}).json()["BankTransactions"][0]
    assert (fine["LineItems"][0]["UnitAmount"], fine["Total"]) == (0.3333, 1.0)
    path = f"BankTransactions/{fine['BankTransactionID']}"
    assert client.get(path).json()["BankTransactions"][0]["LineItems"][0]["UnitAmount"] == 0.33
    again = client.get(path, params={"unitdp": 4}).json()["BankTransactions"][0]
    assert again["LineItems"][0]["UnitAmount"] == 0.3333
    listed = client.get("BankTransactions", params={"page": 1}).json()["BankTransactions"][-1]
    assert listed["LineItems"][0]["UnitAmount"] == 0.33


def test_a_bare_object_and_numbers_as_strings_are_understood(client: httpx.Client) -> None:
    answer = client.put("BankTransactions", json=spend(LineItems=[line("20.00", Quantity="2")]))
    assert answer.json()["BankTransactions"][0]["Total"] == 40.0


def test_the_currency_is_the_bank_accounts_and_the_rate_foreign_per_base(office: Office, client: httpx.Client) -> None:
    """EUR 263,811.37 at 1.055245 EUR per CHF are CHF 250,000.11 (accounting.md, first worked deal)."""
    document = put_one(
        client,
        Type="RECEIVE",
        BankAccount={"AccountID": office.account("EUR Amnis")},
        CurrencyRate="1.055245",
        LineAmountTypes="NoTax",
        LineItems=[line("263811.37", "850")],
    )
    assert (document["CurrencyCode"], document["CurrencyRate"]) == ("EUR", 1.055245)
    ledger = office.xero.ledger()
    assert ledger.balance("EUR Amnis") == Decimal("263811.37")
    assert ledger.base_balance("EUR Amnis") == Decimal("250000.11")
    assert ledger.base_balance("850") == Decimal("-250000.11")


def test_the_worked_deals_leave_the_clearing_account_at_zero(office: Office, client: httpx.Client) -> None:
    """The three deals of accounting.md, document by document."""
    eur, usd, chf = ({"AccountID": office.account(f"{code} Amnis")} for code in ("EUR", "USD", "CHF"))

    def leg(kind: str, bank: dict[str, str], rate: str | None, *lines: tuple[str, str]) -> None:
        rows = [line(amount, account) for amount, account in lines]
        document = put_one(
            client, Type=kind, BankAccount=bank, CurrencyRate=rate, LineAmountTypes="NoTax", LineItems=rows
        )
        assert document["StatusAttributeString"] == "OK", document

    leg("RECEIVE", eur, "1.055245", ("263811.37", "850"))
    leg("SPEND", chf, None, ("250000.11", "850"), ("-0.11", "860"))
    leg("SPEND", eur, "1.055261", ("1042233.10", "850"))
    leg("RECEIVE", chf, None, ("987654.33", "850"), ("-0.01", "860"))
    leg("SPEND", eur, "1.055312", ("250000.00", "850"))
    leg("RECEIVE", usd, "1.145787", ("271433.24", "850"), ("-0.03", "860"))
    ledger = office.xero.ledger()
    assert ledger.balance("850") == Decimal("0.00")
    assert ledger.balance("CHF Amnis") == Decimal("987654.32") - Decimal("250000.00")
    assert ledger.balance("USD Amnis") == Decimal("271433.21")
    assert ledger.is_balanced()


def test_a_missing_rate_is_the_day_rate(office: Office, client: httpx.Client) -> None:
    first = put_one(client, BankAccount={"Code": "092"})
    second = put_one(client, BankAccount={"Code": "092"})
    other_day = put_one(client, BankAccount={"Code": "092"}, Date="2026-11-11")
    assert first["CurrencyRate"] == second["CurrencyRate"] != other_day["CurrencyRate"]
    assert 1.1 < first["CurrencyRate"] < 1.2
    base = put_one(client, CurrencyRate="1.5")
    assert base["CurrencyRate"] == 1.0


def test_an_implausible_rate_is_saved_with_a_warning(office: Office, client: httpx.Client) -> None:
    document = put_one(client, BankAccount={"Code": "094"}, CurrencyRate="0.0058")
    assert document["StatusAttributeString"] == "WARNING"
    assert len(document["Warnings"]) == 1
    assert len(office.xero.ledger().bank_transactions()) == 1


def test_the_day_rate_is_against_the_base_currency_of_the_organisation(office: Office) -> None:
    """One euro is less than one franc per 1.05 euro: CHF per EUR lies below 1."""
    client = office.client(EXEMPLA)
    document = put_one(client, BankAccount={"Code": "091"}, Contact={"Name": "New"})
    assert (document["CurrencyCode"], document["CurrencyRate"] < 1) == ("CHF", True)


def test_without_a_date_it_is_today_in_the_organisations_zone(office: Office, client: httpx.Client) -> None:
    office.clock.advance(minutes=14 * 60 + 30)  # 23:30 UTC is the next day in central Europe
    assert put_one(office.client(), Date=None)["DateString"] == "2026-11-21T00:00:00"


def test_a_new_name_becomes_a_contact_and_a_known_one_is_found_whatever_its_case(
    office: Office, client: httpx.Client
) -> None:
    before = len(office.xero.ledger().contacts())
    created = put_one(client, Contact={"Name": "Taxi Blitz"})["Contact"]
    found = put_one(client, Contact={"Name": " taxi  BLITZ "})["Contact"]
    assert created["ContactID"] == found["ContactID"]
    umlaut = put_one(client, Contact={"Name": "backerei muller & sohne gmbh"})["Contact"]
    assert umlaut["Name"] == "Bäckerei Müller & Söhne GmbH"
    assert len(office.xero.ledger().contacts()) == before + 1


def test_a_refused_document_creates_no_contact(office: Office, client: httpx.Client) -> None:
    document = put_one(client, Contact={"Name": "Nobody Ltd"}, LineItems=[line(account="999")])
    assert document["StatusAttributeString"] == "ERROR"
    assert all(contact["Name"] != "Nobody Ltd" for contact in office.xero.ledger().contacts())


def test_each_element_is_judged_by_itself_in_the_order_of_the_request(office: Office, client: httpx.Client) -> None:
    answer = put(client, spend(Reference="a"), spend(Reference="b", Contact={}), spend(Reference="c"))
    found = answer.json()["BankTransactions"]
    assert answer.status_code == 200
    assert [element["StatusAttributeString"] for element in found] == ["OK", "ERROR", "OK"]
    assert found[1]["BankTransactionID"] == "00000000-0000-0000-0000-000000000000"
    assert [d["Reference"] for d in office.xero.ledger().bank_transactions()] == ["a", "c"]


def test_otherwise_one_error_refuses_all_and_nothing_is_saved(office: Office, client: httpx.Client) -> None:
    good = spend(Reference="a", Contact={"Name": "Brand New"})
    answer = put(client, good, spend(Reference="b", Contact={}), each=False)
    body = answer.json()
    assert (answer.status_code, body["ErrorNumber"], body["Type"]) == (400, 10, "ValidationException")
    assert [element["Reference"] for element in body["Elements"]] == ["b"]
    assert office.xero.ledger().bank_transactions() == []
    assert all(contact["Name"] != "Brand New" for contact in office.xero.ledger().contacts())


def test_post_changes_only_what_is_sent_and_lines_follow_their_ids(client: httpx.Client) -> None:
    document = put_one(client, LineItems=[line("10.00"), line("20.00", "404")])
    first, second = document["LineItems"]
    change = {
        "BankTransactionID": document["BankTransactionID"],
        "LineItems": [{**first, "UnitAmount": "15.00", "LineAmount": None, "TaxAmount": None}, line("5.00", "404")],
    }
    changed = client.post("BankTransactions", json={"BankTransactions": [change]}).json()["BankTransactions"][0]
    ids = [row["LineItemID"] for row in changed["LineItems"]]
    assert ids[0] == first["LineItemID"]
    assert second["LineItemID"] not in ids
    assert (changed["Total"], changed["Reference"]) == (20.0, "Invoice 12")


def test_post_without_an_id_creates_again(office: Office, client: httpx.Client) -> None:
    for _ in range(2):
        client.post("BankTransactions", json={"BankTransactions": [spend()]})
    assert len(office.xero.ledger().bank_transactions()) == 2


def delete(client: httpx.Client, document: dict[str, object]) -> httpx.Response:
    known = document["BankTransactionID"]
    return client.post(f"BankTransactions/{known}", json={"BankTransactionID": known, "Status": "DELETED"})


def test_a_deleted_document_stays_visible_and_leaves_the_balance(office: Office, client: httpx.Client) -> None:
    document = put_one(client)
    assert office.xero.ledger().balance("090") == Decimal("-108.10")
    assert delete(client, document).json()["BankTransactions"][0]["Status"] == "DELETED"
    listed = client.get("BankTransactions", params={"page": 1}).json()["BankTransactions"]
    assert [row["Status"] for row in listed] == ["DELETED"]
    assert office.xero.ledger().balance("090") == Decimal("0.00")
    assert delete(client, document).status_code == 400


def test_a_reconciled_document_can_neither_be_edited_nor_deleted(office: Office, client: httpx.Client) -> None:
    document = put_one(client)
    office.xero.people().reconcile(document["BankTransactionID"])
    answer = delete(client, document)
    assert messages(answer.json()["Elements"][0]) == [
        "This Bank Transaction cannot be edited as it has been reconciled with a Bank Statement."
    ]
    office.xero.people().unreconcile(document["BankTransactionID"])
    assert delete(client, document).status_code == 200


def test_history_notes_add_up_and_cannot_be_too_long(client: httpx.Client) -> None:
    path = f"BankTransactions/{put_one(client)['BankTransactionID']}/History"
    note = {"HistoryRecords": [{"Details": "Posted from Amnis"}]}
    assert client.put(path, json=note).status_code == client.put(path, json=note).status_code == 200
    records = client.get(path).json()["HistoryRecords"]
    assert [record["Details"] for record in records] == ["Posted from Amnis"] * 2
    assert client.put(path, json={"HistoryRecords": [{"Details": "x" * 2501}]}).status_code == 400
    assert client.get("BankTransactions/unknown/History").status_code == 404


def test_an_overpayment_goes_to_accounts_receivable_without_tax(office: Office, client: httpx.Client) -> None:
    document = put_one(client, Type="RECEIVE-OVERPAYMENT", LineItems=[line("50.00")])
    assert (document["LineItems"][0]["AccountCode"], document["TotalTax"]) == ("610", 0.0)
    assert "OverpaymentID" in document
    assert "Reference" not in document


def test_xml_is_the_answer_to_everybody_who_did_not_ask_for_json(client: httpx.Client) -> None:
    answer = client.get("Organisation", headers={"Accept": "*/*"})
    assert answer.headers["content-type"].startswith("text/xml")
    assert "<Name>Muster Handels AG</Name>" in answer.text


def test_a_body_that_is_not_json_is_refused(client: httpx.Client) -> None:
    broken = client.put("BankTransactions", content=b"{", headers={"Content-Type": "application/json"})
    assert (broken.status_code, broken.json()["ErrorNumber"]) == (400, 14)
    form = client.put("BankTransactions", content=b"<x/>", headers={"Content-Type": "application/xml"})
    assert form.status_code == 400


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "Nonsense", 404), ("POST", "Organisation", 501)])
def test_unknown_resources_and_methods(client: httpx.Client, method: str, path: str, status: int) -> None:
    assert client.request(method, path, json={}).status_code == status


def test_fifty_amounts_come_back_to_the_cent(office: Office, client: httpx.Client) -> None:
    amounts = [Decimal(n * n * 7919 % 10_000_019 + 1) / 100 for n in range(50)]
    documents = [spend(Type="RECEIVE", LineAmountTypes="NoTax", LineItems=[line(str(amount))]) for amount in amounts]
    answer = from_json(put(client, *documents).content)
    assert [Decimal(d["Total"]) for d in answer["BankTransactions"]] == amounts
    assert office.xero.ledger().balance("090") == sum(amounts)
