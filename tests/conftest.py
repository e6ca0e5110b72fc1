"""Fixtures for every test. The servers are started by `tests.embedded`, the database is made in `tests.database`."""

from __future__ import annotations

from hypothesis import settings

from config import celery
from tests.database import django_db_setup, process_environ, valkey

__all__ = ["celery", "django_db_setup", "process_environ", "valkey"]

# A machine that is busy with other things is no reason to fail: properties are about results, not about speed.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
