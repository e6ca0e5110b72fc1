"""Questions about tenants and people. What looks across tenants does so through a narrow door, named here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection

from tenants.models import Invitation, Membership, Role, Tenant, User
from tenants.scoping import platform_scope, tenant_scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """One tenant of a person, and the person's role there."""

    tenant: Tenant
    membership: Membership
    role: Role


def tenants_of(user: User) -> list[Belonging]:
    """Every tenant the person belongs to, by name. Needs no scope."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, public_id, slug, name, timezone, status, created_at, membership_id, role FROM tenants_of_user(%s)",
            [user.pk],
        )
        return [_belonging(user, row) for row in cursor.fetchall()]


def belonging(user: User, *, public_id: str) -> Belonging | None:
    """The person's place in this tenant; None for strangers and for tenants that do not exist, which look alike."""
    return next((found for found in tenants_of(user) if found.tenant.public_id == public_id), None)


def tenant_by_slug(slug: str) -> Tenant:
    """The tenant with all its columns. Raises Tenant.DoesNotExist. For commands and tasks; must not be called in a scope."""
    with platform_scope():
        tenant_id = Tenant.platform.values_list("id", flat=True).get(slug=slug)
    with tenant_scope(tenant_id):
        return Tenant.objects.get()


def tenant_ids() -> list[int]:
    """Every tenant, in the order of their making. Must not be called in a tenant's scope."""
    with platform_scope():
        return list(Tenant.platform.order_by("id").values_list("id", flat=True))


def open_invitation(email: str) -> Invitation | None:
    """The newest invitation of this address to the current tenant that can still be accepted."""
    waiting = Invitation.objects.filter(email=email.strip().lower(), accepted_at=None, expires_at__gt=datetime.now(UTC))
    return waiting.order_by("-id").first()


def _belonging(user: User, row: tuple[object, ...]) -> Belonging:
    *columns, membership_id, role = row
    names = ("id", "public_id", "slug", "name", "timezone", "status", "created_at")
    tenant = Tenant.from_db("default", names, columns)
    membership = Membership.from_db(
        "default", ("id", "tenant_id", "user_id", "role"), (membership_id, tenant.pk, user.pk, role)
    )
    membership.tenant, membership.user = tenant, user
    return Belonging(tenant=tenant, membership=membership, role=Role(str(role)))
