"""What becomes of each row: every movement, every obstacle, both halves of a unit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract.errors import Finding, Severity
from connectors.contract.money import Money
from connectors.contract.records import (
    BankTransaction,
    BankTransfer,
    DocumentKind,
    Execution,
    FxDetail,
    Movement,
    SourceTransaction,
    TaxMode,
    TransferDetail,
)
from sync.domain.coding import CodingDefaults, code
from sync.domain.plan import Booked, Outcome, Part, Planned, Rules, Skipped, plan_unit, second_leg
from sync.domain.rate_tables import UsedRate
from tests.domain.movements import INDEX, account, card, movement

DEFAULTS = CodingDefaults(
    income="200", expense="400", fee="404", fx_clearing="850", suspense="880", tax_income="NONE", tax_expense="NONE"
)
RULES = Rules(cutoff=date(2026, 1, 1), base_currency="CHF", multi_currency=True, rounding=INDEX.rounding_account)
BANKS = {
    "CHF": account("090", "CHF Amnis", "BANK", "ASSET", currency="CHF"),
    "EUR": account("091", "EUR Amnis", "BANK", "ASSET", currency="EUR"),
    "USD": account("092", "USD Amnis", "BANK", "ASSET", currency="USD"),
}
RESERVE = account("096", "CHF Reserve", "BANK", "ASSET", currency="CHF")
MARKERS = {(record, leg): f"MR-{record}-{leg}" for record in (1, 2) for leg in ("main", "sold", "bought")}


def part(transaction: SourceTransaction, record_id: int = 1, **fields: Any) -> Part:
    known: dict[str, Any] = {
        "coding": code(transaction, hit=None, defaults=DEFAULTS, chart=INDEX),
        "bank": BANKS[transaction.amount.currency],
    }
    return Part(record_id=record_id, transaction=transaction, **{**known, **fields})


def plan(*parts: Part, rules: Rules = RULES) -> tuple[Outcome, ...]:
    return plan_unit(parts, markers=MARKERS, rules=rules)


def planned(*parts: Part, rules: Rules = RULES) -> Planned:
    [outcome] = plan(*parts, rules=rules)
    assert isinstance(outcome, Planned)
    return outcome


def transaction_of(outcome: Outcome) -> BankTransaction:
    assert isinstance(outcome, Planned)
    assert isinstance(outcome.document, BankTransaction)
    return outcome.document


def codes(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, Planned)
    return [finding.code for finding in outcome.findings if finding.severity is Severity.REVIEW]


# ---------------------------------------------------------------- one document


@pytest.mark.parametrize(
    ("kind", "amount", "document", "on", "contact"),
    [
        (Movement.PAY_IN, "120.00", "RECEIVE", "200", "Beispiel AG"),
        (Movement.PAY_OUT, "-120.00", "SPEND", "400", "Beispiel AG"),
        (Movement.CARD, "-120.00", "SPEND", "400", "Beispiel AG"),
        (Movement.CARD_REFUND, "120.00", "RECEIVE", "400", "Beispiel AG"),
        (Movement.FEE, "-120.00", "SPEND", "404", "Amnis"),
        (Movement.PEER, "120.00", "RECEIVE", "200", "Beispiel AG"),
        (Movement.PEER, "-120.00", "SPEND", "400", "Beispiel AG"),
    ],
)
def test_a_movement_becomes_the_document_of_the_table(
    kind: Movement, amount: str, document: str, on: str, contact: str
) -> None:
    made = transaction_of(planned(part(movement(amount, name="Beispiel AG", movement=kind))))

    assert (made.kind.value, made.contact_name) == (document, contact)
    assert made.total == Money.of("120.00", "CHF"), "totals are unsigned"
    assert [(line.account_code, line.amount) for line in made.lines] == [(on, Decimal("120.00"))]
    assert made.marker == "MR-1-main"
    assert made.bank_account_id == "id-090"
    assert made.rate is None, "never a rate on a base account"


def test_a_foreign_payment_leaves_the_rate_to_xero() -> None:
    assert transaction_of(planned(part(movement("-5.00", currency="EUR")))).rate is None


def last_deal(_currency: str, _day: date) -> UsedRate:
    return UsedRate(value=Decimal("1.060000"), by="last_deal", why="the exchange of 2 Mar 2026")


def test_by_policy_a_foreign_payment_has_the_rate_of_the_last_deal() -> None:
    rules = replace(RULES, rate_policy="last_deal", rate_on=last_deal)

    assert transaction_of(planned(part(movement("-5.00", currency="EUR")), rules=rules)).rate == Decimal("1.060000")
    assert transaction_of(planned(part(movement("-5.00")), rules=rules)).rate is None


def test_a_policy_that_knows_no_rate_asks_a_person() -> None:
    rules = replace(RULES, rate_policy="last_deal", rate_on=lambda _currency, _day: None)

    assert codes(planned(part(movement("-5.00", currency="EUR")), rules=rules)) == ["rate_missing"]


def test_the_reference_is_the_structured_one_else_the_text_else_the_card() -> None:
    both = movement("9.00", reference="RF18000000000539007547034", text="Rechnung 1")

    assert transaction_of(planned(part(both))).reference == "RF18000000000539007547034"
    assert transaction_of(planned(part(replace(both, reference="")))).reference == "Rechnung 1"
    assert transaction_of(planned(part(card()))).reference == "Card 1234"


# ------------------------------------------------------------ what goes nowhere


@pytest.mark.parametrize(
    ("transaction", "reason"),
    [
        (movement("-1.00", execution=Execution.PENDING), "not executed yet"),
        (movement("-1.00", execution=Execution.CANCELLED), "cancelled"),
        (movement("0.00"), "zero"),
        (movement("-1.00", execution_date=date(2025, 12, 31)), "before the cut-off 1 Jan 2026"),
        (
            card(execution_date=date(2025, 12, 28), settlement_date=date(2025, 12, 30)),
            "before the cut-off 1 Jan 2026",
        ),
    ],
    ids=["pending", "cancelled", "zero", "before the cut-off", "a card settled before the cut-off"],
)
def test_these_yield_nothing_and_say_why(transaction: SourceTransaction, reason: str) -> None:
    [outcome] = plan(part(transaction))

    assert isinstance(outcome, Skipped)
    assert reason in outcome.reason


def test_the_cut_off_day_itself_is_posted_and_a_card_that_settles_on_it_too() -> None:
    assert planned(part(movement("-1.00", execution_date=date(2026, 1, 1)))).document is not None
    late = card(execution_date=date(2025, 12, 30), settlement_date=date(2026, 1, 1))
    assert transaction_of(planned(part(late))).date == date(2026, 1, 1)


def test_a_wallet_that_is_left_out_yields_nothing_and_says_why() -> None:
    [outcome] = plan(part(movement("-1.00"), bank=None, ignored="guarantee"))

    assert isinstance(outcome, Skipped)
    assert outcome.reason == "its wallet is left out: guarantee"


@pytest.mark.parametrize(
    ("transaction", "fields", "expected"),
    [
        (movement("-1.00"), {"bank": None}, "account_not_mapped"),
        (movement("-1.00"), {"bank": BANKS["EUR"]}, "currency_mismatch"),
        (movement("-1.00", movement=Movement.UNKNOWN, raw_kind="interest"), {}, "unknown_movement"),
        (movement("-1.00", execution=Execution.UNKNOWN), {}, "unknown_status"),
        (movement("-1.00", execution_date=None), {}, "date_missing"),
        (movement("-1.005"), {}, "amount_not_exact"),
    ],
)
def test_a_person_looks_at_these_and_nothing_is_built(
    transaction: SourceTransaction, fields: dict[str, Any], expected: str
) -> None:
    outcome = planned(part(transaction, **fields))

    assert expected in codes(outcome)
    assert outcome.document is None


def test_a_zero_amount_of_an_unknown_type_is_shown_to_a_person() -> None:
    assert codes(planned(part(movement("0.00", movement=Movement.UNKNOWN)))) == ["unknown_movement"]


def test_what_the_source_could_not_make_sense_of_is_shown_to_a_person() -> None:
    odd = Finding(code="sign_contradicts_kind", message="A pay-in with a negative amount.")
    remark = Finding(code="remark", message="Nothing serious.", severity=Severity.NOTE)

    assert codes(planned(part(movement("-1.00", findings=(odd, remark))))) == ["sign_contradicts_kind"]


def test_all_obstacles_are_told_at_once() -> None:
    odd = movement("-1.00", movement=Movement.UNKNOWN, execution=Execution.UNKNOWN, execution_date=None)

    outcome = planned(part(odd, bank=None))

    assert set(codes(outcome)) == {"date_missing", "unknown_status", "unknown_movement", "account_not_mapped"}


def test_books_of_one_currency_hold_a_foreign_wallet_back() -> None:
    rules = replace(RULES, multi_currency=False)

    assert codes(planned(part(movement("-1.00", currency="EUR")), rules=rules)) == ["no_multi_currency"]
    assert planned(part(movement("-1.00")), rules=rules).document is not None


# --------------------------------------------------------------- own transfers


def sides(sent: str = "-40.00", received: str = "40.00", **fields: Any) -> tuple[Part, Part]:
    detail = TransferDetail(transfer_id="77", sender_account="1", receiver_account="8")
    known: dict[str, Any] = {
        "movement": Movement.OWN_TRANSFER,
        "transfer": detail,
        "name": "Muster Handels AG",
        **fields,
    }
    sender, receiver = movement(sent, **known), movement(received, account_id="8", source_id="9002", **known)
    return part(sender, 1), part(receiver, 2, bank=RESERVE)


@pytest.mark.parametrize("turned", [False, True])
def test_the_two_rows_of_an_own_transfer_are_one_bank_transfer(turned: bool) -> None:
    rows = sides()

    outcome = planned(*(reversed(rows) if turned else rows))

    assert isinstance(outcome.document, BankTransfer)
    assert (outcome.document.from_account_id, outcome.document.to_account_id) == ("id-090", "id-096")
    assert outcome.document.total == Money.of("40.00", "CHF")
    assert outcome.document.marker == "MR-1-main", "the sending row carries the entry"
    assert (outcome.part.record_id, outcome.other.record_id if outcome.other else None) == (1, 2)


def test_one_side_alone_waits_for_its_partner() -> None:
    outcome = planned(sides()[0])

    assert (codes(outcome), outcome.waits_for, outcome.document) == (["other_side_missing"], "partner", None)


def test_two_unequal_sides_are_never_posted() -> None:
    outcomes = plan(*sides(received="39.00"))

    assert [codes(outcome) for outcome in outcomes] == [["transfer_unequal"], ["transfer_unequal"]]
    assert all(isinstance(outcome, Planned) and outcome.document is None for outcome in outcomes)


def test_what_holds_one_side_holds_the_other() -> None:
    sender, receiver = sides()
    outcomes = plan(sender, replace(receiver, bank=None))

    assert {codes(outcome)[0] for outcome in outcomes} == {"account_not_mapped", "other_half_held"}
    assert all(isinstance(outcome, Planned) and outcome.document is None for outcome in outcomes)


def test_a_side_whose_wallet_is_left_out_leaves_the_other_one_to_a_person() -> None:
    sender, receiver = sides()
    left_out, held = plan(sender, replace(receiver, bank=None, ignored="collateral"))

    assert isinstance(left_out, Skipped)
    assert codes(held) == ["other_half_held"]


# ----------------------------------------------------------------- conversions


def deal(sold: tuple[str, str], bought: tuple[str, str], **fields: Any) -> tuple[Part, Part]:
    """(currency, amount) of both sides; the first record is the sold one."""
    detail = FxDetail(
        deal_id="31",
        sold=Money.of(sold[1], sold[0]),
        bought=Money.of(bought[1], bought[0]),
        deal_date=None,
        value_date=None,
    )
    known: dict[str, Any] = {"movement": Movement.FX, "fx": detail, "value_date": date(2026, 3, 6), **fields}
    return (
        part(movement(f"-{sold[1]}", currency=sold[0], **known), 1),
        part(movement(bought[1], currency=bought[0], source_id="9002", **known), 2),
    )


def lines(document: BankTransaction) -> list[tuple[str, Decimal]]:
    return [(line.account_code, line.amount) for line in document.lines]


def test_francs_for_euros_are_two_documents_through_the_clearing_account() -> None:
    outcomes = plan(*deal(("CHF", "250000.00"), ("EUR", "263811.37")))
    foreign, base = (transaction_of(outcome) for outcome in outcomes)

    assert (foreign.kind, foreign.rate, foreign.bank_account_id) == (
        DocumentKind.RECEIVE,
        Decimal("1.055245"),
        "id-091",
    )
    assert lines(foreign) == [("850", Decimal("263811.37"))]
    assert (base.kind, base.rate, base.bank_account_id) == (DocumentKind.SPEND, None, "id-090")
    assert lines(base) == [("850", Decimal("250000.11")), ("860", Decimal("-0.11"))]
    for document in (foreign, base):
        assert (document.contact_name, document.tax_mode, document.date) == ("Amnis", TaxMode.NO_TAX, date(2026, 3, 6))
    assert (foreign.marker, base.marker) == ("MR-2-bought", "MR-1-sold")


def test_euros_for_francs_are_the_mirror_image() -> None:
    outcomes = plan(*deal(("EUR", "1042233.10"), ("CHF", "987654.32")))
    foreign, base = (transaction_of(outcome) for outcome in outcomes)

    assert (foreign.kind, foreign.rate) == (DocumentKind.SPEND, Decimal("1.055261"))
    assert lines(foreign) == [("850", Decimal("1042233.10"))]
    assert (base.kind, base.rate) == (DocumentKind.RECEIVE, None)
    assert lines(base) == [("850", Decimal("987654.33")), ("860", Decimal("-0.01"))]


def test_between_two_foreign_currencies_the_second_document_waits_for_the_first_ones_rate() -> None:
    sold, bought = deal(("EUR", "250000.00"), ("USD", "271433.21"))
    first, second = plan(sold, bought)

    assert isinstance(second, Planned)
    assert (transaction_of(first).rate, lines(transaction_of(first))) == (None, [("850", Decimal("250000.00"))])
    assert (second.part.record_id, second.document, second.waits_for) == (2, None, "sold")
    built = transaction_of(
        second_leg(
            bought,
            first=Booked(total=Decimal("250000.00"), rate=Decimal("1.055312")),
            markers=MARKERS,
            rules=RULES,
            day=date(2026, 3, 6),
        )
    )
    assert (built.kind, built.rate, built.marker) == (DocumentKind.RECEIVE, Decimal("1.145787"), "MR-2-bought")
    assert lines(built) == [("850", Decimal("271433.24")), ("860", Decimal("-0.03"))]


def test_the_leg_with_fewer_units_for_a_franc_goes_first_whichever_side_it_is_on() -> None:
    first, second = plan(*deal(("USD", "271433.21"), ("EUR", "250000.00")))

    assert isinstance(second, Planned)
    assert transaction_of(first).total == Money.of("250000.00", "EUR")
    assert second.waits_for == "bought"


def test_one_half_of_a_deal_waits_for_its_partner() -> None:
    outcome = planned(deal(("CHF", "100.00"), ("EUR", "110.00"))[0])

    assert (codes(outcome), outcome.waits_for, outcome.document) == (["fx_partner_missing"], "partner", None)


def test_a_half_before_the_cut_off_never_drags_the_other_one_along() -> None:
    sold, bought = deal(("CHF", "100.00"), ("EUR", "110.00"))
    early = replace(sold, transaction=replace(sold.transaction, value_date=date(2025, 12, 31)))

    skipped, held = plan(early, bought)

    assert isinstance(skipped, Skipped)
    assert codes(held) == ["other_half_held"]


@pytest.mark.parametrize(
    ("rules", "defaults", "expected"),
    [
        (replace(RULES, rounding=None), DEFAULTS, "rounding_account_missing"),
        (RULES, replace(DEFAULTS, fx_clearing=""), "clearing_account_missing"),
    ],
)
def test_a_deal_without_the_accounts_it_needs_is_held_whole(
    rules: Rules, defaults: CodingDefaults, expected: str
) -> None:
    rows = deal(("CHF", "100.00"), ("EUR", "110.00"))
    recoded = [replace(row, coding=code(row.transaction, hit=None, defaults=defaults, chart=INDEX)) for row in rows]

    outcomes = plan(*recoded, rules=rules)

    assert len(outcomes) == 2
    assert all(expected in codes(outcome) for outcome in outcomes)
    assert all(isinstance(outcome, Planned) and outcome.document is None for outcome in outcomes)


def test_a_deal_within_one_currency_is_held() -> None:
    outcomes = plan(*deal(("CHF", "100.00"), ("CHF", "100.00")))

    assert all("fx_one_currency" in codes(outcome) for outcome in outcomes)


def test_a_cent_that_no_rate_can_close_is_told_on_the_deal() -> None:
    """EUR 930,000.01 at 0.93 is CHF 1,000,000.01; at 0.5 dollars a franc, cents come in pairs: 0.01 has to stay."""
    [_, bought] = deal(("EUR", "930000.01"), ("USD", "500000.00"))

    built = second_leg(
        bought,
        first=Booked(total=Decimal("930000.01"), rate=Decimal("0.930000")),
        markers=MARKERS,
        rules=RULES,
        day=date(2026, 3, 6),
    )

    assert lines(transaction_of(built)) == [("850", Decimal("500000.00"))]
    [rest] = [finding for finding in built.findings if finding.code == "fx_rest"]
    assert "0.01 CHF" in rest.message
    assert rest.severity is Severity.NOTE, "it is told and posted"
