"""The hand-written statements about what comes back and waits for its original."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sync.store import rows

# Held for an original that is at rest by now: posted, linked, left out, undone, or no movement any more.
RELEASED = """
    SELECT entry.record_id FROM entry
      JOIN return_link AS link ON link.flow_id = entry.flow_id AND link.record_id = entry.record_id
     WHERE entry.flow_id = %(flow)s AND entry.state = 'review' AND entry.destination_id IS NULL
       AND entry.movement IN ('returned_payment', 'card_refund') AND entry.findings @> '[{"code": "original_held"}]'
       AND NOT EXISTS (SELECT FROM entry AS original WHERE original.record_id = link.origin_id AND (
               original.state IN ('fetched', 'waiting', 'ready', 'in_flight', 'unconfirmed', 'failed')
            OR (original.state = 'review' AND original.destination_id IS NULL)))
"""


def released(*, flow_id: int) -> list[int]:
    """The records of what came back and waits for an original that is at rest by now."""
    return [row["record_id"] for row in rows(RELEASED, {"flow": flow_id})]


def originals(entry_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Of these entries (`back`) those that take their account from an original without a document of its own in the books,
    each with the original's entry."""
    return rows(
        """SELECT entry.id AS back, original.id, original.state, original.amount, original.currency, original.booking_date,
                  record.counterparty
             FROM entry
             JOIN return_link AS link ON link.flow_id = entry.flow_id AND link.record_id = entry.record_id
             JOIN entry AS original ON original.record_id = link.origin_id AND original.destination_id IS NULL
             JOIN record ON record.id = original.record_id
            WHERE entry.id = ANY(%s)
              AND entry.decisions -> 'decisions' @> '[{"field": "account", "by": "origin"}]'
            ORDER BY entry.id, original.id""",
        [list(entry_ids)],
    )
