"""The base of every task that works for one tenant."""

from __future__ import annotations

from typing import Any

import structlog
from celery import Task


class TenantTask(Task):  # type: ignore[misc]  # celery has no types
    """A task called with `tenant_id=`; everything it logs says whose work it is.

    It opens no scope: a scope is a transaction, and a task calls vendors. The services it calls open their own.
    """

    abstract = True

    def __call__(self, *args: Any, tenant_id: int, **kwargs: Any) -> Any:
        with structlog.contextvars.bound_contextvars(tenant=tenant_id, task=self.name):
            return self.run(*args, tenant_id=tenant_id, **kwargs)
