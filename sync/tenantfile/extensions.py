"""A place where the notifications app, which may know us while we may not know it, offers its settings to tenant files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class NotificationSettings(Protocol):
    """Everything in the current tenant's scope. Keys: email (list), daily, weekly (yes/no), slack_webhook (a secret)."""

    def told(self) -> Mapping[str, Any]:
        """What stands; for the webhook only whether one is set: its last four characters, or ""."""

    def is_webhook(self, url: str) -> bool:
        """Is this the webhook that stands?"""

    def change(self, *, actor: str, **changes: Any) -> None:
        """Set these keys, with an audit event. Raises ValueError, in words for people, for a webhook that may not be."""


_offered: list[NotificationSettings] = []


def offer_notification_settings(settings: NotificationSettings) -> None:
    """Called once, when the notifications app is ready."""
    _offered[:] = [settings]


def notification_settings() -> NotificationSettings | None:
    return _offered[0] if _offered else None
