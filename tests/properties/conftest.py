"""A fresh world for every example, in a savepoint that is rolled back at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.db import transaction

from connectors.amnis import assumptions
from tests.kept import Kept, new_sandbox
from tests.pipeline.conftest import Company, World, kept_company, moved_in

__all__ = ["kept_company"]

Worlds = Callable[[], AbstractContextManager[World]]


@pytest.fixture
def worlds(
    kept_company: Kept[Company], db: None, settings: Any, valkey: Any, monkeypatch: pytest.MonkeyPatch
) -> Worlds:
    """Opens worlds whose source has four rows on a page: a month has many pages, and they shift while they are read."""
    monkeypatch.setattr(assumptions, "PAGE_SIZE", 4)

    @contextmanager
    def fresh() -> Iterator[World]:
        valkey.flushdb()
        sandbox = new_sandbox()
        try:
            with transaction.atomic():
                world = moved_in(kept_company.fresh(), sandbox, settings)
                sandbox.amnis.switch(between_pages="touch")
                yield world
                transaction.set_rollback(True)
        finally:
            sandbox.close()

    return fresh
