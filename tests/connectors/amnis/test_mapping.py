"""One row at a time: what odd rows become. Never an exception, never a guess, always a sentence for the bookkeeper."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.amnis import mapping
from connectors.contract.errors import Severity
from connectors.contract.money import Money
from connectors.contract.records import Execution, Movement, RawRecord, SourceTransaction
from sync.domain.booking import booking_date

ZURICH = ZoneInfo("Europe/Zurich")
ROW: dict[str, Any] = {
    "id": "1",
    "currency": "CHF",
    "amount": "100.00",
    "type": "payin",
    "executionDate": "2026-03-04T00:00:00+00:00",
    "executed": True,
    "createdAt": "2026-03-04T08:00:00+00:00",
    "updatedAt": "2026-03-04T08:00:01+00:00",
    "account": 1,
    "transactionDetailId": 1,
}
PAY_IN = {"id": 1, "subType": "pay_in", "payerName": "Beispiel AG", "comment": "Danke"}
PAYOUT = {"id": 1, "status": "executed", "beneficiary": {"name": "Probe AG"}}
DEAL = {
    "id": 31, "currencyFrom": "CHF", "currencyTo": "EUR", "amountFrom": "1000.00", "amountTo": "1055.30",
    "dealDate": "2026-03-02T09:15:00+00:00", "valueDate": "2026-03-04T00:00:00+00:00", "type": "spot",
    "spotRate": "1.0569", "platformRate": "1.0553", "status": "transferred",
}  # fmt: skip
CARD = {"id": 7, "type": "transaction", "status": "executed", "settlementDate": "2026-03-05T00:00:00+00:00",
        "merchant": {"name": "Laden"}, "card": {"name": "Reisen", "pan4": "1234"}}  # fmt: skip


def read(detail: Any = PAY_IN, *, signed: bool | None = None, **fields: Any) -> SourceTransaction:
    raw = mapping.raw_record({**ROW, **fields}, detail, signed=signed)
    return mapping.normalise(raw, zone=ZURICH)


def codes(found: SourceTransaction) -> list[str]:
    return [finding.code for finding in found.findings]


# ------------------------------------------------------------------------- shape


def test_the_documented_example_is_a_pay_in_without_a_finding() -> None:
    found = read()
    assert (found.movement, found.execution, found.amount) == (
        Movement.PAY_IN,
        Execution.EXECUTED,
        Money.of("100.00", "CHF"),
    )
    assert (found.account_id, found.source_id, found.counterparty.name, found.text) == (
        "1",
        "1",
        "Beispiel AG",
        "Danke",
    )
    assert found.findings == ()


@pytest.mark.parametrize("account", [1, "1", "/api/accounts/1", {"id": 1}, {"@id": "/api/accounts/1"}])
def test_the_wallet_is_the_same_in_every_notation(account: object) -> None:
    assert read(account=account).account_id == "1"


@pytest.mark.parametrize("number", [None, "", "  "])
def test_an_empty_id_is_no_id(number: object) -> None:
    assert read(id=number).source_id == ""


@pytest.mark.parametrize("amount", ["100.00", " 100.00 ", 100, Decimal("100.0")])
def test_an_amount_may_be_a_text_or_a_number(amount: object) -> None:
    assert read(amount=amount).amount == Money.of("100.00", "CHF")


@pytest.mark.parametrize("documents", [None, [], {"id": "1"}, [{"id": "1"}, {"id": "2"}], "x"])
def test_documents_of_any_shape_do_no_harm(documents: object) -> None:
    assert read(documents=documents).findings == ()


def test_the_minimal_row_of_the_oldest_documents_is_read() -> None:
    assert read(vats=None, tags=None, contact=None, comment=None).findings == ()


# ------------------------------------------------------------------------- dates


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2025-12-31T22:30:00+00:00", date(2025, 12, 31)),  # 23:30 in Zürich
        ("2025-12-31T23:30:00+00:00", date(2026, 1, 1)),  # half past midnight
        ("2026-07-31T22:30:00Z", date(2026, 8, 1)),  # summer time
        ("2026-03-04", date(2026, 3, 4)),
        ("2026-03-04T00:00:00", date(2026, 3, 4)),
    ],
)
def test_moments_become_days_in_the_tenants_zone(moment: str, day: date) -> None:
    assert read(executionDate=moment).execution_date == day


@pytest.mark.parametrize("moment", ["2026-02-30T00:00:00+00:00", "0001-01-01", "9999-12-31T23:59:59+00:00", "soon"])
def test_an_impossible_date_is_no_date_and_a_finding(moment: str) -> None:
    found = read(executionDate=moment)
    assert found.execution_date is None
    assert codes(found) == ["date_impossible"]
    assert moment in found.findings[0].message


def test_a_card_keeps_both_its_dates() -> None:
    found = read(CARD, type="card", amount="-50.00")
    assert (found.execution_date, found.settlement_date) == (date(2026, 3, 4), date(2026, 3, 5))


# ----------------------------------------------------------------------- amounts


def test_a_currency_that_does_not_exist_is_a_finding_and_the_amount_stays() -> None:
    found = read(currency="BTX")
    assert (found.amount.amount, found.amount.currency) == (Decimal("100.00"), "XXX")
    assert codes(found) == ["unknown_currency"]
    assert found.findings[0].severity is Severity.REVIEW


@pytest.mark.parametrize("amount", [None, "", "a lot", "1e5", "1,000.00", True, [], "NaN"])
def test_an_unreadable_amount_is_a_finding(amount: object) -> None:
    assert codes(read(amount=amount)) == ["amount_unreadable"]


@pytest.mark.parametrize(("amount", "currency"), [("100.005", "CHF"), ("100.50", "JPY")])
def test_more_decimals_than_the_currency_has_is_a_finding_and_nothing_is_rounded(amount: str, currency: str) -> None:
    found = read(amount=amount, currency=currency)
    assert found.amount.amount == Decimal(amount)
    assert codes(found) == ["amount_not_exact"]


def test_three_decimals_are_exact_where_the_currency_has_them() -> None:
    assert read(amount="1.005", currency="KWD").findings == ()


def test_a_zero_amount_is_a_plain_movement_of_nothing() -> None:
    found = read(CARD, type="card", amount="0.00")
    assert (found.amount.amount, found.movement, found.findings) == (Decimal("0.00"), Movement.CARD, ())


# --------------------------------------------------------------------- direction

OUT, IN = Decimal("-100.00"), Decimal("100.00")
SENDS = {"id": 1, "status": "transferred", "side": "sender", "senderAccount": 1, "receiverAccount": None}
RECEIVES = {"id": 1, "status": "transferred", "side": "receiver", "senderAccount": None, "receiverAccount": 1}
SHARED = {"id": 1, "status": "transferred", "side": "sender", "senderAccount": 9, "receiverAccount": 1}
FEE = {"id": 1, "status": "executed", "comment": "Account fee"}
REVERSAL = {**CARD, "type": "reversal"}


@pytest.mark.parametrize(
    ("kind", "detail", "amount", "signed", "expected"),
    [
        ("payin", PAY_IN, "100.00", None, IN),
        ("payout", PAYOUT, "100.00", False, OUT),
        ("payout", PAYOUT, "100.00", None, OUT),
        ("payout", PAYOUT, "-100.00", True, OUT),
        ("payout", PAYOUT, "100.00", True, IN),  # a ledger that signs says that it came back
        ("fee", FEE, "100.00", False, OUT),
        ("fee", FEE, "100.00", True, IN),  # a fee given back
        ("card", CARD, "100.00", False, OUT),
        ("card", CARD, "100.00", True, IN),
        ("card", REVERSAL, "100.00", False, IN),
        ("card", REVERSAL, "100.00", True, IN),
        ("peer", SENDS, "100.00", None, OUT),
        ("peer", RECEIVES, "100.00", None, IN),
        ("peer", SHARED, "100.00", None, IN),  # the wallet decides, not the side of a detail that both rows share
        ("fx", {**DEAL, "amountFrom": "100.00"}, "100.00", None, OUT),
        ("fx", {**DEAL, "currencyFrom": "EUR", "currencyTo": "CHF", "amountTo": "100.00"}, "100.00", None, IN),
    ],
)  # fmt: skip
def test_where_the_money_went(kind: str, detail: Any, amount: str, signed: bool | None, expected: Decimal) -> None:
    found = read(detail, type=kind, amount=amount, signed=signed)
    assert found.amount.amount == expected
    assert found.findings == ()


def test_a_pay_in_with_a_minus_is_money_that_went_out_and_a_finding() -> None:
    """A minus is always believed; that Amnis calls it a pay-in is for a person."""
    found = read(PAY_IN, type="payin", amount="-100.00", signed=None)
    assert found.amount.amount == OUT
    assert [it.code for it in found.findings] == ["direction_differs"]


@pytest.mark.parametrize(
    ("kind", "detail"),
    [("peer", {"id": 1, "status": "transferred"}), ("fx", {**DEAL, "currencyFrom": "USD", "amountFrom": "100.00"})],
)
def test_a_direction_that_nobody_tells_is_a_finding_and_no_guess(kind: str, detail: Any) -> None:
    assert "direction_unknown" in codes(read(detail, type=kind))


def test_a_card_refund_is_money_in() -> None:
    assert read(REVERSAL, type="card", amount="49.00").movement is Movement.CARD_REFUND


# ------------------------------------------------------------------------ status


@pytest.mark.parametrize(
    ("kind", "executed", "detail", "expected"),
    [
        ("payin", True, PAY_IN, Execution.EXECUTED),
        ("payin", False, PAY_IN, Execution.PENDING),
        ("payin", "true", PAY_IN, Execution.EXECUTED),
        ("payin", 0, PAY_IN, Execution.PENDING),
        ("payout", True, PAYOUT, Execution.EXECUTED),
        ("payout", True, {**PAYOUT, "status": "transferred"}, Execution.EXECUTED),
        ("payout", False, {**PAYOUT, "status": "created"}, Execution.PENDING),
        ("payout", False, {**PAYOUT, "status": "pending_execution"}, Execution.PENDING),
        ("payout", False, {**PAYOUT, "status": "canceled"}, Execution.CANCELLED),
        ("payout", False, {**PAYOUT, "status": "execution_error"}, Execution.CANCELLED),
        ("fx", True, {**DEAL, "status": "hedged", "amountFrom": "100.00"}, Execution.EXECUTED),
        ("fx", False, {**DEAL, "status": "to-hedge", "amountFrom": "100.00"}, Execution.PENDING),
        ("card", False, {**CARD, "type": "authorization", "status": "pending"}, Execution.PENDING),
        ("card", False, {**CARD, "type": "authorization", "status": "executed"}, Execution.CANCELLED),  # A17 new row
        ("card", False, REVERSAL, Execution.CANCELLED),  # the authorisation expired
        ("card", True, CARD, Execution.EXECUTED),
    ],
)
def test_how_final_a_movement_is(kind: str, executed: object, detail: Any, expected: Execution) -> None:
    found = read(detail, type=kind, executed=executed)
    assert found.execution is expected
    assert found.findings == ()


@pytest.mark.parametrize(
    ("kind", "executed", "detail"),
    [
        ("payout", True, {**PAYOUT, "status": "compliance_hold"}),
        ("payout", False, {**PAYOUT, "status": "compliance_hold"}),
        ("payout", True, {**PAYOUT, "status": "canceled"}),
        ("payout", True, {**PAYOUT, "status": "pending"}),
        ("card", True, {**CARD, "type": "authorization"}),
        ("card", True, {**CARD, "status": "pending"}),
        ("card", True, {**CARD, "type": "chargeback"}),
        ("payin", None, PAY_IN),
        ("payin", "perhaps", PAY_IN),
    ],
)
def test_a_status_that_is_unknown_or_contradicts_the_ledger_never_posts(
    kind: str, executed: object, detail: Any
) -> None:
    found = read(detail, type=kind, executed=executed)
    assert found.execution is Execution.UNKNOWN
    assert codes(found) == ["unknown_status"]


# ------------------------------------------------------------------------- kinds


@pytest.mark.parametrize("kind", ["interest", "", None, 7])
def test_an_unknown_kind_is_unknown_and_a_finding(kind: object) -> None:
    found = read(None, type=kind)
    assert found.movement is Movement.UNKNOWN
    assert codes(found) == ["unknown_movement"]


def test_an_unknown_kind_of_pay_in_is_unknown() -> None:
    found = read({**PAY_IN, "subType": "chargeback"})
    assert (found.movement, codes(found)) == (Movement.UNKNOWN, ["unknown_movement"])


def test_a_row_without_detail_waits_for_a_person() -> None:
    found = read(None, transactionDetailId=None)
    assert (found.movement, codes(found)) == (Movement.PAY_IN, ["detail_missing"])


def test_a_deal_that_lacks_a_side_or_disagrees_with_its_row_is_a_finding() -> None:
    assert "deal_incomplete" in codes(read({**DEAL, "amountTo": None}, type="fx", amount="-1000.00"))
    assert codes(read(DEAL, type="fx", amount="-999.99")) == ["deal_differs"]


@pytest.mark.parametrize(
    ("quoted", "rate"),
    [("1.0553", Decimal("1.0553")), ("0.9476", Decimal("1.0552975939")), ("7.5", None), ("0", None), (None, None)],
)
def test_a_rate_is_told_in_bought_units_per_sold_unit_whichever_way_it_was_quoted(
    quoted: str | None, rate: Decimal | None
) -> None:
    found = read({**DEAL, "platformRate": quoted}, type="fx", amount="-1000.00").fx
    assert found is not None
    assert found.platform_rate == rate


@pytest.mark.parametrize(
    ("said", "reference"),
    [
        ("Rechnung 12, RF18 5390 0754 7034 besten Dank", "RF18539007547034"),
        ("21 00000 00003 13947 14300 09017", "210000000003139471430009017"),
        ("RF19 5390 0754 7034", ""),  # wrong check digits
        ("Rechnung 12", ""),
    ],
)
def test_a_structured_reference_is_found_in_the_text(said: str, reference: str) -> None:
    assert read({**PAY_IN, "comment": said}).reference == reference


def test_vat_lines_are_read_in_both_notations_and_a_broken_one_is_a_finding() -> None:
    line = {
        "expenseVat": "/api/expense_vats/1",
        "rate": "8.1",
        "amount": "7.49",
        "grossAmount": "100.00",
        "externalId": "TAX001",
    }
    found = read(CARD, type="card", amount="-100.00", vats=[line, {**line, "rate": None}])
    assert [(vat.rate, vat.amount, vat.gross, vat.external_id) for vat in found.vats] == [
        (Decimal("8.1"), Decimal("7.49"), Decimal("100.00"), "TAX001")
    ]
    assert codes(found) == ["vat_unreadable"]


def test_raw_payloads_keep_everything_but_links_that_open_a_door() -> None:
    row = {**ROW, "balance": Decimal("1.50"), "magicLinkUrl": "https://app.amnis.example/expenses-public/x",
           "comment": "see https://app.amnis.example/expenses-public/abc now"}  # fmt: skip
    payload = mapping.raw_record(row, {"uploadUrl": "https://x.example", "name": "kept"}).payload
    assert payload["row"] == {**ROW, "balance": "1.50", "comment": "see [link removed] now"}
    assert payload["detail"] == {"name": "kept"}


LEAVES = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=12)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False)
FIELDS = st.sampled_from([*ROW, *DEAL, *CARD, *PAYOUT, "vats"])
ANYTHING = st.recursive(
    LEAVES | NUMBERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=6),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from([*ROW, "vats", "expenseCategory", "contact"]), ANYTHING),
    st.sampled_from(["payin", "payout", "peer", "fx", "card", "fee", "else"]),
    ANYTHING,
)
def test_nothing_that_json_can_say_makes_reading_fail(row: dict[str, Any], kind: str, detail: Any) -> None:
    raw = RawRecord(
        account_id="1", source_id="1", updated_at=None, payload={"row": {**row, "type": kind}, "detail": detail}
    )
    found = mapping.normalise(raw, zone=ZURICH)
    assert found.amount.amount.is_finite()


@given(
    kind_and_detail=st.sampled_from(
        [("payin", PAY_IN), ("payout", PAYOUT), ("fx", DEAL), ("card", CARD), ("card", {**CARD, "type": "reversal"}),
         ("fee", None), ("peer", {"id": 1, "side": "sender"}), ("else", None)]
    ),
    row=st.fixed_dictionaries(
        {},
        optional={
            "id": st.sampled_from(["7", 7, "", None]),
            "amount": st.sampled_from(["-5.00", "5.00", Decimal("-5.10"), "0.00", "-0.00", "1.005", "abc", None]),
            "currency": st.sampled_from(["EUR", "JPY", "ZZZ", None]),
            "executed": st.sampled_from([True, False, "true", 0, None]),
            "executionDate": st.sampled_from(["2026-03-04T23:30:00+00:00", "2026-03-05", "2026-02-31", None]),
            "account": st.sampled_from([3, "/api/accounts/3", None]),
        },
    ),
    detail=st.fixed_dictionaries(
        {},
        optional={
            "status": st.sampled_from(["executed", "pending", "canceled", "odd"]),
            "settlementDate": st.sampled_from(["2026-03-06T23:30:00+00:00", "never", None]),
            "valueDate": st.sampled_from(["2026-03-07", None]),
            "dealDate": st.sampled_from(["2026-03-01T22:59:00+00:00", None]),
            "amountFrom": st.sampled_from(["10.00", "0.00", "abc", None]),
            "currencyTo": st.sampled_from(["EUR", "ZZZ", None]),
        },
    ),
    signed=st.sampled_from([True, False, None]),
)  # fmt: skip
def test_a_proof_reads_the_amount_and_the_days_that_are_posted(
    kind_and_detail: tuple[str, Any], row: dict[str, Any], detail: dict[str, Any], signed: bool | None
) -> None:
    """It reads less of each row than the posting does; the two readings must never part."""
    kind, its = kind_and_detail
    row, its = {**ROW, "type": kind, **row}, None if its is None else {**its, **detail}
    raw = mapping.raw_record(row, its, signed=signed)
    posted, proved = mapping.normalise(raw, zone=ZURICH), mapping.executed(row, its, signed=signed, zone=ZURICH)
    in_doubt = posted.execution is Execution.UNKNOWN and row.get("executed", ROW["executed"]) not in (False,)
    assert (proved is not None) == (posted.execution is Execution.EXECUTED or in_doubt)
    if proved is None:
        return
    assert proved.in_doubt == in_doubt
    assert (proved.account_id, proved.source_id, proved.amount) == (raw.account_id, raw.source_id, posted.amount)
    assert proved.raw == (None if raw.source_id else raw)
    for card_date in ("settlement", "execution"):
        for fx_date in ("value", "deal"):
            chosen = {"card_date": card_date, "fx_date": fx_date}
            assert booking_date(proved, **chosen) == booking_date(posted, **chosen)
