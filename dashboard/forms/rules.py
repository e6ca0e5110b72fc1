"""The rule form: groups of conditions and what they decide, as plain fields that work without scripts.

The form shows one level of groups, which is what people write. A rule with deeper groups (from a tenant file) is edited
as text. What is sent becomes plain data, and `rule_format.parse_rule` alone says whether it is a rule.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from sync.domain.conditions import Op
from sync.domain.rule_format import MAX_CONDITIONS, RuleError, parse_rule
from sync.domain.rules import RuleSpec

MAX_GROUPS = 10
MODES = ("all", "any")


@dataclass(slots=True, kw_only=True)
class ConditionFields:
    field: str = "counterparty"
    op: str = "contains"
    value: str = ""

    def to_data(self) -> dict[str, Any]:
        if self.op == Op.EMPTY:
            return {"field": self.field, "op": self.op, "value": self.value.strip().lower() not in ("no", "false")}
        if self.op == Op.IN:
            listed = [part.strip() for part in self.value.split(",") if part.strip()]
            return {"field": self.field, "op": self.op, "value": listed}
        return {"field": self.field, "op": self.op, "value": self.value}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> ConditionFields:
        value = data.get("value", "")
        if isinstance(value, list | tuple):
            value = ", ".join(map(str, value))
        if isinstance(value, bool):
            value = "yes" if value else "no"
        return cls(field=str(data["field"]), op=str(data["op"]), value=str(value))


@dataclass(slots=True, kw_only=True)
class GroupFields:
    mode: str = "all"
    conditions: list[ConditionFields] = field(default_factory=lambda: [ConditionFields()])


@dataclass(slots=True, kw_only=True)
class RuleForm:
    """What a person typed, right or wrong. `text` is set instead of `groups` for a rule with deeper groups."""

    name: str = ""
    mode: str = "all"
    groups: list[GroupFields] = field(default_factory=lambda: [GroupFields()])
    text: str = ""
    account: str = ""
    tax: str = ""
    contact: str = ""
    description: str = ""
    tracking: str = ""
    verdict: str = "code"  # code, skip or review
    kept: str = ""  # parts of the decision that the form does not show (a split), as JSON
    error: str = ""
    error_path: str = ""

    def spec(self) -> RuleSpec | None:
        """The rule, or None with `error` set in the words of the person who typed it."""
        try:
            return parse_rule(self.to_data())
        except RuleError as fault:
            self.error, self.error_path = fault.message, ".".join(map(str, fault.path))
        except ValueError:
            self.error, self.error_path = "This text is not JSON.", "when"
        return None

    def to_data(self) -> dict[str, Any]:
        """Raises ValueError where the text field holds no JSON."""
        return {"name": self.name, "when": self._when(), "then": self._then()}

    def _when(self) -> Any:
        if self.text:
            return json.loads(self.text)
        groups = [{group.mode: [it.to_data() for it in group.conditions]} for group in self.groups]
        return groups[0] if len(groups) == 1 else {self.mode: groups}

    def _then(self) -> dict[str, Any]:
        if self.verdict == "skip":
            return {"skip": True}
        then: dict[str, Any] = json.loads(self.kept) if self.kept else {}
        texts = {"account": self.account, "tax": self.tax, "contact": self.contact, "description": self.description}
        then |= {key: value.strip() for key, value in texts.items() if value.strip()}
        if self.tracking.strip():
            then["tracking"] = _pairs(self.tracking)
        if self.verdict == "review":
            then["review"] = True
        return then


def form_of_rule(spec: Mapping[str, Any]) -> RuleForm:
    """The form filled with a stored rule."""
    then = dict(spec.get("then", {}))
    shown = {key: str(then.pop(key, "")) for key in ("account", "tax", "contact", "description")}
    tracking = "; ".join(f"{category}: {option}" for category, option in dict(then.pop("tracking", {})).items())
    verdict = "skip" if then.pop("skip", False) else "review" if then.pop("review", False) else "code"
    form = RuleForm(name=str(spec["name"]), tracking=tracking, verdict=verdict, kept=json.dumps(then) if then else "")
    for key, value in shown.items():
        setattr(form, key, value)
    _fill_groups(form, spec["when"])
    return form


def form_of_post(post: QueryDict) -> RuleForm:
    """The form as it was sent, with the row or group that was asked for added or taken away."""
    form = RuleForm(
        name=post.get("name", ""),
        mode=_mode(post.get("mode", "")),
        text=post.get("text", ""),
        verdict=post.get("verdict", "code"),
        kept=post.get("kept", "") if _is_object(post.get("kept", "")) else "",
        account=post.get("account", ""),
        tax=post.get("tax", ""),
        contact=post.get("contact", ""),
        description=post.get("description", ""),
        tracking=post.get("tracking", ""),
    )
    form.groups = [_group(post, number) for number in range(_count(post, "groups", MAX_GROUPS))]
    _change_rows(form, post.get("act", ""))
    return form


def _fill_groups(form: RuleForm, when: Mapping[str, Any]) -> None:
    mode, items = next(iter(when.items()))
    if all("field" in it for it in items):
        form.groups = [GroupFields(mode=mode, conditions=[ConditionFields.of(it) for it in items])]
    elif all(_is_flat(it) for it in items):
        form.mode, form.groups = mode, [_flat(it) for it in items]
    else:
        form.text, form.groups = json.dumps(when, indent=2, ensure_ascii=False), []


def _is_flat(item: Mapping[str, Any]) -> bool:
    return "field" not in item and all("field" in it for it in next(iter(item.values())))


def _flat(item: Mapping[str, Any]) -> GroupFields:
    mode, items = next(iter(item.items()))
    return GroupFields(mode=mode, conditions=[ConditionFields.of(it) for it in items])


def _group(post: QueryDict, number: int) -> GroupFields:
    conditions = [
        ConditionFields(
            field=post.get(f"g{number}-c{place}-field", ""),
            op=post.get(f"g{number}-c{place}-op", ""),
            value=post.get(f"g{number}-c{place}-value", "").strip(),
        )
        for place in range(_count(post, f"g{number}-count", MAX_CONDITIONS))
    ]
    return GroupFields(mode=_mode(post.get(f"g{number}-mode", "")), conditions=conditions)


def _change_rows(form: RuleForm, act: str) -> None:
    """`add-group`, `add-<group>`, `drop-<group>-<condition>`; anything else changes no rows."""
    word, *numbers = act.split("-")
    if act == "add-group" and len(form.groups) < MAX_GROUPS:
        form.groups.append(GroupFields())
        return
    places = [int(number) for number in numbers if number.isascii() and number.isdigit() and len(number) < 4]
    if not places or places[0] >= len(form.groups):
        return
    group = form.groups[places[0]]
    if word == "add" and len(group.conditions) < MAX_CONDITIONS:
        group.conditions.append(ConditionFields())
    if word == "drop" and len(places) == 2 and places[1] < len(group.conditions):
        del group.conditions[places[1]]
        if not group.conditions and len(form.groups) > 1:
            form.groups.remove(group)


def _count(post: QueryDict, name: str, most: int) -> int:
    text = post.get(name, "1")
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _mode(text: str) -> str:
    return text if text in MODES else "all"


def _pairs(text: str) -> dict[str, str]:
    """`Region: Zürich; Project: Alpha` as a mapping."""
    pairs = (part.partition(":") for part in text.split(";") if part.strip())
    return {category.strip(): option.strip() for category, _, option in pairs}


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
