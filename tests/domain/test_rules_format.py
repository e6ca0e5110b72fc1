"""Reading rules: strict, with the path of the fault; what is written reads back as the same rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.domain.rule_format import RuleError, parse_rule, parse_rules

WHEN = {"field": "direction", "op": "is", "value": "out"}
THEN = {"account": "400"}
RULE: dict[str, Any] = {"name": "Rent", "when": {"all": [WHEN]}, "then": THEN}


def nested(depth: int) -> dict[str, Any]:
    return {"all": [nested(depth - 1)]} if depth else WHEN


def faulty(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**RULE, **changes}.items() if value is not ...}


def when(condition: Any) -> dict[str, Any]:
    return faulty(when={"all": [WHEN, condition]})


def then(**decided: Any) -> dict[str, Any]:
    return faulty(then=decided)


@pytest.mark.parametrize(
    ("data", "path", "words"),
    [
        ("text", "", "name"),
        (faulty(name=...), "", "name is missing"),
        (faulty(colour="red"), "colour", "unknown key"),
        (faulty(name=""), "name", "empty"),
        (faulty(name="x" * 201), "name", "at most 200"),
        (faulty(when=[WHEN]), "when.all[0]", "must have the keys"),
        (faulty(when={"all": []}), "when.all", "at least one"),
        (faulty(when={"none": [WHEN]}), "when.none", "all, any"),
        (faulty(when={"all": [WHEN], "any": [WHEN]}), "when", "either"),
        (faulty(when=nested(9)), "when" + ".all[0]" * 8, "8 deep"),
        (faulty(when={"all": [WHEN] * 101}), "when.all[100]", "at most 100"),
        (when({"op": "is", "value": "x"}), "when.all[1]", "field is missing"),
        (when({"field": "colour", "op": "is", "value": "x"}), "when.all[1].field", "counterparty"),
        (when({"field": "text", "op": "like", "value": "x"}), "when.all[1].op", "contains"),
        (when({"field": "text", "op": "is"}), "when.all[1]", "value is missing"),
        (when({"field": "text", "op": "is", "value": " "}), "when.all[1].value", "empty"),
        (when({"field": "text", "op": "is", "value": "a\nb"}), "when.all[1].value", "control"),
        (when({"field": "text", "op": "is", "value": ["a"]}), "when.all[1].value", "text"),
        (when({"field": "text", "op": "is", "value": "x" * 201}), "when.all[1].value", "at most 200"),
        (when({"field": "text", "op": "gt", "value": "1"}), "when.all[1].op", "cannot be asked"),
        (when({"field": "amount", "op": "contains", "value": "1"}), "when.all[1].op", "cannot be asked"),
        (when({"field": "direction", "op": "contains", "value": "o"}), "when.all[1].op", "cannot be asked"),
        (when({"field": "amount", "op": "gt", "value": 1.5}), "when.all[1].value", "quotes"),
        (when({"field": "amount", "op": "gt", "value": "1'000"}), "when.all[1].value", "decimal"),
        (when({"field": "amount", "op": "gt", "value": "-1"}), "when.all[1].value", "no sign"),
        (when({"field": "amount", "op": "gt", "value": "NaN"}), "when.all[1].value", "decimal"),
        (when({"field": "direction", "op": "is", "value": "up"}), "when.all[1].value", "in or out"),
        (when({"field": "type", "op": "is", "value": "payday"}), "when.all[1].value", "payout"),
        (when({"field": "currency", "op": "is", "value": "XXQ"}), "when.all[1].value", "currency"),
        (when({"field": "merchant_country", "op": "is", "value": "Schweiz"}), "when.all[1].value", "two-letter"),
        (when({"field": "text", "op": "in", "value": "a"}), "when.all[1].value", "list"),
        (when({"field": "text", "op": "in", "value": []}), "when.all[1].value", "nothing"),
        (when({"field": "text", "op": "in", "value": ["a", 1.5]}), "when.all[1].value[1]", "quotes"),
        (when({"field": "text", "op": "regex", "value": "("}), "when.all[1].value", "regular expression"),
        (when({"field": "text", "op": "regex", "value": r"(a)\1"}), "when.all[1].value", "regular expression"),
        (when({"field": "text", "op": "regex", "value": "a" * 201}), "when.all[1].value", "at most 200"),
        (when({"field": "text", "op": "empty", "value": "maybe"}), "when.all[1].value", "true or false"),
        (then(), "then", "decides nothing"),
        (then(skip=False), "then", "decides nothing"),
        (then(colour="red"), "then.colour", "unknown key"),
        (then(account=""), "then.account", "empty"),
        (then(skip="yes"), "then.skip", "true or false"),
        (then(skip=True, account="400"), "then.skip", "posts nothing"),
        (then(tracking="Zürich"), "then.tracking", "pairs"),
        (then(tracking={"A": "1", "B": "2", "C": "3"}), "then.tracking", "at most two"),
        (then(split=[{"account": "1"}]), "then.split", "two parts"),
        (then(split=[{"account": "1"}, {"account": "2"}]), "then.split[0]", "share or an amount"),
        (then(split=[{"share": "50"}, {"account": "2"}]), "then.split[0]", "account is missing"),
        (then(split=[{"account": "1", "share": "5", "amount": "5"}, {"account": "2"}]), "then.split[0]", "not both"),
        (then(split=[{"account": "1", "share": "0"}, {"account": "2"}]), "then.split[0].share", "more than 0"),
        (then(split=[{"account": "1", "share": "101"}, {"account": "2"}]), "then.split[0].share", "at most 100"),
        (then(split=[{"account": "1", "share": "100"}, {"account": "2"}]), "then.split", "nothing is left"),
        (then(split=[{"account": "1", "share": "50"}, {"account": "2", "share": "40"}]), "then.split", "90 percent"),
        (
            then(split=[{"account": "1", "share": "50"}, {"account": "2", "amount": "5"}]),
            "then.split[1].amount",
            "rest",
        ),
        (then(account="3", split=[{"account": "1", "share": "5"}, {"account": "2"}]), "then.account", "each part"),
    ],
)
def test_a_fault_is_named_with_its_path(data: Any, path: str, words: str) -> None:
    with pytest.raises(RuleError) as fault:
        parse_rule(data)
    assert str(fault.value).startswith(f"{path}: " if path else "")
    assert words in fault.value.message


def test_account_codes_may_stand_unquoted() -> None:
    assert parse_rule(then(account=469)).then.account == "469"


def test_a_single_condition_may_stand_alone() -> None:
    assert parse_rule(faulty(when=WHEN)) == parse_rule(RULE)


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(RuleError, match=r"\[1\]\.name: two rules"):
        parse_rules([RULE, {**RULE, "name": "RENT"}])


def test_two_hundred_rules_and_no_more() -> None:
    rules = [{**RULE, "name": f"Rule {number}"} for number in range(201)]
    assert len(parse_rules(rules[:200])) == 200
    with pytest.raises(RuleError, match="at most 200"):
        parse_rules(rules)


def test_a_fault_in_a_list_of_rules_names_the_rule() -> None:
    with pytest.raises(RuleError, match=r"^\[1\]\.then\.account: is empty$"):
        parse_rules([RULE, {**then(account=""), "name": "Other"}])


PLAIN = st.text(alphabet="abcäöß0 ", min_size=1, max_size=12).filter(str.strip)
CONDITIONS = st.one_of(
    st.builds(
        lambda field, op, value: {"field": field, "op": op, "value": value},
        st.sampled_from(["counterparty", "text", "reference", "account", "card", "category"]),
        st.sampled_from(["is", "is_not", "contains", "starts_with"]),
        PLAIN,
    ),
    st.builds(lambda value: {"field": "amount", "op": "gte", "value": f"{value}.50"}, st.integers(0, 10**9)),
    st.builds(lambda values: {"field": "text", "op": "in", "value": values}, st.lists(PLAIN, min_size=1, max_size=4)),
    st.builds(lambda value: {"field": "iban", "op": "empty", "value": value}, st.booleans()),
)
GROUPS = st.recursive(
    st.builds(lambda items: {"all": items}, st.lists(CONDITIONS, min_size=1, max_size=3)),
    lambda inner: st.builds(lambda items: {"any": items}, st.lists(inner | CONDITIONS, min_size=1, max_size=3)),
    max_leaves=6,
)


@given(group=GROUPS, account=PLAIN, version=st.integers(1, 99))
def test_what_is_written_reads_back_as_the_same_rule(group: dict[str, Any], account: str, version: int) -> None:
    try:
        spec = parse_rule({"name": "n", "when": group, "then": {"account": account}}, version=version)
    except RuleError as error:
        assert "deep" in error.message  # noqa: PT017  the only fault that the strategy can build
        return
    assert parse_rule(spec.to_json(), version=version) == spec


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "when", "then", "all", "field", "op", "value", "split"]), inner)
    ),
    max_leaves=12,
)


@given(data=JUNK)
def test_junk_is_a_rule_error_and_nothing_else(data: Any) -> None:
    with pytest.raises(RuleError):
        parse_rule({"name": "n", "when": data, "then": data})
