"""What an answer means: the table of docs/exactly-once.md, row by row, and what must hold for any answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract.errors import Severity
from connectors.contract.money import Money
from connectors.contract.records import (
    Answer,
    Classified,
    DocumentKind,
    Endpoint,
    OptionDraft,
    Outcome,
    Transport,
    Writable,
)
from connectors.xero.mapping import prepare
from connectors.xero.outcomes import classify
from tests.connectors.xero.factories import (
    BANK,
    CONTACT,
    NO_ID,
    OTHER_BANK,
    answered,
    document_id,
    draft,
    echo,
    envelope,
    marker,
    refusal,
    spend,
    transfer,
    transfer_echo,
)

APPLIED, UNPROVEN, REFUSED = Outcome.APPLIED, Outcome.UNPROVEN, Outcome.REFUSED
NOT_APPLIED, UNKNOWN = Outcome.NOT_APPLIED, Outcome.UNKNOWN
ARCHIVED = "Account code '400' has been archived, or has been deleted. Each line item must reference a valid account."


def judge(items: Sequence[Writable], answer: Answer, endpoint: Endpoint = Endpoint.BANK_TRANSACTIONS) -> Classified:
    return classify(prepare(endpoint, items), answer, items=items)


def outcomes(found: Classified) -> list[Outcome]:
    return [item.outcome for item in found.items]


def three() -> list[Any]:
    return [spend(number) for number in (1, 2, 3)]


def ok(elements: Sequence[Any], plural: str = "BankTransactions") -> Answer:
    return answered(200, envelope(plural, elements))


def refused_call(message: str, *elements: Any, kind: str = "ValidationException") -> Answer:
    body = {"ErrorNumber": 10, "Type": kind, "Message": message, "Elements": list(elements)}
    return answered(400, json.dumps(body).encode())


# ------------------------------------------------------- no answer that was read


@pytest.mark.parametrize(
    ("answer", "outcome", "pause"),
    [
        (Answer(transport=Transport.NOT_SENT, error="ConnectError"), NOT_APPLIED, None),
        (Answer(transport=Transport.WITHHELD, error="the deadline passed"), NOT_APPLIED, None),
        (Answer(transport=Transport.WITHHELD, error="limit", wait_seconds=12.5), NOT_APPLIED, 12.5),
        (Answer(transport=Transport.NO_ANSWER, error="ReadTimeout"), UNKNOWN, None),
        # a lying status on a transport that read nothing changes nothing
        (Answer(transport=Transport.NO_ANSWER, status=200, body=envelope("BankTransactions", [])), UNKNOWN, None),
    ],
)
def test_how_far_the_request_came_decides_first(answer: Answer, outcome: Outcome, pause: float | None) -> None:
    found = judge(three(), answer)
    assert outcomes(found) == [outcome] * 3
    assert [item.marker for item in found.items] == [marker(1), marker(2), marker(3)]
    assert found.pause_seconds == pause
    assert not found.reauthorise
    assert not found.batch_refused
    assert found.message


def test_what_was_not_sent_says_why() -> None:
    unreachable = judge([spend()], Answer(transport=Transport.NOT_SENT, error="ConnectError: refused"))
    assert "could not be reached" in unreachable.message
    withheld = judge([spend()], Answer(transport=Transport.WITHHELD, error="the deadline passed"))
    assert "the deadline passed" in withheld.message
    assert judge([spend()], Answer(transport=Transport.WITHHELD)).message == "Nothing was sent."


# --------------------------------------------------------------- the call's status


@pytest.mark.parametrize(
    ("headers", "wait", "pause"),
    [
        ({"x_rate_limit_problem": "minute", "retry_after": "17"}, 17.0, 17.0),
        ({"x_rate_limit_problem": "Day", "retry_after": "66975"}, 66975.0, 66975.0),
        ({"x_rate_limit_problem": "concurrent"}, None, 5.0),
        ({"x_rate_limit_problem": "minute"}, None, 60.0),
        ({}, None, 60.0),
        ({"x_rate_limit_problem": "minute", "retry_after": "0"}, 0.0, 1.0),
    ],
)
def test_too_many_calls_pause_the_organisation_and_posted_nothing(
    headers: dict[str, str], wait: float | None, pause: float
) -> None:
    answer = replace(answered(429, b"Too Many Requests", **headers), wait_seconds=wait)
    found = judge(three(), answer)
    assert outcomes(found) == [NOT_APPLIED] * 3
    assert found.pause_seconds == pause


@pytest.mark.parametrize(
    ("status", "headers", "word"),
    [
        (401, {}, "sign-in"),
        (401, {"www_authenticate": "insufficient_scope"}, "permission"),
        (403, {}, "no longer connected"),
    ],
)
def test_a_closed_door_asks_to_sign_in_again_and_posted_nothing(
    status: int, headers: dict[str, str], word: str
) -> None:
    body = b'{"Type":null,"Title":"Unauthorized","Detail":"AuthenticationUnsuccessful"}'
    found = judge(three(), answered(status, body, **headers))
    assert outcomes(found) == [NOT_APPLIED] * 3
    assert found.reauthorise
    assert word in found.message


@pytest.mark.parametrize(
    "status", [100, 199, 204, 300, 301, 302, 404, 408, 409, 412, 413, 500, 501, 502, 503, 504, 599]
)
@pytest.mark.parametrize("body", [b"", b"<html>An error occurred</html>", b'{"Message":"offline"}'])
def test_every_other_status_is_unknown(status: int, body: bytes) -> None:
    found = judge(three(), answered(status, body))
    assert outcomes(found) == [UNKNOWN] * 3
    assert not found.batch_refused
    assert not found.reauthorise


@pytest.mark.parametrize("status", [199, 300, 400, 404, 500])
def test_a_perfect_body_proves_nothing_under_another_status(status: int) -> None:
    elements = [echo(item, number=number) for number, item in enumerate(three(), 1)]
    assert APPLIED not in outcomes(judge(three(), answered(status, envelope("BankTransactions", elements))))


def test_a_503_may_say_when_to_come_back() -> None:
    answer = replace(answered(503, b"The Organisation is offline", retry_after="300"), wait_seconds=300.0)
    assert judge(three(), answer).pause_seconds == 300.0


# ------------------------------------------------------------------------- 400


def test_a_batch_refused_without_a_culprit_is_not_applied_and_must_be_halved() -> None:
    found = judge(three(), refused_call("Error converting value", kind="PostDataInvalidException"))
    assert outcomes(found) == [NOT_APPLIED] * 3
    assert found.batch_refused
    assert "Error converting value" in found.message


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"{"])
def test_a_refusal_that_cannot_be_read_is_a_refusal_all_the_same(body: bytes) -> None:
    found = judge(three(), answered(400, body))
    assert outcomes(found) == [NOT_APPLIED] * 3
    assert found.batch_refused


def test_a_document_refused_alone_carries_xeros_reason() -> None:
    found = judge([spend()], refused_call("Error converting value", kind="PostDataInvalidException"))
    assert outcomes(found) == [NOT_APPLIED]
    assert found.batch_refused
    assert [finding.code for finding in found.items[0].findings] == ["request_malformed"]


def test_a_validation_error_of_the_whole_call_names_its_culprit() -> None:
    items = three()
    found = judge(items, refused_call("A validation exception occurred", refusal(items[1], ARCHIVED)))
    assert outcomes(found) == [NOT_APPLIED, REFUSED, NOT_APPLIED]
    assert not found.batch_refused
    assert [finding.code for finding in found.items[1].findings] == ["account_archived"]


def test_a_validation_error_without_our_marker_names_nobody() -> None:
    items = three()
    found = judge(items, refused_call("A validation exception occurred", refusal(items[1], ARCHIVED, Reference="")))
    assert outcomes(found) == [NOT_APPLIED] * 3
    assert found.batch_refused


def test_a_key_that_xero_knows_from_another_request_means_look_first() -> None:
    found = judge(three(), refused_call("Idempotency Key: abc is used with a different request."))
    assert outcomes(found) == [UNKNOWN] * 3
    assert not found.batch_refused


# ------------------------------------------------------- 400 on a bank transfer


def transfer_call(answer: Answer) -> Classified:
    return judge([transfer()], answer, Endpoint.BANK_TRANSFERS)


def test_a_transfer_that_xero_names_in_a_validation_error_is_refused() -> None:
    element = transfer_echo(
        transfer(),
        BankTransferID=NO_ID,
        ValidationErrors=[{"Message": "You cannot transfer between accounts in different currencies."}],
    )
    found = transfer_call(refused_call("A validation exception occurred", element))
    assert outcomes(found) == [REFUSED]
    assert [finding.code for finding in found.items[0].findings] == ["currency_mismatch"]
    assert not found.batch_refused


def test_a_transfers_validation_error_need_not_echo_the_reference() -> None:
    element = {"ValidationErrors": [{"Message": "Account must be valid."}]}
    assert outcomes(transfer_call(refused_call("A validation exception occurred", element))) == [REFUSED]


def test_a_validation_error_of_another_transfer_is_none_of_ours() -> None:
    element = transfer_echo(transfer(2), BankTransferID=NO_ID, ValidationErrors=[{"Message": "Account must be valid."}])
    assert outcomes(transfer_call(refused_call("A validation exception occurred", element))) == [UNKNOWN]


@pytest.mark.parametrize(
    "answer",
    [
        answered(400, b"<html>"),
        refused_call("Error converting value", kind="PostDataInvalidException"),
        refused_call("A validation exception occurred"),
        refused_call("A validation exception occurred", {"BankTransferID": NO_ID}),
        refused_call(
            "A validation exception occurred",
            transfer_echo(transfer(), ValidationErrors=[{"Message": "Account must be valid."}]),  # it has an id
        ),
    ],
)
def test_any_other_400_on_a_transfer_is_unknown(answer: Answer) -> None:
    found = transfer_call(answer)
    assert outcomes(found) == [UNKNOWN]
    assert found.batch_refused


def test_a_stored_transfer_is_applied_in_the_currency_we_sent() -> None:
    found = transfer_call(ok([transfer_echo(transfer(), number=9)], "BankTransfers"))
    assert outcomes(found) == [APPLIED]
    receipt = found.items[0].receipt
    assert receipt is not None
    assert receipt.document is not None
    assert receipt.document.kind is DocumentKind.BANK_TRANSFER
    assert receipt.document.total == Money.of("50.00", "CHF")
    assert (receipt.document.account_id, receipt.document.other_account_id) == (BANK, OTHER_BANK)


# ------------------------------------------------------------------------- 200


def test_an_id_with_our_marker_is_applied() -> None:
    items = three()
    found = judge(items, ok([echo(item, number=number) for number, item in enumerate(items, 7)]))
    assert outcomes(found) == [APPLIED] * 3
    receipts = [item.receipt for item in found.items]
    assert [receipt and receipt.document_id for receipt in receipts] == [document_id(7), document_id(8), document_id(9)]
    assert found.message == ""


def test_the_receipt_says_what_xero_stored() -> None:
    found = judge([spend()], ok([echo(spend(), CurrencyRate=1.055312)]))
    receipt = found.items[0].receipt
    assert receipt is not None
    assert receipt.marker == marker(1)
    assert receipt.tax_total == Decimal("1.67")
    document = receipt.document
    assert document is not None
    assert document.kind is DocumentKind.SPEND
    assert document.total == Money.of("23.40", "CHF")
    assert document.rate == Decimal("1.055312")
    assert document.date == date(2026, 11, 20)
    assert (document.account_id, document.contact_id, document.marker) == (BANK, CONTACT, marker(1))


def test_answers_are_matched_by_marker_and_not_by_position() -> None:
    first, second, third = three()
    elements = [echo(third, number=3), echo(first, number=1), refusal(second, ARCHIVED)]
    found = judge([first, second, third], ok(elements))
    assert outcomes(found) == [APPLIED, REFUSED, APPLIED]
    ids = [item.receipt.document_id if item.receipt else None for item in found.items]
    assert ids == [document_id(1), None, document_id(3)]


def test_people_cannot_break_a_match_by_letter_case() -> None:
    found = judge([spend()], ok([echo(spend(), Reference=f"text {marker(1).lower()} more")]))
    assert outcomes(found) == [APPLIED]


def test_a_warning_is_applied_and_says_so() -> None:
    element = echo(
        spend(),
        StatusAttributeString="WARNING",
        Warnings=[{"Message": "The currency rate differs from the market rate."}],
    )
    found = judge([spend()], ok([element]))
    assert outcomes(found) == [APPLIED]
    assert [(finding.code, finding.severity) for finding in found.items[0].findings] == [
        ("rate_implausible", Severity.NOTE)
    ]


def test_a_refused_element_leaves_its_neighbours_alone() -> None:
    items = [spend(number) for number in range(1, 51)]
    elements = [
        refusal(item, ARCHIVED) if number == 17 else echo(item, number=number) for number, item in enumerate(items)
    ]
    found = judge(items, ok(elements))
    assert outcomes(found).count(APPLIED) == 49
    assert outcomes(found)[17] is REFUSED
    assert [finding.code for finding in found.items[17].findings] == ["account_archived"]


def test_all_reasons_of_a_refusal_are_told_once_each_also_those_deep_inside() -> None:
    element = refusal(
        spend(),
        ARCHIVED,
        ARCHIVED,
        LineItems=[{"ValidationErrors": [{"Message": "Tax rate must be valid."}]}],
        Contact={"ValidationErrors": [{"Description": "A Contact must be specified for this type of transaction"}]},
    )
    found = judge([spend()], ok([element]))
    assert {finding.code for finding in found.items[0].findings} == {
        "account_archived",
        "tax_invalid",
        "contact_missing",
    }
    assert len(found.items[0].findings) == 3


def test_a_refusal_without_a_reason_still_leaves_a_finding() -> None:
    found = judge([spend()], ok([refusal(spend())]))
    assert outcomes(found) == [REFUSED]
    assert [finding.code for finding in found.items[0].findings] == ["xero_refused"]


@pytest.mark.parametrize(
    "changes",
    [
        {"BankTransactionID": NO_ID},
        {"BankTransactionID": None},
        {"BankTransactionID": ""},
    ],
)
def test_ok_without_an_id_is_unknown(changes: dict[str, Any]) -> None:
    assert outcomes(judge([spend()], ok([echo(spend(), **changes)]))) == [UNKNOWN]


def test_an_error_with_an_id_is_unknown_because_ids_forbid_a_second_send() -> None:
    element = refusal(spend(), ARCHIVED) | {"BankTransactionID": document_id(4)}
    assert outcomes(judge([spend()], ok([element]))) == [UNKNOWN]


def test_errors_without_a_status_and_without_an_id_refuse() -> None:
    element = refusal(spend(), ARCHIVED)
    del element["StatusAttributeString"]
    assert outcomes(judge([spend()], ok([element]))) == [REFUSED]


def test_an_id_at_our_place_without_a_marker_is_applied_but_unproven() -> None:
    first, second, third = three()
    elements = [echo(first, number=1), echo(second, number=2, Reference=""), echo(third, number=3)]
    found = judge([first, second, third], ok(elements))
    assert outcomes(found) == [APPLIED, UNPROVEN, APPLIED]
    receipt = found.items[1].receipt
    assert receipt is not None
    assert (receipt.document_id, receipt.marker) == (document_id(2), "")


def test_a_place_is_no_proof_once_a_neighbour_stands_elsewhere() -> None:
    first, second, third = three()
    elements = [echo(second, number=2), echo(first, number=1), echo(third, number=3, Reference="")]
    assert outcomes(judge([first, second, third], ok(elements))) == [APPLIED, APPLIED, UNKNOWN]


def test_a_missing_element_leaves_its_document_unknown_and_presence_still_counts() -> None:
    first, second, third = three()
    found = judge([first, second, third], ok([echo(first, number=1), echo(third, number=3)]))
    assert outcomes(found) == [APPLIED, UNKNOWN, APPLIED]
    assert found.message


def test_a_refusal_does_not_count_in_an_answer_that_does_not_fit() -> None:
    first, second, third = three()
    found = judge([first, second, third], ok([echo(first, number=1), refusal(second, ARCHIVED)]))
    assert outcomes(found) == [APPLIED, UNKNOWN, UNKNOWN]


@pytest.mark.parametrize("stranger", [spend(1), spend(99)])
def test_a_refusal_does_not_count_beside_an_element_that_is_nobodys(stranger: Any) -> None:
    first, second, third = three()
    elements = [echo(first, number=1), echo(stranger, number=2), refusal(third, ARCHIVED)]
    found = judge([first, second, third], ok(elements))
    assert REFUSED not in outcomes(found)
    assert outcomes(found)[1:] == [UNKNOWN, UNKNOWN]


def test_a_marker_that_comes_twice_is_unknown() -> None:
    first, second, third = three()
    elements = [echo(first, number=1), echo(first, number=2), echo(third, number=3)]
    assert outcomes(judge([first, second, third], ok(elements))) == [UNKNOWN, UNKNOWN, APPLIED]


def test_the_marker_of_a_stranger_is_not_for_us() -> None:
    assert outcomes(judge([spend(1)], ok([echo(spend(2))]))) == [UNKNOWN]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\x1f<<garbled",
        b'{"BankTransactions":[{"BankTransactionID":"1289',
        b"[]",
        b'{"Status":"OK"}',
        b'{"BankTransactions":{}}',
        b'{"BankTransactions":["x","y","z"]}',
        b'{"BankTransactions":[],"BankTransactions":[]}',
        b'{"Contacts":[]}',
        b'{"BankTransactions":[]}',
        b'{"BankTransactions":[{"Total":NaN}]}',
    ],
)
def test_an_answer_that_cannot_be_read_is_unknown(body: bytes) -> None:
    assert outcomes(judge(three(), answered(200, body))) == [UNKNOWN] * 3


def test_an_echo_that_cannot_be_read_still_proves_by_its_id_and_marker() -> None:
    found = judge([spend()], ok([echo(spend(), Date="someday", number=5)]))
    assert outcomes(found) == [APPLIED]
    receipt = found.items[0].receipt
    assert receipt is not None
    assert (receipt.document_id, receipt.document) == (document_id(5), None)


# -------------------------------------------------------------------- contacts


def contact_call(answer: Answer, *numbers: int) -> Classified:
    return judge([draft(number) for number in numbers], answer, Endpoint.CONTACTS)


def test_a_created_contact_is_applied_and_told() -> None:
    element = {"ContactID": CONTACT, "Name": "Taxi Muster", "ContactNumber": marker(1), "StatusAttributeString": "OK"}
    found = contact_call(ok([element], "Contacts"), 1)
    assert outcomes(found) == [APPLIED]
    receipt = found.items[0].receipt
    assert receipt is not None
    assert receipt.contact is not None
    assert (receipt.document_id, receipt.contact.name) == (CONTACT, "Taxi Muster")


def test_a_name_that_is_taken_is_a_finding_of_its_own() -> None:
    element = {
        "ContactID": NO_ID,
        "Name": "Taxi Muster",
        "ContactNumber": marker(2),
        "StatusAttributeString": "ERROR",
        "ValidationErrors": [
            {
                "Message": "The contact name Taxi Muster is already assigned to another contact. "
                "The contact name must be unique across all active contacts."
            }
        ],
    }
    created = {"ContactID": CONTACT, "Name": "A", "ContactNumber": marker(1), "StatusAttributeString": "OK"}
    found = contact_call(ok([created, element], "Contacts"), 1, 2)
    assert outcomes(found) == [APPLIED, REFUSED]
    assert [(finding.code, finding.detail) for finding in found.items[1].findings] == [
        ("contact_name_taken", "Taxi Muster")
    ]


def option_call(answer: Answer) -> Classified:
    return judge([OptionDraft(category_id=CONTACT, name="Verwaltung")], answer, Endpoint.TRACKING_OPTIONS)


def test_a_created_option_is_recognised_by_its_name() -> None:
    found = option_call(ok([{"TrackingOptionID": CONTACT, "Name": "Verwaltung", "Status": "ACTIVE"}], "Options"))
    assert outcomes(found) == [APPLIED]
    receipt = found.items[0].receipt
    assert receipt is not None
    assert receipt.document_id == CONTACT


def test_another_option_in_the_answer_proves_nothing() -> None:
    found = option_call(ok([{"TrackingOptionID": CONTACT, "Name": "Einkauf", "Status": "ACTIVE"}], "Options"))
    assert outcomes(found) == [UNKNOWN]


def test_an_option_whose_name_exists_is_refused_by_name() -> None:
    refusal = [{"Message": "Please enter a unique Name."}]
    element = {"TrackingOptionID": NO_ID, "Name": "Verwaltung", "ValidationErrors": refusal}
    body = {
        "ErrorNumber": 10,
        "Type": "ValidationException",
        "Message": "A validation exception",
        "Elements": [element],
    }
    found = option_call(answered(400, json.dumps(body).encode()))
    assert outcomes(found) == [REFUSED]
    assert [finding.code for finding in found.items[0].findings] == ["name_not_unique"]


def test_a_contact_without_our_number_is_unproven() -> None:
    found = contact_call(ok([{"ContactID": CONTACT, "Name": "Taxi Muster"}], "Contacts"), 1)
    assert outcomes(found) == [UNPROVEN]


# -------------------------------------------------------------- for any answer

messages = st.sampled_from(["", ARCHIVED, "Something new."])
elements = st.builds(
    lambda number, found_id, reference, status, message: {
        "BankTransactionID": found_id,
        "Reference": reference,
        "StatusAttributeString": status,
        "ValidationErrors": [{"Message": message}] if message else [],
    },
    st.integers(0, 3),
    st.sampled_from([NO_ID, "", None, document_id(1), document_id(2)]),
    st.sampled_from(["", "text", *(f"x {marker(number)}" for number in range(1, 5))]),
    st.sampled_from(["OK", "WARNING", "ERROR", "", None, "NEW"]),
    messages,
)
bodies = st.binary(max_size=200) | st.lists(elements, max_size=4).map(lambda found: envelope("BankTransactions", found))
answers = st.builds(
    Answer,
    transport=st.sampled_from(Transport),
    status=st.sampled_from([0, 200, 201, 204, 400, 401, 403, 404, 429, 500, 503]),
    body=bodies,
    wait_seconds=st.none() | st.floats(0, 1e5),
)


@given(answers)
def test_there_is_one_outcome_for_each_document_whatever_comes_back(answer: Answer) -> None:
    found = judge(three(), answer)
    assert [item.marker for item in found.items] == [marker(1), marker(2), marker(3)]
    for item in found.items:
        assert (item.receipt is not None) == (item.outcome in (APPLIED, UNPROVEN))
        assert item.outcome is not REFUSED or item.findings
        assert item.outcome is not APPLIED or (item.receipt is not None and item.receipt.marker == item.marker)


@given(answers)
def test_an_id_never_leads_to_a_second_send(answer: Answer) -> None:
    """Whatever else the answer says, a document whose marker stands beside an id is never resent or given up."""
    if answer.transport is not Transport.ANSWERED or answer.status not in (200, 201):
        return
    try:
        listed = json.loads(answer.body)["BankTransactions"]
    except (ValueError, KeyError, TypeError):
        return
    held = {
        str(element["Reference"]).removeprefix("x ")
        for element in listed
        if element["BankTransactionID"] not in (NO_ID, "", None)
    }
    for item in judge(three(), answer).items:
        if item.marker in held:
            assert item.outcome in (APPLIED, UNPROVEN, UNKNOWN)
