from __future__ import annotations

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from notifications.preferences import TenantFileSettings  # models exist only now
        from sync.tenantfile.extensions import offer_notification_settings

        offer_notification_settings(TenantFileSettings())
