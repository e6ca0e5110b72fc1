"""What changed among contacts and invoices, for `webhooks` to tell: noted with the change itself, while somebody listens."""

import json
from dataclasses import dataclass

from sandbox.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS xero_event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    org TEXT NOT NULL, category TEXT NOT NULL, type TEXT NOT NULL, resource TEXT NOT NULL, at INTEGER NOT NULL
);
"""
SETTING = "xero.webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Where the events of every organisation go, and the key that signs them."""

    url: str
    key: str


def subscription(store: Store) -> Subscription | None:
    found = store.setting(SETTING, "")
    return Subscription(**json.loads(found)) if found else None


def note(store: Store, *, org: str, kind: str, category: str, resource: str, at: int) -> None:
    """Call it before the document is stored: one that is not there yet is created, any other updated."""
    if not store.setting(SETTING, ""):
        return
    known = store.execute("SELECT 1 FROM document WHERE kind=? AND org=? AND id=?", (kind, org, resource))
    store.execute(
        "INSERT INTO xero_event (org, category, type, resource, at) VALUES (?,?,?,?,?)",
        (org, category, "UPDATE" if known else "CREATE", resource, at),
    )
