"""Statements about the two sides of transfers between own wallets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sync.store import rows, run_sql

MOST_SIDES = 1000


def single_sides(*, flow_id: int) -> list[dict[str, Any]]:
    """Executed transfers of which only one row is known, and which no document stands for."""
    return rows(
        """WITH undecided AS (
               SELECT id FROM record
                WHERE flow_id = %(flow)s AND state = 'fetched' AND movement IN ('own_transfer', 'collateral')
               UNION
               SELECT record_id FROM entry
                WHERE flow_id = %(flow)s AND state IN ('waiting', 'review') AND destination_id IS NULL AND NOT held_back
                  AND movement IN ('own_transfer', 'collateral')
           )
           SELECT record.id, account_id, source_id, source_updated_at, payload, booking_date
             FROM record JOIN undecided USING (id)
            WHERE record.execution = 'executed'
              AND (record.unit = '' OR NOT EXISTS (SELECT FROM record AS other
                                                    WHERE other.flow_id = %(flow)s AND other.unit <> ''
                                                      AND other.unit = record.unit
                                                      AND other.id <> record.id))
              AND NOT EXISTS (SELECT FROM entry WHERE entry.record_id = record.id AND entry.destination_id IS NOT NULL)
            ORDER BY record.id LIMIT %(most)s FOR UPDATE OF record SKIP LOCKED""",
        {"flow": flow_id, "most": MOST_SIDES},
    )


def join_sides(pairs: Sequence[tuple[int, int]]) -> int:
    """Both rows of each pair are one unit from now on, and are decided together."""
    return run_sql(
        """UPDATE record SET unit = 'pair:' || x.one, state = 'fetched', reason = ''
             FROM unnest(%s::bigint[], %s::bigint[]) AS x(one, other) WHERE record.id IN (x.one, x.other)""",
        [[one for one, _ in pairs], [other for _, other in pairs]],
    )
