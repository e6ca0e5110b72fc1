from __future__ import annotations

import csv
from typing import Any

from django.core.management.base import CommandParser

from sync.management.base import TenantCommand
from sync.models import BookedConversion, Flow
from tenants.models import Tenant
from tenants.scoping import tenant_scope

COLUMNS = ["value_date", "sold", "bought", "amount_sold", "amount_bought", "rate", "spot", "margin"]


class Command(TenantCommand):
    help = "Prints the history of booked conversions as CSV. Rates are bought units for one unit sold."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--csv", action="store_true")

    def act(self, tenant: Tenant, flow: Flow, **_options: Any) -> tuple[int, dict[str, Any]]:
        with tenant_scope(tenant.pk):
            deals = list(BookedConversion.objects.filter(flow=flow).order_by("value_date", "deal_id"))
        writer = csv.writer(self.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_line(deal) for deal in deals)
        raise SystemExit(0)


def _line(deal: BookedConversion) -> list[Any]:
    """The executed rate comes from the two amounts; the margin is what it lost against the spot rate, in percent."""
    rate = deal.amount_bought / deal.amount_sold
    margin = "" if not deal.spot_rate else f"{(1 - rate / deal.spot_rate) * 100:.4f}"
    spot = "" if deal.spot_rate is None else f"{deal.spot_rate.normalize():f}"
    amounts = [f"{deal.amount_sold:.2f}", f"{deal.amount_bought:.2f}"]
    return [deal.value_date or "", deal.sold, deal.bought, *amounts, f"{rate:.6f}", spot, margin]
