"""Xero's sentences, collected from its documentation and from live reports, in the words of a bookkeeper."""

from __future__ import annotations

import pytest

from connectors.contract.errors import Severity
from connectors.xero.messages import CATALOGUE, finding_of, findings_of, messages_in, quoted

KNOWN = [
    ("Account code '999' is not a valid code for this document.", "account_invalid", "999"),
    (
        "Account code '400' has been archived, or has been deleted. Each line item must reference a valid account.",
        "account_archived",
        "400",
    ),
    ("Account must be valid.", "account_invalid", ""),
    ("Tax rate must be valid.", "tax_invalid", ""),
    ("The TaxType code 'INPUT2' cannot be used with account code '200'.", "tax_not_allowed", "INPUT2 on 200"),
    ("Tax amount 52.23 is incorrect for INPUT2 tax type, should be 52.28", "tax_amount_wrong", "INPUT2"),
    (
        "The document date cannot be before the end of year lock date, currently set at 31-Jul-2013",
        "period_locked",
        "end of year lock date 31-Jul-2013",
    ),
    (
        "The document date cannot be before the period lock date, currently set at 30 Jun 2026",
        "period_locked",
        "period lock date 30 Jun 2026",
    ),
    (
        "The contact name Muster AG is already assigned to another contact. "
        "The contact name must be unique across all active contacts.",
        "contact_name_taken",
        "Muster AG",
    ),
    ("The Account Number already exists. Please enter a different Account Number.", "contact_number_taken", ""),
    (
        "The contact with the specified contact details has been archived. "
        "The contact must be un-archived before creating new invoices or credit notes",
        "contact_archived",
        "",
    ),
    (
        "The Contact must contain at least 1 of the following elements to identify the contact: "
        "Name, ContactID, ContactNumber",
        "contact_missing",
        "",
    ),
    ("A Contact must be specified for this type of transaction", "contact_missing", ""),
    ("Email address must be valid.", "email_invalid", ""),
    ("Organisation is not subscribed to currency EUR", "currency_not_subscribed", "EUR"),
    ("Users Organisation is not subscribed to currency NZD", "currency_not_subscribed", "NZD"),
    ("The current organisation is not subscribed to currency 'EUR'.", "currency_not_subscribed", "EUR"),
    ("You cannot transfer between accounts in different currencies.", "currency_mismatch", ""),
    ("The Total for this document must be greater than zero", "total_not_positive", ""),
    ("The document sub total does not equal the sub total of the lines", "totals_differ", ""),
    ("The document total does not equal the total of the lines", "totals_differ", ""),
    ("The invoice total does not equal the sum of the lines.", "totals_differ", ""),
    ("This Bank Transaction cannot be edited as it has been reconciled with a Bank Statement.", "reconciled", ""),
    ("Payment amount exceeds the amount outstanding on this document", "overpaid", ""),
    (
        "This document cannot be edited as it has a payment or credit note allocated to it.",
        "has_payments",
        "",
    ),
    (
        "The status VOIDED cannot be applied to the invoice because it has payments or credit notes allocated to it.",
        "has_payments",
        "",
    ),
    ("Invoice # must be unique.", "invoice_number_taken", ""),
    ("Invoice not of valid status for modification", "invoice_status", ""),
    ("You have reached the limit of invoices you can approve", "invoice_status", ""),
    ("Custom ports are not allowed in invoice url", "link_invalid", ""),
    (
        "Url host cannot be an IP address, and must be a publicly addressable top level domain",
        "link_invalid",
        "",
    ),
    ("Please enter a unique Name.", "name_not_unique", ""),
    ("Please enter a unique Code.", "name_not_unique", ""),
    ("Price List Item with Code 'abc' already exists", "name_not_unique", ""),
    ("The document with the supplied id was not found for this endpoint.", "not_found", ""),
    ("The total debits (100.00) must equal total credits (-10.00)", "journal_unbalanced", ""),
    ("Idempotency Key: KEY_VALUE is used with a different request.", "idempotency_conflict", ""),
    (
        "You are not permitted to access this resource without the reporting role or higher privileges",
        "permission_missing",
        "",
    ),
    ("The string '20100510' is not a valid AllXsd value.", "request_malformed", ""),
    (
        "Error converting value \"NO_TAX\" to type 'Xero.API.Library..LineAmountType'. "
        "Path 'ManualJournals[0].LineAmountTypes'.",
        "request_malformed",
        "",
    ),
]


@pytest.mark.parametrize(("sentence", "code", "cause"), KNOWN, ids=[code for _, code, _ in KNOWN])
def test_every_known_sentence_has_a_code_and_names_its_cause(sentence: str, code: str, cause: str) -> None:
    finding = finding_of(sentence)
    assert (finding.code, finding.detail) == (code, cause)
    assert quoted(sentence) in finding.message  # Xero's own words stay visible
    assert finding.severity is Severity.REVIEW


@pytest.mark.parametrize(("sentence", "code"), [(sentence, code) for sentence, code, _ in KNOWN])
def test_a_sentence_is_recognised_in_any_case_and_inside_others(sentence: str, code: str) -> None:
    assert finding_of(f"ERROR: {sentence.upper()} ").code == code


def test_what_is_not_known_is_shown_as_xero_said_it() -> None:
    finding = finding_of("The moon is in the wrong house.")
    assert finding.code == "xero_refused"
    assert "The moon is in the wrong house." in finding.message
    assert finding.detail == "The moon is in the wrong house."


def test_every_explanation_is_a_sentence_that_says_what_to_do() -> None:
    for refusal in CATALOGUE:
        assert refusal.what.endswith("."), refusal.code
        assert refusal.what.count(". ") >= 1, f"{refusal.code}: what is wrong, and what to do"


def test_a_hundred_rows_with_one_cause_share_code_and_detail() -> None:
    findings = [finding_of(f"Account code '999' is not a valid code for this document. ({row})") for row in range(100)]
    assert len({(finding.code, finding.detail) for finding in findings}) == 1


def test_equal_sentences_become_one_finding() -> None:
    assert len(findings_of(["Account must be valid.", "Account must be valid.", "Tax rate must be valid."])) == 2


def test_a_flood_of_sentences_is_bounded() -> None:
    assert len(findings_of([f"Reason {number}" for number in range(500)])) == 20


def test_a_strangers_text_inside_a_sentence_does_no_harm() -> None:
    finding = finding_of("The contact name {0.__class__}\u202e\x00\n<b> is already assigned to another contact.")
    assert finding.detail == "{0.__class__} <b>"
    assert "\u202e" not in finding.message
    assert len(finding_of("x" * 10_000).message) < 500


def test_sentences_are_collected_however_deep_they_stand() -> None:
    element = {
        "ValidationErrors": [{"Message": "one"}, {"Description": "two"}, {}, None, "three"],
        "LineItems": [{"ValidationErrors": [{"Message": "four"}]}, None],
        "Contact": {"ValidationErrors": [{"Message": "five"}], "Addresses": [{"ValidationErrors": None}]},
        "Warnings": [{"Message": "six"}],
    }
    assert messages_in(element) == ["one", "two", "four", "five"]
    assert messages_in(element, "Warnings") == ["six"]
    assert messages_in("text") == []
