"""Two invented tenants: Alice's and the stranger Charlie's."""

from __future__ import annotations

import pytest

from tenants.models import Tenant
from tenants.scoping import tenant_scope


def make_tenant(number: int, slug: str) -> Tenant:
    """A row-level policy lets a tenant be inserted only in its own scope, so its id comes first."""
    with tenant_scope(number):
        tenant = Tenant(pk=number, slug=slug, name=f"{slug.title()} AG")
        tenant.save(force_insert=True)
    return tenant


@pytest.fixture
def alice(db: None) -> Tenant:
    return make_tenant(101, "alice")


@pytest.fixture
def charlie(db: None) -> Tenant:
    return make_tenant(103, "charlie")
