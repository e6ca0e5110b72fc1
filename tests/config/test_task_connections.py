"""A worker keeps its connection from task to task, and no longer than it works."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest
from celery.app.trace import build_tracer
from django.conf import settings
from django.db import connection

from config.celery import app


def pid_after_a_task() -> int:
    """The server's process behind this worker's connection, once the clock's task has run on it."""
    task = app.tasks["sync.tasks.tick"]
    tracer = build_tracer(task.name, task, app=app)
    told = tracer(str(uuid4()), (), {}, {"is_eager": False})
    assert told.info is None, "the task failed"
    assert connection.connection is not None, "the task has closed its connection"
    return int(connection.connection.info.backend_pid)


@pytest.mark.django_db(transaction=True)
def test_a_task_takes_the_connection_of_the_one_before() -> None:
    app.loader.import_default_modules()

    assert pid_after_a_task() == pid_after_a_task()


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_broke_between_two_tasks_is_made_anew() -> None:
    app.loader.import_default_modules()
    before = pid_after_a_task()
    with psycopg.connect(settings.ENV.database_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [before])

    assert pid_after_a_task() != before


def test_celery_itself_does_not_close_it() -> None:
    assert app.conf.get("CELERY_DB_REUSE_MAX") > app.conf.worker_max_tasks_per_child * 2
