from __future__ import annotations

import pytest

from tenants.models import Role
from tenants.permissions import TABLE, Action, allowed

# From the accounts' words: an auditor looks, a bookkeeper works, an owner decides who and what is connected.
LOOKS = {"view", "export", "audit_view"}
WORKS = LOOKS | {"review", "sync", "undo", "pause", "map"}
DECIDES = WORKS | {"connect", "settings", "alerts", "members"}


@pytest.mark.parametrize(("role", "may"), [("auditor", LOOKS), ("bookkeeper", WORKS), ("owner", DECIDES)])
def test_each_role_may_do_what_its_word_says(role: str, may: set[str]) -> None:
    assert {action.value for action in Action if allowed(role, action)} == may


def test_every_action_has_a_line_and_an_owner() -> None:
    assert set(TABLE) == set(Action)
    assert all(Role.OWNER in roles for roles in TABLE.values())


def test_an_unknown_role_may_nothing_and_an_unknown_action_is_a_defect() -> None:
    assert not any(allowed("stranger", action) for action in Action)
    with pytest.raises(ValueError, match="dance"):
        allowed(Role.OWNER, "dance")
