"""Hints to look now. What is due stands in rows, so a lost, doubled or late message costs at most one tick."""

from __future__ import annotations

from datetime import UTC, datetime

from celery import shared_task

from notifications import collecting, delivering, summaries
from tenants.selectors import tenant_ids
from tenants.tasks import TenantTask

HINT_SECONDS = 30  # a hint that waited longer is out of date: the next tick gives a new one


@shared_task(name="notifications.tasks.deliver", ignore_result=True)
def deliver() -> int:
    """Send one hint for every tenant that has news to be written down or messages to be sent."""
    due = sorted({*collecting.tenants_with_news(), *delivering.tenants_with_due()})
    for tenant_id in due:
        deliver_tenant.apply_async(kwargs={"tenant_id": tenant_id}, expires=HINT_SECONDS)
    return len(due)


@shared_task(name="notifications.tasks.deliver_tenant", base=TenantTask, ignore_result=True)
def deliver_tenant(*, tenant_id: int) -> int:
    """Write down one tenant's news and send what is due. Another tenant's trouble does not hold it up."""
    collecting.collect_tenant(tenant_id)
    return delivering.deliver_tenant(tenant_id)


@shared_task(name="notifications.tasks.daily", ignore_result=True)
def daily() -> int:
    """Send one hint for every tenant; each has its own seven o'clock."""
    found = tenant_ids()
    for tenant_id in found:
        summarise_tenant.apply_async(kwargs={"tenant_id": tenant_id}, expires=600)
    return len(found)


@shared_task(name="notifications.tasks.summarise_tenant", base=TenantTask, ignore_result=True)
def summarise_tenant(*, tenant_id: int) -> int:
    """Write one tenant's summaries if they are due."""
    return summaries.summarise(tenant_id, datetime.now(UTC))
