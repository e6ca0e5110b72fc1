from __future__ import annotations

from typing import Any

from sync import services
from sync.management.base import DONE, OPERATOR, TenantCommand
from sync.models import Entry, EntryState, Flow
from tenants.models import Tenant
from tenants.scoping import tenant_scope


class Command(TenantCommand):
    help = "Decides everything that failed or waits for review anew, with the settings of today."

    def act(self, tenant: Tenant, flow: Flow, **_options: Any) -> tuple[int, dict[str, Any]]:
        with tenant_scope(tenant.pk):
            held = Entry.objects.filter(flow=flow, state__in=[EntryState.REVIEW, EntryState.FAILED])
            ids = list(held.values_list("id", flat=True))
        retried = services.entry_retry(tenant_id=tenant.pk, entry_ids=ids, actor=OPERATOR, reason="retry command")
        return DONE, {"retried": retried}
