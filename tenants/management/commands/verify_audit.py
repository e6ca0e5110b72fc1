from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants import audit
from tenants.models import AuditEvent, Tenant
from tenants.scoping import tenant_scope
from tenants.selectors import tenant_by_slug, tenant_ids


class Command(BaseCommand):
    help = (
        "Checks the audit chain of one tenant, or of all. Exit code 1 when an event was changed, added or taken away."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="?", metavar="SLUG")
        parser.add_argument("--json", action="store_true", help="one JSON object on the last line")

    def handle(self, *_args: Any, slug: str | None, json: bool, **_options: Any) -> None:
        events, broken = 0, list[int]()
        for tenant_id in [_tenant_id(slug)] if slug else tenant_ids():
            with tenant_scope(tenant_id):
                events += AuditEvent.objects.count()
                broken += audit.verify(tenant_id)
        self.stdout.write(_told(events, broken, as_json=json))
        if broken:
            sys.exit(1)


def _tenant_id(slug: str) -> int:
    try:
        return tenant_by_slug(slug).pk
    except Tenant.DoesNotExist:
        raise CommandError(f"there is no tenant {slug!r}", returncode=2) from None


def _told(events: int, broken: list[int], *, as_json: bool) -> str:
    if as_json:
        return json.dumps({"events": events, "broken": broken})
    if not broken:
        return f"{events} events, the chain is intact"
    places = ", ".join("the end is missing" if place == audit.MISSING_TAIL else str(place) for place in broken)
    return f"{events} events, the chain is broken at: {places}"
