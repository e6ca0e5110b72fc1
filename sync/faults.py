"""The crash windows of the pipeline; those of the connectors are theirs. See `connectors.faults` for what a point does."""

from __future__ import annotations

from connectors.faults import point

__all__ = ["POINTS", "point"]

POINTS = (
    "after_claim_before_call",
    "after_answer_before_settle",
    "before_confirm_commit",
    "before_amendment_done",
)
