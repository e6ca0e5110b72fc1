from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from sync import services
from sync.allocating import invoice_choose, proposals_of
from sync.management.base import DONE, FINDINGS, OPERATOR, WRONG_USE, TenantCommand
from sync.models import Entry, EntryState, Flow
from tenants.models import Tenant
from tenants.scoping import tenant_scope


class Command(TenantCommand):
    help = "Lists what waits for a person, or settles one item: --accept ID, --pay ID [--proposal N], --skip ID --reason TEXT."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--accept", type=int, metavar="ID")
        parser.add_argument("--pay", type=int, metavar="ID", help="it pays what its proposal says")
        parser.add_argument("--proposal", type=int, default=1, metavar="N", help="which one; the first is the surest")
        parser.add_argument("--skip", type=int, metavar="ID")
        parser.add_argument("--reason", default="")

    def act(self, tenant: Tenant, flow: Flow, **options: Any) -> tuple[int, dict[str, Any]]:
        reason: str = options["reason"]
        if options["accept"]:
            return DONE, {"accepted": _one(_accept(tenant, options["accept"], reason))}
        if options["pay"]:
            return DONE, {"paying": _one(_pay(tenant, options["pay"], options["proposal"]))}
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
                    **({"proposals": proposals_of(entry)} if proposals_of(entry) else {}),
                }
                for entry in held
            ]
        return (FINDINGS if items else DONE), {"review": items}


def _accept(tenant: Tenant, entry_id: int, reason: str) -> int:
    try:
        return services.entry_accept(tenant_id=tenant.pk, entry_ids=[entry_id], actor=OPERATOR, reason=reason)
    except services.NotPossible as problem:
        raise CommandError(str(problem), returncode=WRONG_USE) from problem


def _pay(tenant: Tenant, entry_id: int, place: int) -> int:
    with tenant_scope(tenant.pk):
        entry = Entry.objects.filter(pk=entry_id).first()
        proposals = proposals_of(entry) if entry else []
    if not 1 <= place <= len(proposals):
        raise CommandError(f"entry {entry_id} has {len(proposals)} proposals", returncode=WRONG_USE)
    return invoice_choose(tenant_id=tenant.pk, entry_id=entry_id, key=proposals[place - 1]["key"], actor=OPERATOR)


def _one(count: int) -> int:
    if not count:
        raise CommandError("there is no such item waiting, or its outcome is not known yet", returncode=WRONG_USE)
    return count
