"""The maps in CONTRIBUTING.md are whole: whoever looks for a module finds it there."""

from __future__ import annotations

import re
from fnmatch import fnmatch

import pytest

from config.supervisor.environment import ROOT

DJANGO = {"__init__", "apps"}
MAPPED = ("sync", "sync/pipeline", "sync/domain")


@pytest.mark.parametrize("folder", MAPPED)
def test_every_module_has_its_place_in_the_map(folder: str) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = {word for quoted in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"[a-z_]+\*?", quoted)}
    modules = {path.stem for path in (ROOT / folder).glob("*.py")} - DJANGO

    assert [name for name in sorted(modules) if not any(fnmatch(name, word) for word in named)] == []
