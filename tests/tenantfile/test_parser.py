"""Reading a tenant file: what it means, and that every fault is one line that names its line."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.domain.conditions import Condition
from sync.pipeline.books import DEFAULT_POLICIES
from sync.tenantfile.nodes import FileFault
from sync.tenantfile.parser import parse
from sync.tenantfile.spec import POLICIES, SecretSource

# The example that people copy, as the interface promises it.
EXAMPLE = (Path(__file__).parent / "example.yaml").read_text(encoding="utf-8")


def test_what_holds_without_a_word_is_the_first_value_of_each_policy() -> None:
    """The settings page shows the first one as chosen where nothing is set, and the pipeline takes its own default."""
    assert {name: values[0] for name, values in POLICIES.items()} == DEFAULT_POLICIES


def test_the_documented_example_is_read() -> None:
    file = parse(EXAMPLE)
    assert (file.slug, file.name, file.timezone) == ("muster", "Muster Handels AG", "Europe/Zurich")
    assert file.owners == ("admin@muster.example",)
    assert file.amnis is not None
    assert file.amnis.client_id == "ck_1"
    assert file.amnis.client_secret == SecretSource(name="MUSTER_AMNIS_SECRET", is_file=False, line=4)
    assert file.xero is not None
    assert (file.xero.organisation, file.xero.organisation_id) == ("Muster Handels AG", "")
    flow = file.flow
    assert flow is not None
    assert (flow.cutoff, flow.frequency_minutes) == (date(2026, 1, 1), 5)
    assert [(one.source, one.xero, one.ignore, one.line) for one in flow.accounts or ()] == [
        ("1", "090", "", 12),
        ("2", "EUR Amnis", "", 13),
        ("5", "", "collateral", 14),
    ]
    assert (flow.defaults or {})["fx_clearing"] == "850"
    assert (flow.policies or {})["match_invoices"] == "suggest"
    assert flow.review == {"amount_over": {"CHF": "50000.00"}, "new_counterparty_over": {"CHF": "10000.00"}}
    assert [rule.name for rule in flow.rules or ()] == ["Rent"]
    assert file.notifications is not None
    assert (file.notifications.email, file.notifications.daily) == (("cfo@muster.example",), True)


def test_the_shortest_file_says_only_who() -> None:
    file = parse("tenant: {slug: m, name: M}")
    assert (file.timezone, file.owners, file.amnis, file.xero, file.flow, file.notifications) == (
        None,
        (),
        None,
        None,
        None,
        None,
    )


def test_ids_may_stand_unquoted_and_keep_their_zeros() -> None:
    """YAML 1.1 would read 010 as eight and 090 as a text."""
    file = parse(flow("accounts: [{source: 010, xero: 090}, {source: 1, xero: 0x1F}]"))
    assert file.flow is not None
    assert [(one.source, one.xero) for one in file.flow.accounts or ()] == [("010", "090"), ("1", "0x1F")]


def test_norway_is_a_country_and_not_a_no() -> None:
    rule = "{name: N, when: {field: merchant_country, op: in, value: [NO, SE]}, then: {review: true}}"
    file = parse(flow(f"rules: [{rule}]"))
    assert file.flow is not None
    assert file.flow.rules is not None
    condition = file.flow.rules[0].when.items[0]
    assert isinstance(condition, Condition)
    assert condition.value == ("NO", "SE")


def flow(*lines: str) -> str:
    """A file whose flow has these lines, from line 4 on."""
    inside = "".join(f"  {line}\n" for line in lines)
    return f"tenant: {{slug: m, name: M}}\nflow:\n  cutoff: 2026-01-01\n{inside}"


def rule(*, when: str = "{field: direction, op: is, value: out}", then: str = '{account: "400"}') -> str:
    return flow("rules:", f"- {{name: R, when: {when}, then: {then}}}")


TENANT = "tenant: {slug: m, name: M}\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "empty"),
        ("just text", 1, "keys and values"),
        ("[1, 2]", 1, "keys and values"),
        ("tenant: {slug: m", 1, "not YAML"),
        ("tenant: {slug: m, name: M}\n\tflow: 1", 2, "not YAML"),
        ("tenant: {slug: m, name: 'M\x07'}", 0, "not YAML"),
        ("owners: []", 1, "tenant is missing"),
        (TENANT + "colour: red", 2, "unknown key 'colour'"),
        (TENANT + "tenant: {slug: n, name: N}", 2, "twice"),
        ("tenant: {slug: m}", 1, "name is missing"),
        ("tenant: {slug: Mü, name: M}", 1, "slug"),
        ("tenant: {slug: -m, name: M}", 1, "slug"),
        ("tenant: {slug: m, name: ''}", 1, "name is empty"),
        ("tenant: {slug: m, name: }", 1, "name is empty"),
        ("tenant: {slug: m, name: M, timezone: Europe/Zuerich}", 1, "no time zone"),
        ("tenant: {slug: m, name: M, timezone: ../../etc/passwd}", 1, "no time zone"),
        ("tenant: {slug: m, name: &a M}", 1, "anchors"),
        ("tenant: {slug: m, name: !!python/name:os.system x}", 1, "tags"),
        (TENANT + "---\n" + TENANT, 2, "second document"),
        (TENANT + "owners: " + "[" * 50 + "]" * 50, 2, "nested"),
        (TENANT + "owners: admin@muster.example", 2, "list"),
        (TENANT + "owners: [nobody]", 2, "e-mail"),
        (TENANT + "connections:\n  bank: {}", 3, "unknown key 'bank'"),
        (TENANT + "connections:\n  amnis: {client_id: a}", 3, "client_secret_env"),
        (TENANT + "connections:\n  amnis: {client_id: a, client_secret: hunter2}", 3, "unknown key 'client_secret'"),
        (TENANT + "connections:\n  amnis: {client_id: a, client_secret_env: A B}", 3, "environment variable"),
        (
            TENANT + "connections:\n  amnis: {client_id: a, client_secret_env: A, client_secret_file: b}",
            3,
            "keep one",
        ),
        (TENANT + "connections:\n  xero: {organisation: A, organisation_id: b}", 3, "not both"),
        ("tenant: {slug: m, name: M}\nflow: {source: amnis}", 2, "cutoff is missing"),
        (flow("source: stripe"), 4, "amnis"),
        (flow("colour: red"), 4, "unknown key 'colour'"),
        (TENANT + "flow: {cutoff: 01.01.2026}", 2, "2026-01-31"),
        (TENANT + "flow: {cutoff: 2026-02-30}", 2, "2026-01-31"),
        (TENANT + "flow: {cutoff: 9999-12-31}", 2, "of the years 1990 to 2100"),
        (flow("frequency_minutes: 0"), 4, "1 to 1440"),
        (flow("frequency_minutes: 1.5"), 4, "unquoted decimal"),
        (flow("accounts:", '- {source: "1"}'), 5, "either xero"),
        (flow("accounts:", '- {source: "1", xero: "090", ignore: x}'), 5, "either xero"),
        (flow("accounts:", "- {source: 1, xero: a}", "- {source: 1, xero: b}"), 6, "source '1' is mapped twice"),
        (flow("accounts:", "- {source: 1, xero: a}", "- {source: 2, xero: A}"), 6, "xero 'A' is mapped twice"),
        (flow("defaults: {sales: 200}"), 4, "unknown key 'sales'"),
        (flow("defaults: {income: 200.00}"), 4, "unquoted decimal"),
        (flow("defaults: {income: [200]}"), 4, "single value"),
        (flow("policies: {card_date: tomorrow}"), 4, "settlement, execution"),
        (flow("review: {amount_over: {CHF: 50000.00}}"), 4, "unquoted decimal"),
        (flow("review: {amount_over: {CHF: 5e4}}"), 4, "unquoted decimal"),
        (flow("review: {amount_over: {CHF: lots}}"), 4, "amount like"),
        (flow('review: {amount_over: {CHF: "-1"}}'), 4, "negative"),
        (flow('review: {amount_over: {XXQ: "1"}}'), 4, "currency"),
        (flow("review: {unusual: perhaps}"), 4, "note, hold, off"),
        (flow("review: {quiet_from: 24}"), 4, "from 0 to 23"),
        (flow("policies: {contact_threshold: 101}"), 4, "contact_threshold"),
        (rule(when="{field: colour, op: is, value: red}"), 5, "rule 1, when.all[0].field"),
        (rule(when="{field: amount, op: gt, value: 10.50}"), 5, "unquoted decimal"),
        (rule(then="{}"), 5, "rule 1, then: the rule decides nothing"),
        (rule(then="{account: ~}"), 5, "account is empty"),
        (rule() + "  - {name: S, when: {field: text, op: regex, value: '('}, then: {review: true}}", 6, "rule 2"),
        (rule() + "  - {name: r, when: {field: text, op: is, value: x}, then: {review: true}}", 6, "two rules"),
        (TENANT + "notifications: {daily: sometimes}", 2, "true or false"),
        (TENANT + 'notifications: {daily: "true"}', 2, "true or false"),
        (TENANT + "notifications: {slack_webhook: https://hooks.slack.com/x}", 2, "unknown key 'slack_webhook'"),
    ],
)
def test_a_fault_names_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(FileFault) as fault:
        parse(text)
    assert words in str(fault.value)
    assert fault.value.line == line
    assert "\n" not in str(fault.value)
    assert str(fault.value).startswith(f"line {line}: ") is bool(line)


def test_a_rule_fault_points_into_a_rule_of_many_lines() -> None:
    text = flow(
        "rules:", "- name: R", "  when:", "    all:", "    - {field: text, op: is, value: a}", "    - field: colour",
        "      op: is", "      value: red", "  then: {review: true}",
    )  # fmt: skip
    with pytest.raises(FileFault) as fault:
        parse(text)
    assert fault.value.line == 9


def test_a_fault_never_shows_a_secret_that_was_put_in_the_wrong_place() -> None:
    with pytest.raises(FileFault) as fault:
        parse(TENANT + "connections:\n  amnis: {client_id: a, client_secret: hunter2}")
    assert "hunter2" not in str(fault.value)


def test_a_large_file_is_refused_before_it_is_read() -> None:
    with pytest.raises(FileFault, match="larger"):
        parse("#" * (1 << 20) + "\n" + EXAMPLE)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_with_one_line(text: str) -> None:
    with pytest.raises(FileFault) as fault:
        parse(text)
    assert "\n" not in str(fault.value)


@given(data=st.data())
def test_a_damaged_example_is_read_or_refused_with_one_line(data: Any) -> None:
    place = data.draw(st.integers(0, len(EXAMPLE) - 1))
    damage = data.draw(st.text(alphabet="{}[]:,-'\"&*! \n\t#|>%@`1.e~", min_size=1, max_size=4))
    try:
        parse(EXAMPLE[:place] + damage + EXAMPLE[place + 1 :])
    except FileFault as fault:
        assert "\n" not in str(fault)  # noqa: PT017  a damage may also leave a file that is right


def test_the_demo_file_is_a_tenant_file() -> None:
    text = (Path(__file__).parents[2] / "sync" / "tenantfile" / "demo.yaml").read_text(encoding="utf-8")
    assert parse(text).slug == "demo"
