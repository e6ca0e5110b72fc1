"""What may still be touched, and what removing or exchanging a document does to the accounts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract.allocations import allocations_hash
from connectors.contract.money import Money
from connectors.contract.records import (
    Allocation,
    BankTransaction,
    BankTransfer,
    DocumentKind,
    LineItem,
    MirrorDocument,
    Payment,
)
from sync.domain import amending
from sync.domain.payments import parts_that_stand

D = Decimal
DAY = date(2026, 3, 2)
POSTED = BankTransaction(
    kind=DocumentKind.SPEND,
    bank_account_id="bank",
    contact_id="c1",
    contact_name="Lieferant Exempla AG",
    date=DAY,
    total=Money.of("108.10", "CHF"),
    reference="Rechnung 7",
    marker="MR-1",
    lines=(
        LineItem(description="a", amount=D("100.00"), account_id="400"),
        LineItem(description="b", amount=D("8.10"), account_id="469"),
    ),
)
FOUND = MirrorDocument(
    kind=DocumentKind.SPEND,
    document_id="d1",
    account_id="bank",
    contact_id="c1",
    date=DAY,
    total=Money.of("108.10", "CHF"),
    reference="Rechnung 7 MR-1",
    marker="MR-1",
    lines_hash="h1",
)
READ_BACK = amending.read_back_of(FOUND)


def code(found: MirrorDocument | None, **options: Any) -> str:
    arguments: dict[str, Any] = {"read_back": READ_BACK, "lock_date": None, **options}
    problem = amending.obstacle(POSTED, found, **arguments)
    return problem.code if problem else ""


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (FOUND, ""),
        (None, "not_readable_in_xero"),
        (replace(FOUND, status="DELETED"), "deleted_in_xero"),
        (replace(FOUND, status="VOIDED"), "deleted_in_xero"),
        (replace(FOUND, reconciled=True), "reconciled_in_xero"),
        (replace(FOUND, reconciled=True, lines_hash="h2"), "reconciled_in_xero"),
        (replace(FOUND, lines_hash="h2"), "edited_in_xero"),
        (replace(FOUND, reference="Rechnung 8 MR-1"), "edited_in_xero"),
        (replace(FOUND, contact_id="c2"), "edited_in_xero"),
        (replace(FOUND, date=date(2026, 3, 5)), "edited_in_xero"),
        (replace(FOUND, total=Money.of("108.11", "CHF")), "edited_in_xero"),
    ],
)
def test_what_stands_against_touching_a_document(found: MirrorDocument | None, expected: str) -> None:
    assert code(found) == expected


def test_a_period_is_closed_on_the_lock_date_and_before_for_the_old_day_and_for_the_new_one() -> None:
    assert code(FOUND, lock_date=DAY) == "period_locked"
    assert code(FOUND, lock_date=date(2026, 3, 1)) == ""
    assert code(FOUND, lock_date=date(2026, 3, 1), day=date(2026, 2, 28)) == "period_locked"


def test_a_contact_that_was_merged_into_another_one_is_no_edit() -> None:
    assert code(replace(FOUND, contact_id="c2"), contact_id="c2") == ""


def test_a_new_stamp_alone_is_no_edit() -> None:
    assert amending.edits(POSTED, replace(FOUND, marker=""), read_back=READ_BACK) == ()


def test_taking_documents_back_moves_each_account_by_what_posting_them_did_the_other_way_round() -> None:
    """108.10 were spent: 100.00 on 400, 8.10 on 469. A transfer of 50.00 went from bank to other."""
    transfer = BankTransfer(
        from_account_id="bank",
        to_account_id="other",
        date=DAY,
        total=Money.of("50.00", "CHF"),
        reference="",
        marker="MR-2",
    )
    found = {it.account_id: it.amount for it in amending.taken_back([POSTED, transfer])}
    assert found == {"bank": D("158.10"), "400": D("-100.00"), "469": D("-8.10"), "other": D("-50.00")}
    assert sum(found.values()) == 0


def test_exchanging_a_document_moves_only_what_differs() -> None:
    wanted = replace(POSTED, lines=(LineItem(description="a", amount=D("108.10"), account_id="400"),))
    found = {it.account_id: it.amount for it in amending.exchanged(POSTED, wanted)}
    assert found == {"400": D("8.10"), "469": D("-8.10")}


def test_taking_a_payment_back_makes_its_invoice_due_again() -> None:
    part = Allocation(invoice_id="i1", number="R-7", amount=D("100.00"), currency="CHF")
    payment = Payment(
        bank_account_id="bank", incoming=True, date=DAY, total=Money.of("100.00", "CHF"), reference="", marker="MR-3",
        allocation=part,
    )  # fmt: skip
    assert amending.reopened([payment, POSTED]) == (part,)
    assert [(it.account_id, it.amount) for it in amending.taken_back([payment])] == [("bank", D("-100.00"))]


@pytest.mark.parametrize(
    ("wanted", "in_place"),
    [
        (replace(POSTED, total=Money.of("1.00", "CHF")), True),
        (replace(POSTED, date=date(2026, 3, 9), contact_id="c2"), True),
        (replace(POSTED, kind=DocumentKind.RECEIVE), False),
        (replace(POSTED, bank_account_id="other"), False),
    ],
)
def test_a_document_is_changed_where_it_stands_unless_its_kind_or_bank_account_differs(
    wanted: BankTransaction, in_place: bool
) -> None:
    assert amending.can_change(POSTED, wanted) is in_place


def test_a_change_is_done_when_the_lines_that_were_read_add_up_to_the_wanted_ones_for_each_account() -> None:
    lines = (LineItem(description="split by Xero", amount=D("100.00"), account_id="400"),)
    assert amending.shown_as(POSTED, replace(FOUND, lines=POSTED.lines))
    assert not amending.shown_as(POSTED, replace(FOUND, lines=lines))
    assert not amending.shown_as(POSTED, replace(FOUND, lines=POSTED.lines, status="DELETED"))


@pytest.mark.parametrize("left", [(0, 1, 2, 3, 4, 5, 6, 7, 8), (0, 2, 8), (1, 2, 3, 5, 6, 7)], ids=str)
def test_what_is_left_of_a_batch_is_told_by_its_hash(left: tuple[int, ...]) -> None:
    """Nine equal amounts: only the hash tells which of them stand."""
    parts = [Allocation(invoice_id=f"i{n}", number=f"R-{n}", amount=D("10.00"), currency="CHF") for n in range(9)]
    standing = tuple(parts[n] for n in left)
    hashed = allocations_hash((part.invoice_id, part.amount) for part in standing)
    assert parts_that_stand(parts, lines_hash=hashed) == standing
    assert parts_that_stand(parts, lines_hash="another") == tuple(parts)
