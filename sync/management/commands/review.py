from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from sync import services
from sync.management.base import DONE, FINDINGS, OPERATOR, WRONG_USE, TenantCommand
from sync.models import Entry, EntryState, Flow
from tenants.models import Tenant
from tenants.scoping import tenant_scope


class Command(TenantCommand):
    help = "Lists what waits for a person, or settles one item: --accept ID, or --skip ID --reason TEXT."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--accept", type=int, metavar="ID")
        parser.add_argument("--skip", type=int, metavar="ID")
        parser.add_argument("--reason", default="")

    def act(self, tenant: Tenant, flow: Flow, **options: Any) -> tuple[int, dict[str, Any]]:
        reason: str = options["reason"]
        if options["accept"]:
            count = services.entry_accept(
                tenant_id=tenant.pk, entry_ids=[options["accept"]], actor=OPERATOR, reason=reason
            )
            return DONE, {"accepted": _one(count)}
        if options["skip"]:
            if not reason.strip():
                raise CommandError("say why: --reason TEXT", returncode=WRONG_USE)
            count = services.entry_skip(tenant_id=tenant.pk, entry_ids=[options["skip"]], actor=OPERATOR, reason=reason)
            return DONE, {"skipped": _one(count)}
        return self._list(tenant, flow)

    def _list(self, tenant: Tenant, flow: Flow) -> tuple[int, dict[str, Any]]:
        with tenant_scope(tenant.pk):
            held = Entry.objects.filter(flow=flow, state__in=[EntryState.REVIEW, EntryState.FAILED]).order_by("id")
            items = [
                {
                    "id": entry.pk,
                    "state": entry.state,
                    "date": entry.booking_date,
                    "amount": f"{entry.amount:.2f}" if entry.amount is not None else "",
                    "currency": entry.currency,
                    "findings": [finding["code"] for finding in entry.findings],
                    "reason": entry.findings[0]["message"] if entry.findings else "",
                }
                for entry in held
            ]
        return (FINDINGS if items else DONE), {"review": items}


def _one(count: int) -> int:
    if not count:
        raise CommandError("there is no such item waiting, or its outcome is not known yet", returncode=WRONG_USE)
    return count
