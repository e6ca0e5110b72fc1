from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sync.management.base import OPERATOR, WRONG_USE
from sync.tenantfile.exporter import tenant_export
from tenants import audit
from tenants.models import Tenant
from tenants.scoping import tenant_scope
from tenants.selectors import tenant_by_slug


class Command(BaseCommand):
    help = "Prints a tenant as a file that imports to the same state. Secrets appear as names of variables only."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG")

    def handle(self, *_args: Any, slug: str, **_options: Any) -> None:
        try:
            tenant = tenant_by_slug(slug)
        except Tenant.DoesNotExist:
            raise CommandError(f"there is no tenant {slug!r}", returncode=WRONG_USE) from None
        with tenant_scope(tenant.pk, actor=OPERATOR):
            text = tenant_export()
            audit.record("tenant_exported", target=f"tenant:{tenant.pk}", actor=OPERATOR)
        self.stdout.write(text, ending="")
