"""Where a tenant wants to be told: reading it, changing it, and offering it to tenant files. Inside the tenant's scope."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from notifications.channels.slack import webhook_address
from notifications.models import Channel, ChannelSetting
from sync import incidents
from tenants import audit
from tenants.encryption import DecryptionFailed
from tenants.models import Membership, Role
from tenants.scoping import require_tenant_id

MOST_ADDRESSES = 50
KEYS = frozenset({"slack_webhook", "email", "daily", "weekly"})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Somewhere to send to. `address` is of an e-mail; a tenant has one Slack webhook, which stands in its settings."""

    channel: Channel
    address: str = ""

    @property
    def cause(self) -> str:
        """The cause of the incident that tells people that this place cannot be reached."""
        mark = f":{hashlib.sha256(self.address.encode()).hexdigest()[:16]}" if self.address else ""
        return f"alerts:{self.channel.value}{mark}"


def standing() -> ChannelSetting:
    """The settings as they stand, or the defaults; the webhook itself is not read."""
    return ChannelSetting.objects.defer("slack_webhook").first() or ChannelSetting()


def places() -> list[Place]:
    """Where this tenant is told: Slack if it is set up, and each e-mail address, or every owner where none was chosen."""
    stands = standing()
    slack = [Place(channel=Channel.SLACK)] if stands.slack_last_four else []
    addresses = owners() if stands.email is None else stands.email
    return [*slack, *(Place(channel=Channel.EMAIL, address=address) for address in addresses)]


def owners() -> list[str]:
    """The addresses of the owners, who are told by e-mail until an owner chooses otherwise."""
    active = Membership.objects.filter(role=Role.OWNER, user__is_active=True).order_by("id")
    return list(active.values_list("user__email", flat=True))


def webhook() -> str:
    """The webhook itself, for sending alone; "" when there is none, or none that can be read."""
    try:
        row = ChannelSetting.objects.first()
    except DecryptionFailed:
        log.error("webhook_unreadable")  # the key is lost: to be entered again, and no reason to send nothing at all
        return ""
    return row.slack_webhook if row else ""


def settings_save(*, actor: str, reason: str = "", **changes: Any) -> None:
    """Set any of slack_webhook ("" takes it away), email (None: the owners), daily, weekly; one audit event if it differs.

    Raises ValueError, in words for people, for an address or a webhook that may not be; then nothing has changed.
    """
    if unknown := set(changes) - KEYS:
        raise TypeError(f"no such settings: {', '.join(sorted(unknown))}")
    tenant_id, wanted = require_tenant_id(), _checked(changes)
    with transaction.atomic():
        ChannelSetting.objects.bulk_create([ChannelSetting(tenant_id=tenant_id)], ignore_conflicts=True)
        row = ChannelSetting.objects.defer("slack_webhook").select_for_update().get()
        before, had = _told(row), places()
        is_new_webhook = "slack_webhook" in wanted and wanted["slack_webhook"] != webhook()
        for name, value in wanted.items():
            setattr(row, name, value)
        if _told(row) == before and not is_new_webhook:
            return
        row.save(update_fields=list(wanted))
        _forget_troubles([place for place in had if place not in places()], is_new_webhook=is_new_webhook)
        after = {**_told(row), **({"slack_changed": True} if is_new_webhook else {})}
        audit.record(
            "notifications.change", target="notifications", actor=actor, before=before, after=after, reason=reason
        )


class TenantFileSettings:
    """What tenant files see of us: `sync.tenantfile.extensions.NotificationSettings`."""

    def told(self) -> Mapping[str, Any]:
        """What stands; nothing where nothing was ever chosen. Of the webhook the last four characters."""
        row = ChannelSetting.objects.defer("slack_webhook").first()
        if row is None:
            return {}
        chosen = {} if row.email is None else {"email": list(row.email)}
        slack = {"slack_webhook": row.slack_last_four} if row.slack_last_four else {}
        return {**chosen, "daily": row.daily, "weekly": row.weekly, **slack}

    def is_webhook(self, url: str) -> bool:
        """Is this the webhook that stands?"""
        return hmac.compare_digest(webhook().encode(), url.encode())

    def change(self, *, actor: str, **changes: Any) -> None:
        settings_save(actor=actor, **changes)


def _checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    wanted = {**changes, "updated_at": datetime.now(UTC)}
    if wanted.get("email") is not None:
        wanted["email"] = _addresses(wanted["email"])
    if "slack_webhook" in wanted:
        url = (wanted["slack_webhook"] or "").strip()
        if url:
            webhook_address(url, base_url=settings.ENV.slack_base_url)
        wanted |= {"slack_webhook": url, "slack_last_four": url[-4:]}
    return wanted


def _addresses(said: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(address.strip().lower() for address in said))
    if len(found) > MOST_ADDRESSES:
        raise ValueError(f"At most {MOST_ADDRESSES} e-mail addresses can be told.")
    for address in found:
        try:
            validate_email(address)
        except ValidationError:
            raise ValueError(f"{address!r} is not an e-mail address.") from None
    return found


def _told(row: ChannelSetting) -> dict[str, Any]:
    """For the audit trail. The key is not called webhook, because the trail cuts out what such keys hold."""
    slack = f"ends in {row.slack_last_four}" if row.slack_last_four else ""
    return {"slack": slack, "email": row.email, "daily": row.daily, "weekly": row.weekly}


def _forget_troubles(gone: Sequence[Place], *, is_new_webhook: bool) -> None:
    """Close the incidents of places that are used no more, and of Slack when it got another webhook."""
    causes = [place.cause for place in gone] + ([Place(channel=Channel.SLACK).cause] if is_new_webhook else [])
    if causes:
        incidents.close_causes(
            tenant_id=require_tenant_id(),
            flow=None,
            prefixes=causes,
            resolution="The settings of the alerts were changed.",
        )
