"""Coding: who decides each field, which lines come of it, and what keeps an entry back."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract.errors import Severity
from connectors.contract.money import Money
from connectors.contract.records import (
    CardDetail,
    Chart,
    Counterparty,
    FxDetail,
    Movement,
    SourceTransaction,
    TaxMode,
    TrackingCategory,
    TrackingOption,
    VatPart,
)
from sync.domain.coding import Coding, CodingDefaults, DecidedBy, Remembered, code
from sync.domain.references import ChartIndex
from sync.domain.rule_format import parse_rule
from sync.domain.rules import RuleHit, match
from tests.domain.movements import CHART, INDEX, account, card, category, movement

DEFAULTS = CodingDefaults(
    income="200", expense="400", fee="404", fx_clearing="850", suspense="850", tax_income="NONE", tax_expense="NONE"
)


def coded(transaction: SourceTransaction, *, chart: Chart = CHART, **given: Any) -> Coding:
    return code(transaction, **{"hit": None, "defaults": DEFAULTS, "chart": ChartIndex.of(chart), **given})


def ruled(transaction: SourceTransaction, **then: Any) -> Coding:
    return coded(transaction, hit=hit_of(transaction, **then))


def hit_of(transaction: SourceTransaction, **then: Any) -> RuleHit:
    both = {"any": [{"field": "direction", "op": "is", "value": side} for side in ("in", "out")]}
    hit = match([parse_rule({"name": "House rule", "when": both, "then": then}, version=3)], transaction)
    assert hit is not None
    return hit


def codes(coding: Coding) -> list[str]:
    return [finding.code for finding in coding.findings]


def is_blocked(coding: Coding) -> bool:
    return coding.review or any(finding.severity is Severity.REVIEW for finding in coding.findings)


def is_by_default(coding: Coding) -> bool:
    return any(decision.field == "account" and decision.by is DecidedBy.DEFAULT for decision in coding.decisions)


def lines(coding: Coding) -> list[tuple[str, str, str]]:
    return [(str(line.amount), line.account_code, line.tax_type) for line in coding.lines]


def vat(gross: str, amount: str, rate: str, external_id: str = "") -> VatPart:
    return VatPart(rate=Decimal(rate), amount=Decimal(amount), gross=Decimal(gross), external_id=external_id)


# ------------------------------------------------------------------ defaults


@pytest.mark.parametrize(
    ("transaction", "account_code", "contact"),
    [
        (movement("120.00"), "200", "Muster Handels AG"),
        (movement("-120.00"), "400", "Muster Handels AG"),
        (card("-120.00"), "400", "Papeterie am See"),
        (card("120.00", movement=Movement.CARD_REFUND), "400", "Papeterie am See"),
        (movement("-9.00", name="", movement=Movement.FEE), "404", "Amnis"),
        (movement("1.20", movement=Movement.PEER), "200", "Muster Handels AG"),
        (movement("-1.20", movement=Movement.PEER), "400", "Muster Handels AG"),
    ],
)
def test_defaults_decide_where_nobody_else_does(
    transaction: SourceTransaction, account_code: str, contact: str
) -> None:
    coding = coded(transaction)
    whole = str(abs(transaction.amount).amount)
    assert lines(coding) == [(whole, account_code, "NONE")]
    assert (coding.contact_name, coding.findings, coding.tax_mode) == (contact, (), TaxMode.INCLUSIVE)
    assert is_by_default(coding)
    assert not is_blocked(coding)


@pytest.mark.parametrize(
    ("transaction", "missing"),
    [
        (movement("120.00"), ["income", "tax_income"]),
        (movement("-120.00"), ["expense", "tax_expense"]),
        (movement("-9.00", movement=Movement.FEE), ["fee", "tax_expense"]),
        (movement("-9.00", movement=Movement.FX), ["fx_clearing"]),
    ],
)
def test_every_missing_default_is_a_finding(transaction: SourceTransaction, missing: list[str]) -> None:
    coding = coded(transaction, defaults=CodingDefaults())
    assert [(finding.code, finding.detail) for finding in coding.findings] == [
        ("default_missing", name) for name in missing
    ]
    assert is_blocked(coding)
    assert coding.lines == ()


def test_defaults_are_read_from_the_stored_settings() -> None:
    assert CodingDefaults.from_json({"income": "200", "fee": None, "other": "x"}) == CodingDefaults(income="200")


# ---------------------------------------------------------------- precedence


def test_the_rule_wins_over_everything_and_is_named_with_its_version() -> None:
    transaction = card(category=category("404"), cost_centre="Sales")
    memory = Remembered(account="200", why="decided by admin@muster.example")
    coding = coded(transaction, hit=hit_of(transaction, account="469", tracking={"Region": "zürich"}), memory=memory)
    decision = next(decision for decision in coding.decisions if decision.field == "account")
    assert (decision.value, decision.by, decision.rule, decision.rule_version) == (
        "469 Rent",
        DecidedBy.RULE,
        "House rule",
        3,
    )
    assert [choice.label for choice in coding.tracking] == ["Region: Zürich", "Team: Sales"]
    assert not is_by_default(coding)


@pytest.mark.parametrize(
    ("with_category", "remembered", "account_code", "by"),
    [
        (True, True, "404", DecidedBy.CATEGORY),
        (False, True, "469", DecidedBy.CONTACT),
        (False, False, "400", DecidedBy.DEFAULT),
    ],
)
def test_category_then_contact_then_default(
    with_category: bool, remembered: bool, account_code: str, by: DecidedBy
) -> None:
    transaction = card(category=category("404") if with_category else None)
    coding = coded(transaction, memory=Remembered(account="Rent") if remembered else Remembered())
    assert lines(coding) == [("108.10", account_code, "NONE")]
    assert [decision.by for decision in coding.decisions if decision.field == "account"] == [by]


@pytest.mark.parametrize("code_at_amnis", ["470", "090", "610", "999"])
def test_a_category_account_that_cannot_carry_lines_is_passed_over_and_told(code_at_amnis: str) -> None:
    coding = coded(card(category=category(code_at_amnis)))
    assert lines(coding) == [("108.10", "400", "NONE")]
    assert codes(coding) == ["category_account_unusable"]
    assert not is_blocked(coding)


def test_a_category_without_an_account_says_nothing() -> None:
    assert coded(card(category=category(""))).findings == ()


@pytest.mark.parametrize("reference", ["469", "Rent", "rent", "id-469", "ID-469"])
def test_accounts_are_named_by_code_name_or_id(reference: str) -> None:
    assert lines(ruled(movement("-5.00"), account=reference)) == [("5.00", "469", "NONE")]


# --------------------------------------------------------------- validations


@pytest.mark.parametrize(
    ("then", "found"),
    [
        ({"account": "999"}, ["account_missing"]),
        ({"account": "470"}, ["account_unusable"]),
        ({"account": "090"}, ["account_unusable"]),
        ({"account": "610"}, ["account_unusable"]),
        ({"account": "860"}, []),  # rounding is the destination's own account, but made for lines
        ({"tax": "TAX777"}, ["tax_missing"]),
        ({"tax": "TAX009"}, ["tax_archived"]),
        ({"tax": "TAX002"}, ["tax_not_allowed"]),
        ({"tax": "input 8.1"}, []),
        ({"tracking": {"Region": "Basel"}}, ["tracking_missing"]),
        ({"tracking": {"Colour": "Red"}}, ["tracking_missing"]),
        ({"tracking": {"Region": "Chur"}}, ["tracking_archived"]),
        (
            {"account": "470", "tax": "TAX777", "tracking": {"Region": "Basel"}},
            ["tracking_missing", "account_unusable", "tax_missing"],
        ),
    ],
)
def test_objections_are_found_all_at_once(then: dict[str, Any], found: list[str]) -> None:
    coding = ruled(movement("-5.00"), **then)
    assert codes(coding) == found
    assert is_blocked(coding) is bool(found)


def test_more_than_two_tracking_categories_are_a_finding() -> None:
    third = TrackingCategory(
        category_id="cat-3", name="Project", options=(TrackingOption(option_id="opt-3", name="Apollo"),)
    )
    chart = replace(CHART, tracking=(*CHART.tracking, third))
    transaction = movement("-5.00", cost_centre="Apollo")
    hit = hit_of(transaction, tracking={"Region": "Zürich", "Team": "Sales"})
    assert codes(coded(transaction, chart=chart, hit=hit)) == ["tracking_too_many"]


@pytest.mark.parametrize(
    ("cost_centre", "labels", "found"),
    [
        ("Sales", ["Team: Sales"], []),
        ("ZÜRICH", ["Region: Zürich"], []),
        ("Chur", [], ["cost_centre_unmapped"]),
        ("Unheard of", [], ["cost_centre_unmapped"]),
        ("  ", [], []),
    ],
)
def test_a_cost_centre_becomes_the_option_of_its_name(cost_centre: str, labels: list[str], found: list[str]) -> None:
    coding = coded(card(cost_centre=cost_centre))
    assert [choice.label for choice in coding.tracking] == labels
    assert codes(coding) == found
    assert not is_blocked(coding)


# ------------------------------------------------------------------- VAT, tax


def test_captured_vat_becomes_gross_lines_and_a_rest() -> None:
    """108.10 = 100.00 + 8.10 at 8.1 %; 20.52 of 2.6 % carry 0.52; 1.38 are a tip."""
    captured = (vat("108.10", "8.10", "8.1", "TAX001"), vat("20.52", "0.52", "2.6"))
    coding = coded(card("-130.00", category=category("469"), vats=captured))
    assert lines(coding) == [("108.10", "469", "TAX001"), ("20.52", "469", "TAX003"), ("1.38", "469", "NONE")]
    assert coding.findings == ()


@pytest.mark.parametrize(
    ("parts", "found", "severity"),
    [
        ((vat("108.10", "8.11", "8.1", "TAX001"),), "vat_amount_differs", Severity.NOTE),
        ((vat("108.10", "8.76", "8.1", "TAX001"),), "vat_amount_differs", Severity.REVIEW),
        ((vat("108.10", "7.73", "7.7", "TAX001"),), "vat_rate_differs", Severity.REVIEW),
        ((vat("108.10", "7.73", "7.7", "TAX009"),), "vat_unmapped", Severity.REVIEW),
        ((vat("108.11", "8.10", "8.1", "TAX001"),), "vat_exceeds_total", Severity.REVIEW),
    ],
)
def test_vat_that_xero_would_show_otherwise_is_found(
    parts: tuple[VatPart, ...], found: str, severity: Severity
) -> None:
    coding = coded(card("-108.10", vats=parts))
    assert [(finding.code, finding.severity) for finding in coding.findings] == [(found, severity)]


def test_two_rates_of_one_percentage_are_not_guessed_between() -> None:
    twin = replace(CHART.tax_rates[1], tax_type="TAX005", name="Input 8.1 investments")
    chart = replace(CHART, tax_rates=(*CHART.tax_rates, twin))
    parts = (vat("108.10", "8.10", "8.1"),)
    assert codes(coded(card("-108.10", vats=parts), chart=chart)) == ["vat_unmapped"]
    preferring = replace(
        chart, accounts=(*chart.accounts, account("480", "Office", "EXPENSE", "EXPENSE", tax_type="TAX005"))
    )
    coding = coded(card("-108.10", vats=parts, category=category("480")), chart=preferring)
    assert lines(coding) == [("108.10", "480", "TAX005")]


def test_a_zero_rate_needs_no_mapping() -> None:
    assert lines(coded(card("-10.00", vats=(vat("10.00", "0.00", "0"),)))) == [("10.00", "400", "NONE")]


@pytest.mark.parametrize(("country", "tax"), [("CH", "TAX001"), ("LI", "TAX001"), ("", "TAX001"), ("FR", "NONE")])
def test_a_merchant_abroad_gets_no_input_tax_by_default(country: str, tax: str) -> None:
    defaults = replace(DEFAULTS, tax_expense="TAX001")
    assert lines(coded(card(country=country), defaults=defaults)) == [("108.10", "400", tax)]


def test_captured_vat_of_a_merchant_abroad_is_told_and_not_taken() -> None:
    coding = coded(card("-108.10", country="FR", vats=(vat("108.10", "8.10", "8.1", "TAX001"),)))
    assert lines(coding) == [("108.10", "400", "NONE")]
    assert codes(coding) == ["vat_abroad"]


def test_a_rule_may_give_a_merchant_abroad_a_tax() -> None:
    assert lines(ruled(card(country="FR"), tax="TAX001")) == [("108.10", "400", "TAX001")]


def test_an_organisation_that_pays_no_tax_gets_none() -> None:
    chart = replace(CHART, organisation=replace(CHART.organisation, pays_tax=False))
    transaction = card(vats=(vat("108.10", "8.10", "8.1", "TAX001"),))
    coding = coded(transaction, chart=chart, hit=hit_of(transaction, tax="TAX001"))
    assert (coding.tax_mode, lines(coding)) == (TaxMode.NO_TAX, [("108.10", "400", "NONE")])


# ------------------------------------------------------------ kinds of movement


DEAL = FxDetail(
    deal_id="31", sold=Money.of("1000.00", "CHF"), bought=Money.of("1055.30", "EUR"), deal_date=None, value_date=None
)


def test_a_conversion_goes_through_the_clearing_account_whatever_a_rule_says() -> None:
    transaction = movement("-1000.00", name="", movement=Movement.FX, fx=DEAL)
    coding = coded(transaction, hit=hit_of(transaction, account="469", tax="TAX001", tracking={"Region": "Zürich"}))
    assert (coding.contact_name, coding.tax_mode, coding.tracking) == ("Amnis", TaxMode.NO_TAX, ())
    assert lines(coding) == [("1000.00", "850", "NONE")]


@pytest.mark.parametrize("kind", [Movement.FX, Movement.OWN_TRANSFER])
def test_half_of_a_two_sided_movement_is_never_skipped(kind: Movement) -> None:
    coding = ruled(movement("-10.00", movement=kind, fx=DEAL), skip=True)
    assert (coding.skip, coding.review, codes(coding)) == (False, True, ["rule_skips_one_side"])


def test_an_own_transfer_needs_no_coding() -> None:
    coding = coded(movement("-10.00", name="", movement=Movement.OWN_TRANSFER), defaults=CodingDefaults())
    assert (coding.lines, coding.findings, is_blocked(coding)) == ((), (), False)


def test_collateral_is_coded_by_a_rule_alone() -> None:
    transaction = movement("-10.00", movement=Movement.COLLATERAL)
    assert coded(transaction).lines == ()
    by_rule = ruled(transaction, account="850")
    assert (lines(by_rule), by_rule.contact_name) == ([("10.00", "850", "NONE")], "Amnis")


def test_cashback_goes_to_its_own_account_or_to_income_and_says_which() -> None:
    transaction = movement("3.20", name="AMNIS Treasury Services AG", movement=Movement.CASHBACK)
    own, other = coded(transaction, defaults=replace(DEFAULTS, cashback="860")), coded(transaction)
    assert (lines(own)[0][1], lines(other)[0][1]) == ("860", "200")
    assert other.contact_name == "Amnis"
    assert "none is set for cashback" in next(d.why for d in other.decisions if d.field == "account")


def test_an_unknown_movement_is_never_coded_without_a_person() -> None:
    coding = ruled(movement("-10.00", movement=Movement.UNKNOWN, raw_kind="cashback"), account="469")
    assert is_blocked(coding)
    assert [finding.detail for finding in coding.findings] == ["cashback"]


def test_a_returned_payment_is_coded_as_the_payment_was() -> None:
    transaction = movement("10.00", name="", movement=Movement.RETURNED_PAYMENT)
    assert codes(coded(transaction)) == ["contact_missing", "return_unmatched"]
    origin = Remembered(account="469", tax="TAX001", contact="Vermieterin AG", why="payment of 4 March")
    coding = coded(transaction, origin=origin)
    assert lines(coding) == [("10.00", "469", "TAX001")]
    assert coding.contact_name == "Vermieterin AG"


def test_an_origin_means_nothing_for_a_plain_payment() -> None:
    assert lines(coded(movement("10.00"), origin=Remembered(account="469"))) == [("10.00", "200", "NONE")]


def test_skip_and_review_come_from_the_rule() -> None:
    skipped = ruled(movement("-5.00", name=""), skip=True)
    assert (skipped.skip, skipped.lines, skipped.findings) == (True, (), ())
    reviewed = ruled(movement("-5.00"), review=True)
    assert (reviewed.review, is_blocked(reviewed), reviewed.findings) == (True, True, ())


# ------------------------------------------------------------- contact, text


@pytest.mark.parametrize("name", ["", "   ", "12345", "NOTPROVIDED", "-"])
def test_a_name_that_says_nothing_needs_a_person(name: str) -> None:
    assert codes(coded(movement("5.00", name=name))) == ["contact_missing"]
    assert ruled(movement("5.00", name=name), contact="Diverse Zahler").contact_name == "Diverse Zahler"


def test_a_card_line_tells_the_original_amount_and_its_rate() -> None:
    """95.10 CHF for 100.00 EUR is 0.951000 CHF per EUR."""
    detail = CardDetail(card_name="Marketing", pan4="1234", original=Money.of("100.00", "EUR"), merchant_country="FR")
    coding = coded(card("-95.10", card=detail, text="Team dinner"))
    assert coding.description == "Team dinner · EUR 100.00 at 0.951000 CHF per EUR · Card Marketing 1234"
    ruled_coding = ruled(card("-95.10", card=detail, text="Team dinner"), description="Meals")
    assert ruled_coding.description == "Meals · EUR 100.00 at 0.951000 CHF per EUR · Card Marketing 1234"


def test_a_description_is_printable_and_never_empty() -> None:
    nasty = movement("5.00", text="pay\u202eevil\x00\nnow", reference="")
    assert coded(nasty).description == "payevil now"
    assert coded(movement("5.00")).description == "Payment received"
    assert coded(movement("-5.00", movement=Movement.FEE)).description == "Amnis fee"


# -------------------------------------------------------------------- splits


def test_a_split_makes_a_line_for_each_part() -> None:
    parts = [
        {"share": "33.33", "account": "469", "tax": "TAX001", "tracking": {"Region": "Zürich"}},
        {"amount": "10.00", "account": "404", "description": "Handling"},
        {"account": "400"},
    ]
    coding = ruled(movement("-100.00", text="Invoice"), split=parts, tracking={"Team": "Sales"})
    assert lines(coding) == [("33.33", "469", "TAX001"), ("10.00", "404", "NONE"), ("56.67", "400", "NONE")]
    assert [line.description for line in coding.lines] == ["Invoice", "Handling", "Invoice"]
    assert [[choice.option_id for choice in line.tracking] for line in coding.lines] == [
        ["opt-sales", "opt-zh"],
        ["opt-sales"],
        ["opt-sales"],
    ]
    assert coding.findings == ()


def test_a_split_with_more_than_the_whole_or_a_wrong_account_makes_no_line() -> None:
    much = [{"amount": "10.00", "account": "469"}, {"account": "400"}]
    assert codes(ruled(movement("-5.00"), split=much)) == ["split_exceeds_total"]
    wrong = [{"share": "50", "account": "999"}, {"account": "400"}]
    coding = ruled(movement("-5.00"), split=wrong)
    assert (codes(coding), coding.lines) == (["account_missing"], ())


@given(cents=st.integers(1, 10**9), grosses=st.lists(st.integers(1, 10**9), max_size=3))
def test_lines_add_up_to_the_whole_or_are_held_back(cents: int, grosses: list[int]) -> None:
    parts = tuple(vat(str(Decimal(gross).scaleb(-2)), "0", "0") for gross in grosses)
    transaction = card(str(Decimal(-cents).scaleb(-2)), vats=parts)
    coding = code(transaction, hit=None, defaults=DEFAULTS, chart=INDEX)
    assert sum(line.amount for line in coding.lines) == abs(transaction.amount.amount)
    assert is_blocked(coding) is (sum(grosses) > cents)


ODD = st.text(max_size=20)


@given(name=ODD, text=ODD, centre=ODD, country=ODD, code_text=ODD, kind=st.sampled_from(Movement))
def test_odd_data_never_raises(name: str, text: str, centre: str, country: str, code_text: str, kind: Movement) -> None:
    detail = CardDetail(card_name=name, pan4=text, merchant_country=country)
    transaction = movement(
        "-5.00",
        counterparty=Counterparty(name=name),
        text=text,
        cost_centre=centre,
        card=detail,
        category=category(code_text, name),
        movement=kind,
    )
    coding = code(transaction, hit=None, defaults=DEFAULTS, chart=INDEX)
    assert coding.description
    assert coding.trace()["decisions"] == [decision.to_json() for decision in coding.decisions]


def test_the_trace_is_plain_json() -> None:
    trace = ruled(movement("-5.00"), account="469").trace()
    assert trace["rule"] == {
        "rule": "House rule",
        "version": 3,
        "position": 1,
        "conditions": [
            {"path": "any[0]", "field": "direction", "op": "is", "value": "in", "seen": ["out"], "held": False},
            {"path": "any[1]", "field": "direction", "op": "is", "value": "out", "seen": ["out"], "held": True},
        ],
    }
    assert trace["decisions"][1] == {
        "field": "account",
        "value": "469 Rent",
        "by": "rule",
        "why": "rule “House rule”",
        "rule": "House rule",
        "rule_version": 3,
    }


# ------------------------------------------------------------ options to create


def asked(cost_centre: str, *, category: str = "", **given: Any) -> tuple[list[tuple[str, str, str]], list[str]]:
    """What the coding carries (label, id, new name) where options may be created, and its findings."""
    defaults = replace(DEFAULTS, tracking_category=category)
    coding = coded(card(cost_centre=cost_centre), defaults=defaults, creates_options=True, **given)
    return [(choice.label, choice.option_id, choice.new) for choice in coding.tracking], codes(coding)


@pytest.mark.parametrize(
    ("cost_centre", "category", "labels", "found"),
    [
        ("Einkauf", "Team", [("Team: Einkauf", "", "Einkauf")], ["tracking_created"]),
        ("  Ein\u202ekauf\t2 ", "team", [("Team: Einkauf 2", "", "Einkauf 2")], ["tracking_created"]),
        ("Einkauf", "", [], ["cost_centre_unmapped"]),  # two categories, and nobody said which
        ("Einkauf", "Colour", [], ["cost_centre_unmapped"]),  # no such category
        ("x" * 101, "Team", [], ["cost_centre_unmapped"]),  # longer than a name in Xero may be
        ("\u200b", "Team", [], ["cost_centre_unmapped"]),  # nothing visible
        ("  ", "Team", [], []),
    ],
)
def test_a_cost_centre_asks_for_an_option_only_where_it_is_clear_which(
    cost_centre: str, category: str, labels: list[tuple[str, str, str]], found: list[str]
) -> None:
    assert asked(cost_centre, category=category) == (labels, found)


def test_the_only_active_category_needs_no_default() -> None:
    [team] = [it for it in CHART.tracking if it.name == "Team"]
    chart = replace(CHART, tracking=(team, *(replace(it, status="ARCHIVED") for it in CHART.tracking if it != team)))
    assert asked("Einkauf", chart=chart) == ([("Team: Einkauf", "", "Einkauf")], ["tracking_created"])


def test_an_archived_option_is_for_a_person_and_never_made_again() -> None:
    labels, found = asked("Chur", category="Region")
    assert [label for label, _id, new in labels if new] == []
    assert found == ["tracking_archived"]


def test_a_rule_asks_for_an_option_of_its_own_category_but_never_for_a_category() -> None:
    transaction = movement("-5.00")
    hit = hit_of(transaction, account="469", tracking={"Region": "Basel"})
    coding = coded(transaction, hit=hit, creates_options=True)
    assert [(choice.label, choice.new) for choice in coding.tracking] == [("Region: Basel", "Basel")]
    assert not is_blocked(coding)
    hit = hit_of(transaction, account="469", tracking={"Colour": "Red"})
    assert codes(coded(transaction, hit=hit, creates_options=True)) == ["tracking_missing"]
