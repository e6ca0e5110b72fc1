"""Fixtures for every test. The servers are started by `tests.embedded`, the database is made in `tests.database`."""

from __future__ import annotations

from tests.database import django_db_setup, process_environ, valkey

__all__ = ["django_db_setup", "process_environ", "valkey"]
