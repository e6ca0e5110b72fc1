"""Who may do what: one table, read by every view, form and command."""

from __future__ import annotations

from enum import StrEnum

from tenants.models import Role


class Action(StrEnum):
    VIEW = "view"
    EXPORT = "export"
    AUDIT_VIEW = "audit_view"
    REVIEW = "review"  # accept or skip what waits for a person
    SYNC = "sync"  # sync now, retry, backfill
    UNDO = "undo"
    PAUSE = "pause"  # pause and resume
    MAP = "map"  # rules, account mapping, defaults
    CONNECT = "connect"  # grants: connect, reconnect, disconnect
    SETTINGS = "settings"  # policies, frequency, thresholds, the tenant itself
    ALERTS = "alerts"  # who is alerted, when and where
    MEMBERS = "members"


_ALL = frozenset(Role)
_WORKING = frozenset({Role.OWNER, Role.BOOKKEEPER})
_OWNING = frozenset({Role.OWNER})

TABLE: dict[Action, frozenset[Role]] = {
    Action.VIEW: _ALL,
    Action.EXPORT: _ALL,
    Action.AUDIT_VIEW: _ALL,
    Action.REVIEW: _WORKING,
    Action.SYNC: _WORKING,
    Action.UNDO: _WORKING,
    Action.PAUSE: _WORKING,
    Action.MAP: _WORKING,
    Action.CONNECT: _OWNING,
    Action.SETTINGS: _OWNING,
    Action.ALERTS: _OWNING,
    Action.MEMBERS: _OWNING,
}


def allowed(role: Role | str, action: Action | str) -> bool:
    """Whether the role may do it. False for a role that does not exist; ValueError for an unknown action."""
    return role in TABLE[Action(action)]
