"""Is what stands in the books our document?"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract.errors import Severity
from connectors.contract.money import Money
from connectors.contract.records import BankTransaction, BankTransfer, DocumentKind, LineItem, MirrorDocument
from sync.domain.match import differences

DAY = date(2026, 3, 4)
LINE = LineItem(description="Miete", amount=Decimal("120.00"), account_id="id-469")
SPEND = BankTransaction(
    kind=DocumentKind.SPEND,
    bank_account_id="bank-chf",
    contact_id="c-1",
    contact_name="Beispiel AG",
    date=DAY,
    total=Money.of("120.00", "CHF"),
    reference="Miete",
    marker="MR-7QK3P9ZD4WXYZ",
    lines=(LINE,),
)
TRANSFER = BankTransfer(
    from_account_id="bank-chf",
    to_account_id="bank-reserve",
    date=DAY,
    total=Money.of("120.00", "CHF"),
    reference="",
    marker="MR-7QK3P9ZD4WXYZ",
)


def found(**fields: Any) -> MirrorDocument:
    known: dict[str, Any] = {
        "kind": DocumentKind.SPEND,
        "document_id": "d-1",
        "account_id": "bank-chf",
        "date": DAY,
        "total": Money.of("120.00", "CHF"),
        "marker": "MR-7QK3P9ZD4WXYZ",
    }
    return MirrorDocument(**{**known, **fields})


def test_an_equal_document_shows_no_difference() -> None:
    assert differences(SPEND, found()) == ()
    as_read = found(kind=DocumentKind.BANK_TRANSFER, other_account_id="bank-reserve")
    assert differences(TRANSFER, as_read) == ()


@pytest.mark.parametrize(
    ("named", "fields"),
    [
        ("type", {"kind": DocumentKind.RECEIVE}),
        ("account", {"account_id": "bank-eur"}),
        ("date", {"date": DAY + timedelta(days=1)}),
        ("currency", {"total": Money.of("120.00", "EUR")}),
        ("amount", {"total": Money.of("120.01", "CHF")}),
    ],
)
def test_each_difference_is_named_for_review(named: str, fields: dict[str, Any]) -> None:
    [finding] = differences(SPEND, found(**fields))

    assert finding.detail == named
    assert finding.severity is Severity.REVIEW


def test_the_reader_sees_amounts_as_people_write_them_and_no_internal_ids() -> None:
    [amount] = differences(SPEND, found(total=Money.of("560.0000", "CHF")))
    [account] = differences(SPEND, found(account_id="bank-eur"))

    assert "another amount than the one posted: CHF 560.00 instead of CHF 120.00." in amount.message
    assert "another account than the one posted. Compare" in account.message


def test_an_echoed_rate_that_differs_from_the_one_sent_is_a_difference() -> None:
    wanted = replace(SPEND, total=Money.of("120.00", "EUR"), rate=Decimal("1.055245"))
    as_read = found(total=Money.of("120.00", "EUR"))

    assert differences(wanted, replace(as_read, rate=Decimal("1.0552450000"))) == ()
    assert [finding.detail for finding in differences(wanted, replace(as_read, rate=Decimal("1.055246")))] == ["rate"]
    assert [finding.detail for finding in differences(wanted, as_read)] == ["rate"], (
        "a rate that is missing differs too"
    )


def test_a_rate_that_was_left_to_xero_is_no_difference() -> None:
    assert differences(SPEND, found(rate=Decimal("1.05"))) == ()


def test_a_transfer_into_another_account_is_a_difference() -> None:
    as_read = found(kind=DocumentKind.BANK_TRANSFER, other_account_id="bank-eur")

    assert [finding.detail for finding in differences(TRANSFER, as_read)] == ["receiving account"]
