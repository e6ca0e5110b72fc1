"""The platform's operators see how chains of tokens fare. Secrets are in no column, form or export; tenants' rows nowhere."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from connectors.models import Grant

SHOWN = ("provider", "status", "access_expires_at", "refreshed_at", "rotated_at", "epoch", "lease_until", "last_error")


@admin.register(Grant)
class GrantAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    """To look at only: tokens are written by `connectors.credentials` and by nobody else."""

    list_display = ("id", *SHOWN)
    list_filter = ("provider", "status")
    ordering = ("-id",)
    fields = readonly_fields = (*SHOWN, "scopes", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Grant | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Grant | None = None) -> bool:
        return False
