"""What surrounds every page of a company: navigation with counts, the choice of companies, the bell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dashboard.addresses import tenant_url
from notifications.selectors import unread_count
from sync.models import Entry, EntryState
from tenants.middleware import TenantRequest
from tenants.models import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    name: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NavItem:
    label: str | Promise
    url: str
    icon: str
    current: bool
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NavGroup:
    title: str | Promise
    items: Sequence[NavItem]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLink:
    label: str | Promise
    url: str
    icon: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    tenant: Tenant
    home: str
    tenants: Sequence[Choice]
    nav: Sequence[NavGroup]
    account_links: Sequence[AccountLink]
    alerts_url: str
    unread: int


# (title, ((page, label, icon), …)); a page's own sub-pages carry its name as prefix and light the same item.
_PAGES: tuple[tuple[Promise, tuple[tuple[str, Promise, str], ...]], ...] = (
    (
        _("Books"),
        (
            ("overview", _("Overview"), "overview"),
            ("transactions", _("Transactions"), "transactions"),
            ("review", _("Review"), "review"),
            ("conversions", _("Exchange costs"), "conversions"),
            ("proof", _("Proof"), "balance"),
            ("runs", _("Runs"), "runs"),
        ),
    ),
    (
        _("Set-up"),
        (
            ("connections", _("Connections"), "connections"),
            ("accounts", _("Accounts"), "accounts"),
            ("contacts", _("Contacts"), "team"),
            ("rules", _("Rules"), "rules"),
            ("rates", _("Rates"), "rates"),
            ("settings", _("Settings"), "settings"),
        ),
    ),
    (_("Control"), (("team", _("Team"), "user"), ("audit", _("Audit"), "audit"))),
)


def shell_for(request: TenantRequest, tenant: Tenant, tenants: Sequence[Tenant]) -> Shell:
    """Two queries, inside the tenant's scope."""
    counts = {"review": Entry.objects.filter(state__in=(EntryState.REVIEW, EntryState.FAILED)).count()}
    match = request.resolver_match
    page = (match.url_name or "").split("-")[0] if match else ""
    return Shell(
        tenant=tenant,
        home=tenant_url(tenant, "overview"),
        tenants=[Choice(name=it.name, url=tenant_url(it, "overview"), current=it.pk == tenant.pk) for it in tenants],
        nav=[_group(tenant, title, items, page, counts) for title, items in _PAGES],
        account_links=account_links(),
        alerts_url=tenant_url(tenant, "alerts"),
        unread=unread_count(user_id=request.user.pk),
    )


def account_links() -> list[AccountLink]:
    return [
        AccountLink(label=_("Sign-in and security"), url=reverse("mfa_index"), icon="user"),
        AccountLink(label=_("Sign out"), url=reverse("account_logout"), icon="sign-out"),
    ]


def _group(tenant: Tenant, title: Promise, items: Any, page: str, counts: dict[str, int]) -> NavGroup:
    return NavGroup(
        title=title,
        items=[
            NavItem(
                label=label,
                url=tenant_url(tenant, name),
                icon=icon,
                current=name == page,
                count=counts.get(name, 0),
            )
            for name, label, icon in items
        ],
    )
