"""Which document of others may be a movement of ours: same account, direction and amount, near in time or by reference."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.contract.money import Money
from connectors.contract.records import BankTransaction, BankTransfer, DocumentKind, MirrorDocument
from sync.domain.lookalikes import Claim, claims, long_references
from tests.domain.test_match import DAY, SPEND, TRANSFER, found

QR = "21 00000 00003 13947 14300 09017"  # the reference of the payment slip in the Swiss implementation guide


def seen(wanted: BankTransaction | BankTransfer, *documents: MirrorDocument) -> str | None:
    claim = claims({1: wanted}, documents).get(1)
    return claim.detail if claim else None


@pytest.mark.parametrize("days", [-3, 0, 3])
def test_a_document_without_our_marker_within_three_days_looks_like_it(days: int) -> None:
    assert seen(SPEND, found(marker="", date=DAY + timedelta(days=days))) == "d-1"


@pytest.mark.parametrize(
    "fields",
    [
        {"marker": "MR-0000000000000"},
        {"status": "DELETED"},
        {"status": "VOIDED"},
        {"date": DAY + timedelta(days=4)},
        {"date": DAY - timedelta(days=4)},
        {"account_id": "bank-eur"},
        {"total": Money.of("120.01", "CHF")},
        {"kind": DocumentKind.RECEIVE},
    ],
    ids=["it is ours", "deleted", "voided", "too late", "too early", "another account", "another amount", "money in"],
)
def test_these_do_not(fields: dict[str, Any]) -> None:
    assert seen(SPEND, found(**{"marker": "", **fields})) is None


def test_the_number_of_days_is_the_tenants_choice() -> None:
    late = found(marker="", date=DAY + timedelta(days=4))

    assert claims({1: SPEND}, [late], days=4)[1].document is late
    assert claims({1: SPEND}, [found(marker="", date=DAY + timedelta(days=1))], days=0) == {}


def test_the_nearest_one_is_offered() -> None:
    far, near = found(marker="", document_id="far", date=DAY - timedelta(days=2)), found(marker="", document_id="near")

    assert seen(SPEND, far, near) == "near"


def test_a_hand_made_transfer_looks_like_a_transfer() -> None:
    hand_made = found(kind=DocumentKind.BANK_TRANSFER, marker="", other_account_id="bank-reserve")

    assert seen(TRANSFER, hand_made) == "d-1"


def test_a_transfer_typed_as_two_documents_is_offered_as_both() -> None:
    out = found(marker="", document_id="out")
    into = found(marker="", document_id="in", kind=DocumentKind.RECEIVE, account_id="bank-reserve")

    claim = claims({1: TRANSFER}, [out, into])[1]

    assert (claim.detail, claim.covers_all) == ("out+in", True)


def test_one_side_of_a_transfer_is_said_to_be_one_side() -> None:
    claim = claims({1: TRANSFER}, [found(marker="")])[1]

    assert claim == Claim(document=found(marker=""), covers_all=False)


def test_a_transfer_typed_in_xero_explains_the_money_that_arrives() -> None:
    receive = replace(SPEND, kind=DocumentKind.RECEIVE, bank_account_id="bank-reserve")
    typed = found(kind=DocumentKind.BANK_TRANSFER, marker="", other_account_id="bank-reserve")

    assert seen(receive, typed) == "d-1"


def test_a_transfer_between_two_wallets_does_more_than_a_plain_receipt() -> None:
    """Its side on bank-chf is the side of a wallet too, and no movement of that wallet is offered with it."""
    receive = replace(SPEND, kind=DocumentKind.RECEIVE, bank_account_id="bank-reserve")
    typed = found(kind=DocumentKind.BANK_TRANSFER, marker="", other_account_id="bank-reserve")

    assert claims({1: receive}, [typed], mapped={"bank-chf", "bank-reserve"})[1].does_more
    assert not claims({1: receive}, [typed], mapped={"bank-reserve"})[1].does_more, (
        "the other one is no wallet's account"
    )
    assert not claims({1: TRANSFER}, [typed], mapped={"bank-chf", "bank-reserve"})[1].does_more


def test_a_payment_on_an_invoice_explains_the_money_that_arrives() -> None:
    receive = replace(SPEND, kind=DocumentKind.RECEIVE)
    paid = found(kind=DocumentKind.PAYMENT, marker="", incoming=True)

    assert seen(receive, paid) == "d-1"
    assert seen(receive, replace(paid, incoming=False)) is None, "that one paid a bill"


# ----------------------------------------------------------------------- twins


def test_of_two_equal_movements_beside_one_typed_document_one_is_claimed() -> None:
    later = replace(SPEND, date=DAY + timedelta(days=1))

    assert set(claims({1: SPEND, 2: later}, [found(marker="")])) == {1}, "the nearer one"
    assert set(claims({1: SPEND, 2: SPEND}, [found(marker="")])) == {1}


def test_two_equal_movements_beside_two_typed_documents_get_one_each() -> None:
    documents = [found(marker="", document_id="a"), found(marker="", document_id="b")]

    found_ids = [claim.detail for claim in claims({1: SPEND, 2: SPEND}, documents).values()]

    assert sorted(found_ids) == ["a", "b"]


# ------------------------------------------------------------------- reference


def test_the_same_long_reference_reaches_further_than_the_date() -> None:
    wanted = replace(SPEND, reference=QR)
    typed = found(marker="", reference="Rechnung 210000000003139471430009017", date=DAY - timedelta(days=20))

    claim = claims({1: wanted}, [typed])[1]

    assert claim.same_reference
    assert seen(wanted, replace(typed, date=DAY - timedelta(days=30))) is None, "a standing order of the month before"
    assert seen(wanted, replace(typed, total=Money.of("60.00", "CHF"))) is None, "another part of the same invoice"


@pytest.mark.parametrize(
    ("text", "pays", "is_named"),
    [
        ("Rechnung RE-2026-7001", "RE-2026-7001", True),
        ("zahlung re 2026 7001 danke", "RE-2026-7000\nRE-2026-7001", True),
        ("Rechnung RE-2026-70011", "RE-2026-7001", False),
        ("GS-2026-7001", "RE-2026-7001", False),
        ("Lager 12", "12", False),  # two digits tell nothing
        ("Rechnung 12", "12", True),  # but after such a word
        ("Rechnung 12/2026", "12", False),
        ("Rechnung 12, 13 und 14", "12\n13", True),
        ("Rechnung X-12", "12", False),
        ("Rechnung RE-2026-7001", "", False),
    ],
)
def test_a_payment_on_an_invoice_that_is_named_reaches_as_far(text: str, pays: str, is_named: bool) -> None:
    wanted = replace(SPEND, reference="Card 1234", lines=(replace(SPEND.lines[0], description=text),))
    paid = found(kind=DocumentKind.PAYMENT, marker="", pays=pays, date=DAY + timedelta(days=7))

    assert (seen(wanted, paid), seen(replace(SPEND, reference=text), paid)) == (
        ("d-1",) * 2 if is_named else (None, None)
    )
    assert seen(wanted, replace(paid, date=DAY + timedelta(days=22))) is None


@pytest.mark.parametrize(("contact", "is_named"), [("c-1", True), ("c-2", False), ("", False)])
def test_a_short_number_names_an_invoice_of_the_same_contact(contact: str, is_named: bool) -> None:
    paid = found(kind=DocumentKind.PAYMENT, marker="", pays="B-78", contact_id="c-1", date=DAY + timedelta(days=7))
    claim = claims({1: replace(SPEND, reference="Zahlung B-78")}, [paid], contacts={1: contact}).get(1)

    assert (claim.named if claim else "") == ("B-78" if is_named else "")


def test_the_same_reference_wins_over_the_nearer_date() -> None:
    near = found(marker="", document_id="near")
    same = found(marker="", document_id="same", reference=QR, date=DAY - timedelta(days=9))

    assert seen(replace(SPEND, reference=QR), near, same) == "same"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        (QR, "210000000003139471430009017"),
        ("RF18 5390 0754 7034", "rf18539007547034"),
        ("Zahlung 2026-000123-77 danke", "202600012377"),
    ],
)
def test_long_references_are_found_whatever_their_spaces(text: str, reference: str) -> None:
    assert reference in long_references(text)


@pytest.mark.parametrize("text", ["Miete März", "Rechnung 12345", "", "Beispiel Handelsgesellschaft AG"])
def test_what_many_payments_share_is_no_long_reference(text: str) -> None:
    assert long_references(text) == frozenset()
