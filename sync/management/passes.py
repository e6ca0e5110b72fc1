"""Passes that a command runs in its own process, waiting a little for a flow that somebody else holds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from django.core.management.base import CommandError

from sync.management.base import OPERATOR, TEMPORARY
from sync.models import Flow
from sync.pipeline.result import NotConnected, Result
from sync.pipeline.run import LeaseHeld, run_pass
from tenants.models import Tenant

LEASE_PATIENCE = 30.0
PAUSE = 0.5
T = TypeVar("T")


def run_once(tenant: Tenant, flow: Flow) -> Result:
    return run_pass(tenant_id=tenant.pk, flow_id=flow.pk, trigger="command", actor=OPERATOR, always_record=True)


def patiently(act: Callable[[], T]) -> T:
    """Wait up to half a minute for a lease that somebody else holds."""
    until = time.monotonic() + LEASE_PATIENCE
    while True:
        try:
            return act()
        except NotConnected as problem:
            raise CommandError(str(problem), returncode=TEMPORARY) from problem
        except LeaseHeld:
            if time.monotonic() > until:
                raise CommandError("another process is working on this flow: try again", returncode=TEMPORARY) from None
            time.sleep(PAUSE)
