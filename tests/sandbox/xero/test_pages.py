"""Deep links lead to what they name."""

from decimal import Decimal
from typing import Any

from sandbox.xero.seed import TRADING
from tests.sandbox.xero.conftest import Office


def _spend(office: Office, **changes: Any) -> dict[str, Any]:
    line = {"Description": "Café <Nord>", "LineAmount": Decimal("12.50"), "AccountCode": "420", "TaxType": "NONE"}
    fields = {"Type": "SPEND", "BankAccount": {"Code": "090"}, "Contact": {"Name": "Bäckerei"}, "Date": "2026-11-01"}
    return office.xero.people(TRADING).type_bank_transaction(**{**fields, "LineItems": [line], **changes})


def test_a_deep_link_shows_the_document(office: Office) -> None:
    document = _spend(office, Reference="Miete MR-7QK3P9ZD4WXYZ \u202e")["BankTransactionID"]
    browser = office.browser()
    target = f"/Bank/ViewTransaction.aspx?bankTransactionID={document}"
    switched = browser.get(f"/organisationlogin/default.aspx?shortcode=!mu5t3&redirecturl={target}")
    assert (switched.status_code, switched.headers["Location"]) == (302, target)
    shown = browser.get(target)
    for text in ("Spend money", TRADING, "Bäckerei", "CHF Amnis", "MR-7QK3P9ZD4WXYZ", "AUTHORISED", "420", "12.50"):
        assert text in shown.text
    assert "Caf\u00e9 &lt;Nord&gt;" in shown.text
    assert "\u202e" not in shown.text
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]


def test_a_deleted_document_is_still_shown_as_deleted(office: Office) -> None:
    document = _spend(office)["BankTransactionID"]
    office.xero.people(TRADING).delete(document)
    shown = office.browser().get("/Bank/ViewTransaction.aspx", params={"bankTransactionID": document})
    assert "DELETED" in shown.text


def test_a_contact_has_a_page(office: Office) -> None:
    contact = office.xero.ledger(TRADING).contact("Helvetia Papier AG")
    shown = office.browser().get(f"/app/!mu5t3/contacts/contact/{contact['ContactID']}")
    assert "Helvetia Papier AG" in shown.text


def test_an_unknown_id_is_not_found_and_no_link_leads_away(office: Office) -> None:
    browser = office.browser()
    assert browser.get("/Bank/ViewTransaction.aspx?bankTransactionID=none").status_code == 404
    assert browser.get("/app/!mu5t3/contacts/contact/none").status_code == 404
    for target in ("https://evil.example/", "//evil.example", "/connections"):
        answer = browser.get("/organisationlogin/default.aspx", params={"redirecturl": target})
        assert (answer.status_code, "Location" in answer.headers) == (404, False)
