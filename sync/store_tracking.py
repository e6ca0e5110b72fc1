"""The hand-written statements of tracking options that are to be created. As in `store`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync import store, store_intents

# Keys of a move: id, state, and optionally option_id, findings, wait, attempts, name_taken.
_MOVE_OPTIONS = """
    UPDATE tracking_link SET state = x.state, option_id = coalesce(x.option_id, tracking_link.option_id),
           findings = coalesce(x.findings, tracking_link.findings), attempts = coalesce(x.attempts, tracking_link.attempts),
           name_taken = coalesce(x.name_taken, tracking_link.name_taken),
           not_before = CASE WHEN x.wait IS NULL THEN tracking_link.not_before
                             ELSE clock_timestamp() + make_interval(secs => x.wait) END,
           updated_at = clock_timestamp()
      FROM jsonb_to_recordset(%(moves)s::jsonb) AS x(id bigint, state text, option_id text, findings jsonb,
           wait double precision, attempts int, name_taken boolean, intent bigint)
     WHERE tracking_link.id = x.id
"""
_OPEN = store_intents.OPEN_INTENTS.format(
    subject="option_id", ids="x.id", table="tracking_link", moved="updated_at = clock_timestamp()"
)
_SETTLE = store_intents.SETTLE_INTENTS.format(moved=_MOVE_OPTIONS.strip())


def due_options(*, flow_id: int, limit: int) -> list[dict[str, Any]]:
    """Options to create that a ready entry waits for, locked for the claim."""
    return store.rows(
        """SELECT id, category_id, name, marker, attempts FROM tracking_link AS link
            WHERE flow_id = %s AND state = 'ready' AND NOT name_taken AND not_before <= clock_timestamp()
              AND EXISTS (SELECT FROM entry WHERE entry.flow_id = link.flow_id AND entry.state = 'ready'
                             AND NOT entry.held_back AND link.id = ANY(entry.option_ids))
            ORDER BY not_before, id LIMIT %s FOR UPDATE SKIP LOCKED""",
        [flow_id, limit],
    )


def open_intents(parameters: Mapping[str, Any]) -> dict[str, int]:
    """As `store_intents.open_intents`; the options are in flight afterwards."""
    return {row["idempotency_key"]: row["id"] for row in store.rows(_OPEN, parameters)}


def settle_intents(parameters: Mapping[str, Any]) -> set[int]:
    """As `store_intents.settle_intents`, with moves of tracking links."""
    return {row["id"] for row in store.rows(_SETTLE, parameters)}
