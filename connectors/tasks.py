"""Hints for the worker. What they do is found by queries, so a lost or doubled hint costs nothing."""

from __future__ import annotations

from datetime import timedelta

import structlog
from celery import shared_task

from connectors import credentials, services
from connectors.contract.errors import ConnectorError
from connectors.models import Connection
from tenants.scoping import platform_scope, tenant_scope
from tenants.tasks import TenantTask

UNUSED_FOR = timedelta(days=7)  # Xero ends a chain that nobody used for 60 days
logger = structlog.get_logger(__name__)


@shared_task(ignore_result=True)
def keep_alive() -> None:
    """Once a day: refresh what nobody has used for a week, ask whether each company is still connected, tidy up."""
    for grant_id in credentials.grants_to_keep_alive(older_than=UNUSED_FOR):
        refresh_grant(grant_id)
    connections = _active_connections()
    for tenant_id, connection_id in connections:
        check_connection.delay(tenant_id=tenant_id, connection_id=connection_id)
    for tenant_id in sorted({tenant_id for tenant_id, _ in connections}):
        purge_calls.delay(tenant_id=tenant_id)


@shared_task(base=TenantTask, ignore_result=True)
def check_connection(*, tenant_id: int, connection_id: int) -> None:
    """Is this company still connected at the vendor? Where it is not, a person is asked to reconnect."""
    with tenant_scope(tenant_id):
        connection = Connection.objects.filter(pk=connection_id, status=Connection.Status.ACTIVE).first()
    if connection is None:
        return
    try:
        services.connection_check(connection=connection)
    except ConnectorError as error:
        logger.warning("connection_not_checked", connection_id=connection_id, reason=error.message)


@shared_task(base=TenantTask, ignore_result=True)
def purge_calls(*, tenant_id: int) -> None:
    """The call log is kept for 90 days."""
    services.calls_purge(tenant_id=tenant_id)


def refresh_grant(grant_id: int) -> None:
    """Use the chain once, so that it lives on. A failure is the next day's, or the next user's, to mend."""
    try:
        credentials.refresh_now(grant_id)
    except ConnectorError as error:
        logger.warning("grant_not_refreshed", grant_id=grant_id, reason=error.message)


def _active_connections() -> list[tuple[int, int]]:
    with platform_scope():
        found = Connection.platform.filter(status=Connection.Status.ACTIVE)
        return list(found.order_by("id").values_list("tenant_id", "id"))
