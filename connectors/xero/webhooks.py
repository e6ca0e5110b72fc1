"""What Xero sends unasked: is it Xero's, and which organisations does it say have changed? Pure.

https://developer.xero.com/documentation/guides/webhooks/overview
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from connectors.contract import wire

LARGEST_BODY = 1024 * 1024
CATEGORIES = ("CONTACT", "INVOICE", "CREDITNOTE", "PREPAYMENT", "OVERPAYMENT")


def is_signed(body: bytes, signature: str, *, key: str) -> bool:
    """Whether `signature` (x-xero-signature) is the one that `key` gives these very bytes. An empty key signs nothing."""
    right = base64.b64encode(hmac.digest(key.encode(), body, "sha256"))
    return hmac.compare_digest(right, signature.encode()) and bool(key)


def newest_changes(body: bytes) -> dict[str, datetime]:
    """By organisation the time of the newest event about its books; empty for an intent to receive. Events that are of
    another kind, or not as documented, are passed over. Raises ValueError for what is no list of events at all."""
    found = wire.decode(body)
    events = found.get("events") if isinstance(found, dict) else None
    if not isinstance(events, list):
        raise ValueError("no list of events")
    newest: dict[str, datetime] = {}
    for organisation, at in _changes(events):
        newest[organisation] = max(at, newest.get(organisation, at))
    return newest


def _changes(events: list[Any]) -> Iterator[tuple[str, datetime]]:
    for event in events:
        if not isinstance(event, dict) or event.get("tenantType") != "ORGANISATION":
            continue
        if event.get("eventCategory") not in CATEGORIES or event.get("eventType") not in ("CREATE", "UPDATE"):
            continue
        try:
            yield str(UUID(event["tenantId"])), _moment(event["eventDateUtc"])
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError):
            continue


def _moment(text: str) -> datetime:
    """UTC, also where it does not say so."""
    said = datetime.fromisoformat(text)
    return said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
