from __future__ import annotations

from typing import Any

from sync import services
from sync.management.base import DONE, OPERATOR, TenantCommand
from sync.models import Flow
from tenants.models import Tenant


class Command(TenantCommand):
    help = "Resumes a tenant's flow."

    def act(self, tenant: Tenant, flow: Flow, **_options: Any) -> tuple[int, dict[str, Any]]:
        services.flow_resume(tenant_id=tenant.pk, flow_id=flow.pk, actor=OPERATOR)
        return DONE, {"resumed": 1}
