"""The worker's Celery application. Imported wherever hints are sent from, so that they find our broker."""

from __future__ import annotations

import gc
import os
from typing import Any

import psycopg
import structlog
from celery import Celery, bootsteps
from celery.signals import task_postrun, task_prerun, worker_process_init
from django.conf import settings
from django.db import close_old_connections, connections
from psycopg.pq import TransactionStatus

from config import heartbeat
from config.broker import broker_settings
from config.supervisor.child import die_with_parent
from tenants.scoping import forget_scopes

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Django's checks load every page: 24 MB in each process of the pool, for what `migrate` has checked before the start.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")


class WorkerHeartbeat(bootsteps.StartStopStep):  # type: ignore[misc]  # celery has no types
    """Beats from the worker's own event loop, so that a worker that hangs falls silent."""

    requires = ("celery.worker.components:Timer",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._beats: Any = None

    def start(self, parent: Any) -> None:
        client = heartbeat.broker(parent.app.conf.broker_url)
        heartbeat.say_alive(client, heartbeat.WORKER)
        self._beats = parent.timer.call_repeatedly(
            heartbeat.EVERY_SECONDS, heartbeat.say_alive, (client, heartbeat.WORKER)
        )

    def stop(self, parent: Any) -> None:
        if self._beats is not None:
            self._beats.cancel()


def _settings() -> dict[str, Any]:
    return broker_settings(settings.ENV)


app = Celery("millrace", set_as_current=True)
app.add_defaults(_settings)
app.conf.CELERY_DB_REUSE_MAX = 1_000_000  # Celery would connect anew for every task; Django says how long one is kept
app.autodiscover_tasks()
app.steps["worker"].add(WorkerHeartbeat)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _not_without_the_worker(**_: Any) -> None:
    """A pool's child whose worker was killed must not finish its slice beside the new worker's."""
    die_with_parent()


@task_prerun.connect  # type: ignore[untyped-decorator]
def _begin_clean(sender: Any, **_: Any) -> None:
    """The time limit of a task is a signal, which raises between any two lines: also where a scope or a transaction is being
    opened or left. What that leaves half open must not meet the next task."""
    if sender.request.is_eager:
        return
    forget_scopes()
    structlog.contextvars.clear_contextvars()
    for each in connections.all(initialized_only=True):
        if each.in_atomic_block or not _is_at_rest(each.connection):
            del connections[each.alias]  # the next one starts without what this one believes
            if each.connection is not None:
                each.connection.close()


def _is_at_rest(session: psycopg.Connection[Any] | None) -> bool:
    """Broken ones are at rest, too: they are found, and closed, as ever."""
    if session is None or session.info.transaction_status == TransactionStatus.UNKNOWN:
        return True
    return session.autocommit and session.info.transaction_status == TransactionStatus.IDLE


@task_prerun.connect  # type: ignore[untyped-decorator]
@task_postrun.connect  # type: ignore[untyped-decorator]
def _keep_what_works(sender: Any, **_: Any) -> None:
    """As for a web request: a connection that broke or is too old is closed, any other one serves the next task."""
    if not sender.request.is_eager:  # that one runs within somebody else's work
        close_old_connections()


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _collect_seldom(**_: Any) -> None:
    """A slice makes tens of thousands of rows and hardly a cycle: looked through after each seven hundred, they would cost a
    twentieth of the worker's time."""
    gc.freeze()  # the program itself is never garbage
    gc.set_threshold(50_000)
