"""The one door to a company's pages: who may come in, whose rows are seen, in which time zone they are read.

`tenants.middleware` has already found the tenant (404 for strangers, sign-in for anonymous visitors). Reading views run
inside the tenant's scope, which is one transaction. Acting views do not: they call services, and services may call
vendors, which must never happen inside a transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from tenants.middleware import TenantRequest
from tenants.permissions import Action, allowed
from tenants.scoping import tenant_scope

P = ParamSpec("P")
View = Callable[Concatenate[TenantRequest, P], HttpResponseBase]
Outer = Callable[..., HttpResponseBase]

NO_STORE = "no-store, private"


def tenant_page(action: Action = Action.VIEW) -> Callable[[View[P]], Outer]:
    """A view that reads (GET and HEAD), inside the tenant's scope. 403 where the role may not `action`."""

    def decorate(view: View[P]) -> Outer:
        @require_safe
        @wraps(view)
        def inner(request: HttpRequest, public_id: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            member = _member(request, action)
            with tenant_scope(member.tenant.pk, actor=member.user.email):
                return _private(_in_zone(member, view, *args, **kwargs))

        return cast(Outer, inner)

    return decorate


def tenant_form(action: Action) -> Callable[[View[P]], Outer]:
    """A view that shows a form (GET) and saves it (POST), both inside the tenant's scope; it never calls a vendor."""

    def decorate(view: View[P]) -> Outer:
        @wraps(view)
        def inner(request: HttpRequest, public_id: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            member = _member(request, action if request.method == "POST" else Action.VIEW)
            with tenant_scope(member.tenant.pk, actor=member.user.email):
                return _private(_in_zone(member, view, *args, **kwargs))

        return cast(Outer, inner)

    return decorate


def tenant_action(action: Action) -> Callable[[View[P]], Outer]:
    """A view that acts (POST), outside of every transaction. 403 where the role may not `action`."""

    def decorate(view: View[P]) -> Outer:
        @wraps(view)
        def inner(request: HttpRequest, public_id: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if request.method != "POST":  # typed, or kept as a bookmark
                return _belongs_to_a_button(request)
            return _private(_in_zone(_member(request, action), view, *args, **kwargs))

        return cast(Outer, inner)

    return decorate


def may(request: TenantRequest) -> dict[str, bool]:
    """What this member may do, by the action's name, for templates that show or hide buttons."""
    return {action.value: allowed(request.role, action) for action in Action}


def _belongs_to_a_button(request: HttpRequest) -> HttpResponse:
    answer = render(request, "405.html", status=405)
    answer.headers["Allow"] = "POST"
    return answer


def _member(request: HttpRequest, action: Action) -> TenantRequest:
    member = cast(TenantRequest, request)
    if not allowed(member.role, action):
        raise PermissionDenied
    if any("\x00" in value for _, values in request.POST.lists() for value in values):
        raise BadRequest("a NUL character, which no database keeps and no keyboard types")
    return member


def _in_zone(request: TenantRequest, view: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
    with timezone.override(request.tenant.timezone):
        return cast(HttpResponseBase, view(request, *args, **kwargs))


def _private(response: HttpResponseBase) -> HttpResponseBase:
    """Books do not belong into a shared cache, nor into the back button of the next person."""
    if isinstance(response, HttpResponse):
        response.headers.setdefault("Cache-Control", NO_STORE)
    return response
