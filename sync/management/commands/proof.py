from __future__ import annotations

from datetime import date
from typing import Any

from django.core.management.base import CommandParser

from sync.management.base import DONE, FINDINGS, TenantCommand
from sync.models import Flow
from sync.proving import flow_prove
from tenants.models import Tenant


class Command(TenantCommand):
    help = "Proves the balance, reading both vendors afresh. Exit 0 balanced, 1 not, 3 when a vendor cannot be read."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--from", type=date.fromisoformat, dest="since", metavar="DATE")
        parser.add_argument("--to", type=date.fromisoformat, dest="until", metavar="DATE")

    def act(self, tenant: Tenant, flow: Flow, **options: Any) -> tuple[int, dict[str, Any]]:
        result = flow_prove(tenant_id=tenant.pk, flow_id=flow.pk, since=options["since"], until=options["until"])
        return (DONE if result["balanced"] else FINDINGS), result
