"""Changing and removing documents: the exact requests, and what each answer means."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.contract.records import Amending, Answer, Change, DocumentKind, Endpoint, Outcome, Removal, Transport
from connectors.xero import mapping, outcomes
from tests.connectors.xero.factories import document_id, marker, spend
from tests.connectors.xero.spec import check_request, needs_specs

KINDS = {
    DocumentKind.SPEND: Endpoint.BANK_TRANSACTIONS,
    DocumentKind.BANK_TRANSFER: Endpoint.BANK_TRANSFERS,
    DocumentKind.PAYMENT: Endpoint.PAYMENTS,
    DocumentKind.BATCH_PAYMENT: Endpoint.BATCH_PAYMENTS,
}


def removal(number: int, kind: DocumentKind = DocumentKind.SPEND) -> Removal:
    return Removal(document_id=document_id(number), document_kind=kind, marker=marker(number))


def answered(body: Any, status: int = 200) -> Any:
    return Answer(transport=Transport.ANSWERED, status=status, body=json.dumps(body).encode())


def outcomes_of(items: list[Amending], body: Any, status: int = 200) -> list[Outcome]:
    prepared = mapping.prepare(Endpoint.BANK_TRANSACTIONS, items)
    return [item.outcome for item in outcomes.classify(prepared, answered(body, status), items=items).items]


# Not spend money: the official file demands type, account and lines of everything that is posted there, while Xero's pages
# show the removal of a bank transaction with nothing but its id and the status.
@needs_specs
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not DocumentKind.SPEND])
def test_a_removal_is_a_request_that_xero_knows(kind: DocumentKind) -> None:
    prepared = mapping.prepare(KINDS[kind], [removal(1, kind)])
    path, _, query = prepared.path.partition("?")
    headers = {"content-type": "application/json", "Idempotency-Key": "k", "xero-tenant-id": "t"}
    check_request(prepared.method, path, query, headers, prepared.body)


def test_bank_transactions_are_removed_together_and_the_rest_one_by_one() -> None:
    together = mapping.prepare(Endpoint.BANK_TRANSACTIONS, [removal(1), removal(2)])
    assert (together.method, json.loads(together.body)) == (
        "POST",
        {
            "BankTransactions": [
                {"BankTransactionID": document_id(1), "Status": "DELETED"},
                {"BankTransactionID": document_id(2), "Status": "DELETED"},
            ]
        },
    )
    alone = mapping.prepare(Endpoint.PAYMENTS, [removal(3, DocumentKind.PAYMENT)])
    assert alone.path.endswith(f"/Payments/{document_id(3)}")
    assert json.loads(alone.body) == {"Status": "DELETED"}
    with pytest.raises(ValueError, match="do not fit one call"):
        mapping.prepare(Endpoint.PAYMENTS, [removal(3, DocumentKind.PAYMENT), removal(4, DocumentKind.PAYMENT)])


def test_a_change_carries_the_id_and_everything_else_as_when_it_was_created() -> None:
    entry = spend(1)
    created = json.loads(mapping.prepare(Endpoint.BANK_TRANSACTIONS, [entry]).body)["BankTransactions"][0]
    prepared = mapping.prepare(Endpoint.BANK_TRANSACTIONS, [Change(document_id=document_id(1), entry=entry)])
    [changed] = json.loads(prepared.body)["BankTransactions"]
    assert changed == {"BankTransactionID": document_id(1), **created}
    assert prepared.method == "POST"


def test_creating_and_amending_never_share_a_call() -> None:
    with pytest.raises(ValueError, match="not every item belongs"):
        mapping.prepare(Endpoint.BANK_TRANSACTIONS, [spend(1), removal(2)])


def test_each_document_is_judged_by_its_own_element_whatever_the_order() -> None:
    refused = {
        "BankTransactionID": document_id(2),
        "StatusAttributeString": "ERROR",
        "ValidationErrors": [{"Message": "This Bank Transaction cannot be edited as it has been reconciled"}],
    }
    body = {"BankTransactions": [refused, {"BankTransactionID": document_id(1), "Status": "DELETED"}]}
    assert outcomes_of([removal(1), removal(2)], body) == [Outcome.APPLIED, Outcome.REFUSED]


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ([{"BankTransactionID": document_id(1), "Status": "AUTHORISED"}], Outcome.UNKNOWN),
        ([], Outcome.UNKNOWN),
        ([{"BankTransactionID": document_id(9), "Status": "DELETED"}], Outcome.UNKNOWN),
    ],
    ids=["still there", "no element", "another document"],
)
def test_an_answer_that_does_not_show_it_is_unknown(elements: list[Any], expected: Outcome) -> None:
    assert outcomes_of([removal(1)], {"BankTransactions": elements}) == [expected]


def test_a_validation_error_names_the_document_by_its_id() -> None:
    element = {"BankTransactionID": document_id(1), "ValidationErrors": [{"Message": "reconciled"}]}
    body = {"Type": "ValidationException", "Elements": [element]}
    assert outcomes_of([removal(1), removal(2)], body, status=400) == [Outcome.REFUSED, Outcome.NOT_APPLIED]
