from __future__ import annotations

import csv
from typing import Any

from django.core.management.base import CommandError, CommandParser

from sync import store_figures
from sync.management.base import WRONG_USE, TenantCommand
from sync.models import Flow
from tenants.models import Tenant
from tenants.scoping import tenant_scope

COLUMNS = [
    "source", "source_id", "leg", "kind", "state", "booking_date", "amount", "currency", "destination_type",
    "destination_id", "marker",
]  # fmt: skip


class Command(TenantCommand):
    help = "Prints one CSV line for every movement and document."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--csv", action="store_true", required=False)

    def handle(self, *args: Any, **options: Any) -> None:
        if not options.pop("csv"):
            raise CommandError("say --csv: there is no other format", returncode=WRONG_USE)
        super().handle(*args, **options)

    def act(self, tenant: Tenant, flow: Flow, **_options: Any) -> tuple[int, dict[str, Any]]:
        assert flow.source is not None
        with tenant_scope(tenant.pk):
            lines = store_figures.entry_lines(flow.pk, source_kind=flow.source.kind)
        writer = csv.DictWriter(self.stdout, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(_shown(line) for line in lines)
        raise SystemExit(0)


def _shown(line: dict[str, Any]) -> dict[str, Any]:
    amount = line["amount"]
    return {**line, "amount": "" if amount is None else f"{amount:.2f}", "state": _state(line["state"])}


def _state(state: str) -> str:
    """A record that waits to be transformed, or yields nothing, has no entry; "entered" never shows without one."""
    return "fetched" if state == "entered" else state
