from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.models import Role, Tenant
from tenants.scoping import tenant_scope
from tenants.selectors import tenant_by_slug
from tenants.services import TenantError, invitation_create


class Command(BaseCommand):
    help = "Prints a one-time sign-in link to a tenant. It is shown once and valid for a week."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG")
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("--role", choices=Role.values, default=Role.OWNER.value)

    def handle(self, *_args: Any, slug: str, email: str, role: str, **_options: Any) -> None:
        try:
            tenant = tenant_by_slug(slug)
            with tenant_scope(tenant.pk, actor="command line"):
                link = invitation_create(email=email, role=Role(role), actor="command line")
        except Tenant.DoesNotExist:
            raise CommandError(f"there is no tenant {slug!r}", returncode=2) from None
        except TenantError as error:
            raise CommandError(str(error), returncode=2) from error
        self.stdout.write(link.url)
