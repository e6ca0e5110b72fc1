"""Who exists: people, tenants, who belongs where; and the base class of every row that belongs to a tenant."""

from __future__ import annotations

import secrets
from typing import Any, ClassVar, Self, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.crypto import salted_hmac

from tenants.scoping import Unscoped, current_tenant_id, in_platform_scope, require_tenant_id

_M = TypeVar("_M", bound=models.Model, covariant=True)


def new_public_id() -> str:
    """An address part that cannot be guessed."""
    return secrets.token_urlsafe(16)


def tenant_unique(name: str) -> models.UniqueConstraint:
    """The key that composite foreign keys of `tenants.rls.composite_fk` point at."""
    return models.UniqueConstraint(fields=["tenant", "id"], name=name)


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A person. Without a password nobody can sign in as them until they accept an invitation."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in by e-mail address (kept in lower case). `is_staff` are the platform's operators."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, default="", blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    session_generation = models.PositiveIntegerField(default=0)  # one more ends every session of this person
    created_at = models.DateTimeField(db_default=Now())

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        db_table = "person"
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_any_case")]

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        self.email = self.email.strip().lower()

    def get_full_name(self) -> str:
        return self.name or self.email

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Django compares this with the session at every request, so a new generation signs everybody else out."""
        value = f"{self.password}:{self.session_generation}"
        return salted_hmac("tenants.User.session", value, secret=secret, algorithm="sha256").hexdigest()


class ScopedManager(models.Manager[_M]):
    """Rows of the current tenant only. Raises Unscoped when no tenant is set, instead of returning nothing."""

    tenant_field = "tenant_id"

    def get_queryset(self) -> models.QuerySet[_M]:
        return super().get_queryset().filter(**{self.tenant_field: require_tenant_id()})


class PlatformManager(models.Manager[_M]):
    """Rows of every tenant, in the few columns that the dispatch role may read. Raises Unscoped outside platform_scope()."""

    def get_queryset(self) -> models.QuerySet[_M]:
        if not in_platform_scope():
            raise Unscoped("rows of all tenants are read inside platform_scope() only")
        return super().get_queryset()


class TenantsOwnManager(ScopedManager["Tenant"]):
    tenant_field = "id"


class Tenant(models.Model):
    """A customer. `public_id` is its part of an address; `slug` its name in commands and files."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"
        LEAVING = "leaving"

    public_id = models.CharField(max_length=22, unique=True, default=new_public_id)
    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=200)
    timezone = models.CharField(max_length=50, default="Europe/Zurich")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantsOwnManager] = TenantsOwnManager()
    platform: ClassVar[PlatformManager[Tenant]] = PlatformManager()

    class Meta:
        db_table = "tenant"

    def __str__(self) -> str:
        return self.name


class TenantModel(models.Model):
    """A row of one tenant. A new row belongs to the tenant of the open scope unless it names one.

    `objects` (also behind every relation) raises `Unscoped` without a scope; `platform` reads across tenants inside
    `platform_scope()`. The table's migration must call `tenants.rls.enable_rls`.
    """

    # No index of its own: what is read by tenant has a wider one that begins with it. With both, a database without
    # statistics checks each composite key by walking all rows of the tenant.
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()
    platform: ClassVar[PlatformManager[Self]] = PlatformManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self._state.adding and self.tenant_id is None:
            self.tenant_id = current_tenant_id()  # without a scope still None, which the database refuses


class OwnedModel(TenantModel):
    """A row that always belongs to another row of its tenant: the composite key to that one proves the tenant too.

    The tables that grow with every movement: each key is checked once, not three times.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)

    class Meta(TenantModel.Meta):
        abstract = True


class Role(models.TextChoices):
    OWNER = "owner"
    BOOKKEEPER = "bookkeeper"
    AUDITOR = "auditor"


class Membership(TenantModel):
    """One person's role in one tenant."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "membership"
        constraints = [
            tenant_unique("membership_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "user"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.role}"


class Invitation(TenantModel):
    """A one-time sign-in link for one address. Only the hash of its token is kept."""

    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role.choices)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.CharField(max_length=254, default="", blank=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "invitation"
        constraints = [
            tenant_unique("invitation_tenant_id"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="invitation_role"),
        ]

    def __str__(self) -> str:
        return f"{self.email}: {self.role}"


class AuditEvent(TenantModel):
    """One link of a tenant's chain. Append-only: written by `tenants.audit.record`, changed by nobody."""

    position = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    actor = models.CharField(max_length=254)
    action = models.CharField(max_length=80)
    target = models.CharField(max_length=254)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(default="", blank=True)
    hash = models.CharField(max_length=64)

    class Meta:
        db_table = "audit_event"
        constraints = [models.UniqueConstraint(fields=["tenant", "position"], name="audit_event_position")]
        indexes = [models.Index(fields=["tenant", "-at", "-id"], name="audit_event_list")]

    def __str__(self) -> str:
        return f"{self.position}: {self.action} {self.target}"


class AuditHead(TenantModel):
    """Where a tenant's chain ends. The row is locked while a link is added, so links never fork."""

    position = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="", blank=True)

    class Meta:
        db_table = "audit_head"
        constraints = [models.UniqueConstraint(fields=["tenant"], name="audit_head_once")]

    def __str__(self) -> str:
        return f"{self.position}: {self.hash}"
