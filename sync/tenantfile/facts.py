"""A tenant's configuration as flat facts: what stands, what a file wants, and the difference between the two, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Facts = Mapping[str, Any]
NOT_THERE = "(nothing)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field that will be different. `before` and `after` are words for people, never secrets."""

    path: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}: {self.before} -> {self.after}"


def differences(standing: Facts, wanted: Facts) -> tuple[Change, ...]:
    """What applying `wanted` would change, in the order of the file, then what disappears."""
    paths = dict.fromkeys([*wanted, *standing])
    return tuple(
        Change(path=path, before=_words(standing, path), after=_words(wanted, path))
        for path in paths
        if standing.get(path) != wanted.get(path)
    )


def _words(facts: Facts, path: str) -> str:
    value = facts.get(path)
    if value is None or value == "":
        return NOT_THERE
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
