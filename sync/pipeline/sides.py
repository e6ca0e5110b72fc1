"""Joins the two rows of a transfer that share no id, before anything is decided about either of them."""

from __future__ import annotations

from collections.abc import Mapping

from sync import store_transfers
from sync.domain.transfers import pair_sides, side_of
from sync.pipeline.coded import normalised
from sync.pipeline.context import Context


def join(ctx: Context) -> Mapping[int, str]:
    """What could be the other side of those that stay alone, in words by record. One statement where none is alone."""
    rows = store_transfers.single_sides(flow_id=ctx.flow_id)
    read = ((normalised(ctx, row), row) for row in rows)
    sides = [side_of(movement, record_id=row["id"], day=row["booking_date"]) for movement, row in read]
    found = pair_sides(side for side in sides if side is not None)
    if found.joined:
        store_transfers.join_sides(found.joined)
    return {record_id: "; ".join(map(str, others)) for record_id, others in found.rivals.items()}
