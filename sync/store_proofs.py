"""The hand-written statements of the balance proof."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sync.store import rows

_POSTED = """
    SELECT record.account_id, record.source_id, record.id AS record, entry.booking_date, record.amount, record.currency,
           entry.marker, entry.destination_id, entry.other_destination_id, entry.state
      FROM record JOIN entry ON entry.flow_id = record.flow_id AND entry.{column} = record.id
     WHERE record.flow_id = %(flow)s AND record.account_id <> ALL(%(mapped)s)
       AND entry.destination_id IS NOT NULL AND entry.state <> 'undone'
"""


def posted_elsewhere(*, flow_id: int, mapped: Sequence[str]) -> list[dict[str, Any]]:
    """The posted movements of wallets that are not (or no longer) mapped, with the documents we say are theirs."""
    both = " UNION ALL ".join(_POSTED.format(column=column) for column in ("record_id", "other_record_id"))
    return rows(f"{both} ORDER BY booking_date, record", {"flow": flow_id, "mapped": list(mapped)})
