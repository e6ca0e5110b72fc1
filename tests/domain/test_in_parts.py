"""Which documents of others are one movement in several: of one contact, near in time, the only set that makes the cent."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from connectors.contract.money import Money
from connectors.contract.records import DocumentKind, MirrorDocument
from sync.domain.in_parts import Whole, in_parts
from tests.domain.test_match import DAY, found

D = Decimal


def receipt(key: int = 1, amount: str = "480.00", contact: str = "c-1") -> Whole:
    return Whole(key=key, account_id="bank-chf", contact_id=contact, amount=D(amount), days=(DAY,))


def money_in(number: int, amount: str, **fields: Any) -> MirrorDocument:
    named = {"document_id": f"d-{number}", "contact_id": "c-1", "marker": "", "account_id": "bank-chf", **fields}
    return found(kind=DocumentKind.RECEIVE, total=Money.of(amount, "CHF"), **named)


def parts(*documents: MirrorDocument, wholes: tuple[Whole, ...] = (receipt(),)) -> dict[int, list[str]]:
    return {key: [it.document_id for it in its] for key, its in in_parts(wholes, documents, days=3).items()}


def test_documents_of_one_contact_that_make_the_amount_are_found() -> None:
    three = (money_in(1, "300.00"), money_in(2, "155.00"), money_in(3, "25.00", date=DAY + timedelta(days=3)))
    assert parts(*three) == {1: ["d-1", "d-2", "d-3"]}


def test_these_are_none() -> None:
    first = money_in(1, "300.00")
    others: tuple[dict[str, Any], ...] = (
        {"contact_id": "c-2"},
        {"contact_id": ""},
        {"date": DAY + timedelta(days=4)},
        {"account_id": "bank-eur"},
    )
    assert [parts(first, money_in(2, "180.00", **fields)) for fields in others] == [{}] * 4
    assert parts(first, money_in(2, "179.99")) == {}, "not to the cent"
    assert parts(money_in(1, "480.00")) == {}, "one document is no sum"
    out = found(document_id="d-2", contact_id="c-1", marker="", account_id="bank-chf", kind=DocumentKind.SPEND,
                total=Money.of("180.00", "CHF"))  # fmt: skip
    assert parts(first, out) == {}, "the other direction"


def test_two_sets_that_make_it_are_a_coincidence_and_so_are_many_documents() -> None:
    assert parts(money_in(1, "300.00"), money_in(2, "180.00"), money_in(3, "180.00")) == {}
    assert parts(*(money_in(n, "80.00") for n in range(6))) == {}, "six parts are no handful"
    assert parts(money_in(98, "300.00"), money_in(99, "180.00"), *(money_in(n, "0.01") for n in range(9))) == {}


def test_each_document_is_part_of_one_movement() -> None:
    both = (money_in(1, "300.00"), money_in(2, "180.00"))
    assert parts(*both, wholes=(receipt(1), receipt(2))) == {1: ["d-1", "d-2"]}
