"""Changes to tenants and people; every one leaves an event in the chain of the tenant it concerns.

The membership and invitation services work in the open tenant scope.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from tenants import audit
from tenants.models import Invitation, Membership, Role, Tenant, User
from tenants.scoping import current_tenant_id, platform_scope, tenant_scope
from tenants.selectors import tenants_of

INVITATION_LASTS = timedelta(days=7)
log = structlog.get_logger(__name__)


class TenantError(ValueError):
    """The change is refused. The text is for the person who asked for it."""


class InvitationInvalid(TenantError):
    """The link is unknown, used or too old; which of these is not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationLink:
    """The address is shown once and not kept: only its hash is stored."""

    invitation: Invitation
    url: str


def tenant_create(*, slug: str, name: str, actor: str, timezone: str = "Europe/Zurich") -> Tenant:
    """A new tenant with an empty audit chain. Raises TenantError for a slug in use or an unknown time zone."""
    _check_timezone(timezone)
    tenant = Tenant(pk=_next_tenant_id(), slug=slug, name=name.strip(), timezone=timezone)
    with tenant_scope(tenant.pk, actor=actor):
        _cleaned(tenant)
        try:
            with transaction.atomic():
                tenant.save(force_insert=True)
        except IntegrityError as error:
            raise TenantError(f"A tenant with the slug {slug!r} exists already.") from error
        audit.record("tenant_created", target=_about(tenant), actor=actor, after=_told(tenant))
        tenant.refresh_from_db()
    return tenant


def tenant_change(*, actor: str, reason: str = "", **changes: Any) -> Tenant:
    """Change `name`, `timezone` or `status` of the current tenant. The slug and the public id never change."""
    if unknown := set(changes) - {"name", "timezone", "status"}:
        raise TenantError(f"These cannot be changed: {', '.join(sorted(unknown))}.")
    _check_timezone(changes.get("timezone", "UTC"))
    tenant = Tenant.objects.select_for_update().get()
    before = _told(tenant)
    for key, value in changes.items():
        setattr(tenant, key, value)
    _cleaned(tenant)
    if _told(tenant) != before:
        tenant.save(update_fields=sorted(changes))
        audit.record(
            "tenant_changed", target=_about(tenant), actor=actor, before=before, after=_told(tenant), reason=reason
        )
    return tenant


def user_create(*, email: str, actor: str, name: str = "", password: str | None = None, is_staff: bool = False) -> User:
    """A person whose address counts as proven. Without a password they can sign in only after accepting an invitation."""
    address = _address(email)
    try:
        with transaction.atomic():
            user = User.objects.create_user(address, password, name=name.strip(), is_staff=is_staff)
            EmailAddress.objects.create(user=user, email=address, verified=True, primary=True)
    except IntegrityError as error:
        raise TenantError(f"A person with the address {address} exists already.") from error
    after = {"email": address, "name": user.name, "is_staff": is_staff}
    if current_tenant_id() is not None:
        audit.record("user_created", target=_about(user), actor=actor, after=after)
    log.info("user_created", user=user.pk, actor=actor, staff=is_staff)
    return user


def membership_add(*, user: User, role: Role, actor: str, reason: str = "") -> Membership:
    """Give a person a role in the current tenant. Raises TenantError when they have one already."""
    try:
        with transaction.atomic():
            membership = Membership.objects.create(user=user, role=Role(role))
    except IntegrityError as error:
        raise TenantError(f"{user.email} belongs to this tenant already.") from error
    after = {"email": user.email, "role": membership.role}
    audit.record("membership_added", target=_about(membership), actor=actor, after=after, reason=reason)
    return membership


def membership_change(*, membership: Membership, role: Role, actor: str, reason: str = "") -> Membership:
    """Give a member another role. Raises TenantError where it would leave the tenant without an owner."""
    locked = _locked(membership)
    if locked.role == role:
        return locked
    _keep_an_owner(locked)
    before = {"email": locked.user.email, "role": locked.role}
    locked.role = Role(role)
    locked.save(update_fields=["role"])
    after = {"email": locked.user.email, "role": locked.role}
    audit.record("membership_changed", target=_about(locked), actor=actor, before=before, after=after, reason=reason)
    return locked


def invitation_create(*, email: str, role: Role, actor: str) -> InvitationLink:
    """A one-time sign-in link to the current tenant, valid for a week. Earlier open links of the address stop working."""
    address, token, now = _address(email), secrets.token_urlsafe(32), datetime.now(UTC)
    Invitation.objects.filter(email=address, accepted_at=None, expires_at__gt=now).update(expires_at=now)
    invitation = Invitation.objects.create(
        email=address, role=Role(role), token_hash=_hash(token), invited_by=actor, expires_at=now + INVITATION_LASTS
    )
    after = {"email": address, "role": invitation.role, "expires_at": invitation.expires_at}
    audit.record("invitation_created", target=_about(invitation), actor=actor, after=after)
    url = settings.ENV.public_url + reverse("invitation_open", args=[token])
    return InvitationLink(invitation=invitation, url=url)


def invitation_find(token: str) -> Invitation:
    """The invitation behind a link, with its tenant. Raises InvitationInvalid."""
    now = datetime.now(UTC)
    with platform_scope():
        known = Invitation.platform.filter(token_hash=_hash(token), accepted_at=None, expires_at__gt=now)
        place = known.values_list("tenant_id", "id").first()
    if place is None:
        raise InvitationInvalid("This link is not valid any more. Ask for a new one.")
    with tenant_scope(place[0]):
        return Invitation.objects.select_related("tenant").get(pk=place[1])


def invitation_accept(*, invitation: Invitation, user: User) -> None:
    """Use the link up for a person who has an account. Whoever belongs to the tenant already keeps their role.

    Raises InvitationInvalid when somebody was faster, TenantError when the link is meant for another address.
    """
    if user.email != invitation.email:
        raise TenantError(f"This invitation is for {invitation.email}. Sign in with that address to accept it.")
    with tenant_scope(invitation.tenant_id, actor=user.email):
        _use_up(invitation)
        _join(invitation, user)


def invitation_redeem(*, invitation: Invitation, name: str, password: str) -> User:
    """Use the link up for a person who has no password yet, and give them this one. All of it or nothing.

    Raises InvitationInvalid when somebody was faster, TenantError when the person has a password: they must sign in.
    """
    with tenant_scope(invitation.tenant_id, actor=invitation.email):
        _use_up(invitation)
        user = User.objects.select_for_update().filter(email=invitation.email).first()
        if user is None:
            user = user_create(email=invitation.email, name=name, actor=invitation.email)
        if user.has_usable_password():
            raise TenantError("This person has a password already. Sign in to accept the invitation.")
        user.name = name.strip()
        user.set_password(password)
        user.save(update_fields=["name", "password"])
        _join(invitation, user)
    return user


def sessions_end(*, user: User, actor: str) -> None:
    """Sign the person out of every browser, this one included."""
    user.session_generation += 1
    user.save(update_fields=["session_generation"])
    record_for_person("signed_out_everywhere", user=user, actor=actor)


def record_for_person(action: str, *, user: User, actor: str, after: dict[str, Any] | None = None) -> None:
    """Write down what a person did with their account, in the chain of every tenant they belong to."""
    for found in tenants_of(user):
        with tenant_scope(found.tenant.pk, actor=actor):
            audit.record(action, target=_about(user), actor=actor, after=after)


def _use_up(invitation: Invitation) -> None:
    """One conditional update decides who is first."""
    now = datetime.now(UTC)
    if not Invitation.objects.filter(pk=invitation.pk, accepted_at=None, expires_at__gt=now).update(accepted_at=now):
        raise InvitationInvalid("This link is not valid any more. Ask for a new one.")


def _join(invitation: Invitation, user: User) -> None:
    after = {"email": user.email, "role": invitation.role}
    audit.record("invitation_accepted", target=_about(invitation), actor=user.email, after=after)
    if not Membership.objects.filter(user=user).exists():
        membership_add(user=user, role=Role(invitation.role), actor=user.email, reason="invitation accepted")


def _locked(membership: Membership) -> Membership:
    """The membership as it is now, with every owner's row locked, so that two owners cannot remove each other."""
    list(Membership.objects.select_for_update().filter(role=Role.OWNER).order_by("pk").values_list("pk"))
    return Membership.objects.select_for_update(of=("self",)).select_related("user").get(pk=membership.pk)


def _keep_an_owner(membership: Membership) -> None:
    others = Membership.objects.filter(role=Role.OWNER).exclude(pk=membership.pk)
    if membership.role == Role.OWNER and not others.exists():
        raise TenantError("A tenant needs an owner: make somebody else one first.")


def _next_tenant_id() -> int:
    """Known before the row is made, because a row may only be made inside its own tenant's scope."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('tenant', 'id'))")
        (number,) = cursor.fetchone() or (0,)
    return int(number)


def _cleaned(tenant: Tenant) -> None:
    try:
        tenant.clean_fields()
    except ValidationError as error:
        raise TenantError("; ".join(f"{key}: {' '.join(said)}" for key, said in error.message_dict.items())) from error


def _check_timezone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise TenantError(f"There is no time zone {name!r}.") from error


def _address(email: str) -> str:
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise TenantError(f"{email!r} is not an e-mail address.") from error
    return address


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _about(row: Tenant | User | Membership | Invitation) -> str:
    return f"{row._meta.model_name}:{row.pk}"


def _told(tenant: Tenant) -> dict[str, Any]:
    return {"slug": tenant.slug, "name": tenant.name, "timezone": tenant.timezone, "status": tenant.status}
