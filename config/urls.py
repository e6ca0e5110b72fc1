"""Addresses: sign-in, the staff's admin, and the pages of the dashboard."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from config.metrics import metrics

urlpatterns = [
    path("accounts/", include("tenants.urls")),
    path("accounts/", include("allauth.urls")),
    path("metrics", metrics, name="metrics"),
    path("admin/", admin.site.urls),
    path("", include("dashboard.urls")),
]
