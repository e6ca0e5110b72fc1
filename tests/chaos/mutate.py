"""Applies one seeded bug to the program for the life of one process: by a transform of the module's source as it is imported.

As a pytest plugin (`-p tests.chaos.mutate`) it takes the bug's name from MILLRACE_SEEDED_BUG. No file is changed, and the
program itself knows nothing of bugs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

from tests.chaos.bugs import BUGS, Bug

VARIABLE = "MILLRACE_SEEDED_BUG"


class BugError(RuntimeError):
    """The bug cannot be seeded: the program's text has changed, or the module was imported too early."""


def mutated(source: str, bug: Bug) -> str:
    """The module's text with the bug. Raises BugError unless the text that it replaces is there exactly once."""
    if source.count(bug.old) != 1:
        raise BugError(f"{bug.name}: its place in {bug.module} is there {source.count(bug.old)} times")
    return source.replace(bug.old, bug.new)


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, bug: Bug) -> None:
        super().__init__(name, path)
        self._bug = bug

    def get_code(self, fullname: str) -> CodeType:
        """Compiled from the text, never from a cache."""
        source = self.get_source(fullname)
        assert source is not None
        return compile(mutated(source, self._bug), self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def __init__(self, bug: Bug) -> None:
        self._bug = bug

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._bug.module:
            return None
        found = PathFinder.find_spec(fullname, path)
        assert found is not None
        assert found.origin is not None
        found.loader = _Loader(fullname, found.origin, self._bug)
        return found


def seed(name: str) -> None:
    """From now on this process has the bug. Raises BugError."""
    bug = BUGS[name]
    if bug.module in sys.modules:
        raise BugError(f"{bug.module} was imported already")
    sys.meta_path.insert(0, _Finder(bug))


if os.environ.get(VARIABLE):
    seed(os.environ[VARIABLE])
