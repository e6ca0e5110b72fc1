"""What happened, unchangeably: every event carries the hash of the one before it.

h(n) = SHA-256(h(n-1) || canonical JSON of the event n), in hexadecimal, h(0) = "". Taking away, adding or changing an
event breaks the chain at that place; taking away the last ones contradicts the head.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from tenants.models import AuditEvent, AuditHead
from tenants.scoping import require_tenant_id, tenant_scope

__all__ = ["MISSING_TAIL", "AuditEvent", "record", "verify"]

CUT = "[cut]"
MISSING_TAIL = 0  # stands for events that are gone from the end of the chain
_SECRET_KEY = re.compile(
    r"(?i)(password|passwd|secret|token|authori[sz]ation|cookie|api[-_]?key|private[-_]?key|encryption[-_]?key"
    r"|verifier|signature|webhook|magic[-_]?link|dsn$|credential)"
)


def record(
    action: str,
    *,
    target: str,
    actor: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> AuditEvent:
    """Add one event to the chain of the open tenant scope, in the caller's transaction.

    Values under a telling key (password, token, webhook …) are cut out before they are hashed or stored. Raises Unscoped
    without a tenant. The chain's head stays locked until the transaction ends, so record last, not first.
    """
    tenant_id = require_tenant_id()
    head = _locked_head() or _first_head()
    event = AuditEvent(
        tenant_id=tenant_id,
        position=head.position + 1,
        at=datetime.now(UTC),
        actor=_clean(actor)[:254],
        action=_clean(action)[:80],
        target=_clean(target)[:254],
        before=_told(before),
        after=_told(after),
        reason=_clean(reason),
    )
    event.hash = _link(head.hash, event)
    event.save(force_insert=True)
    AuditHead.objects.filter(pk=head.pk).update(position=event.position, hash=event.hash)
    return event


def verify(tenant_id: int) -> list[int]:
    """Ids of the events at which the tenant's chain is broken; empty when intact. MISSING_TAIL: the end is missing."""
    with tenant_scope(tenant_id):
        head = AuditHead.objects.first() or AuditHead(tenant_id=tenant_id)
        return list(_broken(head))


def _locked_head() -> AuditHead | None:
    return AuditHead.objects.select_for_update().first()


def _first_head() -> AuditHead:
    """The tenant's first event makes the head; of two first events at once, the second waits here for the other."""
    AuditHead.objects.bulk_create([AuditHead()], ignore_conflicts=True)
    return AuditHead.objects.select_for_update().get()


def _broken(head: AuditHead) -> Iterator[int]:
    previous, position = "", 0
    for event in AuditEvent.objects.order_by("position").iterator(chunk_size=1000):
        if event.position != position + 1 or event.hash != _link(previous, event):
            yield event.pk
        previous, position = event.hash, event.position
    if (position, previous) != (head.position, head.hash):
        yield MISSING_TAIL


def _link(previous: str, event: AuditEvent) -> str:
    return hashlib.sha256(previous.encode() + _canonical(event)).hexdigest()


def _canonical(event: AuditEvent) -> bytes:
    said = {
        "tenant": event.tenant_id,
        "position": event.position,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": event.actor,
        "action": event.action,
        "target": event.target,
        "before": event.before,
        "after": event.after,
        "reason": event.reason,
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _told(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if values is None else {_clean(str(key)): _plain(value, key=str(key)) for key, value in values.items()}


def _plain(value: Any, *, key: str = "") -> Any:
    """JSON that reads back from the database exactly as it was hashed: fractions and times as text."""
    if _SECRET_KEY.search(key) and value not in (None, "", True, False):
        return CUT
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return _told(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return _clean(value.isoformat() if hasattr(value, "isoformat") else str(value))


def _clean(text: str) -> str:
    """Text that Postgres can store: no NUL, no half of a surrogate pair."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
