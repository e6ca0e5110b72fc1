"""Where a person looks at a document. The addresses are those that Xero's own command line tool builds."""

from __future__ import annotations

import pytest

from connectors.contract.records import DocumentKind
from connectors.xero.links import contact_link, document_link, web_address
from tests.connectors.xero.factories import document_id


def test_a_link_switches_to_the_right_company_first() -> None:
    assert document_link(DocumentKind.SPEND, document_id(1), short_code="!mBdtL") == (
        "https://go.xero.com/organisationlogin/default.aspx?shortcode=!mBdtL"
        f"&redirecturl=/Bank/ViewTransaction.aspx?bankTransactionID={document_id(1)}"
    )
    assert contact_link(document_id(1), short_code="!mBdtL") == (
        f"https://go.xero.com/app/!mBdtL/contacts/contact/{document_id(1)}"
    )


def test_a_transfer_has_a_page_of_its_own() -> None:
    link = document_link(DocumentKind.BANK_TRANSFER, document_id(1), short_code="!mBdtL")
    assert link.endswith(f"redirecturl=/Bank/ViewTransfer.aspx?bankTransferID={document_id(1)}")


def test_without_a_short_code_the_link_opens_the_page_itself() -> None:
    link = document_link(DocumentKind.RECEIVE, document_id(1), short_code="")
    assert link == f"https://go.xero.com/Bank/ViewTransaction.aspx?bankTransactionID={document_id(1)}"


def test_nothing_that_is_no_id_can_leave_its_place_in_the_link() -> None:
    link = document_link(DocumentKind.SPEND, 'x&a="<b>', short_code="!x&y")
    assert '"' not in link
    assert "<" not in link
    assert link.count("&") == 1


@pytest.mark.parametrize(
    ("api", "web"),
    [
        ("https://api.xero.com", "https://go.xero.com"),
        ("https://xero.com", "https://go.xero.com"),
        ("http://localhost:8123", "http://localhost:8123"),
        ("https://api.notxero.com", "https://api.notxero.com"),
    ],
)
def test_a_sandbox_shows_its_own_books(api: str, web: str) -> None:
    assert web_address(api) == web
