"""The pages that messages lead to. By path, because the workers that write messages do not load the pages."""

from __future__ import annotations

from django.conf import settings

from sync.models.incident import MOVEMENT
from tenants.models import Tenant

PAGES = frozenset({"accounts", "alerts", "connections", "review", "rules", "runs", "settings", "transactions"})


def page_path(tenant: Tenant, page: str) -> str:
    """The path of a page of this company; the list of alerts for a name that is none of ours."""
    if page.startswith(MOVEMENT):
        return f"/t/{tenant.public_id}/transactions/{page.removeprefix(MOVEMENT)}/"
    return f"/t/{tenant.public_id}/{page if page in PAGES else 'alerts'}/"


def overview_path(tenant: Tenant) -> str:
    return f"/t/{tenant.public_id}/"


def full_address(path: str) -> str:
    """The address as somebody outside reaches it; "" stays ""."""
    return f"{settings.ENV.public_url}{path}" if path else ""
