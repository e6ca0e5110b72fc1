"""The judge of a campaign: what it calls a duplicate, a loss and a difference. Small books, written by hand."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from tests.chaos.checker import Judgement, judge
from tests.chaos.plan import Point, dealt, passing, planned

WALLETS = {"1": "090", "8": "096"}
MARKERS = ("MR-AAAAAAAAAAAA1", "MR-AAAAAAAAAAAA2")
PROOF = {"balanced": True, "held_items": [], "missing": [], "duplicated": [], "unexpected": []}
ENTRIES = f"""source_id,state,destination_id,marker
1,confirmed,received,{MARKERS[0]}
2,confirmed,moved,{MARKERS[1]}
3,confirmed,moved,{MARKERS[1]}
"""


def row(number: int, account: int, amount: str) -> dict[str, Any]:
    return {
        "id": number,
        "account": account,
        "amount": amount,
        "executed": True,
        "executionDate": "2026-03-02T00:00:00+00:00",
    }


def amnis() -> dict[str, Any]:
    """A payment of 100.00, and 30.00 moved from one own account to the other."""
    return {"rows": [row(1, 1, "100.00"), row(2, 1, "-30.00"), row(3, 8, "30.00")]}


def xero() -> dict[str, Any]:
    """The same in Xero's books."""
    return {
        "balanced": True,
        "markers": list(MARKERS),
        "contacts": [{"Name": "Beispiel AG", "ContactStatus": "ACTIVE"}],
        "balances": {
            "current": {"code": "090", "name": "CHF Amnis", "own": "70.00", "base": "70.00"},
            "reserve": {"code": "096", "name": "CHF Reserve", "own": "30.00", "base": "30.00"},
            "clearing": {"code": "850", "name": "FX clearing", "own": "0.00", "base": "0.00"},
        },
        "bank_transactions": [receipt()],
        "bank_transfers": [
            {
                "BankTransferID": "moved",
                "Status": "AUTHORISED",
                "DateString": "2026-03-02T00:00:00",
                "Amount": Decimal("30.0"),
                "FromBankAccount": {"AccountID": "current"},
                "ToBankAccount": {"AccountID": "reserve"},
                "Reference": MARKERS[1],
            }
        ],
    }


def receipt(**changed: Any) -> dict[str, Any]:
    return {
        "BankTransactionID": "received",
        "Type": "RECEIVE",
        "Status": "AUTHORISED",
        "DateString": "2026-03-02T00:00:00",
        "Total": Decimal("100.0"),
        "BankAccount": {"AccountID": "current"},
        "Contact": {"Name": "Beispiel AG"},
        "Reference": f"Rechnung {MARKERS[0]}",
        **changed,
    }


def judged(
    books: dict[str, Any],
    *,
    entries: str = ENTRIES,
    proof: dict[str, Any] | None = None,
    taken_back: tuple[str, ...] = (),
    contacts: dict[str, str] | None = None,
) -> Judgement:
    return judge(
        amnis=amnis(),
        xero=books,
        entries=entries,
        proof=proof or PROOF,
        wallets=WALLETS,
        taken_back=taken_back,
        contacts=contacts,
    )


def test_equal_books_are_clean() -> None:
    assert judged(xero()).is_clean


def test_a_second_document_for_one_row_is_a_duplicate_even_without_a_marker() -> None:
    books = xero()
    books["bank_transactions"].append(receipt(BankTransactionID="again", Reference=""))
    books["balances"]["current"]["own"] = "170.00"

    found = judged(books)

    assert len(found.duplicates) == 1
    assert found.difference == Decimal("100.00")
    assert found.problems == {"3 documents, 2 of them with a marker"}


def test_a_row_without_a_document_is_a_loss() -> None:
    books = xero()
    books["bank_transactions"][0]["Status"] = "DELETED"
    books["balances"]["current"]["own"] = "-30.00"

    found = judged(books)

    assert (len(found.losses), len(found.duplicates)) == (1, 0)
    assert found.cents == {"current": Decimal("-100.00")}
    assert "row 1 names a document that does not exist" in found.problems


@pytest.mark.parametrize(("field", "value"), [("Total", Decimal("100.01")), ("DateString", "2026-03-03T00:00:00")])
def test_a_wrong_amount_or_day_is_one_loss_and_one_document_too_many(field: str, value: object) -> None:
    books = xero()
    books["bank_transactions"] = [receipt(**{field: value})]

    found = judged(books)

    assert (len(found.losses), len(found.duplicates)) == (1, 1)


def test_a_transfer_posted_twice_counts_on_both_of_its_accounts() -> None:
    books = xero()
    books["bank_transfers"].append({**books["bank_transfers"][0], "BankTransferID": "again"})
    books["markers"].append(MARKERS[1])

    found = judged(books)

    assert len(found.duplicates) == 2
    assert f"marker {MARKERS[1]} stands on 2 documents" in found.problems


def test_a_rest_on_the_clearing_account_is_a_difference() -> None:
    books = xero()
    books["balances"]["clearing"]["base"] = "0.01"

    assert judged(books).cents == {"clearing": Decimal("0.01")}


def test_a_contact_created_twice_is_a_duplicate() -> None:
    books = xero()
    books["contacts"].append({"Name": "BEISPIEL  ag", "ContactStatus": "ACTIVE"})

    assert judged(books).duplicates == {"contact beispiel ag"}


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (ENTRIES.replace("1,confirmed", "1,review"), "row 1 is review"),
        (ENTRIES.replace(MARKERS[0], MARKERS[1]), "row 1 and its document carry different markers"),
        (ENTRIES.replace("3,confirmed", "4,confirmed"), "row 3 is not told of"),
    ],
)
def test_what_we_say_of_a_row_must_be_true(wrong: str, problem: str) -> None:
    assert problem in judged(xero(), entries=wrong).problems


def test_our_own_proof_must_agree() -> None:
    proof = {**PROOF, "balanced": False, "missing": [{}]}

    assert judged(xero(), proof=proof).problems == {"our own proof is not balanced", "our own proof lists 1 missing"}


SUGGESTED = "This looks like the payment of RE-1 (Beispiel AG): the amount. Choose what it pays, or book it as it is."


def without_the_receipt() -> dict[str, Any]:
    books = xero()
    books["bank_transactions"], books["markers"] = [], [MARKERS[1]]
    books["balances"]["current"]["own"] = "-30.00"
    return books


def held(reason: str) -> dict[str, Any]:
    return {**PROOF, "held_items": [{"source_id": "1", "reason": reason}]}


def test_a_row_that_is_proposed_to_a_person_waits_and_is_no_loss() -> None:
    entries = ENTRIES.replace("1,confirmed,received", "1,review,")

    found = judged(without_the_receipt(), entries=entries, proof=held(SUGGESTED))

    assert found.waiting == {"1"}
    assert (found.losses, found.problems, found.cents) == (frozenset(), frozenset(), {})


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("review", "Xero does not show this document."),  # what a death leaves behind is no question for a person
        ("review", ""),
        ("failed", SUGGESTED),
        ("undone", "undone"),  # nobody asked for it
    ],
)
def test_a_row_that_is_away_for_another_reason_is_a_loss(state: str, reason: str) -> None:
    entries = ENTRIES.replace("1,confirmed,received", f"1,{state},")

    found = judged(without_the_receipt(), entries=entries, proof=held(reason))

    assert (found.waiting, len(found.losses)) == (frozenset(), 1)
    assert found.cents == {"current": Decimal("-100.00")}
    assert f"row 1 is {state}" in found.problems


def test_a_row_that_waits_and_stands_in_the_books_is_there_too_often() -> None:
    found = judged(xero(), entries=ENTRIES.replace("1,confirmed", "1,review"), proof=held(SUGGESTED))

    assert len(found.duplicates) == 1
    assert found.cents == {"current": Decimal("100.00")}


def test_what_a_person_took_back_must_be_out_of_the_books() -> None:
    entries = ENTRIES.replace("1,confirmed", "1,undone")

    gone = judged(without_the_receipt(), entries=entries, proof=held("undone"), taken_back=("1",))
    still = judged(xero(), entries=entries, proof=held("undone"), taken_back=("1",))

    assert (gone.losses, gone.duplicates, gone.cents) == (frozenset(), frozenset(), {})
    assert len(still.duplicates) == 1


def test_a_document_on_another_contact_than_the_one_that_a_person_decided_on_is_a_problem() -> None:
    assert judged(xero(), contacts={"1": "Beispiel AG"}).is_clean
    assert judged(xero(), contacts={"1": "Muster AG"}).problems == {
        "row 1 stands on Beispiel AG, and a person decided on Muster AG"
    }


def test_payments_are_legs_and_those_of_a_batch_are_one() -> None:
    """60.00 and 40.00 of one batch are the 100.00 that came in; a payment beside it is one too many."""
    books = without_the_receipt()
    head = {"Status": "AUTHORISED", "DateString": "2026-03-02T00:00:00", "Account": {"AccountID": "current"}}
    part = {**head, "PaymentType": "ACCRECPAYMENT", "BatchPaymentID": "batch", "Reference": ""}
    books["payments"] = [
        {**part, "PaymentID": f"part-{amount}", "Amount": Decimal(amount)} for amount in ("60.00", "40.00")
    ]
    batch = {**head, "BatchPaymentID": "batch", "Type": "RECBATCH", "TotalAmount": Decimal("100.00")}
    books["batch_payments"] = [{**batch, "Reference": MARKERS[0]}]
    books["markers"], books["balances"]["current"]["own"] = list(MARKERS), "70.00"
    entries = ENTRIES.replace("confirmed,received", "confirmed,batch")

    assert judged(books, entries=entries).is_clean

    alone = {**part, "PaymentID": "again", "Amount": Decimal("100.00")}
    del alone["BatchPaymentID"]
    books["payments"].append(alone)
    assert len(judged(books, entries=entries).duplicates) == 1


def test_only_what_is_new_is_laid_at_a_trials_door() -> None:
    books = xero()
    books["balances"]["current"]["own"] = "70.05"
    before, worse = judged(books), deepcopy(books)
    worse["balances"]["reserve"]["own"] = "29.00"

    assert judged(worse).since(before).cents == {"reserve": Decimal("-1.00")}


def test_every_point_is_planned_as_often_as_asked_and_meets_every_kind_of_call() -> None:
    trials = planned(times=20, seed=1)

    assert trials == planned(times=20, seed=1)
    assert all(sum(trial.point is point for trial in trials) == 20 for point in Point)
    assert {(trial.point, trial.target) for trial in trials} == {
        (point, target) for point in Point for target in passing(point)
    }
    assert sorted(map(repr, trials)) == sorted(repr(trial) for hand in dealt(trials, hands=8) for trial in hand)
