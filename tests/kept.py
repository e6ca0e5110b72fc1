"""What every test of a file begins with is made once, in a transaction around them; each test then works in a savepoint.

A test with real commits needs a database without open transactions: what is kept is let go before it.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar

import pytest
from django.db import transaction

from sandbox.app import Sandbox

Made = TypeVar("Made")
_open: list[Kept[Any]] = []


@dataclass(slots=True, kw_only=True)
class Kept(Generic[Made]):
    """Rows, and the objects that name them; `fresh` gives each test its own copy of the objects."""

    make: Callable[[], Made]
    _copy: bytes = b""
    _around: transaction.Atomic = field(default_factory=transaction.atomic)

    def fresh(self) -> Made:
        """As if just made. Where the rows had to go because of a test with real commits, they are made for this test."""
        found: Made = pickle.loads(self._copy) if self in _open else self.make()
        return found

    def begin(self) -> None:
        self._around.__enter__()
        try:
            self._copy = pickle.dumps(self.make())
        except BaseException:
            self._end()
            raise
        _open.append(self)

    def end(self) -> None:
        if self in _open:
            _open.remove(self)
            self._end()

    def _end(self) -> None:
        transaction.set_rollback(True)
        self._around.__exit__(None, None, None)


@cache
def _untouched() -> Sandbox:
    return Sandbox(None, limits=False)


def new_sandbox() -> Sandbox:
    """The vendors' world as it begins, without limits; a copy, because to fill one takes longer than most tests."""
    return Sandbox(None, limits=False, like=_untouched())


@contextmanager
def kept(blocker: Any, make: Callable[[], Made]) -> Iterator[Kept[Made]]:
    """What `make` makes, for as long as this is open."""
    found = Kept(make=make)
    with blocker.unblock():
        found.begin()
    yield found
    with blocker.unblock():
        found.end()


def let_go_before(item: pytest.Item, blocker: Any) -> None:
    """Where this test commits."""
    if _open and _commits(item):
        with blocker.unblock():
            for each in reversed(_open[:]):
                each.end()


def _commits(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    asked = bool(marker and marker.kwargs.get("transaction"))
    return asked or bool({"transactional_db", "live_server"} & set(getattr(item, "fixturenames", ())))
