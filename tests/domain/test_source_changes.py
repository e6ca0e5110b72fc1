"""Of a difference, what the source changed: three are compared, and the settings of today bring in nothing."""

from __future__ import annotations

from typing import Any

import pytest

from sync.domain.source_changes import carried_over


def line(amount: str, account: str = "400", tax: str = "NONE", **fields: Any) -> dict[str, Any]:
    return {
        "description": "", "amount": amount, "account_id": f"id-{account}", "account_code": account, "tax_type": tax,
        "tax": None, "tracking": [], **fields,
    }  # fmt: skip


def document(*lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "kind": "SPEND", "date": "2026-03-02", "total": "100.00", "currency": "CHF", "reference": "", "marker": "MR-1",
        "bank_account_id": "090", "contact_id": "", "contact_name": "Beispiel AG", "tax_mode": "Inclusive", "rate": None,
        "url": "", "lines": list(lines), **fields,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("posted", "then", "now", "expected"),
    [  # each: (account, amount) of the lines; what differs between the first two is ours, between the latter the source's
        ([("400", "100")], [("429", "100")], [("429", "100")], [("400", "100")]),
        ([("400", "100")], [("429", "100")], [("429", "120")], [("400", "120")]),
        ([("400", "100")], [("429", "100")], [("493", "100")], [("493", "100")]),
        ([("400", "50"), ("404", "50")], [("400", "70"), ("404", "30")], [("400", "84"), ("404", "36")],
         [("400", "60.00"), ("404", "60.00")]),  # the shares that were posted, of 120
        ([("400", "10"), ("404", "90")], [("400", "30"), ("404", "70")], [("400", "30"), ("404", "170")],
         [("400", "30"), ("404", "170")]),  # a fixed amount and the rest: no shares, so by the rule of today
        ([("400", "33.33"), ("404", "66.67")], [("400", "50.00"), ("404", "50.00")], [("400", "0.50"), ("404", "0.51")],
         [("400", "0.34"), ("404", "0.67")]),  # 33.33 % of 1.01 are 0.3366, and the two are 1.01
        ([("400", "100")], [("429", "100")], [("493", "60"), ("429", "40")], [("493", "60"), ("429", "40")]),
    ],
    ids=["a setting", "amount", "category", "split", "fixed part", "cents", "captured tax"],
)  # fmt: skip
def test_lines_follow_the_source_alone(posted: Any, then: Any, now: Any, expected: Any) -> None:
    made = [document(*(line(amount, account) for account, amount in it)) for it in (posted, then, now)]
    carried = carried_over(made[0], then=made[1], now=made[2])
    assert [(it["account_code"], it["amount"]) for it in carried["lines"]] == expected


def test_a_day_a_name_and_a_wallet_that_only_the_settings_see_otherwise_stay() -> None:
    posted = document(line("100"), date="2026-03-02", bank_account_id="090", contact_name="Beispiel AG")
    then = document(line("100"), date="2026-03-05", bank_account_id="091", contact_name="Von Regel AG")
    assert carried_over(posted, then=then, now=then) == posted
    moved = carried_over(posted, then=then, now={**then, "date": "2026-03-09"})
    assert (moved["date"], moved["bank_account_id"]) == ("2026-03-09", "090")


def test_the_tax_of_another_rate_is_left_to_the_books() -> None:
    """Posted with 8.1 %, which is 7.49 of 100; by today's settings it is 2.6 %. On 120 the tax of 2.6 % is not the line's."""
    posted, then = line("100", tax="INPUT81"), line("100", tax="INPUT26")
    now = line("120", tax="INPUT26")
    made = [document({**it, "tax": tax}) for it, tax in ((posted, "7.49"), (then, "2.53"), (now, "3.04"))]
    [carried] = carried_over(made[0], then=made[1], now=made[2])["lines"]
    assert (carried["tax_type"], carried["amount"], carried["tax"]) == ("INPUT81", "120", None)


def test_a_document_of_another_kind_by_our_settings_stays_while_the_source_says_the_same() -> None:
    transfer = {"kind": "TRANSFER", "date": "2026-03-02", "total": "100", "currency": "CHF", "reference": "x", "marker": "MR-1",
                "from_account_id": "090", "to_account_id": "096"}  # fmt: skip
    posted = document(line("100"))
    assert carried_over(posted, then=transfer, now={**transfer, "reference": "y"}) == posted
    assert carried_over(posted, then=transfer, now={**transfer, "total": "120"})["kind"] == "TRANSFER"
