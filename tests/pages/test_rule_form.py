"""The rule form: what is typed becomes a rule, what is stored comes back unchanged, what is wrong is said."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client

from dashboard.forms.rules import form_of_post, form_of_rule
from sync.domain.rule_format import parse_rule
from sync.models import Rule
from tenants.scoping import tenant_scope
from tests.pages.world import World

PLAIN: dict[str, Any] = {
    "name": "Rent",
    "when": {"all": [{"field": "counterparty", "op": "contains", "value": "Immobilien"}]},
    "then": {"account": "469", "tax": "NONE", "tracking": {"Region": "Zürich"}},
}
GROUPS: dict[str, Any] = {
    "name": "Travel",
    "when": {
        "any": [
            {"all": [{"field": "text", "op": "in", "value": ["SBB", "BLS"]}]},
            {"any": [{"field": "card", "op": "empty", "value": False}, {"field": "amount", "op": "gt", "value": "50"}]},
        ]
    },
    "then": {"account": "493", "review": True},
}
SPLIT: dict[str, Any] = {
    "name": "Half and half",
    "when": {"all": [{"field": "direction", "op": "is", "value": "out"}]},
    "then": {"split": [{"account": "400", "share": "50"}, {"account": "404"}]},
}
DEEP: dict[str, Any] = {
    "name": "Deep",
    "when": {"all": [{"any": [{"all": [{"field": "currency", "op": "is", "value": "EUR"}]}]}]},
    "then": {"skip": True},
}


@pytest.mark.parametrize("spec", [PLAIN, GROUPS, SPLIT, DEEP], ids=lambda spec: str(spec["name"]))
def test_a_stored_rule_comes_back_from_the_form_unchanged(spec: dict[str, Any]) -> None:
    stored = parse_rule(spec).to_json()
    form = form_of_rule(stored)
    again = form.spec()
    assert form.error == ""
    assert again is not None
    assert again.to_json() == stored


def test_the_form_shows_deep_groups_as_text_and_others_as_fields() -> None:
    assert form_of_rule(parse_rule(DEEP).to_json()).text
    assert [len(group.conditions) for group in form_of_rule(parse_rule(GROUPS).to_json()).groups] == [1, 2]


def posted(**changes: str) -> QueryDict:
    data = QueryDict(mutable=True)
    data.update(
        {
            "name": "Rent",
            "groups": "1",
            "g0-count": "1",
            "g0-mode": "all",
            "g0-c0-field": "counterparty",
            "g0-c0-op": "contains",
            "g0-c0-value": "Immobilien",
            "verdict": "code",
            "account": "469",
            **changes,
        }
    )
    return data


def test_a_row_is_added_and_taken_away_without_losing_what_was_typed() -> None:
    more = form_of_post(posted(act="add-0"))
    assert [it.value for it in more.groups[0].conditions] == ["Immobilien", ""]
    none_left = form_of_post(posted(act="drop-0-0"))
    assert none_left.groups[0].conditions == []
    assert len(form_of_post(posted(act="add-group")).groups) == 2


@pytest.mark.parametrize(
    "act", ["drop-9-9", "add-99", "drop-0", "add-x", "drop-0-99999999999", "add-group-1", "", "drop--1-0"]
)
def test_odd_buttons_change_nothing(act: str) -> None:
    assert len(form_of_post(posted(act=act)).groups[0].conditions) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"g0-c0-op": "regex", "g0-c0-value": "("},
        {"g0-c0-field": "amount", "g0-c0-op": "contains"},
        {"g0-c0-field": "nonsense"},
        {"g0-c0-value": ""},
        {"account": "", "verdict": "code"},
        {"text": "{not json"},
        {"text": "[]"},
        {"name": "x" * 201},
    ],
)
def test_what_is_no_rule_is_refused_with_a_sentence(changes: dict[str, str]) -> None:
    form = form_of_post(posted(**changes))
    assert form.spec() is None
    assert form.error


def test_saving_makes_a_version_and_keeps_the_old_one(as_alice: Client, world: World) -> None:
    address = f"/t/{world.tenant.public_id}/rules/{world.rule.key}/"
    answer = as_alice.post(address, dict(posted(act="save", account="470").items()))
    assert answer.status_code == 302
    with tenant_scope(world.tenant.pk):
        versions = list(Rule.objects.filter(key=world.rule.key).order_by("version"))
    assert [(it.version, it.spec["then"]["account"], it.superseded_at is None) for it in versions] == [
        (1, "469", False),
        (2, "470", True),
    ]
    assert b"Version 2" in as_alice.get(address).content


def test_a_wrong_rule_is_shown_again_with_what_was_typed(as_alice: Client, world: World) -> None:
    data = dict(posted(act="save", **{"g0-c0-op": "regex", "g0-c0-value": "(oops"}).items())
    answer = as_alice.post(f"/t/{world.tenant.public_id}/rules/new/", data)
    assert answer.status_code == 422
    assert b"(oops" in answer.content
    assert b'role="alert"' in answer.content
    with tenant_scope(world.tenant.pk):
        assert Rule.objects.count() == 1
