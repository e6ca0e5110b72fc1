"""Doors before every view: how long a session lasts, who needs a second factor, and whose pages `/t/<public_id>/` are.

None of them opens a transaction around the view: views call services, and services call vendors.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import structlog
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from tenants.models import Membership, Role, Tenant, User
from tenants.selectors import belonging

GetResponse = Callable[[HttpRequest], HttpResponseBase]

SIGNED_IN_AT = "signed_in_at"
SEEN_AT = "seen_at"
SEEN_EVERY_SECONDS = 60
BACKGROUND_HEADER = "X-Background"  # set by pages that refresh themselves: no sign that somebody is there
_TENANT_PAGE = re.compile(r"^/t/(?P<public_id>[^/]*)(?:/|$)")
_ACCOUNT_PAGES = ("/accounts/", "/static/")


class TenantRequest(HttpRequest):
    """What a view under `/t/<public_id>/` receives: the member, their tenant and what they may do there."""

    user: User
    tenant: Tenant
    membership: Membership
    role: Role


class SessionAgeMiddleware:
    """Ends a session after SESSION_IDLE_SECONDS without a request and SESSION_ABSOLUTE_SECONDS after the sign-in."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            now = int(time.time())
            if _too_old(request, now):
                logout(request)
                messages.info(request, "You were signed out because some time had passed. Please sign in again.")
            else:
                _note_presence(request, now)
        return self.get_response(request)


class TenantMiddleware:
    """Finds the tenant of `/t/<public_id>/…` for the signed-in member and sets request.tenant, .membership, .role.

    Anonymous visitors are sent to the sign-in. For strangers the tenant does not exist: 404, as for a mistyped address.
    Owners and staff without a second factor are sent to set one up while PUBLIC_URL is https.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        page = _TENANT_PAGE.match(request.path_info)
        if page is None:
            return self._elsewhere(request)
        if not isinstance(request.user, User):
            return _to_sign_in(request, page["public_id"])
        found = belonging(request.user, public_id=page["public_id"])
        if found is None:
            raise Http404("no such page")
        if _lacks_second_factor(request.user, role=found.role):
            return _set_one_up(request)
        vars(request).update(tenant=found.tenant, membership=found.membership, role=found.role)
        with structlog.contextvars.bound_contextvars(tenant=found.tenant.pk, user=request.user.pk):
            return self.get_response(request)

    def _elsewhere(self, request: HttpRequest) -> HttpResponseBase:
        person = request.user if isinstance(request.user, User) else None
        if person is None or request.path_info.startswith(_ACCOUNT_PAGES):
            return self.get_response(request)
        if _lacks_second_factor(person, role=None):
            return _set_one_up(request)
        with structlog.contextvars.bound_contextvars(user=person.pk):
            return self.get_response(request)


def _to_sign_in(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """To the sign-in, and from there back to a page: not to what only a button sends, nor to a part that a page fetches."""
    if request.method != "GET":
        return redirect_to_login(f"/t/{public_id}/")
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    if htmx:
        return HttpResponseClientRedirect(redirect_to_login(htmx.current_url_abs_path or f"/t/{public_id}/").url)
    return redirect_to_login(request.get_full_path())


def second_factor_required(user: User, *, role: Role | None) -> bool:
    """Whether this person must have one: owners and staff, while the program is reached over https."""
    return bool(settings.ENV.public_is_https) and (user.is_staff or role == Role.OWNER)


def _lacks_second_factor(user: User, *, role: Role | None) -> bool:
    return second_factor_required(user, role=role) and not is_mfa_enabled(user)


def _set_one_up(request: HttpRequest) -> HttpResponseBase:
    messages.warning(request, "Set up a second factor first: owners and staff need one.")
    return redirect("mfa_activate_totp")


def _too_old(request: HttpRequest, now: int) -> bool:
    session = request.session
    signed_in, seen = session.get(SIGNED_IN_AT, 0), session.get(SEEN_AT, 0)
    return bool(now - seen > settings.SESSION_IDLE_SECONDS or now - signed_in > settings.SESSION_ABSOLUTE_SECONDS)


def _note_presence(request: HttpRequest, now: int) -> None:
    """At most one write a minute, and none for what a page does by itself."""
    if now - request.session[SEEN_AT] >= SEEN_EVERY_SECONDS and BACKGROUND_HEADER not in request.headers:
        request.session[SEEN_AT] = now
