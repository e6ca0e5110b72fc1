"""Fixtures for every test. The servers are started by `tests.embedded`, the database is made in `tests.database`."""

from __future__ import annotations

import gc

import pytest
from hypothesis import settings
from pytest_django.plugin import blocking_manager_key

from config import celery
from tests.database import django_db_setup, fresh_plans, process_environ, valkey
from tests.kept import let_go_before

__all__ = ["celery", "django_db_setup", "fresh_plans", "process_environ", "valkey"]

# These run longest. They begin first, so that no worker is left alone with one of them at the end.
LONG = (
    "tests/config/test_supervisor.py",  # the first of all: it migrates on its own while the others' database is migrated
    "tests/simulation/",
    "tests/properties/",
    "tests/pipeline/test_processes.py",
    "tests/pipeline/test_crash_points.py",
    "tests/pipeline/test_exactly_once.py",
    "tests/security/",
    "tests/e2e/",
    "tests/pages/test_access.py",
    "tests/pipeline/test_budget.py",
    "tests/pipeline/test_demo_world.py",
    "tests/sandbox/xero/test_lists.py",
    "tests/golden/",
)

# A machine that is busy with other things is no reason to fail: properties are about results, not about speed.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    let_go_before(item, item.config.stash[blocking_manager_key])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((place for place, name in enumerate(LONG) if item.nodeid.startswith(name)), 99))


def pytest_collection_finish() -> None:
    """What is loaded by now stays to the end: looking through it for garbage is a twentieth of what the suite takes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
