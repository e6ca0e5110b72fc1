"""The smallest site around the tenants app: one page under /t/ and one outside, beside the account pages."""

from __future__ import annotations

from typing import cast

import structlog
from django.contrib import admin
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import include, path

from tenants.middleware import TenantRequest


def tenant_page(request: HttpRequest, public_id: str) -> JsonResponse:
    member = cast(TenantRequest, request)
    return JsonResponse(
        {
            "tenant": member.tenant.slug,
            "name": member.tenant.name,
            "role": member.role,
            "membership": member.membership.pk,
            "user": member.user.email,
            "log": structlog.contextvars.get_contextvars(),
            "in_transaction": bool(connection.savepoint_ids),
        }
    )


def open_page(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"user": str(request.user), "has_tenant": hasattr(request, "tenant")})


urlpatterns = [
    path("accounts/", include("tenants.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("t/<str:public_id>/", tenant_page),
    path("", open_page),
]
