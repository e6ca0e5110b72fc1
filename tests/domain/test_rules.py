"""Rules: when they hold, which one wins, and that odd data never breaks them."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connectors.contract.money import Money
from connectors.contract.records import CardDetail, Counterparty, Movement, SourceTransaction
from sync.domain.rule_format import parse_rule, parse_rules
from sync.domain.rules import RuleSpec, SplitPart, match, split_amounts
from tests.domain.movements import card, category, movement


def rule(*conditions: dict[str, Any], name: str = "Rule", mode: str = "all", **then: Any) -> RuleSpec:
    return parse_rule({"name": name, "when": {mode: list(conditions)}, "then": then or {"account": "400"}})


def asked(field: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"field": field, "op": op} if value is None else {"field": field, "op": op, "value": value}


NAMED = movement("-120.00", name="Immobilien Zürich AG", text="Miete März", reference="RF18 5390 0754")
IBAN = movement("50.00", counterparty=Counterparty(name="", iban="CH93 0076 2011 6238 5295 7"))


@pytest.mark.parametrize(
    ("transaction", "field", "op", "value", "held"),
    [
        (NAMED, "counterparty", "is", "immobilien zürich ag", True),
        (NAMED, "counterparty", "is", "Immobilien Zürich", False),
        (NAMED, "counterparty", "is_not", "Immobilien Zürich", True),
        (NAMED, "counterparty", "contains", "ZÜRICH", True),
        (NAMED, "counterparty", "contains", "zu\u0308rich", True),  # u and a combining diaeresis
        (NAMED, "counterparty", "starts_with", "immobilien", True),
        (NAMED, "counterparty", "starts_with", "zürich", False),
        (NAMED, "counterparty", "regex", r"immob\w+ .*AG$", True),
        (NAMED, "counterparty", "regex", r"^zürich", False),
        (NAMED, "counterparty", "in", ["Foo", "IMMOBILIEN ZÜRICH AG"], True),
        (NAMED, "counterparty", "empty", None, False),
        (NAMED, "counterparty", "empty", False, True),
        (IBAN, "counterparty", "empty", None, True),
        (IBAN, "counterparty", "is_not", "Immobilien Zürich AG", True),
        (IBAN, "counterparty", "contains", "a", False),
        (IBAN, "iban", "is", "ch9300762011623852957", True),
        (IBAN, "iban", "starts_with", "CH93 0076", True),
        (NAMED, "text", "contains", "miete", True),
        (NAMED, "reference", "starts_with", "rf18", True),
        (NAMED, "amount", "is", "120", True),  # without its sign, and 120 is 120.00
        (NAMED, "amount", "is_not", "120.00", False),
        (NAMED, "amount", "gt", "119.99", True),
        (NAMED, "amount", "gt", "120.00", False),
        (NAMED, "amount", "gte", "120.00", True),
        (NAMED, "amount", "lt", "120.01", True),
        (NAMED, "amount", "lte", 119, False),
        (NAMED, "amount", "in", ["1", "120.00"], True),
        (NAMED, "currency", "is", "chf", True),
        (NAMED, "currency", "in", ["EUR", "USD"], False),
        (NAMED, "direction", "is", "out", True),
        (IBAN, "direction", "is", "in", True),
        (NAMED, "type", "is", "pay_out", True),
        (NAMED, "type", "is", "payout", True),
        (IBAN, "type", "is", "payin", True),
        (movement("5.00", movement=Movement.RETURNED_PAYMENT), "type", "is", "payin", True),
        (movement("5.00", movement=Movement.RETURNED_PAYMENT), "type", "is", "pay_in", False),
        (movement("5.00", movement=Movement.PEER), "type", "is", "peer", True),
        (card(), "type", "is", "card", True),
        (card("9.00", movement=Movement.CARD_REFUND), "type", "is", "card", True),
        (card(), "type", "is", "card_refund", False),
        (NAMED, "account", "is", "1", True),
        (NAMED, "account", "is", 2, False),
        (card(), "card", "is", "marketing", True),
        (card(), "card", "is", "1234", True),
        (card(), "card", "is_not", "1234", False),
        (card(), "card", "is_not", "9999", True),
        (NAMED, "card", "empty", None, True),
        (card(category=category("400", "Travel")), "category", "is", "travel", True),
        (card(category=category("400", "Travel")), "category", "is", "400", True),
        (card(country="FR"), "merchant_country", "in", ["DE", "fr"], True),
        (NAMED, "merchant_country", "is", "CH", False),
    ],
)
def test_a_condition_compares_as_documented(
    transaction: SourceTransaction, field: str, op: str, value: Any, held: bool
) -> None:
    hit = match([rule(asked(field, op, value))], transaction)
    assert (hit is not None) is held


def test_the_first_rule_that_holds_wins_and_says_what_it_saw() -> None:
    rules = [
        rule(asked("counterparty", "contains", "Post"), name="Post"),
        rule(asked("counterparty", "contains", "Zürich"), asked("direction", "is", "out"), name="Rent"),
        rule(asked("direction", "is", "out"), name="Everything"),
    ]
    hit = match(rules, NAMED)
    assert hit is not None
    assert (hit.rule.name, hit.position) == ("Rent", 2)
    assert [(seen.path, seen.seen, seen.held) for seen in hit.trace] == [
        ("all[0]", ("Immobilien Zürich AG",), True),
        ("all[1]", ("out",), True),
    ]


def test_the_trace_shows_conditions_that_did_not_hold_in_a_group_of_alternatives() -> None:
    hit = match([rule(asked("currency", "is", "EUR"), asked("currency", "is", "CHF"), mode="any")], NAMED)
    assert hit is not None
    assert [seen.held for seen in hit.trace] == [False, True]


def test_no_rule_holds() -> None:
    assert match([rule(asked("counterparty", "is", "Nobody"))], NAMED) is None


def test_groups_nest() -> None:
    inner = {
        "any": [asked("amount", "gt", "1000"), {"all": [asked("currency", "is", "CHF"), asked("amount", "lt", "200")]}]
    }
    nested = parse_rule(
        {"name": "n", "when": {"all": [inner, asked("direction", "is", "out")]}, "then": {"review": True}}
    )
    assert match([nested], movement("-120.00")) is not None
    assert match([nested], movement("-120.00", currency="EUR")) is None
    assert match([nested], movement("-1200.00", currency="EUR")) is not None
    assert match([nested], movement("1200.00")) is None


def test_a_pattern_that_would_take_a_backtracking_engine_ages_is_quick() -> None:
    """(a+)+$ on forty letters needs 2^40 steps there; here the test itself would not end."""
    hit = match([rule(asked("text", "regex", "(a+)+$"))], movement(text="a" * 40 + "b"))
    assert hit is None


TEXTS = st.text(max_size=60)
FIELDS = ("counterparty", "text", "reference", "iban", "card", "category")


@given(
    name=TEXTS,
    field=st.sampled_from(FIELDS),
    op=st.sampled_from(["is", "contains", "starts_with", "is_not"]),
    seen=TEXTS,
)
def test_odd_texts_never_raise(name: str, field: str, op: str, seen: str) -> None:
    wanted = "".join(sign for sign in name if ord(sign) >= 32).strip() or "x"
    transaction = card(
        name=seen, text=seen, reference=seen, card=CardDetail(card_name=seen, pan4=seen), category=category(seen, seen)
    )
    try:
        spec = rule(asked(field, op, wanted))
    except ValueError:
        return  # a text of nothing but spaces in some alphabet
    match([spec, rule(asked(field, "regex", "^.*é?$"))], transaction)


def test_a_half_of_a_surrogate_pair_does_not_break_a_pattern() -> None:
    match([rule(asked("text", "regex", "x"))], movement(text="\ud83d x"))


@given(text=st.text(min_size=1, max_size=40, alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
def test_case_never_decides(text: str) -> None:
    """A text is found under its upper-case and its canonically decomposed spelling."""
    assume(unicodedata.normalize("NFKC", text).strip())
    assume(text.upper().casefold() == text.casefold())  # a dotless i comes back with its dot; that is Unicode's will
    for spelling in (text.upper(), unicodedata.normalize("NFD", text)):
        seen = movement(text=f"before {spelling} after")
        assert match([rule(asked("text", "contains", text))], seen) is not None


def nested(depth: int) -> dict[str, Any]:
    item: dict[str, Any] = asked("direction", "is", "out")
    for level in range(depth):
        item = {"all" if level % 2 else "any": [item]}
    return item


@pytest.mark.parametrize("depth", [1, 2, 8])
def test_a_nested_group_of_one_says_what_its_condition_says(depth: int) -> None:
    spec = parse_rule({"name": "n", "when": nested(depth), "then": {"skip": True}})
    assert match([spec], movement("-1.00")) is not None
    assert match([spec], movement("1.00")) is None


@given(
    cents=st.integers(min_value=0, max_value=10**12),
    weights=st.lists(st.integers(min_value=1, max_value=9_999), min_size=1, max_size=19),
    currency=st.sampled_from(["CHF", "JPY", "KWD"]),
    negative=st.booleans(),
)
def test_the_parts_of_a_split_make_the_whole(cents: int, weights: list[int], currency: str, negative: bool) -> None:
    digits = {"CHF": 2, "JPY": 0, "KWD": 3}[currency]
    total = Money(amount=Decimal(-cents if negative else cents).scaleb(-digits), currency=currency)
    shares = [Decimal(weight) * 99 / sum(weights) for weight in weights]
    parts = [*(SplitPart(account="1", share=round(share, 4)) for share in shares), SplitPart(account="2")]
    amounts = split_amounts(total, parts)
    assert amounts is not None
    assert sum(amounts) == abs(total.amount)
    assert all(amount >= 0 and Money(amount=amount, currency=currency).is_exact for amount in amounts)


@pytest.mark.parametrize(
    ("total", "parts", "expected"),
    [
        ("100.00", [("share", "50"), ()], ["50.00", "50.00"]),
        ("0.01", [("share", "50"), ()], ["0.01", "0.00"]),
        ("0.02", [("share", "25"), ("share", "25"), ("share", "25"), ()], ["0.01", "0.00", "0.01", "0.00"]),
        ("100.00", [("share", "33.33"), ("share", "33.33"), ()], ["33.33", "33.33", "33.34"]),
        ("-100.00", [("amount", "30.00"), ()], ["30.00", "70.00"]),
        ("100.00", [("amount", "30.00"), ("share", "10"), ()], ["30.00", "10.00", "60.00"]),
        ("20.00", [("amount", "30.00"), ()], None),
    ],
)
def test_splits_to_the_cent(total: str, parts: list[tuple[str, str] | tuple[()]], expected: list[str] | None) -> None:
    read = [split_part(*said) for said in parts]
    amounts = split_amounts(Money.of(total, "CHF"), read)
    assert amounts == (None if expected is None else tuple(map(Decimal, expected)))


def split_part(kind: str = "", value: str = "") -> SplitPart:
    """One part of the table above; no words mean the last part, which takes the rest."""
    number = Decimal(value) if value else None
    return SplitPart(
        account="1", share=number if kind == "share" else None, amount=number if kind == "amount" else None
    )


def test_rules_keep_their_order_and_their_names_differ() -> None:
    read = parse_rules([rule(asked("direction", "is", "in"), name=name).to_json() for name in ("B", "A")])
    assert [spec.name for spec in read] == ["B", "A"]
